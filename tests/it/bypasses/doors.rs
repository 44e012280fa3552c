//! Ways past what `ai` itself is asked to do: other names, words of persons, edited files, tokens that lie about.

use super::kit::{Ends, Row, hold};
use crate::support::Sandbox;

#[test]
fn what_is_a_persons_or_anothers_stays_theirs() {
    hold("doors", scene, ROWS);
}

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: ask, on: [lock.acquire], paths: [deploy/], effect: require_approval, reason: it goes to production}
  - {id: no-keys, on: [lock.acquire], actors: ['agent:*'], paths: [keys/], effect: deny, reason: keys are not for agents}
";

/// A project in which `bot` may only analyse and `agent:ben` holds a task with `src/`.
fn scene() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", POLICY);
    let bot = [
        "agent",
        "register",
        "bot",
        "--connector",
        "command",
        "--mode",
        "analysis_only",
        "--",
        "true",
    ];
    sandbox.ai_ok(&bot);
    sandbox.commit("set up");
    let id = sandbox.task("One", &["--path", "src/"]);
    let claimed = sandbox.ai_ok(&["task", "claim", &id, "--as", "agent:ben"]);
    let token = claimed
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("lease  "));
    std::fs::write(sandbox.base().join("id"), &id).unwrap();
    std::fs::write(sandbox.base().join("token"), token.unwrap()).unwrap();
    sandbox
}

/// The lock of the scene is named as the reason.
const HELD: Ends = Ends::Said("error: …locked exclusively by agent:ben");
const PERSONS: Ends = Ends::Refused("deny built-in.humans-trust");

pub const ROWS: &[Row] = &[
    Row {
        door: "lease",
        way: "the token of another, in `AI_LEASE`, under one's own name",
        script: "AI_LEASE=$(cat ../token) $AI task heartbeat \"$(cat ../id)\" --as agent:eva",
        ends: Ends::Refused("lease.refused"),
    },
    Row {
        door: "lease",
        way: "a token of the right task with another secret",
        script: "$AI task heartbeat \"$(cat ../id)\" --lease \"$(cut -d. -f1,2 ../token).aaaaaaaaaaaaaaaaaaaaaaaaaa\"",
        ends: Ends::Refused("lease.refused"),
    },
    Row {
        door: "lease",
        way: "the holder's name, outside of a run: `--as agent:ben`",
        script: "$AI task heartbeat \"$(cat ../id)\" --as agent:ben",
        ends: Ends::Unseen(
            "users of one machine trust each other, and in one checkout a name is believed; a session (`agent:ben#s1`) and a run are not",
        ),
    },
    Row {
        door: "lock",
        way: "a path below what is held, by `..`",
        script: "mkdir -p src; ln -s src alias; $AI lock acquire ./alias/../src//a --as agent:eva",
        ends: Ends::Said("error: path pattern `./alias/../src//a` contains `..`"),
    },
    Row {
        door: "lock",
        way: "`locks.case` made looser in the configuration, which is not committed",
        script: "echo 'version: 1\nlocks: {case: folding}' >.ai/config.yaml; git add .ai; git commit -qm config; now; \
                 echo 'version: 1\nlocks: {case: sensitive}' >.ai/config.yaml; $AI lock acquire SRC/a --as agent:eva",
        ends: HELD,
    },
    Row {
        door: "lock",
        way: "the configuration deleted, and `locks.case` with it",
        script: "echo 'version: 1\nlocks: {case: folding}' >.ai/config.yaml; git add .ai; git commit -qm config; now; \
                 rm .ai/config.yaml; $AI lock acquire SRC/a --as agent:eva",
        ends: HELD,
    },
    Row {
        door: "lock",
        way: "a module that means something else in the configuration, which is not committed",
        script: "echo 'version: 1\nmodules: {core: [src/]}' >.ai/config.yaml; git add .ai; git commit -qm config; now; \
                 echo 'version: 1\nmodules: {core: [lib/]}' >.ai/config.yaml; $AI lock acquire @core --as agent:eva",
        ends: HELD,
    },
    Row {
        door: "approvals",
        way: "the agent that asked says yes itself",
        script: "! $AI lock acquire deploy/ --as agent:eva 2>/dev/null; $AI approve \"$($AI approvals --json | grep -o 'd-[a-z0-9]*' | head -n 1)\" --as agent:eva",
        ends: Ends::Said("error: only a person can approve, and agent:eva is none"),
    },
    Row {
        door: "approvals",
        way: "a yes to another question, then asking anew",
        script: "! $AI lock acquire deploy/a --as agent:eva 2>/dev/null; $AI approve \"$($AI approvals --json | grep -o 'd-[a-z0-9]*' | head -n 1)\" --as ann >/dev/null; \
                 $AI lock acquire deploy/ --as agent:eva",
        ends: Ends::Refused("require_approval ask, policy.approved, require_approval ask"),
    },
    Row {
        door: "policy",
        way: "`ai trust` by an agent",
        script: "$AI trust --as agent:eva",
        ends: PERSONS,
    },
    Row {
        door: "policy",
        way: "the mode loosened in the agent's own file",
        script: "sed -i s/analysis_only/normal/ .ai/agents/bot.yaml; $AI lock acquire lib/ --as agent:bot",
        ends: Ends::Refused("deny built-in.mode-analysis-only"),
    },
    Row {
        door: "policy",
        way: "the agent's file deleted, and its mode with it",
        script: "rm .ai/agents/bot.yaml; $AI lock acquire lib/ --as agent:bot",
        ends: Ends::Refused("deny built-in.mode-analysis-only"),
    },
    Row {
        door: "policy",
        way: "a layer of one's own that allows it",
        script: "mkdir .ai/agents/eva; printf 'version: 1\\nrules: [{id: no-keys, on: [lock.acquire], effect: allow, reason: mine}]\\n' >.ai/agents/eva/policy.yaml; \
                 $AI lock acquire keys/ --as agent:eva",
        ends: Ends::Refused("deny no-keys"),
    },
    Row {
        door: "policy",
        way: "another kind of name for an agent: `hook:`, `daemon:`",
        script: "$AI trust --as hook:eva",
        ends: PERSONS,
    },
    Row {
        door: "task done",
        way: "`--override` by an agent, in the place of checks",
        script: "$AI task done \"$(cat ../id)\" --override 'it is fine' --as agent:ben",
        ends: Ends::Refused("require_approval built-in.humans-override"),
    },
    Row {
        door: "pre-commit",
        way: "`ai hooks uninstall` by an agent",
        script: "$AI hooks install >/dev/null 2>&1; $AI hooks uninstall --as agent:eva",
        ends: Ends::Said("error: only a person may change the hooks of Git"),
    },
    Row {
        door: "pre-push",
        way: "`ai hooks status --seen` by an agent, to hide what was found",
        script: "$AI hooks install >/dev/null 2>&1; $AI hooks status --seen --as agent:eva",
        ends: Ends::Said("error: only a person may change the hooks of Git"),
    },
    Row {
        door: "pre-tool",
        way: "`ai guard uninstall` by an agent",
        script: "$AI guard install claude >/dev/null 2>&1; $AI guard uninstall claude --as agent:eva",
        ends: Ends::Said("error: only a person may change what the CLI of an agent asks"),
    },
    Row {
        door: "store",
        way: "`.ai/state` led elsewhere, to another store",
        script: "rm .ai/state; mkdir ../mine; ln -s ../../mine .ai/state; $AI task claim \"$(cat ../id)\" --as agent:eva",
        ends: Ends::Said("error: [TASK] is held by agent:ben"),
    },
];
