//! Ways to make a commit that the hook is asked about all the same.

use super::kit::{Ends, LOCK, Row, held, hold};

#[test]
fn commits_are_judged_by_what_they_commit_however_they_are_made() {
    hold("held", || held(&[]), ROWS);
}

const DOOR: &str = "pre-commit";
const LOCKED: Ends = Ends::Refused(LOCK);

pub const ROWS: &[Row] = &[
    Row {
        door: DOOR,
        way: "naming the one path, beside others: `git commit held.txt`",
        script: "change free.txt; echo two >held.txt; git commit -qm x held.txt",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git -C` from elsewhere",
        script: "change held.txt; cd /; git -C \"$REPO\" commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`GIT_DIR` and `GIT_WORK_TREE` from elsewhere",
        script: "change held.txt; cd /; GIT_DIR=$REPO/.git GIT_WORK_TREE=$REPO git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "another index, by `GIT_INDEX_FILE`",
        script: "export GIT_INDEX_FILE=$BASE/index; git read-tree HEAD; change held.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git apply --cached`, the file itself untouched",
        script: "change held.txt; git diff --cached >../patch; git reset -q --hard; git apply --cached ../patch; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git update-index --cacheinfo`",
        script: "git update-index --cacheinfo \"100644,$(blob),held.txt\"; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "staged, and taken back in the worktree",
        script: "change held.txt; git show HEAD:held.txt >held.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "staged, then `--assume-unchanged` and `--skip-worktree`",
        script: "change held.txt; change held/a; git update-index --assume-unchanged held.txt; \
                 git update-index --skip-worktree held/a; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "the mode alone",
        script: "git update-index --chmod=+x held.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "renaming it away",
        script: "git mv held.txt new.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "renaming another file onto it",
        script: "git mv -f free.txt held.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "a symbolic link in the place of the directory",
        script: "git rm -rqf held; ln -s . held; git add held; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "a submodule below it",
        script: "git update-index --add --cacheinfo \"160000,$(git rev-parse HEAD),held/sub\"; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "another case of its letters, where case does not count",
        script: "git config core.ignorecase true; git update-index --add --cacheinfo \"100644,$(blob),HELD.TXT\"; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git commit --amend`",
        script: "change held.txt; git commit -q --amend --no-edit",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "a linked worktree beside the checkout",
        script: "git worktree add -q -b side ../linked; now; cd ../linked; change held.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "an orphan branch, which changes nothing that was there",
        script: "git checkout -q --orphan side; change held.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "an alias of Git",
        script: "change held.txt; git config alias.save 'commit -qm'; git save x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git merge --squash`, then a commit",
        script: "side held.txt; now; git merge -q --squash side; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git cherry-pick --no-commit`, then a commit",
        script: "side held.txt; now; git cherry-pick --no-commit side; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`git stash pop`, then a commit",
        script: "change held.txt; git stash -q; git stash pop -q; now; git commit -qam x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "a conflict that somebody resolves, then a commit",
        script: "side held.txt; change free.txt; git rm -q held.txt; past; now; ! git merge -q side >/dev/null; change held.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: "pre-merge-commit",
        way: "`git merge --no-ff` of a branch that has it",
        script: "side held.txt; now; git merge -q --no-ff --no-edit side",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`AI_RUN` set outside of a run, with `AI_HOOKS_SKIP` as well",
        script: "change held.txt; AI_RUN=t-1.1 AI_HOOKS_SKIP=why git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "`AI_RUN` set in the checkout, on a branch that is named as those of runs are",
        script: "git checkout -q -b ai/t-1/1; now; change held.txt; AI_RUN=t-1.1 git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: "policy",
        way: "a second task beside the one whose label is denied",
        script: "A=$($AI task create one --label outside); B=$($AI task create two); export AI_ACTOR=agent:codex; \
                 $AI task claim $A >/dev/null; $AI task claim $B >/dev/null; now; mkdir inner; change inner/a; \
                 AI_ACTOR=agent:codex git commit -qm x",
        ends: Ends::Refused("deny no-secrets"),
    },
    Row {
        door: DOOR,
        way: "`locks.shared` in the configuration, which is not committed",
        script: "echo 'version: 1\nlocks: {shared: [\"**\"]}' >.ai/config.yaml; change held.txt; AI_ACTOR=agent:codex git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "an empty `PATH` but for Git, in which there is no `ai`",
        script: "change held.txt; mkdir ../bin; ln -s \"$(command -v git)\" ../bin/git; PATH=$BASE/bin git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: DOOR,
        way: "a hook of one's own that says yes",
        script: "printf '#!/bin/sh\\nexit 0\\n' >.git/hooks/pre-commit.before-ai; chmod +x .git/hooks/pre-commit.before-ai; \
                 change held.txt; git commit -qm x",
        ends: LOCKED,
    },
    Row {
        door: "policy",
        way: "the rule taken out of the file, which is not committed",
        script: "echo 'version: 1\ndefault: allow' >.ai/policy.yaml; mkdir ci; change ci/a; AI_ACTOR=agent:codex git commit -qm x",
        ends: Ends::Refused("deny no-ci"),
    },
    Row {
        door: "policy",
        way: "the rule taken out in the same commit",
        script: "echo 'version: 1\ndefault: allow' >.ai/policy.yaml; git add .ai; mkdir ci; change ci/a; AI_ACTOR=agent:codex git commit -qm x",
        ends: Ends::Refused("deny no-ci"),
    },
    Row {
        door: "policy",
        way: "`.ai` moved away",
        script: "mv .ai ../away; mkdir ci; change ci/a; git commit -qm x",
        ends: Ends::Refused("deny no-ci"),
    },
    Row {
        door: "policy",
        way: "a branch on which there is no policy",
        script: "git checkout -q --orphan side; git rm -rqf .; mkdir ci; change ci/a; git commit -qm x",
        ends: Ends::Refused("deny no-ci"),
    },
    Row {
        door: "policy",
        way: "a linked worktree with a policy of its own",
        script: "git worktree add -q -b side ../linked; now; cd ../linked; echo 'version: 1\ndefault: allow' >.ai/policy.yaml; \
                 mkdir ci; change ci/a; git commit -qm x",
        ends: Ends::Refused("deny no-ci"),
    },
    Row {
        door: "policy",
        way: "a policy that cannot be read",
        script: "echo ']' >.ai/policy.yaml; change free.txt; git commit -qm x",
        ends: Ends::Refused("deny policy.unreadable"),
    },
];
