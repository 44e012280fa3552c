//! Ways past the hooks of a commit, and where what was committed so is found.

use super::kit::{Ends, Row, at_push, held, hold};

#[test]
fn what_was_committed_past_the_hooks_is_found_later_or_said_not_to_be() {
    hold("held", || held(&[]), ROWS);
}

const DOOR: &str = "pre-commit";
/// The record of commits that are harmless but for having passed by.
const BYPASS: Ends = at_push("bypass.found");
/// The record of commits that touch what somebody holds.
const HELD: Ends = at_push("bypass.found, deny built-in.locked-paths");

pub const ROWS: &[Row] = &[
    Row {
        door: DOOR,
        way: "`git commit --no-verify`",
        script: "change held.txt; git commit -q --no-verify -m x",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`--no-verify` into what policy denies",
        script: "mkdir ci; change ci/a; past",
        ends: at_push("bypass.found, deny no-ci"),
    },
    Row {
        door: DOOR,
        way: "an alias that has `--no-verify` in it",
        script: "change free.txt; git config alias.save 'commit -qnm'; git save x",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`-c core.hooksPath=/dev/null`",
        script: "change held.txt; git -c core.hooksPath=/dev/null commit -qm x",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`core.hooksPath` by `GIT_CONFIG_COUNT`",
        script: "change free.txt; GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/dev/null git commit -qm x",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`core.hooksPath` in another user's settings, by `GIT_CONFIG_GLOBAL`",
        script: "change free.txt; git config -f ../global core.hooksPath /dev/null; GIT_CONFIG_GLOBAL=$BASE/global git commit -qm x",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`core.hooksPath` in the repository's own settings",
        script: "change free.txt; git config core.hooksPath /dev/null; git commit -qm x",
        ends: Ends::Found {
            at: "`ai hooks status` and `ai doctor`, which say that Git looks elsewhere; once that is mended, the push",
            look: "! $AI hooks status >/dev/null; git config --unset core.hooksPath; git push -q origin HEAD:refs/heads/new",
            record: "bypass.found",
        },
    },
    Row {
        door: DOOR,
        way: "taking away the hook's right to be run",
        script: "change free.txt; chmod -x .git/hooks/pre-commit; git commit -qm x",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "deleting the hook",
        script: "change free.txt; rm .git/hooks/pre-commit; git commit -qm x",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "a hook that asks `true` in place of `ai`",
        script: "change free.txt; echo 'exec true' >.git/hooks/pre-commit; git commit -qm x 2>/dev/null; chmod +x .git/hooks/pre-commit",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`AI_HOOKS_SKIP`",
        script: "change held.txt; AI_HOOKS_SKIP='it is urgent' git commit -qm x",
        ends: Ends::Found {
            at: "the next command that writes, and the push",
            look: "$AI task create next >/dev/null; git push -q origin HEAD:refs/heads/new",
            record: "bypass.found, bypass.found, deny built-in.locked-paths",
        },
    },
    Row {
        door: DOOR,
        way: "`AI_HOOKS_SKIP`, where a manager of hooks calls `ai hooks run`",
        script: "printf '#!/bin/sh\n\"$AI\" hooks run pre-commit\n' >.git/hooks/pre-commit; change held.txt; ! git commit -qm x 2>/dev/null; \
                 AI_HOOKS_SKIP='it is urgent' git commit -qm x",
        ends: Ends::Found {
            at: "the next command that writes, and the push",
            look: "$AI task create next >/dev/null; git push -q origin HEAD:refs/heads/new",
            record: "deny built-in.locked-paths, bypass.found, bypass.found, deny built-in.locked-paths",
        },
    },
    Row {
        door: DOOR,
        way: "`git commit-tree` and `git update-ref`",
        script: "change held.txt; git update-ref refs/heads/main \"$(made)\"",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`git commit-tree` and `git reset`",
        script: "change free.txt; git reset -q --soft \"$(made)\"",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`git commit-tree` and `git checkout -B`",
        script: "change free.txt; git checkout -q -B main \"$(made)\"",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`git commit-tree` and `git branch -f`",
        script: "change free.txt; git branch new; git branch -f new \"$(made)\"; git checkout -q new",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`git branch -M` of another branch onto it",
        script: "side held.txt; git checkout -q side; git branch -M main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`git symbolic-ref HEAD` to another branch",
        script: "side held.txt; git symbolic-ref HEAD refs/heads/side",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`git fast-import`",
        script: "printf 'commit refs/heads/new\\ncommitter A <a@b> 1 +0000\\ndata 1\\nxfrom refs/heads/main\\nM 644 inline free.txt\\ndata 1\\nx\\n' \
                 | git fast-import --quiet; git symbolic-ref HEAD refs/heads/new",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "a branch written by hand, below `refs/heads/`",
        script: "change held.txt; made=$(made); echo \"$made\" >.git/refs/heads/main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "a branch written by hand, into `packed-refs`",
        script: "change held.txt; printf '# pack-refs with: peeled fully-peeled sorted \\n%s refs/heads/main\\n' \"$(made)\" >.git/packed-refs; \
                 rm .git/refs/heads/main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`git cherry-pick`",
        script: "side held.txt; git cherry-pick side >/dev/null",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`git revert`",
        script: "change free.txt; git commit -qm x; git revert --no-edit HEAD >/dev/null",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`git rebase`",
        script: "side free.txt; change new.txt; git commit -qm x; git checkout -q side; git rebase -q main",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`git am`",
        script: "side held.txt; git format-patch -q -o .. main..side; git am -q ../0001-past.patch",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "a commit of `git stash`, made a branch",
        script: "change held.txt; git stash -q; git reset -q --hard stash@{0}",
        ends: HELD,
    },
    Row {
        door: "pre-merge-commit",
        way: "`git merge --no-ff --no-verify`",
        script: "side held.txt; git merge -q --no-ff --no-edit --no-verify side",
        ends: HELD,
    },
    Row {
        door: "pre-merge-commit",
        way: "a merge that goes forward alone",
        script: "side held.txt; git merge -q --ff-only side",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`--no-verify` into paths beyond those of the task",
        script: "echo 'outside_paths: deny' >>.ai/policy.yaml; printf 'version: 1\\nchecks: {unit: {run: \"true\"}}\\n' >.ai/config.yaml; \
                 git add .ai; git commit -qm narrow; $AI trust >/dev/null; $AI task create One --path src/ >/dev/null; \
                 $AI task claim --next >../claimed; change free.txt; ! git commit -qm x 2>/dev/null; past",
        ends: Ends::Found {
            at: "the end of the task; a push does not know for which task a commit was made",
            look: "git push -q origin HEAD:refs/heads/new; id=$(cut -d' ' -f1 ../claimed | head -n 1); $AI task done \"$id\"",
            record: "deny built-in.outside-paths, bypass.found, deny built-in.outside-paths",
        },
    },
    Row {
        door: DOOR,
        way: "a change, and its reverse in the next commit",
        script: "change held.txt; past; git checkout -q HEAD~1 held.txt; past",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "`--no-verify`, then amended by the hook",
        script: "change free.txt; past; git commit -q --amend -m other",
        ends: BYPASS,
    },
    Row {
        door: DOOR,
        way: "`git replace` with a commit that is harmless",
        script: "change held.txt; past; bad=$(git rev-parse HEAD); git checkout -q -b good HEAD~1; change free.txt; git commit -qm x; \
                 good=$(git rev-parse HEAD); git checkout -q main; git replace \"$bad\" \"$good\"",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "a graft that leaves the commit out of history",
        script: "change held.txt; past; change free.txt; git commit -qm x; \
                 echo \"$(git rev-parse HEAD) $(git rev-parse HEAD~2)\" >.git/info/grafts",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "objects of another repository, by alternates",
        script: "git clone -q . ../clone; cd ../clone; change held.txt; git commit -qm x; made=$(git rev-parse HEAD); cd \"$REPO\"; \
                 echo \"$BASE/clone/.git/objects\" >.git/objects/info/alternates; git update-ref refs/heads/main \"$made\"",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "a clone without hooks, fetched from by its address",
        script: "git clone -q . ../clone; cd ../clone; change held.txt; git commit -qm x; cd \"$REPO\"; git pull -q --ff-only ../clone main",
        ends: HELD,
    },
    Row {
        door: DOOR,
        way: "another repository, fetched from as a remote",
        script: "git clone -q . ../clone; cd ../clone; change held.txt; git commit -qm x; cd \"$REPO\"; git remote add clone ../clone; \
                 git fetch -q clone; git merge -q --ff-only clone/main; git push -q origin HEAD:refs/heads/new",
        ends: Ends::Unseen(
            "what came from a remote was made elsewhere, where this repository's locks and hooks do not count; policy is asked about the push",
        ),
    },
    Row {
        door: DOOR,
        way: "a branch of a remote that is written by hand",
        script: "change held.txt; past; git update-ref refs/remotes/origin/new HEAD; git push -q origin HEAD:refs/heads/new",
        ends: Ends::Unseen(
            "whoever writes in the git directory can say that the other side has it; a server asks",
        ),
    },
    Row {
        door: DOOR,
        way: "the memory of the hooks, written by hand",
        script: "change free.txt; past; git rev-parse HEAD >>.git/ai/doors-base; git push -q origin HEAD:refs/heads/new",
        ends: Ends::Unseen(
            "it lies in the git directory, and is a memory and no proof; a server asks",
        ),
    },
    Row {
        door: DOOR,
        way: "a commit within a submodule",
        script: "git init -q sub; cd sub; change held.txt; git commit -qm x; cd ..",
        ends: Ends::Unseen(
            "a submodule is a repository of its own, and has no hooks of this one; the commit that takes it in is judged",
        ),
    },
    Row {
        door: "policy",
        way: "the rule taken out by an agent, and committed past the hook",
        script: "export AI_ACTOR=agent:codex; echo 'version: 1\ndefault: allow' >.ai/policy.yaml; git add .ai; past; mkdir ci; change ci/a; git commit -qm x",
        ends: Ends::Found {
            at: "the push, by the policy that was there before",
            look: "AI_ACTOR=agent:codex git push -q origin HEAD:refs/heads/new",
            record: "bypass.found, deny no-ci",
        },
    },
    Row {
        door: "policy",
        way: "a rule in the place of a built-in one, committed past the hook",
        script: "export AI_ACTOR=agent:codex; printf 'version: 1\ndefault: allow\nrules: [{id: built-in.protect-ai, on: [push, commit], paths: [zzz], effect: allow, reason: mine}]\n' \
                 >.ai/policy.yaml; git add .ai; past; mkdir ci; change ci/a; git commit -qm x",
        ends: Ends::Found {
            at: "the push, by the policy that was there before",
            look: "AI_ACTOR=agent:codex git push -q origin HEAD:refs/heads/new",
            record: "bypass.found, deny no-ci",
        },
    },
    Row {
        door: "policy",
        way: "a policy of an agent's own on a branch that has none yet",
        script: "export AI_ACTOR=agent:codex; git checkout -q --orphan fresh; git rm -rq --cached .; echo 'version: 1\ndefault: allow' >.ai/policy.yaml; \
                 mkdir ci; change ci/a; git commit -qm x",
        ends: Ends::Refused("deny no-ci"),
    },
    Row {
        door: "policy",
        way: "the mode taken out of an agent's file, where there is no other policy",
        script: "git rm -q .ai/policy.yaml; mkdir -p .ai/agents; printf 'version: 1\nname: eva\nconnector: claude-code\nmode: analysis_only\n' >.ai/agents/eva.yaml; \
                 git add .ai; git commit -qm agents; now; sed -i /^mode/d .ai/agents/eva.yaml; $AI --as agent:eva lock acquire src/",
        ends: Ends::Refused("deny built-in.mode-analysis-only"),
    },
    Row {
        door: "policy",
        way: "an older commit, whose policy is another one",
        script: "echo 'version: 1\ndefault: allow' >.ai/policy.yaml; git commit -qam older; git tag older; git checkout -q HEAD~1 .ai; git commit -qam newer; \
                 git checkout -q older; mkdir ci; change ci/a; AI_ACTOR=agent:codex git commit -qm x",
        ends: Ends::Unseen(
            "a checkout has the policy of the commit on which it stands; a server judges by its own",
        ),
    },
    Row {
        door: "policy",
        way: "an agent that calls itself a person: `AI_ACTOR=human:ann`",
        script: "change free.txt; AI_ACTOR=human:ann git commit -qm x",
        ends: Ends::Unseen(
            "outside of a run who acts is believed; within one the supervisor knows who it is",
        ),
    },
    Row {
        door: "policy",
        way: "an agent outside of a run that leads `XDG_CONFIG_HOME` away from the user's own layer",
        script: "mkdir -p \"$XDG_CONFIG_HOME/ai\"; echo 'version: 1\nrules: [{id: mine, on: [commit], effect: deny, reason: mine}]' \
                 >\"$XDG_CONFIG_HOME/ai/policy.yaml\"; change free.txt; XDG_CONFIG_HOME=$BASE/none AI_ACTOR=agent:codex git commit -qm x",
        ends: Ends::Unseen(
            "outside of a run the environment is believed; what binds agents there stands in the project's policy, and within a run the supervisor has the layer",
        ),
    },
];
