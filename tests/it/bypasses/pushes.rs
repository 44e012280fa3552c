//! Ways to push that the hook is asked about, and ways past it.

use super::kit::{Ends, Row, held, hold};

#[test]
fn pushes_are_judged_by_their_commits_and_references() {
    hold("held", || held(&[]), ROWS);
}

const DOOR: &str = "pre-push";
const HELD: Ends = Ends::Refused("bypass.found, deny built-in.locked-paths");
const RULE: Ends = Ends::Refused("deny no-release");

pub const ROWS: &[Row] = &[
    Row {
        door: DOOR,
        way: "to an address in place of a remote",
        script: "change held.txt; past; now; git push -q ../other.git main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "another name on the other side",
        script: "git push -q origin main:release",
        ends: RULE,
    },
    Row {
        door: DOOR,
        way: "`git push --all`",
        script: "git branch release; now; git push -q --all origin",
        ends: RULE,
    },
    Row {
        door: DOOR,
        way: "what may not go to one branch, to another branch first",
        script: "mkdir site; change site/a; git commit -qm x; git push -q origin main:side; now; git push -q origin main",
        ends: Ends::Refused("deny no-site"),
    },
    Row {
        door: DOOR,
        way: "a commit that a reference for another repository names, as if it came from there",
        script: "change held.txt; past; git update-ref refs/remotes/other/x HEAD; now; git push -q origin main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "a commit by plumbing, of which no log says that it was made here, with such a reference",
        script: "change held.txt; made=$(made); git reset -q --hard; git update-ref refs/remotes/other/x \"$made\"; \
                 git update-ref refs/heads/main \"$made\"; git push -q origin main",
        ends: Ends::Unseen(
            "nothing else tells what was fetched: a clone writes no log of its references, logs expire, and remotes are taken out; policy is asked about the push, and a server asks",
        ),
    },
    Row {
        door: DOOR,
        way: "the repository as a remote of its own: `git remote add me .`",
        script: "change held.txt; past; git remote add me .; git fetch -q me; now; git push -q origin main",
        ends: HELD,
    },
    Row {
        door: "policy",
        way: "a looser policy in a commit without parents, `git push --force`",
        script: "git rm -rqf held held.txt; mkdir ci; change ci/a; \
                 echo 'version: 1\ndefault: allow\nrules: [{id: built-in.protect-ai, on: [commit], effect: allow, reason: x}]' >.ai/policy.yaml; \
                 git add .ai; C=$(git commit-tree -m x \"$(git write-tree)\"); git reset -q --hard $C; now; \
                 AI_ACTOR=agent:codex git push -q --force origin main",
        ends: Ends::Refused("bypass.found, deny no-ci"),
    },
    Row {
        door: DOOR,
        way: "`git push --mirror`",
        script: "git branch release; now; git push -q --mirror origin",
        ends: RULE,
    },
    Row {
        door: DOOR,
        way: "deleting the branch: `git push origin :release`",
        script: "git push -q --no-verify origin main:release; now; git push -q origin :release",
        ends: RULE,
    },
    Row {
        door: DOOR,
        way: "`git push --force`",
        script: "change held.txt; git commit -qn --amend -m x; now; git push -q --force origin main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "several references, of which the last is denied",
        script: "git push -q origin main:new main:release",
        ends: RULE,
    },
    Row {
        door: DOOR,
        way: "a commit that only a tag names",
        script: "change held.txt; past; git tag -a -m x v1; git reset -q --hard HEAD~1; now; git push -q origin v1",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "a reference that is named like notes",
        script: "change held.txt; past; now; git push -q origin HEAD:refs/notes/x",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "a reference of no kind that Git knows",
        script: "change held.txt; past; now; git push -q origin HEAD:refs/mine/x",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "from a linked worktree, or by `git -C`",
        script: "change held.txt; past; git worktree add -q -b side ../linked; now; cd /; git -C \"$BASE/linked\" push -q origin side",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "within a run, `AI_RUN`",
        script: "AI_RUN=t-1.1 git push -q origin main:new",
        ends: Ends::Said("error: nothing is pushed from within a run"),
    },
    Row {
        door: DOOR,
        way: "`git push --no-verify`",
        script: "change held.txt; past; now; git push -q --no-verify origin main:new",
        ends: Ends::Unseen("the hook is not asked; the server's hook is"),
    },
    Row {
        door: DOOR,
        way: "from a clone of it, which has no hooks",
        script: "change held.txt; past; git clone -q . ../clone; cd ../clone; git push -q ../other.git main:new",
        ends: Ends::Unseen("hooks are not cloned; the server's hook is asked"),
    },
    Row {
        door: DOOR,
        way: "the other side fetches",
        script: "change held.txt; past; git -C ../other.git fetch -q ../repo main:new",
        ends: Ends::Unseen("nothing is pushed; who fetches can ask `ai policy check --range`"),
    },
];
