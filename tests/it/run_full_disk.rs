//! A disk that fills up while an agent works: the error says so, nothing is lost, and the next
//! command goes on.

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::{self, Outcome, Sandbox};

/// A small disk in a mount namespace of its own: the repository is moved there, the agent fills it,
/// room is made, and all goes on.
const STORY: &str = r#"
set -e
export AI_CACHE_DIR="$BASE/small/cache"
mkdir "$BASE/small"
mount -t tmpfs -o size=24m tmpfs "$BASE/small"
cp -a "$BASE/repo" "$BASE/small/repo"
cd "$BASE/small/repo"
"$AI" trust >/dev/null 2>&1
set +e
"$AI" run "$ID" > "$BASE/first.out" 2> "$BASE/first.err"; echo $? > "$BASE/first.code"
"$AI" task show "$ID" > "$BASE/between.out" 2>&1; echo $? > "$BASE/between.code"
rm -f "$AI_CACHE_DIR"/*/worktrees/w1/filler
"$AI" recover > "$BASE/recover.out" 2>&1; echo $? > "$BASE/recover.code"
git for-each-ref --format='%(refname)' refs/ai refs/heads/ai > "$BASE/refs"
for ref in $(cat "$BASE/refs"); do git show "$ref:work.txt" >> "$BASE/work" 2>/dev/null; done
cp "$BASE/good.sh" "$BASE/fake.sh"
"$AI" run "$ID" > "$BASE/second.out" 2>&1; echo $? > "$BASE/second.code"
"$AI" log verify > "$BASE/verify.out" 2>&1; echo $? > "$BASE/verify.code"
"#;

fn told(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.base().join(name)).unwrap_or_default()
}

/// Whether a disk can be mounted here without being root; says where not.
fn can_mount(sandbox: &Sandbox) -> bool {
    let probe = sandbox
        .command("unshare")
        .args(["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .output();
    let can = probe.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: no disk can be mounted in a user namespace here");
    }
    can
}

#[test]
fn a_disk_that_fills_up_during_a_run_loses_nothing() {
    let sandbox = Sandbox::with_agent(
        "version: 1\nruns: {grace: 1s, disk_floor_mb: 1}\nchecks: {unit: {run: test -f work.txt}}\n",
        "cat >/dev/null; echo precious > work.txt; head -c 100000000 /dev/zero > filler 2>/dev/null; echo done",
    );
    if !can_mount(&sandbox) {
        return;
    }
    std::fs::write(sandbox.base().join("good.sh"), format!("{GOOD}\n")).unwrap();
    let id = sandbox.task("One", &[]);
    let mut command = sandbox.command("unshare");
    command
        .args(["-Urm", "sh", "-c", STORY])
        .env("BASE", sandbox.base())
        .env("ID", &id);
    let story: Outcome = support::run(command.env("AI", env!("CARGO_BIN_EXE_ai")));
    assert_eq!(story.code, Some(0), "{story}");
    let first = told(&sandbox, "first.err");
    assert_eq!(told(&sandbox, "first.code").trim(), "9", "{first}");
    let says_so = ["No space left", "disk is full", "no space"]
        .iter()
        .any(|word| first.contains(word));
    assert!(says_so && !first.contains("panicked"), "{first}");
    assert_eq!(
        told(&sandbox, "between.code").trim(),
        "0",
        "looking goes on: {}",
        told(&sandbox, "between.out")
    );
    assert_eq!(
        told(&sandbox, "recover.code").trim(),
        "0",
        "{}",
        told(&sandbox, "recover.out")
    );
    let kept = told(&sandbox, "work");
    let is_kept = kept.lines().any(|line| line == "precious");
    assert!(is_kept, "what it had done: {}", told(&sandbox, "refs"));
    assert_eq!(
        told(&sandbox, "second.code").trim(),
        "0",
        "{}",
        told(&sandbox, "second.out")
    );
    assert_eq!(
        told(&sandbox, "verify.code").trim(),
        "0",
        "{}",
        told(&sandbox, "verify.out")
    );
}

#[test]
fn logs_that_cannot_be_written_are_named_and_the_run_goes_on() {
    let script = "cat >/dev/null; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); \
                  echo 'a line of output that is of no use to anybody, and a little longer than short'; done; echo work > work.txt";
    let sandbox = Sandbox::with_script(script);
    let id = sandbox.task("One", &[]);
    // In units of 512 bytes. Without the trap the kernel would end whoever writes more.
    let limited = "trap '' XFSZ; ulimit -f 4096; exec \"$@\"";
    let mut command = sandbox.command("sh");
    command.args(["-c", limited, "sh", env!("CARGO_BIN_EXE_ai"), "run", &id]);
    snapshot!(support::run(&mut command), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: stdout.log is not whole: File too large (os error 27)
    warning: events.jsonl is not whole: File too large (os error 27)
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    assert_eq!(sandbox.status(&id), "review");
    sandbox.is_at_rest(&id);
}
