//! Guards of a policy: what is found in a change is said at the end of a run, at accept, when a person ends a task,
//! and before a commit.

use serde_json::Value;

use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, run};

/// Two tests, of which one asserts two things.
const TESTS: &str = "def test_a():\n    assert x\n    assert y\n\ndef test_b():\n    assert z\n";
/// Skips one test, lets the other assert less, and writes down a key.
const WEAKENS: &str = r#"cat >/dev/null; echo work > work.txt
sed -i -e '/assert y/d' -e 's/^def test_b/@pytest.mark.skip\ndef test_b/' tests/test_a.py
echo 'api_key = "q8Zt3LmVx91PbRw7"' > settings.py"#;
const WARNS: &str = "version: 1\ndefault: allow\nguards: {tests_weakened: warn, secrets: warn}\n";

fn scene(policy: &str) -> Sandbox {
    Scene::new()
        .policy(policy)
        .file("tests/test_a.py", TESTS)
        .agent(Agent::new("fake", WEAKENS))
        .build()
}

#[test]
fn what_is_found_is_told_at_the_end_of_the_run_and_at_accept() {
    let sandbox = scene(WARNS);
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: the change adds what looks like a secret: settings.py:1 (named-secret)
    warning: tests are weakened: tests/test_a.py:1 (`test_a` asserts less: 1 assertion fewer), tests/test_a.py:4 (skipped: `test_b`)
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  done: [SHORT] is in main
    ----- stderr -----
    warning: the change adds what looks like a secret: settings.py:1 (named-secret) (rule `built-in.secrets`)
    ");
    let told = sandbox.rows("SELECT data FROM decision WHERE data LIKE '%\"run.finish\"%' LIMIT 1");
    snapshot!(serde_json::to_string_pretty(&told[0]["facts"]["findings"]).unwrap(), @r#"
    [
      {
        "guard": "tests_weakened",
        "path": "tests/test_a.py",
        "line": 1,
        "what": "`test_a` asserts less: 1 assertion fewer"
      },
      {
        "guard": "tests_weakened",
        "path": "tests/test_a.py",
        "line": 4,
        "what": "skipped: `test_b`"
      },
      {
        "guard": "secrets",
        "path": "settings.py",
        "line": 1,
        "what": "named-secret"
      }
    ]
    "#);
    let held = sandbox.rows("SELECT data FROM decision WHERE data LIKE '%q8Zt3L%'");
    assert_eq!(held, Vec::<Value>::new());
    let log = sandbox.ai_ok(&["log", "--json"]).stdout;
    assert_eq!(log.find("q8Zt3L"), None);
}

#[test]
fn a_guard_that_denies_denies_the_run() {
    let sandbox = scene(&WARNS.replace("secrets: warn", "secrets: deny"));
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: the change adds what looks like a secret: settings.py:1 (named-secret)
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: the change adds what looks like a secret: settings.py:1 (named-secret)
    warning: tests are weakened: tests/test_a.py:1 (`test_a` asserts less: 1 assertion fewer), tests/test_a.py:4 (skipped: `test_b`)
    ");
}

#[test]
fn the_policy_of_the_accept_counts_at_the_accept_and_a_person_says_yes() {
    let sandbox = scene("version: 1\ndefault: allow\n");
    let id = sandbox.task("One", &[]);
    let run = sandbox.run(&id);
    assert_eq!(run.code, Some(0), "{run}");
    sandbox.write(
        ".ai/policy.yaml",
        WARNS.replace("weakened: warn", "weakened: require_approval"),
    );
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: policy wants a person's yes for run.finish: tests are weakened: tests/test_a.py:1 (`test_a` asserts less: 1 assertion fewer), tests/test_a.py:4 (skipped: `test_b`) (rule `built-in.tests-weakened`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    ");
    sandbox.ai_ok(&["approve", &id, "--reason", "the tests were wrong"]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn a_condition_sees_what_was_found() {
    let sandbox = scene(
        "version: 1\ndefault: allow\nrules: [{id: weak, on: [run.finish], actors: ['agent:*'], \
         when: change.tests_weakened, effect: deny, reason: tests stay}]\n",
    );
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(5));
}

#[test]
fn a_person_who_ends_a_task_is_asked_and_a_yes_is_for_no_more_than_what_was_found() {
    let sandbox = scene(&WARNS.replace("weakened: warn", "weakened: require_approval"));
    let id = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "claim", &id]);
    sandbox.write("work.txt", "work");
    sandbox.write("tests/test_a.py", TESTS.replace("    assert y\n", ""));
    snapshot!(sandbox.ai(&["task", "done", &id]), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    check unit: test -f work.txt
    check unit: passed
    error: policy wants a person's yes for run.finish: tests are weakened: tests/test_a.py:1 (`test_a` asserts less: 1 assertion fewer) (rule `built-in.tests-weakened`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    ");
    let asked = sandbox.rows("SELECT data FROM decision WHERE data LIKE '%\"require_approval\"%'");
    let decision = asked[0]["id"].as_str().unwrap();
    sandbox.ai_ok(&["approve", decision, "--reason", "it is right"]);
    sandbox.write("tests/test_a.py", "");
    assert_eq!(sandbox.ai(&["task", "done", &id]).code, Some(8));
    sandbox.write("tests/test_a.py", TESTS.replace("    assert y\n", ""));
    sandbox.ai_ok(&["task", "done", &id]);
}

#[test]
fn a_commit_is_asked_and_one_that_passed_no_hook_is_at_its_push() {
    let sandbox = scene(&WARNS.replace("warn", "deny"));
    sandbox.ai_ok(&["hooks", "install"]);
    sandbox.write("tests/test_a.py", "");
    sandbox.git(&["add", "tests/test_a.py"]);
    snapshot!(sandbox.try_git(&sandbox.root(), &["commit", "-qm", "x"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy denies commit: tests are weakened: tests/test_a.py:1 (2 tests gone: `test_a`, `test_b`) (rule `built-in.tests-weakened`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    sandbox.git(&["commit", "-qm", "x", "--no-verify"]);
    let bare = sandbox.base().join("bare.git");
    sandbox.git(&["init", "-q", "--bare", bare.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    let pushed = sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"]);
    snapshot!(pushed, @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    warning: 1 commit on the way to refs/heads/main passed no hook: [SHORT]; that is recorded
    error: policy denies commit: tests are weakened: tests/test_a.py:1 (2 tests gone: `test_a`, `test_b`) (rule `built-in.tests-weakened`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    error: failed to push some refs to '[PATH]/bare.git'
    ");
    // A test that moves is none that is gone.
    sandbox.git(&["reset", "-q", "--hard", "HEAD~1"]);
    sandbox.git(&["mv", "tests/test_a.py", "tests/test_b.py"]);
    sandbox.git(&["commit", "-qm", "x"]);
}

/// A partial clone does not have every file that a commit changes: what cannot be told is none where a
/// guard only warns.
#[test]
fn a_commit_of_a_partial_clone_is_not_refused_for_what_was_not_fetched() {
    let sandbox = Sandbox::repository();
    sandbox.write("dir/far", "far away\n");
    sandbox.write(".ai/policy.yaml", WARNS);
    sandbox.commit("files");
    sandbox.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = sandbox.base().join("part");
    let from = format!("file://{}", sandbox.root().display());
    sandbox.git(&[
        "clone",
        "-q",
        "--filter=blob:none",
        "--sparse",
        &from,
        clone.to_str().unwrap(),
    ]);
    for args in [&["init", "--yes"][..], &["hooks", "install"]] {
        assert_eq!(sandbox.ai_in(&clone, args).code, Some(0));
    }
    sandbox.git_in(&clone, &["rm", "-q", "--cached", "--sparse", "dir/far"]);
    sandbox.git_in(&clone, &["commit", "-q", "-m", "without it"]);
}

/// A policy that asks for a scope in each subject.
const SCOPED: &str = "version: 1\ndefault: allow\nguards: {commit_message: {effect: deny, subject: '^[a-z]+: ', subject_length: 30}}\n";

#[test]
fn a_message_of_another_shape_is_refused_where_it_is_written() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", SCOPED);
    sandbox.commit("a policy");
    snapshot!(sandbox.ai(&["hooks", "install"]), @"
    exit: 0
    ----- stdout -----
    pre-commit            asks `ai`
    pre-merge-commit      asks `ai`
    commit-msg            asks `ai`
    pre-push              asks `ai`
    ----- stderr -----
    hint: `git commit --no-verify` passes them by, which is found when the commit is pushed; `ai hooks uninstall` takes them away
    ");
    let commit = |more: &[&str]| {
        let args = [&["commit", "-q", "--allow-empty"], more].concat();
        sandbox.try_git(&sandbox.root(), &args)
    };
    snapshot!(commit(&["-m", "Mend it"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy denies commit.message: a commit has another message than is asked for: `Mend it`: its subject is not as `^[a-z]+: ` (rule `built-in.commit-message`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    assert_eq!(commit(&["-m", "git: mend it"]).code, Some(0));
    // A line of a message that was given is no comment.
    assert_eq!(commit(&["-m", "#12: mend it"]).code, Some(1));
    assert_eq!(commit(&["--no-verify", "-m", "Past"]).code, Some(0));
    // Comments of an editor are none of the message.
    sandbox.write("editor", "printf '# note\\ngit: edited\\n' >\"$1\"\n");
    let mut command = sandbox.command("git");
    command.args(["commit", "-q", "--allow-empty"]);
    let edited = run(command.env("GIT_EDITOR", "sh editor"));
    assert_eq!(edited.code, Some(0), "{edited}");
    // A merge has the message of Git.
    sandbox.git(&["checkout", "-q", "-b", "side", "HEAD~"]);
    sandbox.git(&["commit", "-q", "--allow-empty", "-m", "git: side"]);
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.git(&["merge", "-q", "--no-ff", "side"]);
    // What passed the hook by is found by whoever looks at it later.
    let checked = sandbox.ai(&["policy", "check", "--json", "--range", "HEAD~4..HEAD"]);
    assert_eq!(checked.code, Some(5), "{checked}");
    let questions = checked.json()["questions"].take();
    let all: Vec<(&Value, &Value)> = questions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["effect"], &one["subject"]))
        .filter(|(effect, _)| *effect != "allow")
        .collect();
    assert_eq!(all, [(&Value::from("deny"), &Value::from("Past"))]);
    let server = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", server.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", server.to_str().unwrap()]);
    snapshot!(sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"]), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: policy denies the message of commit [SHORT]: a commit has another message than is asked for: `Past`: its subject is not as `^[a-z]+: ` (rule `built-in.commit-message`, decision [DECISION])
      next: `git commit --amend` or `git rebase -i` words them anew; `ai policy explain [DECISION]` shows them with the rules that matched
    error: failed to push some refs to '[PATH]/other.git'
    ");
}

/// What Git takes for the message is judged, by the settings that it goes by itself.
#[test]
fn a_message_is_read_by_the_settings_of_git() {
    let sandbox = Sandbox::project();
    let policy = "version: 1\ndefault: allow\nguards: {commit_message: {effect: deny, subject: '^[a-z]+: ', trailers: [Signed-off-by]}}\n";
    sandbox.write(".ai/policy.yaml", policy);
    sandbox.commit("a policy");
    sandbox.ai_ok(&["hooks", "install"]);
    // Puts the message in front of Git's template.
    sandbox.write(
        "editor",
        "{ printf 'git: mend it\\n\\nSigned-off-by: A\\n'; cat \"$1\"; } >\"$1.new\"; cat \"$1.new\" >\"$1\"; rm \"$1.new\"\n",
    );
    let commit = |settings: &[&str], editor: &str, more: &[&str]| {
        let mut command = sandbox.command("git");
        for one in settings {
            command.args(["-c", one]);
        }
        command.args(["commit", "-q", "--allow-empty"]).args(more);
        run(command.env("GIT_EDITOR", editor)).code
    };
    let edited: [(&[&str], &[&str], i32); 8] = [
        (&[], &[], 0),
        (&["core.commentChar=;"], &[], 0),
        (&["core.commentChar=auto"], &[], 0),
        (&["commit.cleanup=scissors"], &[], 0),
        (
            &["commit.cleanup=scissors", "core.commentChar=%"],
            &["-v"],
            0,
        ),
        (&[], &["-v"], 0),
        // Git keeps its template then, and the trailer is not at the end.
        (&["commit.cleanup=whitespace"], &[], 1),
        (&["core.commentChar=auto"], &["-m", "git: mend it"], 1),
    ];
    for (settings, more, code) in edited {
        assert_eq!(
            commit(settings, "sh editor", more),
            Some(code),
            "{settings:?} {more:?}"
        );
    }
    // An editor that does nothing, after which Git says that there was none.
    assert_eq!(commit(&["core.commentChar=;"], ":", &["--amend"]), Some(0));
    let mut command = sandbox.command("git");
    command.args(["commit", "-q", "--allow-empty", "--amend"]);
    let by_variables = command
        .env("GIT_EDITOR", "sh editor")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.commentChar")
        .env("GIT_CONFIG_VALUE_0", "!");
    assert_eq!(run(by_variables).code, Some(0));
}

#[test]
fn a_merge_keeps_the_message_of_git_when_it_is_amended() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", SCOPED);
    sandbox.commit("a policy");
    sandbox.ai_ok(&["hooks", "install"]);
    sandbox.git(&["checkout", "-q", "-b", "side"]);
    sandbox.git(&["commit", "-q", "--allow-empty", "-m", "git: side"]);
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.git(&["merge", "-q", "--no-ff", "side"]);
    let amend = |more: &[&str]| {
        let args = [&["commit", "-q", "--amend"], more].concat();
        sandbox.try_git(&sandbox.root(), &args).code
    };
    assert_eq!(amend(&["--no-edit"]), Some(0));
    assert_eq!(
        amend(&["-m", "Merge branch 'side'", "-m", "With a reason."]),
        Some(0)
    );
    assert_eq!(amend(&["-m", "Another one"]), Some(1));
    assert_eq!(amend(&["-m", "git: another one"]), Some(0));
}

#[test]
fn a_subject_without_end_is_told_by_its_length_and_shown_in_part() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", SCOPED);
    sandbox.commit("a policy");
    sandbox.write("message", format!("git: {}\n", "x".repeat(99_995)));
    sandbox.git(&["commit", "-q", "--allow-empty", "-F", "message"]);
    let told = sandbox
        .ai(&["policy", "check", "--range", "HEAD~..HEAD"])
        .stdout;
    let letters = told.lines().filter(|line| line.len() > 400).count();
    assert_eq!(letters, 0);
    assert_ne!(
        told.find("its subject has 100000 letters of 30 at most"),
        None,
        "{told}"
    );
}

#[test]
fn a_push_asks_about_all_its_messages_at_once() {
    let sandbox = Sandbox::project();
    sandbox.write(
        ".ai/policy.yaml",
        SCOPED.replace("deny", "require_approval"),
    );
    sandbox.commit("a policy");
    sandbox.ai_ok(&["hooks", "install"]);
    let server = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", server.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", server.to_str().unwrap()]);
    let commit = |message: &str| {
        let args = ["commit", "-q", "-n", "--allow-empty", "-m", message];
        sandbox.try_git(&sandbox.root(), &args)
    };
    let records = || {
        let all = sandbox.ai_json_lines(&["policy", "log", "--action", "commit.message"]);
        let told = all.iter().map(|one| {
            let texts = one["facts"]["messages"].as_array().unwrap().iter();
            let texts: Vec<&str> = texts.map(|text| text.as_str().unwrap()).collect();
            format!("{}: {}", one["effect"].as_str().unwrap(), texts.join(", "))
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    };
    // One that somebody has said yes to where it was written needs no other.
    assert_eq!(commit("Asked before").code, Some(0));
    let push = || sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"]);
    assert_eq!(push().code, Some(1));
    let approve = || {
        let all = sandbox.ai_json_lines(&["policy", "log", "--action", "commit.message"]);
        let ids = all.iter().map(|one| one["id"].as_str().unwrap().to_owned());
        for id in ids {
            sandbox.ai(&["approve", &id]);
        }
    };
    approve();
    for message in ["one", "git: fine", "two", "git: fine", "three", "git: good"] {
        assert_eq!(commit(message).code, Some(0));
    }
    snapshot!(push(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    warning: 7 commits on the way to refs/heads/main passed no hook: [SHORT], [SHORT], [SHORT] and 4 more; that is recorded
    error: policy wants a person's yes for commit.message: a commit has another message than is asked for: `three`: its subject is not as `^[a-z]+: `, `two`: its subject is not as `^[a-z]+: `, `one`: its subject is not as `^[a-z]+: ` (rule `built-in.commit-message`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    error: failed to push some refs to '[PATH]/other.git'
    ");
    approve();
    assert_eq!(push().code, Some(0));
    snapshot!(records().join("\n"), @"
    allow: git: good, git: fine
    require_approval: Asked before
    require_approval: Asked before
    require_approval: three, two, one
    require_approval: three, two, one
    ");
}

/// Among many that want a yes, it is told which one is denied: nobody could mend it else.
#[test]
fn a_push_says_which_message_is_denied() {
    let sandbox = Sandbox::project();
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  \
         - id: no-rare\n    on: [commit.message]\n    when: change.subjects.exists(s, s.contains(\"RARE\"))\n    effect: deny\n    reason: no rare\n    overridable: true\n  \
         - id: look\n    on: [commit.message]\n    when: change.subjects.exists(s, s.startsWith(\"WIP\"))\n    effect: require_approval\n    reason: look at it\n",
    );
    sandbox.commit("a policy");
    sandbox.ai_ok(&["hooks", "install"]);
    let server = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", server.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", server.to_str().unwrap()]);
    for message in ["WIP RARE", "WIP 1", "WIP RARE", "fine", "WIP 3"] {
        sandbox.git(&["commit", "-q", "-n", "--allow-empty", "-m", message]);
    }
    snapshot!(sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"]));
    let asked = sandbox.ai_json_lines(&["policy", "log", "--action", "commit.message"]);
    let asked: Vec<_> = asked.iter().map(|one| &one["facts"]["messages"]).collect();
    assert_eq!(asked, [&serde_json::json!(["WIP RARE"])]);
    // An override of the one rule says nothing about the other messages.
    let given = [
        "policy", "override", "add", "no-rare", "--for", "1h", "--reason", "once",
    ];
    sandbox.ai_ok(&given);
    snapshot!(sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"]));
}

#[test]
fn an_agent_is_held_to_the_shape_of_its_own_messages_and_not_of_those_of_ai() {
    let commits = |message: &str| {
        format!(
            "cat >/dev/null; echo 1 > a.txt; git add a.txt; git -c user.name=A -c user.email=a@example.com commit -qm '{message}'; echo work > work.txt"
        )
    };
    let scene = |message: &str| {
        Scene::new()
            .policy(SCOPED)
            .agent(Agent::new("fake", &commits(message)))
            .build()
    };
    let sandbox = scene("a change of mine");
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: a commit has another message than is asked for: `a change of mine`: its subject is not as `^[a-z]+: `
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: a commit has another message than is asked for: `a change of mine`: its subject is not as `^[a-z]+: `
    ");
    let sandbox = scene("git: a change");
    let id = sandbox.task("Two", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn a_message_of_ai_is_judged_where_it_lands_and_can_be_another() {
    let script = "cat >/dev/null; echo 1 > a.txt; git add a.txt; git -c user.name=A -c user.email=a@example.com commit -qm 'git: a change'; echo work > work.txt";
    let sandbox = Scene::new()
        .policy(SCOPED)
        .agent(Agent::new("fake", script))
        .build();
    sandbox.ai_ok(&["hooks", "install"]);
    let server = sandbox.base().join("other.git");
    sandbox.git(&["init", "-q", "--bare", server.to_str().unwrap()]);
    sandbox.git(&["remote", "add", "origin", server.to_str().unwrap()]);
    let id = sandbox.task("Two", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let before = sandbox.git(&["rev-parse", "HEAD"]);
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies the message of the commit that would land: a commit has another message than is asked for: `Two`: its subject is not as `^[a-z]+: ` (rule `built-in.commit-message`, decision [DECISION])
      next: `ai accept [TASK] --message TEXT` gives it another; `ai policy explain [DECISION]` shows the rules that matched
    ");
    assert_eq!(sandbox.git(&["rev-parse", "HEAD"]), before);
    let own = "git: mend it\n\nIt broke.\n\nSigned-off-by: A <a@example.com>\n";
    sandbox.write("message", own);
    sandbox.ai_ok(&["accept", &id, "-F", "message"]);
    snapshot!(sandbox.git(&["log", "--format=%an: %B", &format!("{before}..")]), @"
    ai: git: mend it

    It broke.

    Signed-off-by: A <a@example.com>
    AI-Task: [TASK]
    AI-Run: [RUN]
    AI-Agent: fake

    A: git: a change
    ");
    // It is judged as it landed, and none of it passed the hooks by.
    let range = format!("{before}..HEAD");
    let checked = sandbox.ai(&["policy", "check", "--range", &range]);
    assert_eq!(checked.code, Some(0), "{checked}");
    let push = sandbox.try_git(&sandbox.root(), &["push", "-q", "origin", "main"]);
    assert_eq!((push.code, push.stderr.as_str()), (Some(0), ""), "{push}");
    // So is the commit that takes it back, all of it, and the one that brings it in again.
    snapshot!(sandbox.ai(&["undo", &id]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies the message of the commit that would land: a commit has another message than is asked for: `Revert [TASK]: Two`: its subject is not as `^[a-z]+: ` (rule `built-in.commit-message`, decision [DECISION])
      next: `ai undo [TASK] --message TEXT` gives it another; `ai policy explain [DECISION]` shows the rules that matched
    ");
    let why = ["--override", "the check is about the work"];
    sandbox.ai_ok(&[&["undo", &id, "-m", "git: take it back"][..], &why].concat());
    assert_eq!(sandbox.git(&["diff", "--stat", &before, "HEAD"]), "");
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies the message of the commit that would land: a commit has another message than is asked for: `Reapply [TASK]: Two`: its subject is not as `^[a-z]+: ` (rule `built-in.commit-message`, decision [DECISION])
      next: `ai accept [TASK] --message TEXT` gives it another; `ai policy explain [DECISION]` shows the rules that matched
    ");
    sandbox.ai_ok(&["accept", &id, "-m", "git: bring it in"]);
    let checked = sandbox.ai(&["policy", "check", "--range", &range]);
    assert_eq!(checked.code, Some(0), "{checked}");
}

#[test]
fn a_message_needs_a_commit_of_ai() {
    let commits = "cat >/dev/null; echo work > work.txt; git add work.txt; git -c user.name=A -c user.email=a@example.com commit -qm 'its own'";
    let sandbox = Scene::new().agent(Agent::new("fake", commits)).build();
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    snapshot!(sandbox.ai(&["accept", &id, "-m", "another"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the work lands as the commits that its agent has made itself: `ai` makes no commit that could have a message
      next: `ai accept [TASK]` takes it as it is
    ");
    assert_eq!(sandbox.ai(&["accept", &id, "-m", " "]).code, Some(2));
    // A merge is one.
    sandbox.commit("meanwhile");
    sandbox.ai_ok(&["accept", &id, "-m", "both", "-m", "together"]);
    snapshot!(sandbox.git(&["log", "-1", "--format=%B"]), @"
    both

    together

    AI-Task: [TASK]
    AI-Run: [RUN]
    AI-Agent: fake
    ");
}

/// Another name in the same commit hides neither what a file said of itself nor what attributes said of it.
#[test]
fn a_file_that_moves_is_held_to_what_it_said_before() {
    let sandbox = Sandbox::project();
    let policy =
        "version: 1\ndefault: allow\nguards: {licence_header: deny, generated_files: deny}\n";
    sandbox.write(".ai/policy.yaml", policy);
    sandbox.write("a.c", "// SPDX-License-Identifier: MIT\nint a;\n");
    sandbox.write(
        "b.c",
        "// Code generated by x. DO NOT EDIT.\nint b;\nint c;\n",
    );
    sandbox.write("dist/c.js", "one\ntwo\n");
    sandbox.write("d.c", "// SPDX-License-Identifier: MIT\nint d;\n");
    sandbox.write(".gitattributes", "dist/** linguist-generated\n");
    sandbox.commit("files");
    for (from, to) in [
        ("a.c", "e.c"),
        ("b.c", "f.c"),
        ("dist/c.js", "g.js"),
        ("d.c", "h.c"),
    ] {
        sandbox.git(&["mv", from, to]);
    }
    sandbox.write("e.c", "int a;\n");
    sandbox.write("f.c", "int b;\nint c;\n");
    sandbox.write("g.js", "one\n");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", "moved"]);
    let told = sandbox
        .ai(&["policy", "check", "--range", "HEAD~..HEAD"])
        .stdout;
    let told: Vec<&str> = told.lines().skip(1).map(str::trim).collect();
    snapshot!(told.join("\n"), @"
    deny             built-in.generated-files: a generated file is changed: f.c:1 (it says `DO NOT EDIT`), g.js (`.gitattributes` says that it is generated)
    deny             built-in.licence-header: a licence header is gone: e.c:1 (`SPDX-License-Identifier` is gone from its top)
    ");
}

#[test]
fn what_attributes_declare_generated_is_told_by_those_of_the_base() {
    let script = "cat >/dev/null; echo 2 > dist/a.js; echo 2 > lib.js; echo work > work.txt
echo 'lib.js linguist-generated' > .gitattributes";
    let sandbox = Scene::new()
        .policy("version: 1\ndefault: allow\nguards: {generated_files: warn}\n")
        .file("dist/a.js", "1\n")
        .file("lib.js", "1\n")
        .file(".gitattributes", "dist/** linguist-generated\n")
        .agent(Agent::new("fake", script))
        .build();
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: a generated file is changed: dist/a.js (`.gitattributes` says that it is generated)
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
}
