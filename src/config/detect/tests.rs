use super::*;

/// A directory with these files; a name that ends in a slash is a directory.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        if name.ends_with('/') {
            std::fs::create_dir_all(path).unwrap();
        } else {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }
    dir
}

fn detected(files: &[(&str, &str)]) -> Vec<String> {
    let dir = tree(files);
    detect(dir.path())
        .into_iter()
        .map(|check| check.run)
        .collect()
}

#[test]
fn files_give_their_checks_away_and_the_likeliest_comes_first() {
    const PYPROJECT: (&str, &str) = ("pyproject.toml", "[tool.pytest.ini_options]");
    const VENV: [(&str, &str); 2] = [(".venv/pyvenv.cfg", ""), (".venv/bin/python", "")];
    const OWN: [(&str, &str); 2] = [("my-env/pyvenv.cfg", ""), ("my-env/bin/python", "")];
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let table: &[Case<'_>] = &[
        (&[], &[]),
        (
            &[("Cargo.toml", ""), ("Makefile", "test:\n")],
            &["cargo test", "make test"],
        ),
        (
            &[("Cargo.toml", ""), (".config/nextest.toml", "")],
            &["cargo nextest run", "cargo test"],
        ),
        (
            &[("go.mod", ""), ("pytest.ini", "")],
            &["python3 -m pytest", "go test ./..."],
        ),
        (&[PYPROJECT], &["python3 -m pytest"]),
        (&[("pyproject.toml", "[project]")], &[]),
        (
            &[("conftest.py", ""), ("uv.lock", "")],
            &["uv run --locked python -m pytest", "python3 -m pytest"],
        ),
        (
            &[("conftest.py", ""), ("poetry.lock", "")],
            &[".venv/bin/python -m pytest", "python3 -m pytest"],
        ),
        // An environment that is not active is found by what makes it one.
        (
            &[PYPROJECT, VENV[0], VENV[1]],
            &[".venv/bin/python -m pytest", "python3 -m pytest"],
        ),
        (
            &[PYPROJECT, OWN[0], OWN[1]],
            &["my-env/bin/python -m pytest", "python3 -m pytest"],
        ),
        (&[PYPROJECT, VENV[0]], &["python3 -m pytest"]),
        (&[PYPROJECT, ("tox.ini", "")], &["tox", "python3 -m pytest"]),
        (
            &[("tests/test_a.py", "import unittest\n")],
            &["python3 -m unittest discover -s tests"],
        ),
        (
            &[("test_a.py", "import unittest\n"), ("b.py", "")],
            &["python3 -m unittest"],
        ),
        (&[("tests/test_a.py", "print(1)\n")], &[]),
        (
            &[
                ("CMakeLists.txt", "Enable_Testing()\n"),
                ("Makefile", "test:\n"),
            ],
            &[
                "cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure --no-tests=error",
                "make test",
            ],
        ),
        (&[("CMakeLists.txt", "add_executable(a a.c)\n")], &[]),
        (
            &[("configure.ac", ""), ("Makefile.am", "")],
            &["autoreconf -fi && ./configure && make check"],
        ),
        (
            &[
                ("configure", ""),
                ("Makefile.in", ""),
                ("Makefile.am", ""),
                ("configure.ac", ""),
            ],
            &["./configure && make check"],
        ),
        (
            &[("meson.build", "test('a', exe)\n")],
            &["meson setup build && meson test -C build"],
        ),
    ];
    for (files, runs) in table {
        assert_eq!(detected(files), *runs, "{files:?}");
    }
}

#[test]
fn what_a_fresh_directory_needs_is_told_by_lock_files() {
    type SetupCase = (
        &'static [(&'static str, &'static str)],
        Option<&'static str>,
    );
    let table: [SetupCase; 8] = [
        (&[], None),
        (&[("package-lock.json", "{}")], None),
        (&[("package.json", "{}")], None),
        (
            &[("package.json", "{}"), ("package-lock.json", "{}")],
            Some("npm ci"),
        ),
        (
            &[("package.json", "{}"), ("pnpm-lock.yaml", "")],
            Some("pnpm install --frozen-lockfile"),
        ),
        (
            &[("package.json", r#"{"devDependencies":{"tape":"1"}}"#)],
            Some("npm install --no-package-lock"),
        ),
        (&[("package.json", r#"{"dependencies":{}}"#)], None),
        (&[("uv.lock", "")], Some("uv sync --locked")),
    ];
    for (files, command) in table {
        assert_eq!(
            detect_setup(tree(files).path()).as_deref(),
            command,
            "{files:?}"
        );
    }
}

#[test]
fn only_an_ignored_target_is_a_cache() {
    for (files, caches) in [
        (
            &[("Cargo.toml", ""), (".gitignore", "/target\n")][..],
            &["target"][..],
        ),
        (
            &[("Cargo.toml", ""), (".gitignore", "target/\n")],
            &["target"],
        ),
        (&[("Cargo.toml", "")], &[]),
        (&[(".gitignore", "target\n")], &[]),
    ] {
        assert_eq!(detect_caches(tree(files).path()), caches, "{files:?}");
    }
}

#[test]
fn package_json_needs_a_real_test_script() {
    let script = |text: &str| format!(r#"{{"scripts":{{"test":{text}}}}}"#);
    let vitest = script("\"vitest\"");
    for (lock, run) in [
        ("README", "npm test"),
        ("yarn.lock", "yarn test"),
        ("pnpm-lock.yaml", "pnpm test"),
        ("bun.lock", "bun run test"),
    ] {
        assert_eq!(detected(&[("package.json", &vitest), (lock, "")]), [run]);
    }
    for text in [
        "\"echo \\\"Error: no test specified\\\" && exit 1\"",
        "3",
        "oops",
    ] {
        let found = detected(&[("package.json", &script(text))]);
        assert_eq!(found, [""; 0], "{text}");
    }
}

#[test]
fn make_needs_a_target_that_tests() {
    for (text, runs) in [
        ("all:\ntest : all\n\tx\n", &["make test"][..]),
        ("check: all\n\tx\n", &["make check"]),
        ("check:\ntest:\n", &["make test"]),
        ("test := 1\n", &[]),
        ("tests:\n", &[]),
        ("\ttest:\n", &[]),
        ("test-all:\n", &[]),
    ] {
        assert_eq!(detected(&[("Makefile", text)]), runs, "{text:?}");
    }
}
