//! Agents that misbehave, by mistake or on purpose. Whatever they do: the run ends, nothing of it
//! lives on, no work is lost, nothing that they planted runs, and the next run goes as ever.

use std::path::Path;

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, open_gate, processes_of, wait_for, with_mark};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, run};

/// What came of a run of one task by an agent that runs `script`.
struct Came {
    sandbox: Sandbox,
    id: String,
    report: Value,
    code: Option<i32>,
    /// Of the report; where there is none, all that was said.
    warnings: String,
    /// What it says of processes that outlived the agent. Many do so for a moment.
    left: String,
}

impl Came {
    fn of(script: &str) -> Came {
        Came::with(CONFIG, script)
    }

    fn with(config: &str, script: &str) -> Came {
        let sandbox = Sandbox::with_agent(config, script);
        let id = sandbox.task("One", &[]);
        let outcome = sandbox.ai(&["run", &id, "--json"]);
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
        let warnings = report["warnings"].as_array().into_iter().flatten();
        let (left, warnings): (Vec<&str>, Vec<&str>) = warnings
            .filter_map(Value::as_str)
            .partition(|warning| warning.ends_with("behind, now ended"));
        let (left, warnings) = match report {
            Value::Null => (String::new(), outcome.stderr),
            _ => (left.join("\n"), warnings.join("\n")),
        };
        sandbox.is_at_rest(&id);
        Came {
            sandbox,
            id,
            report,
            code: outcome.code,
            warnings,
            left,
        }
    }

    #[track_caller]
    fn outcome(&self) -> &str {
        self.report["outcome"]
            .as_str()
            .unwrap_or_else(|| panic!("{:?} {}", self.code, self.warnings))
    }

    fn branch(&self) -> String {
        format!("ai/{}/1", self.id)
    }

    #[track_caller]
    fn kept(&self, path: &str) -> String {
        self.sandbox.file_at(&self.branch(), path)
    }

    /// After whatever has happened, an ordinary agent does an ordinary task.
    #[track_caller]
    fn and_the_next_run_is_good(&self) {
        self.sandbox.set_script("fake", GOOD);
        let id = self.sandbox.task("Next", &[]);
        let outcome = self.sandbox.run(&id);
        assert_eq!(outcome.code, Some(0), "the next run\n{outcome}");
        assert_eq!(self.sandbox.status(&id), "review");
        self.sandbox.is_at_rest(&id);
        let files = self
            .sandbox
            .git(&["diff", "--name-only", "main", &format!("ai/{id}/1")]);
        assert_eq!(
            files, "work.txt",
            "leftovers of the earlier run are in the next one's work"
        );
    }
}

/// Hears SIGTERM, says so, and goes on.
const DEAF: &str = "trap 'echo heard >> \"$BASE/heard\"' TERM; trap '' INT HUP; echo work > work.txt; \
                    echo x > \"$BASE/started\"; while :; do sleep 600; done";

/// It was asked to end by SIGTERM, did not, and was killed; what it had done is kept.
#[track_caller]
fn was_killed(sandbox: &Sandbox, id: &str) {
    let heard = std::fs::read_to_string(sandbox.base().join("heard"));
    assert_eq!(heard.unwrap_or_default(), "heard\n", "it was never asked");
    sandbox.is_at_rest(id);
    assert_eq!(sandbox.file_at(&format!("ai/{id}/1"), "work.txt"), "work");
}

#[test]
fn one_that_ignores_term_is_killed_at_its_limit() {
    let sandbox = Sandbox::with_script(DEAF);
    let id = sandbox.task("One", &[]);
    // The limit is that of silence, in milliseconds for this test.
    let outcome = run(sandbox
        .ai_command(&["run", &id])
        .env("AI_TEST_SILENCE_MS", "400"));
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(sandbox.last_run(&id)["end"]["lifecycle"], "timed_out");
    was_killed(&sandbox, &id);
}

#[test]
fn one_that_ignores_every_request_is_killed_at_ctrl_c() {
    let sandbox = Sandbox::with_script(DEAF);
    let id = sandbox.task("One", &[]);
    let command = sandbox.start(&["run", &id]);
    wait_for(&sandbox.base().join("started"));
    command.signal("INT");
    snapshot!(command.wait(), @"
    exit: 130
    ----- stdout -----
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    error: run [RUN]: the attempt ended for a reason outside of the work; no attempt is counted: stopped by Ctrl-C
    ");
    was_killed(&sandbox, &id);
}

#[test]
fn daemons_that_it_leaves_are_ended() {
    let script = "(setsid sh -c 'trap \"\" TERM; (setsid sleep 600 &) ; sleep 600' >/dev/null 2>&1 &) ; echo work > work.txt";
    let came = Came::of(script);
    assert_eq!(came.outcome(), "ready_for_review");
    snapshot!(came.left, @"the agent left [N] behind, now ended");
    came.and_the_next_run_is_good();
}

#[test]
fn daemons_that_clear_their_environment_are_ended_too() {
    let script = "env -i MARK=\"$BASE\" setsid sleep 600 >/dev/null 2>&1 & echo work > work.txt";
    let came = Came::of(script);
    assert_eq!(came.outcome(), "ready_for_review");
    // There was one to end.
    snapshot!(came.left, @"the agent left [N] behind, now ended");
    let mark = format!("MARK={}", came.sandbox.base().display());
    assert_eq!(with_mark(mark.as_bytes()), [""; 0]);
}

#[test]
fn a_flood_of_output_needs_no_memory() {
    let sandbox = Sandbox::with_agent(
        "version: 1\nruns: {grace: 1s, output_mb: 256}\nchecks: {unit: {run: test -f work.txt}}\n",
        "echo work > work.txt; head -c 52428800 /dev/zero | tr '\\0' 'x' | fold -w 100; head -c 1048576 /dev/zero | tr '\\0' y; \
         echo x > \"$BASE/flooded\"; read x < \"$BASE/gate\"",
    );
    let gate = sandbox.pipe("gate");
    let id = sandbox.task("One", &[]);
    let command = sandbox.start(&["run", &id]);
    wait_for(&sandbox.base().join("flooded"));
    open_gate(&gate);
    // The peak is asked for as long as the process is there; the last answer holds for nearly all
    // of its life.
    let mut peak_kib = 0;
    let mut command = command;
    while !command.is_over() {
        peak_kib = peak(command.pid()).unwrap_or(peak_kib);
        std::thread::yield_now();
    }
    let outcome = command.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(peak_kib > 1_000, "nothing was measured");
    assert!(peak_kib < 60_000, "ai needed {peak_kib} KiB");
    let log = std::fs::metadata(
        sandbox
            .root()
            .join(format!(".git/ai/runs/{id}.1/stdout.log")),
    )
    .unwrap();
    assert!(log.len() > 53_000_000, "{}", log.len());
    sandbox.is_at_rest(&id);
}

fn peak(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn rubbish_on_its_outputs_is_kept_and_survived() {
    let came = Came::of(
        "echo work > work.txt; printf 'a\\377\\376\\000b\\n\\033[2J'; printf '\\000\\377' >&2",
    );
    assert_eq!(came.outcome(), "ready_for_review");
    let log = std::fs::read(
        came.sandbox
            .root()
            .join(format!(".git/ai/runs/{}.1/stdout.log", came.id)),
    )
    .unwrap();
    assert_eq!(log, b"a\xff\xfe\0b\n\x1b[2J");
}

#[test]
fn one_that_changes_nothing_is_sent_back() {
    let came = Came::of("echo 'All done, tests pass!'");
    assert_eq!(
        (came.outcome(), came.code),
        ("send_back_no_changes", Some(6))
    );
    assert_eq!(came.report["task"]["status"], "queued");
    assert_eq!(came.report["task"]["attempts"], 1);
    came.and_the_next_run_is_good();
}

#[test]
fn good_work_of_a_failing_agent_is_kept_and_the_task_tried_again() {
    let came = Came::of("echo work > work.txt; echo 'out of ideas' >&2; exit 1");
    assert_eq!(came.outcome(), "retry");
    assert_eq!(came.kept("work.txt"), "work");
    let task = came.sandbox.show(&came.id);
    assert_eq!(
        (&task["status"], &task["attempts"]),
        (&"queued".into(), &1.into())
    );
    assert!(
        task["not_before_ms"].is_i64(),
        "a pause before the next attempt: {task}"
    );
    snapshot!(task["notes"][0]["text"].as_str().unwrap(), @"the attempt did not get to its end: exit code 1: out of ideas; what it had done stands on ai/[TASK]/1");
    came.and_the_next_run_is_good();
}

#[test]
fn a_missing_program_is_the_machines_fault() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&[
        "agent",
        "register",
        "fake",
        "--connector",
        "command",
        "--",
        "no-such-agent-here",
    ]);
    let plain = sandbox.base().join("not-executable");
    std::fs::write(&plain, "#!/bin/sh\n").unwrap();
    sandbox.ai_ok(&[
        "agent",
        "register",
        "plain",
        "--connector",
        "command",
        "--",
        plain.to_str().unwrap(),
    ]);
    sandbox.configure(CONFIG);
    let mut told = String::new();
    for agent in ["fake", "plain"] {
        let id = sandbox.task("One", &[]);
        let outcome = sandbox.ai(&["run", &id, "--agent", agent, "--json"]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert_eq!(
            outcome.json()["verdict"]["lifecycle"],
            "not_started",
            "{outcome}"
        );
        let task = sandbox.show(&id);
        assert_eq!(
            (&task["status"], task.get("attempts")),
            (&"blocked".into(), None),
            "{task}"
        );
        told.push_str(&format!("{agent}: {}\n", task["hold"]["reason"]));
        sandbox.is_at_rest(&id);
    }
    snapshot!(told, @r#"
    fake: "the machine or an account is not in order; nothing is held against the work: could not start: cannot start `no-such-agent-here`: no such program: No such file or directory (os error 2)"
    plain: "the machine or an account is not in order; nothing is held against the work: could not start: cannot start `[PATH]/not-executable`: not executable: Permission denied (os error 13)"
    "#);
}

#[test]
fn no_secret_reaches_the_disk() {
    const VALUE: &str = "xoq7-Vf2Lk9-really-secret";
    const KEY: &str = "AKIAZ7Q4MNOPRSTUVWX2";
    let script = format!(
        "echo \"token: $MY_TOKEN\"; echo 'aws {KEY}' >&2; printf '%s' \"$MY_TOKEN\" | base64; \
         echo \"$MY_TOKEN {KEY}\" > work.txt"
    );
    let check = "version: 1\nruns: {grace: 1s, env_pass: [MY_TOKEN]}\nchecks: {unit: {run: 'cat work.txt; echo $MY_TOKEN; exit 1'}}\n";
    let sandbox = Sandbox::with_agent(check, &script);
    let id = sandbox.task("One", &["--body", &format!("Use {KEY}.")]);
    let outcome = run(sandbox.ai_command(&["run", &id]).env("MY_TOKEN", VALUE));
    snapshot!(outcome, @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  queued
      check `unit` failed (exit code 1)
        it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])
        [REDACTED:MY_TOKEN] [REDACTED:aws-access-key]
      [REDACTED:MY_TOKEN]
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: cat work.txt; echo $MY_TOKEN; exit 1
    check unit: failed (exit code 1)
    check unit on the base commit: cat work.txt; echo $MY_TOKEN; exit 1
    check unit on the base commit: failed (exit code 1)
    warning: the change holds something that looks like a secret; it is blackened in the evidence, not in the commit
    warning: the change adds what looks like a secret: work.txt:1 (aws-access-key)
    ");
    let again = run(sandbox.ai_command(&["run", &id]).env("MY_TOKEN", VALUE));
    snapshot!(again, @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  blocked
      check `unit` failed (exit code 1)
        it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])
        [REDACTED:MY_TOKEN] [REDACTED:aws-access-key]
      [REDACTED:MY_TOKEN]
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/2, for main
    sandbox of [RUN]: none, network on
    check unit: cat work.txt; echo $MY_TOKEN; exit 1
    check unit: failed (exit code 1)
    check unit on the base commit: failed (exit code 1), as before
    warning: the change holds something that looks like a secret; it is blackened in the evidence, not in the commit
    warning: the change adds what looks like a secret: work.txt:1 (aws-access-key)
    ");
    for text in [
        &outcome.stdout,
        &outcome.stderr,
        &again.stdout,
        &again.stderr,
    ] {
        assert!(!text.contains(VALUE) && !text.contains(KEY), "{text}");
    }
    // It was printed, and blackened on its way.
    snapshot!(sandbox.run_file(&format!("{id}.1"), "stdout.log"), @"
    token: [REDACTED:MY_TOKEN]
    [REDACTED:MY_TOKEN]A==
    ");
    let found = files_with(
        &sandbox.root().join(".git/ai"),
        &[VALUE.as_bytes(), b"eG9xNy1WZjJMazkt"],
    );
    assert_eq!(found, [""; 0], "the value of a variable");
    // The task's own text, in the store and its backup, is what its user typed; everything else is
    // captured.
    let found: Vec<String> = files_with(&sandbox.root().join(".git/ai"), &[KEY.as_bytes()]);
    assert!(
        found
            .iter()
            .all(|file| file.contains("/ai.db") || file.contains("/backups/")),
        "{found:?}"
    );
}

fn files_with(dir: &Path, needles: &[&[u8]]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap().flatten() {
            let path = entry.path();
            if path.symlink_metadata().unwrap().is_dir() {
                open.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            if needles
                .iter()
                .any(|needle| bytes.windows(needle.len()).any(|window| window == *needle))
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_secret_in_a_file_name_is_blackened_too() {
    let came = Came::of("echo work > work.txt; echo x > AKIAZ7Q4MNOPRSTUVWX2.pem");
    assert_eq!(
        came.outcome(),
        "denied",
        "the policy of `ai init` names such files"
    );
    assert_eq!(
        files_with(
            &came.sandbox.root().join(".git/ai/runs"),
            &[b"AKIAZ7Q4MNOPRSTUVWX2"]
        ),
        [""; 0]
    );
    let logged = came.sandbox.ai_ok(&["log", "--json"]).stdout;
    assert_eq!(
        logged.matches("AKIAZ7Q4MNOPRSTUVWX2").count(),
        0,
        "{logged}"
    );
}

#[test]
fn a_secret_in_the_change_is_pointed_out() {
    let came = Came::of("echo 'key = AKIAZ7Q4MNOPRSTUVWX2' > work.txt");
    snapshot!(came.warnings, @"
    the change holds something that looks like a secret; it is blackened in the evidence, not in the commit
    the change adds what looks like a secret: work.txt:1 (aws-access-key)
    ");
    snapshot!(came.sandbox.run_file(&format!("{}.1", came.id), "diff.patch"), @"
    diff --git a/work.txt b/work.txt
    new file mode 100644
    index [HASH]..[HASH]
    --- /dev/null
    +++ b/work.txt
    @@ -0,0 +1 @@
    +key = [REDACTED:aws-access-key]
    ");
}

#[test]
fn writes_into_the_main_checkout_are_pointed_out() {
    let came = Came::of(
        "echo work > work.txt; echo hijacked > $BASE/repo/README.md; echo new > $BASE/repo/new.txt; git -C $BASE/repo branch sneaky",
    );
    assert_eq!(came.outcome(), "ready_for_review");
    snapshot!(came.warnings, @"
    files of the main checkout changed during the run: README.md, new.txt
    refs/heads/sneaky was made during the run, at [SHORT]
    ");
    assert_eq!(
        came.sandbox.read("README.md"),
        "hijacked\n",
        "told, and left to the person"
    );
}

#[test]
fn its_own_commits_are_kept_and_judged() {
    let came = Came::of(
        "echo one > one.txt; git add . && git -c user.name=A -c user.email=a@b commit -q -m 'my own'; echo work > work.txt",
    );
    assert_eq!(came.outcome(), "ready_for_review");
    let subjects = came
        .sandbox
        .git(&["log", "--format=%s", &format!("main..{}", came.branch())]);
    assert_eq!(subjects, "One\nmy own");
    assert_eq!(
        (came.kept("one.txt"), came.kept("work.txt")),
        ("one".into(), "work".into())
    );
    came.sandbox.ai_ok(&["accept", &came.id]);
}

#[test]
fn commits_on_another_branch_are_taken_where_they_stand_and_pointed_out() {
    let came = Came::of(
        "git checkout -q -b elsewhere; echo work > work.txt; git add .; \
         git -c user.name=A -c user.email=a@b commit -q --no-verify -m sneaky",
    );
    assert_eq!(came.outcome(), "ready_for_review");
    assert_eq!(came.kept("work.txt"), "work");
    snapshot!(came.warnings, @"refs/heads/elsewhere was made during the run, at [SHORT]");
    came.and_the_next_run_is_good();
}

#[test]
fn a_commit_straight_onto_the_target_is_denied_and_put_back() {
    let came = Came::of(
        "echo work > work.txt; git add .; git -c user.name=A -c user.email=a@b commit -q --no-verify -m sneaky; \
         git update-ref refs/heads/main HEAD",
    );
    snapshot!(came.warnings, @"refs/heads/main moved during the run, from [SHORT] to [SHORT]; it is back at [SHORT], what it was moved to is kept on refs/ai/rescue/[TASK]/1");
    assert_eq!(came.outcome(), "denied");
}

#[test]
fn without_its_git_file_the_work_is_taken_all_the_same() {
    let came = Came::of("echo work > work.txt; rm .git");
    assert_eq!(came.outcome(), "ready_for_review");
    assert_eq!(came.kept("work.txt"), "work");
    came.and_the_next_run_is_good();
}

/// Each way in which a worktree is replaced under the feet of `ai`, as a test of its own, so that
/// they run side by side.
macro_rules! replaced {
    ($($name:ident: $script:expr;)*) => {$(
        #[test]
        fn $name() {
            let came = Came::of($script);
            assert!(came.code.is_some(), "{}", $script);
            came.and_the_next_run_is_good();
        }
    )*};
}

replaced! {
    a_worktree_that_became_a_file_costs_nobody_anything: "cd ..; rm -rf w1; echo not a directory > w1";
    a_worktree_that_became_a_link_costs_nobody_anything: "cd ..; mv w1 \"$BASE/moved\"; ln -s \"$BASE/moved\" w1";
    a_worktree_that_was_moved_costs_nobody_anything: "cd ..; mv w1 gone";
    a_worktree_without_its_git_directory_costs_nobody_anything: "rm -rf $BASE/repo/.git/worktrees/w1; echo work > work.txt";
    a_worktree_with_a_broken_head_costs_nobody_anything: "echo rubbish > $BASE/repo/.git/worktrees/w1/HEAD; echo work > work.txt";
    a_worktree_without_its_branch_costs_nobody_anything: "git update-ref -d HEAD; echo work > work.txt";
    a_worktree_that_was_removed_with_commits_costs_nobody_anything: "git checkout -q --detach; \
        git -c user.name=A -c user.email=a@b commit -q --allow-empty -m lost; cd ..; rm -rf w1";
}

#[test]
fn a_worktree_that_was_removed_is_made_anew_and_taken_again() {
    let came = Came::of("cd ..; rm -rf w1");
    assert!(came.code.is_some());
    came.and_the_next_run_is_good();
    came.and_the_next_run_is_good();
}

#[test]
fn nothing_that_it_plants_runs() {
    let script = "cat > \"$BASE/evil\" <<X\n#!/bin/sh\ntouch '$BASE/planted-ran'\nX\nchmod +x \"$BASE/evil\"\n\
         COMMON=$BASE/repo/.git\n\
         for hook in pre-commit post-checkout post-merge reference-transaction post-index-change pre-auto-gc update; do \
           mkdir -p $COMMON/hooks; cp \"$BASE/evil\" $COMMON/hooks/$hook; done\n\
         git config core.fsmonitor \"$BASE/evil\"; git config core.hooksPath $PWD/hooks; git config diff.external \"$BASE/evil\"\n\
         git config core.pager \"$BASE/evil\"; git config core.editor \"$BASE/evil\"; git config core.sshCommand \"$BASE/evil\"\n\
         git config filter.x.clean \"$BASE/evil\"; git config filter.x.smudge \"$BASE/evil\"; git config filter.x.process \"$BASE/evil\"\n\
         git config merge.x.driver \"$BASE/evil\"; git config gpg.program \"$BASE/evil\"; git config commit.gpgsign true\n\
         git config diff.x.textconv \"$BASE/evil\"; git config diff.x.command \"$BASE/evil\"; git config uploadpack.packObjectsHook \"$BASE/evil\"\n\
         printf '* diff=x merge=x\\n*.veiled filter=x\\n' > .gitattributes; echo work > work.veiled; mkdir -p hooks; cp \"$BASE/evil\" hooks/post-checkout; cp \"$BASE/evil\" hooks/pre-commit\n\
         rm -f \"$BASE/planted-ran\"; echo work > work.txt";
    let came = Came::of(script);
    let marker = came.sandbox.base().join("planted-ran");
    assert!(!marker.exists(), "after the run");
    snapshot!(came.warnings);
    // Attributes need a person's yes.
    assert_eq!(came.outcome(), "needs_approval");
    let decision = came
        .sandbox
        .rows("SELECT data FROM decision WHERE data LIKE '%run.finish%'")
        .pop()
        .unwrap();
    came.sandbox
        .ai_ok(&["policy", "approve", decision["id"].as_str().unwrap()]);
    let accepted = came.sandbox.ai(&["accept", &came.id]);
    assert!(!marker.exists(), "after accept: {accepted}");
    for command in [
        &["review", came.id.as_str()][..],
        &["status"],
        &["why", &came.id],
        &["task", "list"],
        &["log"],
        &["recover"],
    ] {
        came.sandbox.ai(command);
        assert!(!marker.exists(), "{command:?}");
    }
    came.sandbox.set_script("fake", GOOD);
    let next = came.sandbox.task("Next", &[]);
    came.sandbox.run(&next);
    assert!(!marker.exists(), "in the next run");
    // It would have run, had anybody let it.
    came.sandbox.try_git(&came.sandbox.root(), &["status"]);
    assert!(marker.exists(), "nothing was planted");
}

#[test]
fn a_conflict_that_it_leaves_is_no_end() {
    let came = Came::of(
        "g() { git -c user.name=A -c user.email=a@b \"$@\"; }\n\
         g checkout -q --detach; echo side > work.txt; g add work.txt; g commit -qm side; SIDE=$(g rev-parse HEAD)\n\
         g checkout -q -; echo mine > work.txt; g add work.txt; g commit -qm mine; g merge $SIDE; true",
    );
    snapshot!(came.report["summary"], @r#""the attempt did not get to its end: it ended before its work was whole: a merge is going on, conflicts are not resolved in work.txt""#);
    // What it wrote stands on its branch, for the next attempt.
    snapshot!(came.kept("work.txt").lines().next().unwrap_or_default(), @"<<<<<<< HEAD");
    came.and_the_next_run_is_good();
}

#[test]
fn odd_things_in_the_tree_are_told_of_and_kept() {
    let came = Came::with(
        CONFIG,
        "echo work > work.txt; mkdir nested; (cd nested; git init -q; echo deep > deep.txt; git add .; \
           git -c user.name=A -c user.email=a@b commit -q -m nested); \
         mkfifo pipe; head -c 60000000 /dev/zero > huge.bin; ln -s /etc/passwd outside",
    );
    assert_eq!(came.outcome(), "ready_for_review");
    snapshot!(came.warnings, @"
    in the worktree: nested is a repository of its own; its files are not taken
    in the worktree: pipe is a pipe, which Git cannot store
    in the worktree: huge.bin is too big (60000000 bytes) and not taken
    in the worktree: outside links out of the tree, to /etc/passwd
    ");
    let files = came
        .sandbox
        .git(&["diff", "--name-only", "main", &came.branch()]);
    assert_eq!(files, "outside\nwork.txt");
    came.and_the_next_run_is_good();
    let kept: Vec<_> = find(&came.sandbox.root().join(".git/ai/kept"));
    assert!(
        kept.iter().any(|path| path.ends_with("nested/deep.txt")),
        "{kept:?}"
    );
    let huge = kept.iter().find(|path| path.ends_with("huge.bin"));
    let size = std::fs::metadata(huge.unwrap()).unwrap().len();
    assert_eq!(
        size, 60_000_000,
        "what is too big for a commit is moved aside, whole"
    );
}

fn find(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(find(&entry.path()))
        } else {
            found.push(entry.path())
        }
    }
    found
}

#[test]
fn a_directory_that_it_closes_is_opened_again() {
    use std::os::unix::fs::PermissionsExt as _;
    for closed in ["000", "555"] {
        let sandbox = Sandbox::with_script(&format!(
            "cat >/dev/null; echo work > work.txt; chmod {closed} ."
        ));
        for title in ["One", "Two"] {
            let id = sandbox.task(title, &[]);
            let outcome = sandbox.run(&id);
            assert_eq!(outcome.code, Some(0), "{closed}: {outcome}");
            let place = std::fs::metadata(sandbox.slot("w1")).unwrap();
            assert_eq!(place.permissions().mode() & 0o777, 0o755, "{closed}");
        }
    }
}

#[test]
fn a_repository_of_its_own_in_place_of_the_worktree_is_kept() {
    let came = Came::of(
        "rm .git; git init -q; echo work > work.txt; git add .; git -c user.name=A -c user.email=a@b commit -q -m own",
    );
    assert_eq!(came.outcome(), "ready_for_review");
    assert_eq!(came.kept("work.txt"), "work");
    came.and_the_next_run_is_good();
    let kept = find(&came.sandbox.root().join(".git/ai/kept"));
    assert!(
        kept.iter().any(|path| path.ends_with(".git/HEAD")),
        "{kept:?}"
    );
}

#[test]
fn a_change_of_the_policy_needs_a_person() {
    let policy = "version: 1\ndefault: allow\nrules:\n  - id: policy-needs-a-human\n    on: [run.finish]\n    actors: ['agent:*']\n    \
                  paths: [.ai/]\n    effect: require_approval\n    reason: an agent does not loosen its own rules\n";
    let sandbox = Sandbox::with_script("echo work > work.txt; echo 'version: 1' > .ai/policy.yaml");
    sandbox.write(".ai/policy.yaml", policy);
    sandbox.commit("policy");
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 8
    ----- stdout -----
    [RUN]  needs_approval  review
      checks passed on this tree; the policy wants a person's yes first: policy, configuration, connectors, hooks, skills and workflows decide what agents may do; a human says yes to their changes (.ai/policy.yaml)
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    look at it with `ai review [TASK]`; `ai accept [TASK]` names the decision that waits for your yes
    ");
    assert_eq!(sandbox.status(&id), "review");
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: policy wants a person's yes for run.finish: policy, configuration, connectors, hooks, skills and workflows decide what agents may do; a human says yes to their changes (.ai/policy.yaml) (rule `built-in.protect-ai`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    ");
    let decision = sandbox
        .rows("SELECT data FROM decision WHERE data LIKE '%run.finish%'")
        .pop()
        .unwrap();
    let outcome = sandbox.ai(&[
        "policy",
        "approve",
        decision["id"].as_str().unwrap(),
        "--as",
        "agent:fake",
    ]);
    snapshot!(outcome, @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: only a person can approve, and agent:fake is none
      next: ask a person for `ai approve [DECISION]`
    ");
    sandbox.ai_ok(&["policy", "approve", decision["id"].as_str().unwrap()]);
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.read(".ai/policy.yaml"), "version: 1\n");
}

#[test]
fn the_policy_of_the_base_judges_and_not_the_agents() {
    let policy = "version: 1\ndefault: allow\nrules:\n  - id: hands-off\n    on: [run.finish]\n    paths: [secret.txt]\n    \
                  effect: deny\n    reason: not yours\n";
    let sandbox = Sandbox::with_script(
        "echo work > work.txt; echo x > secret.txt; echo 'version: 1' > .ai/policy.yaml",
    );
    sandbox.write(".ai/policy.yaml", policy);
    sandbox.commit("policy");
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: not yours (secret.txt)
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    ");
}

#[test]
fn files_that_another_task_has_locked_are_refused() {
    let sandbox = Sandbox::with_script("mkdir -p theirs; echo x > theirs/a; echo work > work.txt");
    sandbox.ai_ok(&["lock", "acquire", "theirs/", "--as", "ann"]);
    let id = sandbox.task("One", &["--path", "work.txt"]);
    snapshot!(sandbox.run(&id), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: theirs/a is locked by human:ann ([LOCK])
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: outside the task's paths: theirs/a
    warning: theirs/a is locked by human:ann ([LOCK])
    ");
}

#[test]
fn a_run_that_goes_outside_of_its_paths_is_pointed_out() {
    let sandbox = Sandbox::with_script("echo x > elsewhere.txt; echo work > work.txt");
    let id = sandbox.task("One", &["--path", "work.txt"]);
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
    warning: outside the task's paths: elsewhere.txt
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    assert_eq!(processes_of(&id), [""; 0]);
}

#[test]
fn word_that_an_agent_leaves_reaches_the_next_one() {
    let ai = env!("CARGO_BIN_EXE_ai");
    let came = Came::of(&format!(
        "echo work > work.txt; '{ai}' task checkpoint $AI_TASK --next-step 'Mind the gap.' || exit 9; \
         '{ai}' task done $AI_TASK --override mine; '{ai}' accept $AI_TASK; '{ai}' task release $AI_TASK; exit 1"
    ));
    assert_eq!(came.outcome(), "retry", "{}", came.warnings);
    assert_eq!(came.sandbox.show(&came.id)["next_step"], "Mind the gap.");
    assert_eq!(
        came.sandbox.status(&came.id),
        "queued",
        "an agent does not end its own task"
    );
    came.sandbox.ai_ok(&["task", "retry", &came.id]);
    came.sandbox.set_script("fake", GOOD);
    assert_eq!(came.sandbox.run(&came.id).code, Some(0));
    snapshot!(
        came.sandbox
            .run_file(&format!("{}.2", came.id), "prompt.md")
    );
}

#[test]
fn what_it_removes_of_ais_own_is_made_again() {
    for gone in ["runs", "slots", "recover.lock", "checkout.lock"] {
        let came = Came::of(&format!(
            "echo work > work.txt; rm -rf $BASE/repo/.git/ai/{gone}"
        ));
        let last = came.sandbox.last_run(&came.id);
        let saved = [came.branch(), format!("refs/ai/rescue/{}/1", came.id)];
        let found = saved.iter().any(|name| {
            came.sandbox
                .try_git(
                    &came.sandbox.root(),
                    &["cat-file", "-e", &format!("{name}:work.txt")],
                )
                .code
                == Some(0)
        });
        assert!(found, "{gone}: the work is lost: {last}");
        came.and_the_next_run_is_good();
    }
}

#[test]
fn quota_is_not_failure() {
    let came = Came::of("echo work > work.txt; exit 75");
    assert_eq!((came.outcome(), came.code), ("retry_uncounted", Some(75)));
    let task = came.sandbox.show(&came.id);
    assert_eq!(
        (&task["status"], task.get("attempts")),
        (&"queued".into(), None),
        "{task}"
    );
    assert!(task["not_before_ms"].is_i64(), "{task}");
    // Not before its time.
    snapshot!(came.sandbox.run(&came.id), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: no agent can take this task now (fake: out of quota, or its provider down, for another [LEFT])
      next: wait [LEFT], configure a fallback (docs/routing.md), or name an agent with --agent
    ");
}

#[test]
fn what_a_cli_leaves_behind_is_no_work() {
    let manifest = "leaves: [/.tool.history, '/.tool.cache*/']\n";
    let leaves =
        "cat >/dev/null; echo asked > .tool.history; mkdir .tool.cache1; echo x > .tool.cache1/x";
    for (script, outcome) in [
        (leaves.to_owned(), "send_back_no_changes"),
        (
            format!("{leaves}; echo work > work.txt; echo x > tool.history"),
            "ready_for_review",
        ),
    ] {
        let agent = Agent::of_a_cli("tool", "text", &script).manifest(manifest);
        let scene = Scene::new().agent(agent).build();
        let id = scene.task("One", &[]);
        scene.run(&id);
        let run = scene.last_run(&id);
        assert_eq!(run["end"]["outcome"], outcome, "{run}");
        let changed = scene.git(&[
            "diff",
            "--name-only",
            "main",
            run["branch"].as_str().unwrap(),
        ]);
        let expected = if outcome == "ready_for_review" {
            "tool.history\nwork.txt"
        } else {
            ""
        };
        assert_eq!(changed, expected);
    }
}

/// A commit that a checkout could write into a git directory, made by plumbing that refuses nothing.
const COMMITS_A_HOOK: &str = "cat >/dev/null; echo work > work.txt
b=$(echo evil | git hash-object -w --stdin); t=$(printf '100755 blob %s\\tpre-commit\\n' $b | git mktree)
t=$(printf '040000 tree %s\\thooks\\n' $t | git mktree); t=$({ git ls-tree HEAD; printf '040000 tree %s\\t.GIT\\n' $t; } | git mktree)
git reset -q --soft $(git -c user.name=a -c user.email=a@b commit-tree -p HEAD -m evil $t)";

#[test]
fn a_commit_that_would_write_into_a_git_directory_is_named_and_does_not_come_back() {
    let sandbox = Sandbox::with_script(COMMITS_A_HOOK);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    snapshot!(outcome, @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: could not be seen through; its work stands on refs/ai/rescue/[TASK]/1
    error: the agent's commit [SHORT] holds the path .GIT/hooks/pre-commit, which a checkout could write into a git directory
      next: `git show --stat [SHORT]` shows that commit, and nothing of it lands; `ai run` the task again: the next attempt reads why, and starts without it
    ");
    sandbox.is_at_rest(&id);
    sandbox.set_script("fake", GOOD);
    let next = sandbox.run(&id);
    assert_eq!(next.code, Some(0), "{next}");
    let files = sandbox.git(&["ls-tree", "-r", "--name-only", &format!("ai/{id}/2")]);
    assert_eq!(
        files
            .lines()
            .filter(|name| name.starts_with(".GIT"))
            .count(),
        0
    );
}
