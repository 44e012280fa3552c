//! Ways past the hooks of a clone, at a server.

use super::kit::{Ends, Row, hold};
use crate::support::Sandbox;

#[test]
fn a_server_judges_whatever_comes() {
    hold("server", server, ROWS);
}

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: no-keys, on: [commit], paths: ['*.pem'], effect: deny, reason: keys do not belong in git}
  - {id: no-site, on: [push], paths: [site/], when: 'branch == \"refs/heads/main\"', effect: deny, reason: it is published by others}
  - {id: no-release, on: [push], when: 'branch == \"refs/heads/release\"', effect: deny, reason: releases are made elsewhere}
";

/// A project, and a server behind whose hook its policy answers.
fn server() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.git(&["init", "-q", "--bare", "-b", "main", "../other.git"]);
    let server = sandbox.base().join("other.git");
    let installed = sandbox.ai_in(&server, &["hooks", "install", "--server"]);
    assert_eq!(installed.code, Some(0), "{installed}");
    sandbox.git(&["remote", "add", "origin", "../other.git"]);
    sandbox.write(".ai/policy.yaml", POLICY);
    sandbox.commit("a policy");
    sandbox.git(&["push", "-q", "origin", "main"]);
    sandbox
}

const DOOR: &str = "server";
const KEY: Ends = Ends::Said(
    "error: policy denies commit [SHORT] to …: keys do not belong in git …(rule `no-keys`)",
);
const RELEASE: Ends = Ends::Said(
    "error: policy denies the push to refs/heads/release: releases are made elsewhere (rule `no-release`)",
);

pub const ROWS: &[Row] = &[
    Row {
        door: DOOR,
        way: "`git push --no-verify`",
        script: "change key.pem; past; now; git push -q --no-verify origin main",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "`core.hooksPath` in the clone",
        script: "change key.pem; past; now; git -c core.hooksPath=/dev/null push -q origin main",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "another clone, which has no hooks",
        script: "git clone -q ../other.git ../clone; cd ../clone; change key.pem; git commit -qm x; git push -q",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "a bare clone",
        script: "change key.pem; past; git clone -q --bare . ../bare.git; now; git -C ../bare.git push -q ../other.git main",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "the key, and its removal in the next commit",
        script: "change key.pem; past; git rm -q key.pem; past; now; git push -q origin main",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "the policy loosened in the same push",
        script: "echo 'version: 1\ndefault: allow' >.ai/policy.yaml; git add .ai; past; change key.pem; past; now; git push -q origin main",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "another branch, on which the policy is another",
        script: "git rm -q .ai/policy.yaml; past; change key.pem; past; now; git push -q origin main:new",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "what may not go to one branch, to another branch first",
        script: "mkdir site; change site/a; git commit -qm x; git push -q origin main:side; now; git push -q origin main",
        ends: Ends::Said(
            "error: policy denies the push to refs/heads/main: it is published by others",
        ),
    },
    Row {
        door: DOOR,
        way: "a server whose HEAD names a branch that is not there",
        script: "git -C ../other.git symbolic-ref HEAD refs/heads/none; change key.pem; past; now; git push -q origin main",
        ends: Ends::Said(
            "error: HEAD of that repository names refs/heads/none, which is not there",
        ),
    },
    Row {
        door: DOOR,
        way: "a branch from before the policy",
        script: "git checkout -q -b old HEAD~1; change key.pem; past; now; git push -q origin old",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "a tag, notes, and a reference of no kind that Git knows",
        script: "change key.pem; past; now; ! git push -q origin HEAD:refs/tags/x && ! git push -q origin HEAD:refs/notes/x && \
                 now; git push -q origin HEAD:refs/mine/x",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "several references at once",
        script: "change key.pem; past; now; git push -q origin main:one main:refs/tags/two",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "the commit of the policy replaced there, by `refs/replace/`",
        script: "policy=$(git rev-parse HEAD); none=$(git commit-tree HEAD~1^{tree} -p HEAD~1 -m x); \
                 git push -q origin \"$none:refs/replace/$policy\"; change key.pem; past; now; git push -q origin main",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "a graft and a replacement in the clone",
        script: "change key.pem; past; change free.txt; past; echo \"$(git rev-parse HEAD) $(git rev-parse HEAD~2)\" >.git/info/grafts; \
                 now; git push -q origin main",
        ends: Ends::Said(" ! [remote rejected] main -> main (missing necessary objects)"),
    },
    Row {
        door: DOOR,
        way: "`AI_HOOKS_SKIP` and `AI_RUN` in the environment",
        script: "change key.pem; past; now; AI_HOOKS_SKIP=why AI_RUN=t-1.1 git push -q origin main",
        ends: KEY,
    },
    Row {
        door: DOOR,
        way: "another name on the other side, for a protected one",
        script: "git push -q origin main:release",
        ends: RELEASE,
    },
    Row {
        door: DOOR,
        way: "deleting a protected reference",
        script: "git -C ../other.git update-ref refs/heads/release main; now; git push -q origin :release",
        ends: RELEASE,
    },
    Row {
        door: DOOR,
        way: "a policy that cannot be read, onto the branch that judges",
        script: "echo ']' >.ai/policy.yaml; git add .ai; past; now; git push -q origin main",
        ends: Ends::Said("error: the policy of [SHORT] cannot be read"),
    },
    Row {
        door: DOOR,
        way: "the program gone there",
        script: "sed -i 's,^ai=.*,ai=/dev/null/ai,' ../other.git/hooks/update; change free.txt; past; now; git push -q origin main",
        ends: Ends::Said("ai: update: /dev/null/ai is gone, and no ai is in PATH"),
    },
    Row {
        door: DOOR,
        way: "writing into its git directory, by a path",
        script: "change key.pem; past; git -C ../other.git fetch -q ../repo main:new",
        ends: Ends::Unseen(
            "whoever can write its files is no client; let agents reach it over the network alone",
        ),
    },
];
