//! The hook of a repository to which others push: Git asks `ai` there before a reference is updated, and no
//! way past the hooks of a clone leads past it.

use std::path::PathBuf;

use crate::snapshot;
use crate::support::{Outcome, Sandbox, mask, run, tree};

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: no-keys, on: [commit], paths: ['*.pem'], effect: deny, reason: keys do not belong in git}
  - {id: ci-needs-a-person, on: [commit], actors: ['agent:*'], paths: [.github/], effect: require_approval, reason: these files run with secrets}
  - {id: nobody-pushes-release, on: [push], when: 'branch == \"refs/heads/release\"', effect: deny, reason: releases are made elsewhere}
  - {id: long, on: [commit], paths: [big/], effect: warn, reason: this is large}
";

/// A server that has the policy, and a clone whose own hooks ask nobody.
fn scene() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::repository();
    let server = sandbox.base().join("server.git");
    sandbox.git(&[
        "init",
        "-q",
        "--bare",
        "-b",
        "main",
        server.to_str().unwrap(),
    ]);
    let installed = sandbox.ai_in(&server, &["hooks", "install", "--server"]);
    assert_eq!(installed.code, Some(0), "{installed}");
    sandbox.git(&["remote", "add", "origin", server.to_str().unwrap()]);
    sandbox.write(".ai/policy.yaml", POLICY);
    sandbox.commit("a policy");
    // There is none yet that could say no.
    assert_eq!(push(&sandbox, "main").code, Some(0));
    (sandbox, server)
}

fn push(sandbox: &Sandbox, to: &str) -> Outcome {
    sandbox.try_git(
        &sandbox.root(),
        &["push", "-q", "--no-verify", "origin", to],
    )
}

/// What the server says, without the line of Git behind it.
fn refused(sandbox: &Sandbox, to: &str) -> String {
    let outcome = push(sandbox, to);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let said = outcome.stderr.lines();
    let said: Vec<String> = said
        .filter_map(|line| line.strip_prefix("remote: "))
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    mask(&said.concat())
}

fn commit(sandbox: &Sandbox, path: &str, message: &str) {
    sandbox.write(path, path);
    sandbox.git(&["add", path]);
    sandbox.git(&["commit", "-q", "-m", message]);
}

#[test]
fn every_commit_of_a_push_is_judged_by_the_policy_of_the_server() {
    let (sandbox, _) = scene();
    let before = sandbox.git(&["rev-parse", "HEAD"]);
    commit(&sandbox, "src/a", "fine");
    assert_eq!(push(&sandbox, "main").code, Some(0));
    commit(&sandbox, "key.pem", "a key");
    sandbox.git(&["rm", "-q", "key.pem"]);
    sandbox.git(&["commit", "-q", "-m", "and away again"]);
    snapshot!(refused(&sandbox, "main"), @"
    error: policy denies commit [SHORT] to refs/heads/main: keys do not belong in git (key.pem) (rule `no-keys`); commit [SHORT] to refs/heads/main: keys do not belong in git (key.pem) (rule `no-keys`)
      next: `.ai/policy.yaml` at HEAD of that repository answered
    error: hook declined to update refs/heads/main
    ");
    // Its own policy, and an old one, are not asked.
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: allow\n");
    sandbox.commit("no rules any more");
    for branch in [
        "main:refs/heads/other",
        "main:refs/tags/v1",
        "main:refs/notes/x",
    ] {
        refused(&sandbox, branch);
    }
    sandbox.git(&["checkout", "-q", "-B", "old", &format!("{before}~1")]);
    commit(&sandbox, "other.pem", "from before the policy");
    refused(&sandbox, "old");
    sandbox.git(&["checkout", "-q", "-B", "main", &before]);
    commit(&sandbox, "big/a", "warned of");
    let outcome = push(&sandbox, "main:refs/heads/big");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    snapshot!(mask(&outcome.stderr), @"remote: warning: commit [SHORT] to refs/heads/big: this is large (big/a) (rule `long`)");
}

#[test]
fn agents_are_known_by_their_commits_and_references_by_their_names() {
    let (sandbox, server) = scene();
    commit(&sandbox, ".github/ci.yml", "a person's");
    assert_eq!(push(&sandbox, "main").code, Some(0));
    commit(
        &sandbox,
        ".github/more.yml",
        "an agent's\n\nAI-Agent: codex",
    );
    snapshot!(refused(&sandbox, "main"), @"
    error: policy wants a person's yes, which a server cannot ask for: commit [SHORT] to refs/heads/main: these files run with secrets (.github/more.yml) (rule `ci-needs-a-person`)
      next: `.ai/policy.yaml` at HEAD of that repository answered
    error: hook declined to update refs/heads/main
    ");
    sandbox.git(&["reset", "-q", "--hard", "HEAD~1"]);
    snapshot!(refused(&sandbox, "main:refs/heads/release"), @"
    error: policy denies the push to refs/heads/release: releases are made elsewhere (rule `nobody-pushes-release`)
      next: `.ai/policy.yaml` at HEAD of that repository answered
    error: hook declined to update refs/heads/release
    ");
    assert_eq!(push(&sandbox, "main:refs/heads/feature").code, Some(0));
    assert_eq!(push(&sandbox, ":refs/heads/feature").code, Some(0));
    let refs = sandbox.try_git(&server, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs.stdout, "refs/heads/main\n");
}

#[test]
fn a_server_whose_ai_breaks_down_takes_nothing() {
    let (sandbox, server) = scene();
    let file = server.join("hooks/update");
    let shim = std::fs::read_to_string(&file).unwrap();
    let program = shim.lines().find(|line| line.starts_with("ai=")).unwrap();
    std::fs::write(&file, shim.replace(program, "ai=/bin/false")).unwrap();
    commit(&sandbox, "a", "a");
    for skip in ["", "AI_HOOKS_SKIP=why "] {
        let line = format!("{skip}git push -q --no-verify origin main");
        let mut shell = sandbox.command("sh");
        let outcome = run(shell.current_dir(sandbox.root()).args(["-c", &line]));
        assert_eq!(outcome.code, Some(1), "{outcome}");
    }
}

/// It would deny each later push, the one that mends it, too.
#[test]
fn a_policy_that_cannot_be_read_does_not_come_to_the_branch_that_judges() {
    let (sandbox, _) = scene();
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: nonsense\n");
    sandbox.commit("broken");
    snapshot!(refused(&sandbox, "main"), @"
    error: the policy of [SHORT] cannot be read, and would deny each later push: .ai/policy.yaml:2:10: `default` cannot be `nonsense`; known are allow, warn, require_approval, deny
      next: `ai policy validate` in your checkout tells what is wrong; commit it mended, and push again
    error: hook declined to update refs/heads/main
    ");
    assert_eq!(push(&sandbox, "main:refs/heads/draft").code, Some(0));
}

#[test]
fn the_hook_comes_and_goes_without_a_trace() {
    let sandbox = Sandbox::repository();
    let server = sandbox.base().join("server.git");
    sandbox.git(&[
        "init",
        "-q",
        "--bare",
        "-b",
        "main",
        server.to_str().unwrap(),
    ]);
    let own = server.join("hooks/update");
    std::fs::write(&own, "#!/bin/sh\nexit 0\n").unwrap();
    let before = tree(&server, |_| true);
    let install = ["hooks", "install", "--server"];
    snapshot!(sandbox.ai_in(&server, &[&install[..], &["--dry-run"]].concat()), @"
    exit: 0
    ----- stdout -----
    update                asks the hook that stood there, then `ai`
    ----- stderr -----
    ");
    assert_eq!(tree(&server, |_| true), before);
    snapshot!(sandbox.ai_in(&server, &install), @"
    exit: 0
    ----- stdout -----
    update                asks the hook that stood there, then `ai`
    ----- stderr -----
    hint: the policy at HEAD of this repository answers each push; `ai hooks uninstall` takes the hook away
    ");
    let mut status = sandbox.ai_in(&server, &["hooks", "status"]);
    status.stdout = status.stdout.replace(env!("CARGO_BIN_EXE_ai"), "[AI]");
    snapshot!(status, @"
    exit: 0
    ----- stdout -----
    pre-commit            absent     `ai hooks install` makes it
    pre-merge-commit      absent     `ai hooks install` makes it
    pre-push              absent     `ai hooks install` makes it
    reference-transaction absent     `ai hooks install --reference-transaction` makes it
    update                installed  asks [AI]; first it asks [PATH]/server.git/hooks/update.before-ai
    ----- stderr -----
    ");
    snapshot!(sandbox.ai_in(&server, &["hooks", "uninstall"]), @"
    exit: 0
    ----- stdout -----
    restored  [PATH]/server.git/hooks/update
    ----- stderr -----
    ");
    assert_eq!(tree(&server, |_| true), before);
}
