//! Leases at the terminal: claim, lapse, hand-over, parking.

use crate::support::Sandbox;

#[test]
fn a_claim_is_refused_while_another_holds_the_task() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "claim", &id, "--as", "agent:one"]);
    crate::snapshot!(sandbox.ai(&["task", "claim", &id, "--as", "agent:two"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is held by agent:one for another [LEFT]
      next: wait, take another (`ai task claim --next`), or see `ai why [TASK]`
    ");
}
