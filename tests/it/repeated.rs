//! Tasks whose attempts fail twice in the same way: they wait for a person, with both proofs, and cost nothing more.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::scene::config_with_check;

/// A project whose check says how long the work is and passes where it is nine letters long.
fn project(script: &str) -> Sandbox {
    let check = "test $(wc -c < work.txt) = 9 || { echo \"FAIL length: $(wc -c < work.txt), not 9\" >&2; exit 1; }";
    Sandbox::with_agent(&config_with_check(check), script)
}

#[test]
fn a_task_that_fails_twice_in_the_same_way_is_parked_with_both_proofs() {
    let sandbox = project("cat >/dev/null; printf work > work.txt");
    let id = sandbox.task("Nine letters", &[]);
    assert_eq!(sandbox.run(&id).code, Some(6));
    assert_eq!(sandbox.status(&id), "queued");
    snapshot!(sandbox.run(&id), @r#"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  blocked
      check `unit` failed (exit code 1)
        it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])
        FAIL length: 4, not 9
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/2, for main
    sandbox of [RUN]: none, network on
    check unit: test $(wc -c < work.txt) = 9 || { echo "FAIL length: $(wc -c < work.txt), not 9" >&2; exit 1; }
    check unit: failed (exit code 1)
    check unit on the base commit: failed (exit code 1), as before
    "#);
    snapshot!(sandbox.ai(&["why", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  blocked  Nine letters
      parked     runs [RUN] and [RUN] failed in the same way: check `unit` failed (exit code 1): FAIL length: 4, not 9
      next       ai task unhold [TASK]
      proof      run [RUN] by fake in 1s, work on ai/[TASK]/1: check `unit` failed (exit code 1): FAIL length: 4, not 9
      next       ai evidence list [RUN]
      proof      run [RUN] by fake in 1s, work on ai/[TASK]/2: check `unit` failed (exit code 1): FAIL length: 4, not 9
      next       ai evidence list [RUN]
    ----- stderr -----
    ");
    // Nobody works on it, so nothing else waits for it.
    let other = sandbox.task("Another", &[]);
    snapshot!(sandbox.ai(&["run", "--all", "--json"]), @r#"
    exit: 6
    ----- stdout -----
    {"task":"[TASK]","title":"Another","status":"queued","code":6,"run":"[RUN]","agent":"fake","outcome":"send_back_checks","summary":"check `unit` failed (exit code 1)\n  it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])\n  FAIL length: 4, not 9"}
    ----- stderr -----
    [TASK]  run [RUN]: fake on branch ai/[TASK]/1, for main
    [TASK]  sandbox of [RUN]: none, network on
    [TASK]  check unit: test $(wc -c < work.txt) = 9 || { echo "FAIL length: $(wc -c < work.txt), not 9" >&2; exit 1; }
    [TASK]  check unit: failed (exit code 1)
    [TASK]  check unit on the base commit: failed (exit code 1), as before
    "#);
    assert_eq!(sandbox.show(&id)["attempts"], 2);
    assert_eq!(sandbox.show(&other)["attempts"], 1);
    // A person who lets it go on gives it the attempt that is left.
    sandbox.ai_ok(&["task", "unhold", &id]);
    sandbox.run(&id);
    assert_eq!(sandbox.status(&id), "failed");
    // And whoever queues it again begins anew.
    sandbox.ai_ok(&["task", "retry", &id]);
    sandbox.run(&id);
    assert_eq!(sandbox.status(&id), "queued");
}

#[test]
fn a_task_that_fails_in_two_ways_goes_on() {
    let sandbox = project("cat >/dev/null; printf x >> work.txt");
    let id = sandbox.task("Nine letters", &[]);
    sandbox.run(&id);
    sandbox.set_script("fake", "cat >/dev/null; printf xyz > work.txt");
    sandbox.run(&id);
    assert_eq!(sandbox.status(&id), "queued");
    assert_eq!(sandbox.show(&id)["attempts"], 2);
}
