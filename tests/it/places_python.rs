//! What is installed for Python, and where a check would find it: packages that lead into a
//! checkout break the check, others do not.
//!
//! The environments are real, made by `python3 -m venv`; what an installer would have written into
//! them is laid there by hand, in the form of each of the known ones. `ecosystems::python` has real
//! installs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ecosystems::tools;
use crate::sandbox::{layers, modes};
use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::scene::{Agent, Scene, config_with_check};
use crate::support::{Outcome, Sandbox, run};

const CHECK: &str = "python3 -m unittest -q test_calc";

/// A project of Python with a package `calc` in `dir` (`src/` or the root), whose tests import it.
fn project(dir: &str, check: &str) -> Sandbox {
    let test = "import unittest\nimport calc\n\n\nclass Calc(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(calc.add(1, 2), 3)\n";
    let package = "def add(a, b):\n    return a + b\n";
    Scene::new()
        .check(check)
        .file(
            "pyproject.toml",
            "[project]\nname = \"calc\"\nversion = \"1\"\n",
        )
        .file(&format!("{dir}calc/__init__.py"), package)
        .file("test_calc.py", test)
        .file(".gitignore", ".venv\n__pycache__\n")
        .agent(Agent::new("fake", GOOD))
        .build()
}

/// Makes an environment at `path` and returns the directory of its packages.
fn environment(scene: &Sandbox, path: &Path) -> PathBuf {
    let made = run(scene
        .command("python3")
        .env("PATH", tools::path_with(&["python3"]))
        .args(["-m", "venv", "--without-pip"])
        .arg(path));
    assert_eq!(
        made.code,
        Some(0),
        "{made}\nmake setup installs what is missing"
    );
    let lib = std::fs::read_dir(path.join("lib"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    lib.join("site-packages")
}

/// Runs a task with the environment active: what came of it, of its check, and why the check is
/// broken.
fn judged(scene: &Sandbox, environment: &Path, mode: &str) -> (Outcome, String, String) {
    let id = scene.task("One", &[]);
    let path = format!(
        "{}:{}",
        environment.join("bin").display(),
        tools::path_with(&["python3"]).to_str().unwrap()
    );
    let mut command = scene.ai_command(&["run", &id]);
    command
        .env("PATH", path)
        .env("VIRTUAL_ENV", environment)
        .env("AI_SANDBOX", mode);
    let outcome = run(&mut command);
    let last = scene.last_run(&id);
    let checks: Value =
        serde_json::from_str(&scene.run_file(last["id"].as_str().unwrap(), "checks.json")).unwrap();
    let why = checks[0]["status"]["broken"]["why"].as_str();
    (
        outcome,
        last["end"]["verification"].as_str().unwrap().to_owned(),
        why.unwrap_or_default().to_owned(),
    )
}

#[test]
fn an_environment_in_the_checkout_is_used_where_nothing_in_it_leads_back() {
    for mode in modes() {
        let scene = project("", CHECK);
        let packages = environment(&scene, &scene.root().join(".venv"));
        std::fs::write(packages.join("helper.py"), "VALUE = 1\n").unwrap();
        // Another project of the user's is none of ours, even where its name begins like ours.
        std::fs::write(
            packages.join("other.pth"),
            format!("{}-other/src\n", scene.root().display()),
        )
        .unwrap();
        scene.write(
            "test_calc.py",
            format!("import helper\n{}", scene.read("test_calc.py")),
        );
        scene.commit("helper");
        let (outcome, verification, text) = judged(&scene, &scene.root().join(".venv"), mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
        scene.set_script(
            "fake",
            "cat >/dev/null; echo 'def add(a, b' > calc/__init__.py",
        );
        let (outcome, verification, text) = judged(&scene, &scene.root().join(".venv"), mode);
        assert_eq!(verification, "failed", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn every_form_of_an_editable_install_is_known() {
    let root = |scene: &Sandbox| scene.root().display().to_string();
    type Form = (&'static str, fn(&str) -> String);
    let forms: [Form; 6] = [
        ("__editable__.calc-1.pth", |root| format!("{root}/src\n")),
        ("calc.pth", |root| format!("{root}/src\n")),
        ("easy-install.pth", |root| {
            format!("/usr/lib/none\n{root}/src\n")
        }),
        ("calc.egg-link", |root| format!("{root}/src\n.\n")),
        ("__editable___calc_1_finder.py", |root| {
            format!("MAPPING = {{'calc': '{root}/src/calc'}}\n")
        }),
        ("calc-1.dist-info/direct_url.json", |root| {
            format!(
                r#"{{"url": "file://{}", "dir_info": {{"editable": true}}}}"#,
                root.replace(' ', "%20")
            )
        }),
    ];
    for mode in modes() {
        let scene = project("src/", CHECK);
        let place = scene.base().join("home/environment");
        let packages = environment(&scene, &place);
        let mut told = String::new();
        for (name, text) in forms {
            let file = packages.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text(&root(&scene))).unwrap();
            let (outcome, verification, text) = judged(&scene, &place, mode);
            assert_eq!(
                verification, "check_broken",
                "{mode} {name}: {outcome}\n{text}"
            );
            told.push_str(&format!("{name}\n    {text}\n"));
            std::fs::remove_file(&file).unwrap();
        }
        snapshot!(told, @"
        __editable__.calc-1.pth
            the installed package `calc` ([PATH]/home/environment/lib/python3.[N]/site-packages/__editable__.calc-1.pth) points into the main checkout [PATH]/repo, so the check would judge that and not the work; install it in the place of checks instead, by `runs: {setup: …}`
        calc.pth
            the installed package `calc` ([PATH]/home/environment/lib/python3.[N]/site-packages/calc.pth) points into the main checkout [PATH]/repo, so the check would judge that and not the work; install it in the place of checks instead, by `runs: {setup: …}`
        easy-install.pth
            the installed package `easy-install` ([PATH]/home/environment/lib/python3.[N]/site-packages/easy-install.pth) points into the main checkout [PATH]/repo, so the check would judge that and not the work; install it in the place of checks instead, by `runs: {setup: …}`
        calc.egg-link
            the installed package `calc` ([PATH]/home/environment/lib/python3.[N]/site-packages/calc.egg-link) points into the main checkout [PATH]/repo, so the check would judge that and not the work; install it in the place of checks instead, by `runs: {setup: …}`
        __editable___calc_1_finder.py
            the installed package `calc` ([PATH]/home/environment/lib/python3.[N]/site-packages/__editable___calc_1_finder.py) points into the main checkout [PATH]/repo, so the check would judge that and not the work; install it in the place of checks instead, by `runs: {setup: …}`
        calc-1.dist-info/direct_url.json
            the installed package `calc` ([PATH]/home/environment/lib/python3.[N]/site-packages/calc-1.dist-info/direct_url.json) points into the main checkout [PATH]/repo, so the check would judge that and not the work; install it in the place of checks instead, by `runs: {setup: …}`
        ");
    }
}

#[test]
fn an_agents_own_install_of_its_worktree_is_no_better() {
    let scene = project("src/", CHECK);
    let place = scene.base().join("home/environment");
    let packages = environment(&scene, &place);
    let script = format!(
        "cat >/dev/null; echo work > work.txt; echo \"$PWD/src\" > {}/calc.pth",
        packages.display()
    );
    scene.set_script("fake", &script);
    let (outcome, verification, text) = judged(&scene, &place, "none");
    assert_eq!(verification, "check_broken", "{outcome}\n{text}");
}

/// Lays the package `calc` into a directory of packages as an installer does, from the index or
/// from `source`.
fn installed(packages: &Path, source: Option<&Path>) {
    let info = packages.join("calc-1.dist-info");
    for dir in [&packages.join("calc"), &info] {
        std::fs::create_dir_all(dir).unwrap();
    }
    std::fs::write(
        packages.join("calc/__init__.py"),
        "def add(a, b):\n    return a + b\n",
    )
    .unwrap();
    std::fs::write(
        info.join("RECORD"),
        "calc/__init__.py,,\ncalc-1.dist-info/RECORD,,\n",
    )
    .unwrap();
    if let Some(source) = source {
        let text = format!(
            r#"{{"url": "file://{}", "dir_info": {{}}}}"#,
            source.display()
        );
        std::fs::write(info.join("direct_url.json"), text).unwrap();
    }
}

/// Replaces the check.
fn check(scene: &Sandbox, command: &str) {
    scene.configure(&config_with_check(command));
}

const BROKEN: &str = "cat >/dev/null; echo 'def add(a, b' > src/calc/__init__.py";

#[test]
fn another_build_of_the_judged_package_never_stands_in_for_it_whatever_starts_python() {
    for mode in modes() {
        let scene = project("src/", CHECK);
        let place = scene.base().join("home/environment");
        installed(&environment(&scene, &place), None);
        scene.write("Makefile", format!("test:\n\t{CHECK}\n"));
        scene.write("test.sh", format!("#!/bin/sh\nexec {CHECK}\n"));
        assert_eq!(
            run(scene.command("chmod").args(["+x", "test.sh"])).code,
            Some(0)
        );
        scene.set_script("fake", BROKEN);
        let mut told = String::new();
        for command in [
            CHECK,
            "make test",
            "sh test.sh",
            "./test.sh",
            "true; make test",
            "env -u X timeout 60 python3 -m unittest -q test_calc",
            "PYTHONPATH=tests python3 -m unittest -q test_calc",
            "cd . && python -m unittest -q test_calc",
            ". ~/environment/bin/activate && python -m unittest -q test_calc",
            "~/environment/bin/python -m unittest -q test_calc",
            "V=~/environment; $V/bin/python -m unittest -q test_calc",
            "PATH=~/environment/bin:$PATH python -m unittest -q test_calc",
        ] {
            check(&scene, command);
            let (outcome, verification, text) = judged(&scene, &place, mode);
            assert_eq!(
                verification, "check_broken",
                "{mode} {command}: {outcome}\n{text}"
            );
            told.push_str(&format!("{command}\n    {text}\n"));
        }
        snapshot!("whatever_starts_python", told);
        // Where the tree is on the path, it is what is judged.
        check(&scene, &format!("PYTHONPATH=src {CHECK}"));
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "failed", "{mode}: {outcome}\n{text}");
        scene.set_script("fake", GOOD);
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn an_environment_that_only_a_makefile_or_a_script_names_is_seen() {
    for mode in modes() {
        let scene = project("src/", CHECK);
        let place = scene.base().join("home/environment");
        installed(&environment(&scene, &place), None);
        let python = format!("{}/bin/python -m unittest -q test_calc", place.display());
        scene.write("Makefile", format!("test:\n\t{python}\n"));
        scene.write("test.sh", format!("exec {python}\n"));
        scene.set_script("fake", BROKEN);
        for command in ["make test", "sh test.sh"] {
            check(&scene, command);
            // The environment is not active.
            let (outcome, verification, text) = judged(&scene, Path::new("/none"), mode);
            assert_ne!(
                verification, "passed",
                "{mode} {command}: {outcome}\n{text}"
            );
        }
    }
}

#[test]
fn what_the_tree_has_lost_is_found_nowhere_else() {
    for (dir, check_line) in [
        ("src/", "PYTHONPATH=src python3 -m unittest -q test_calc"),
        ("", CHECK),
    ] {
        for mode in modes() {
            let scene = project(dir, check_line);
            let place = scene.base().join("home/environment");
            installed(&environment(&scene, &place), None);
            let (outcome, verification, text) = judged(&scene, &place, mode);
            assert_eq!(verification, "passed", "{mode} {dir}: {outcome}\n{text}");
            for loss in [
                "git rm -rq --cached DIR; rm -r DIR",
                "mv DIR DIR2; sed -i s/calc/calc2/ pyproject.toml",
            ] {
                scene.set_script(
                    "fake",
                    &format!(
                        "cat >/dev/null; {}",
                        loss.replace("DIR", &format!("{dir}calc"))
                    ),
                );
                let (outcome, verification, text) = judged(&scene, &place, mode);
                assert_eq!(
                    verification, "check_broken",
                    "{mode} {dir} {loss}: {outcome}\n{text}"
                );
            }
        }
    }
}

#[test]
fn an_environment_of_the_place_is_not_blamed_for_what_others_have() {
    for mode in modes() {
        let scene = project("src/", CHECK);
        let place = scene.base().join("home/environment");
        installed(&environment(&scene, &place), None);
        let setup = "python3 -m venv --without-pip .venv && echo \"$PWD/src\" > .venv/lib/python3*/site-packages/calc.pth";
        let json = serde_json::to_string(&format!(
            "sh -c '{}'",
            setup.replace("> .venv/lib/python3*/", "> $(echo .venv/lib/python3*)/")
        ))
        .unwrap();
        let config = "checks: {unit: {run: .venv/bin/python -m unittest -q test_calc}}";
        scene.configure(&format!(
            "version: 1\nruns: {{grace: 1s, setup: {json}}}\n{config}\n"
        ));
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
        scene.set_script("fake", BROKEN);
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "failed", "{mode}: {outcome}\n{text}");
        scene.set_script("fake", "cat >/dev/null; rm -r src/calc; touch src/keep");
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "failed", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn a_copy_of_the_checkout_is_no_hindrance_where_the_tree_comes_first() {
    for mode in modes() {
        let scene = project("", CHECK);
        let place = scene.root().join(".venv");
        installed(&environment(&scene, &place), Some(&scene.root()));
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
        scene.set_script(
            "fake",
            "cat >/dev/null; echo 'def add(a, b' > calc/__init__.py",
        );
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "failed", "{mode}: {outcome}\n{text}");
        // A tree that is not on the path is told with the sentence about the checkout.
        let scene = project("src/", CHECK);
        let place = scene.root().join(".venv");
        installed(&environment(&scene, &place), Some(&scene.root()));
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "check_broken", "{mode}: {outcome}\n{text}");
        snapshot!(text, @"the installed package `calc` ([PATH]/repo/.venv/lib/python3.[N]/site-packages/calc-1.dist-info/direct_url.json) points into the main checkout [PATH]/repo, so the check would judge that and not the work; install it in the place of checks instead, by `runs: {setup: …}`");
    }
}

#[test]
fn sources_of_another_clone_are_not_those_of_the_tree() {
    for mode in modes() {
        let scene = project("src/", CHECK);
        let clone = scene.base().join("home/clone");
        scene.git(&["clone", "-q", ".", clone.to_str().unwrap()]);
        let place = scene.base().join("home/environment");
        std::fs::write(
            environment(&scene, &place).join("calc.pth"),
            format!("{}/src\n", clone.display()),
        )
        .unwrap();
        scene.set_script("fake", BROKEN);
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "check_broken", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn a_way_into_the_checkout_over_a_link_is_found() {
    for mode in modes() {
        let scene = project("src/", CHECK);
        let link = scene.base().join("home/link");
        std::os::unix::fs::symlink(scene.root(), &link).unwrap();
        let place = scene.base().join("home/environment");
        let file = environment(&scene, &place).join("calc.pth");
        std::fs::write(
            &file,
            format!("# of the checkout\n{}/src\n", link.display()),
        )
        .unwrap();
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "check_broken", "{mode}: {outcome}\n{text}");
        // A remark leads nowhere.
        std::fs::write(&file, format!("# made for {}\n", scene.root().display())).unwrap();
        check(&scene, &format!("PYTHONPATH=src {CHECK}"));
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn what_the_sandbox_hides_of_an_environment_is_no_fault_of_the_work() {
    for mode in layers() {
        let scene = project("", "python3 -c \"import other\"");
        let other = scene.base().join("home/other/src");
        std::fs::create_dir_all(other.join("other")).unwrap();
        std::fs::write(other.join("other/__init__.py"), "").unwrap();
        let place = scene.base().join("home/environment");
        std::fs::write(
            environment(&scene, &place).join("other.pth"),
            format!("{}\n", other.display()),
        )
        .unwrap();
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "check_broken", "{mode}: {outcome}\n{text}");
        snapshot!(text, @"a package that the check needs is installed from [PATH]/home/other/src, which the sandbox hides; let checks read it by `runs.allow_read`");
        let config = "version: 1\nruns: {grace: 1s, allow_read: [~/other]}\nchecks: {unit: {run: 'python3 -c \"import other\"'}}\n";
        scene.configure(config);
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn a_setup_leaves_the_environment_of_the_checkout_alone() {
    for mode in modes() {
        let scene = project("", "test -f found");
        scene.write(".gitignore", ".venv\nfound\n");
        let place = scene.root().join(".venv");
        environment(&scene, &place);
        let setup =
            "case $(command -v python3)$VIRTUAL_ENV in *repo/.venv*) exit 3;; esac; touch found";
        let json = serde_json::to_string(setup).unwrap();
        scene.configure(&format!(
            "version: 1\nruns: {{grace: 1s, setup: {json}}}\nchecks: {{unit: {{run: test -f found}}}}\n"
        ));
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn checks_of_other_languages_are_left_alone() {
    let scene = project("src/", CHECK);
    let place = scene.base().join("home/environment");
    let packages = environment(&scene, &place);
    std::fs::write(
        packages.join("calc.pth"),
        format!("{}/src\n", scene.root().display()),
    )
    .unwrap();
    std::fs::write(place.join("bin/cargo"), "#!/bin/sh\n").unwrap();
    assert_eq!(
        run(scene
            .command("chmod")
            .arg("+x")
            .arg(place.join("bin/cargo")))
        .code,
        Some(0)
    );
    scene.configure("version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: cargo test}}\n");
    for mode in layers() {
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
    }
    // Without a sandbox it could be found by whatever Cargo starts.
    let (outcome, verification, text) = judged(&scene, &place, "none");
    assert_eq!(verification, "check_broken", "{outcome}\n{text}");
}
