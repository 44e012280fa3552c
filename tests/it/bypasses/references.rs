//! Ways to move a branch, where the hook of references is installed.

use super::kit::{Ends, LOCK, Row, at_push, held, hold};

#[test]
fn a_branch_is_guarded_whatever_moves_it() {
    hold("references", || held(&["--reference-transaction"]), ROWS);
}

const DOOR: &str = "reference-transaction";
const LOCKED: Ends = Ends::Refused(LOCK);
const HELD: Ends = at_push("bypass.found, deny built-in.locked-paths");

pub const ROWS: &[Row] = &[
    Row {
        door: DOOR,
        way: "`git commit --no-verify`",
        script: "change held.txt; past",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git update-ref --stdin`",
        script: "change held.txt; echo \"update refs/heads/main $(made)\" | git update-ref --stdin",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git branch -f`",
        script: "git branch new; change held.txt; now; git branch -f new \"$(made)\"",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git checkout -B`",
        script: "change held.txt; git checkout -q -B main \"$(made)\"",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git worktree add -B`",
        script: "git branch new; change held.txt; now; git worktree add -q -B new ../linked \"$(made)\"",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git cherry-pick`",
        script: "change held.txt; made=$(made); git reset -q --hard; git cherry-pick \"$made\"",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git am`",
        script: "change held.txt; made=$(made); git reset -q --hard; git format-patch -q -o .. \"$made~..$made\"; git am -q ../0001-made.patch",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git push .`",
        script: "git branch new; change held.txt; now; git push -q --no-verify . \"$(made):refs/heads/new\"",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git fast-import`",
        script: "printf 'commit refs/heads/main\\ncommitter A <a@b> 1 +0000\\ndata 1\\nxfrom refs/heads/main^0\\nM 644 inline held.txt\\ndata 1\\nx\\n' \
                 | git fast-import --quiet",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git rebase` onto a commit that has it",
        script: "git checkout -q -b new; change free.txt; git commit -qm x; change held.txt; made=$(git commit-tree \"$(git write-tree)\" -p main -m made); \
                 git branch onto \"$made\"; git reset -q --hard; now; git rebase -q onto",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "a new branch",
        script: "change held.txt; git branch new \"$(made)\"; git reset -q --hard; git checkout -q new",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "the branch deleted, and made anew",
        script: "change held.txt; made=$(made); git reset -q --hard; git checkout -q --detach; git update-ref -d refs/heads/main; \
                 git update-ref refs/heads/main \"$made\"; git checkout -q main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`git branch -M` of a new branch onto it",
        script: "change held.txt; git branch new \"$(made)\"; git reset -q --hard; git checkout -q new; git branch -M main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`-c core.hooksPath=/dev/null`",
        script: "change held.txt; git -c core.hooksPath=/dev/null commit -qm x",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "a branch written by hand",
        script: "change held.txt; made=$(made); echo \"$made\" >.git/refs/heads/main",
        ends: HELD,
    },
];
