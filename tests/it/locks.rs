//! Path locks at the terminal: what meets what, by which spelling, and what is harmless.

use crate::snapshot;
use crate::support::{Sandbox, Transcript};

/// Claims `pattern` for one agent, then asks for `other` as another one, and returns the exit code
/// of the second.
fn second(sandbox: &Sandbox, pattern: &str, other: &str) -> Option<i32> {
    let first = sandbox.ai_json(&["lock", "acquire", pattern, "--as", "agent:one"]);
    let outcome = sandbox.ai(&["lock", "acquire", other, "--as", "agent:two", "--json"]);
    let release = |answer: &serde_json::Value, who: &str| {
        let id = answer["lock"]["id"].as_str().unwrap().to_owned();
        sandbox.ai_ok(&["lock", "release", &id, "--as", who]);
    };
    release(&first, "agent:one");
    if outcome.code == Some(0) {
        release(&outcome.json(), "agent:two");
    }
    outcome.code
}

#[test]
fn patterns_meet_exactly_where_some_path_matches_both() {
    let table = [
        ("src/**", "src/a.rs", Some(4)),
        ("src/a.rs", "src/a.rs", Some(4)),
        ("src/", "src/deep/b.rs", Some(4)),
        ("src/*.rs", "src/deep/b.rs", Some(0)),
        ("src/*.rs", "src/a*", Some(4)),
        ("src/{a,b}.rs", "src/c.rs", Some(0)),
        ("**/mod.rs", "src/x/*", Some(4)),
        ("docs", "docs2", Some(0)),
    ];
    for (held, wanted, code) in table {
        let sandbox = Sandbox::project();
        assert_eq!(second(&sandbox, held, wanted), code, "{held} and {wanted}");
    }
}

#[test]
fn shared_locks_stand_side_by_side_and_bar_an_exclusive_one() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["lock", "acquire", "api/**", "--shared", "--as", "agent:one"]);
    sandbox.ai_ok(&[
        "lock",
        "acquire",
        "api/v1/*",
        "--shared",
        "--as",
        "agent:two",
    ]);
    snapshot!(sandbox.ai(&["lock", "acquire", "api/v1/x.json", "--as", "agent:three"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: `api/v1/x.json` meets `api/**`, locked shared by agent:one ([LOCK]) for another [LEFT]: both match `api/v1/x.json`
      next: `ai lock list` shows who holds what; wait, or ask agent:one
    ");
}

#[test]
fn one_directory_has_one_name_also_through_a_symbolic_link() {
    let sandbox = Sandbox::project();
    sandbox.write("real/file.txt", "x");
    std::os::unix::fs::symlink("real", sandbox.root().join("alias")).unwrap();
    assert_eq!(second(&sandbox, "real/file.txt", "alias/file.txt"), Some(4));
    assert_eq!(second(&sandbox, "alias/**", "real/new.txt"), Some(4));
}

#[test]
fn a_path_with_brackets_is_locked_as_it_is_written() {
    for path in [
        "app/[id]/page.tsx",
        "app/[[...slug]]/page.tsx",
        "app/[user-id]",
        "{{cookiecutter.slug}}/a",
    ] {
        let sandbox = Sandbox::project();
        let within = format!("{path}/x");
        assert_eq!(second(&sandbox, path, path), Some(4), "{path}");
        assert_eq!(second(&sandbox, path, &within), Some(4), "{within}");
        sandbox.ai_ok(&["lock", "acquire", path, "--as", "agent:one"]);
        let check = |who: &str| sandbox.ai(&["lock", "check", path, "--as", who]).code;
        assert_eq!(
            (check("agent:two"), check("agent:one")),
            (Some(4), Some(0)),
            "{path}"
        );
    }
}

#[test]
fn a_pattern_that_names_what_is_there_means_that() {
    let sandbox = Sandbox::project();
    let there = [
        "app/[slug]/page.tsx",
        "app/[lang]/page.tsx",
        "app/g",
        "!b/x",
        "~c/x",
        "[!a]/x",
        "[^a]/x",
        "{e,f}/x",
        "@scope",
        "g\\h",
        "[id",
    ];
    for path in there {
        sandbox.write(path, "x");
    }
    let table = [
        // Two directories of a router, and the files of one name in them.
        ("app/[slug]", "app/[lang]", Some(0)),
        ("app/[slug]/page.tsx", "app/[lang]/page.tsx", Some(0)),
        ("app/[slug]/new.tsx", "app/[lang]/new.tsx", Some(0)),
        ("app/[slug]", "app/g", Some(0)),
        ("app/[slug]", "app/[slug]/page.tsx", Some(4)),
        ("app/[slug]/", "app/[slug]/new/a.tsx", Some(4)),
        ("app/[slug]/*.tsx", "app/[slug]/page.tsx", Some(4)),
        ("app/**", "app/[slug]", Some(4)),
        // What is not there is read both ways, as nobody can tell.
        ("app/[other]", "app/o", Some(4)),
        ("app/[other]", "app/[other]/x", Some(4)),
        ("!b/x", "!b", Some(4)),
        ("!b/x", "b/x", Some(0)),
        ("[!]b/x", "!b/x", Some(4)),
        ("~c", "~c/x", Some(4)),
        ("[!a]", "[^a]", Some(0)),
        ("[!a]", "b", Some(0)),
        ("[!a]", "[!a]/x", Some(4)),
        ("{e,f}", "e", Some(0)),
        ("{e,f}", "{e,f}/x", Some(4)),
        ("@scope", "@scope", Some(4)),
        ("g\\h", "g\\h", Some(4)),
        ("[id", "[id", Some(4)),
    ];
    for (held, wanted, code) in table {
        assert_eq!(second(&sandbox, held, wanted), code, "{held} and {wanted}");
    }
}

#[test]
fn a_task_and_a_module_mean_the_directory_that_is_there() {
    let sandbox = Sandbox::project();
    for path in ["app/[slug]/page.tsx", "app/[lang]/page.tsx", "!b/x"] {
        sandbox.write(path, "x");
    }
    sandbox.write(
        ".ai/config.yaml",
        "version: 1\nmodules:\n  slug: ['app/[slug]']\n  lang: ['app/[lang]']\n",
    );
    assert_eq!(second(&sandbox, "@slug", "@lang"), Some(0));
    assert_eq!(second(&sandbox, "@slug", "app/[slug]/x"), Some(4));
    let task = |title: &str, path: &str| sandbox.task(title, &["--path", path]);
    let (slug, lang, mark) = (
        task("Slug", "app/[slug]"),
        task("Lang", "app/[lang]"),
        task("Mark", "!b/x"),
    );
    for (id, who) in [
        (&slug, "agent:one"),
        (&lang, "agent:two"),
        (&mark, "agent:three"),
    ] {
        assert_eq!(
            sandbox.ai(&["task", "claim", id, "--as", who]).code,
            Some(0),
            "{id}"
        );
    }
    let held = sandbox.ai(&[
        "lock",
        "check",
        "app/[lang]/new",
        "!b/x",
        "--as",
        "agent:one",
    ]);
    assert_eq!(held.code, Some(4), "{held}");
    assert_eq!(held.stdout.lines().count(), 2, "{held}");
}

#[test]
fn two_who_share_a_checkout_do_not_share_their_locks() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["lock", "acquire", "a.txt", "--as", "alice"]);
    snapshot!(sandbox.ai(&["lock", "check", "a.txt", "--as", "bob"]), @"
    exit: 4
    ----- stdout -----
    a.txt  locked exclusively by human:alice ([LOCK], `a.txt`) for [LEFT]
    ----- stderr -----
    ");
    snapshot!(sandbox.ai(&["lock", "check", "a.txt", "--as", "alice"]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ");
}

#[test]
fn spellings_of_one_path_meet() {
    let sandbox = Sandbox::project();
    assert_eq!(
        second(&sandbox, "docs/caf\u{e9}.md", "docs/cafe\u{301}.md"),
        Some(4),
        "normal forms"
    );
    assert_eq!(
        second(&sandbox, "src/A.rs", "src/a.rs"),
        Some(0),
        "case counts on a case-sensitive disk"
    );
    sandbox.git(&["config", "core.ignoreCase", "true"]);
    assert_eq!(
        second(&sandbox, "src/A.rs", "src/a.rs"),
        Some(4),
        "case does not count where Git found that it is folded"
    );
}

#[test]
fn harmless_files_and_modules_come_from_the_configuration() {
    let sandbox = Sandbox::project();
    sandbox.write(
        ".ai/config.yaml",
        "version: 1\nmodules:\n  auth: [src/auth/, tests/auth_*.rs]\nlocks:\n  shared: [Cargo.lock]\n",
    );
    assert_eq!(second(&sandbox, "@auth", "src/auth/login.rs"), Some(4));
    assert_eq!(second(&sandbox, "tests/auth_a.rs", "@auth"), Some(4));
    assert_eq!(second(&sandbox, "Cargo.lock", "Cargo.lock"), Some(0));
    snapshot!(sandbox.ai(&["lock", "acquire", "@nobody"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: path pattern `@nobody` names an unknown module; known: auth
      next: define it under `modules` in .ai/config.yaml, or write `[@]name` for a file of that name
    ");
}

#[test]
fn patterns_that_cannot_be_meant_are_refused_and_nothing_is_created() {
    let sandbox = Sandbox::project();
    let mut told = Transcript::default();
    for bad in [
        "../up",
        "/etc/passwd",
        "~/x",
        "a\\b",
        "",
        "!no",
        "src/[ab",
        "trailing ",
    ] {
        let refused = told.ai(&sandbox, &["task", "create", "t", "--path", bad]);
        assert_eq!(refused.code, Some(2), "{bad}: {refused}");
    }
    snapshot!(told);
    assert_eq!(sandbox.ai_ok(&["task", "list"]).stdout, "");
}

#[test]
fn check_names_the_holder_and_spares_ones_own_locks() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["lock", "acquire", "src/**"]);
    assert_eq!(
        sandbox.ai(&["lock", "check", "src/a.rs", "README.md"]).code,
        Some(0),
        "one's own lock is in the way of others only"
    );
    let elsewhere = sandbox.base().join("elsewhere");
    sandbox.git(&[
        "worktree",
        "add",
        "-q",
        "--detach",
        elsewhere.to_str().unwrap(),
    ]);
    let outcome = sandbox.ai_in(
        &elsewhere,
        &[
            "lock",
            "check",
            "src/a.rs",
            "README.md",
            "--as",
            "agent:two",
        ],
    );
    snapshot!(outcome, @"
    exit: 4
    ----- stdout -----
    src/a.rs  locked exclusively by human:tester ([LOCK], `src/**`) for [LEFT]
    ----- stderr -----
    ");
}

#[test]
fn what_another_holds_is_not_given_back_and_the_refusal_says_what_to_do() {
    let sandbox = Sandbox::project();
    let held = sandbox.ai_json(&["lock", "acquire", "src/", "--as", "agent:one"]);
    let id = held["lock"]["id"].as_str().unwrap();
    snapshot!(sandbox.ai(&["lock", "release", id, "--as", "agent:two"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [LOCK] is held by agent:one, not by you
      next: `ai lock list` shows who holds what; only its holder can give a lock back
    ");
    // An empty variable of a script names nothing.
    snapshot!(sandbox.ai(&["lock", "release", "", "--as", "agent:one"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no lock ``
      next: `ai lock list` shows the locks
    ");
    sandbox.ai_ok(&["lock", "release", &id[..5], "--as", "agent:one"]);
}

#[test]
fn a_pattern_of_the_configuration_that_cannot_be_meant_is_named() {
    let sandbox = Sandbox::project();
    let config = "version: 1\nlocks:\n  shared: [../outside]\n";
    sandbox.write(".ai/config.yaml", config);
    snapshot!(sandbox.ai(&["lock", "acquire", "src/"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: .ai/config.yaml:3:12: the path pattern `../outside` has an empty name, `.` or `..` in it
        3 |   shared: [../outside]
          |            ^
      next: correct the file, or remove it to work with the defaults
    ");
}
