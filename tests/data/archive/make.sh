#!/bin/sh
# Makes an archived store with the `ai` of its time: make.sh PATH_TO_AI DIRECTORY
#
# Every kind of thing that a store can hold is in it: tasks in every state, a dependency, a parent, locks, a lease, runs that were
# accepted, rejected and failed, an override, a refused write, decisions and evidence. DIRECTORY must not exist; it gets `ai.db`, the
# export `export.jsonl` and the list `tasks.jsonl`, all as that `ai` wrote them.
set -eu
ai=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
scene=$(mktemp -d)
trap 'rm -rf "$scene"' EXIT
export HOME="$scene/home" XDG_CONFIG_HOME="$scene/home/.config" USER=ann AI_SANDBOX=none
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=ann GIT_AUTHOR_EMAIL=ann@example.com GIT_COMMITTER_NAME=ann GIT_COMMITTER_EMAIL=ann@example.com
mkdir -p "$HOME" "$scene/repo"
cd "$scene/repo"
git init -q -b main .
echo one >one.txt
git add . && git commit -qm one
"$ai" init --yes >/dev/null
printf 'version: 1\nmodules: {core: ["src/**"]}\nchecks: {unit: {run: "test ! -f other.txt"}}\nruns: {grace: 1s}\n' >.ai/config.yaml
"$ai" agent register good --connector command --label quick -- /bin/sh -c 'cat >/dev/null; echo work >>work.txt' >/dev/null
"$ai" agent register bad --connector command -- /bin/sh -c 'cat >/dev/null; echo other >other.txt' >/dev/null
"$ai" trust --yes >/dev/null 2>&1 || "$ai" trust >/dev/null
git add -A && git commit -qm project

new() { "$ai" task create "$@" --json | sed 's/.*"id":"\(t-[a-z0-9]*\)".*/\1/'; }
accepted=$(new 'Accepted work' --body 'Two
lines, and ünïcode 🦀' --type feature --priority 1 --label a --label b --path work.txt --shared 'docs/**')
rejected=$(new 'Rejected once' --type bug --path '@core')
waiting=$(new 'Waits for the rejected one' --dep "$rejected")
part=$(new 'A part' --parent "$accepted")
held=$(new 'Held' --hold 'not yet')
failed=$(new 'Given up')
cancelled=$(new 'Cancelled')
claimed=$(new 'Claimed' --path 'lib/**')
lapsed=$(new 'Handed over')
byhand=$(new 'Done by hand')
"$ai" run "$accepted" --agent good >/dev/null 2>&1
"$ai" accept "$accepted" --override 'its part goes on alone' >/dev/null 2>&1
"$ai" run "$rejected" --agent bad >/dev/null 2>&1 || true
"$ai" task edit "$rejected" --not-before now >/dev/null
"$ai" run "$rejected" --agent good >/dev/null 2>&1
"$ai" reject "$rejected" --note 'more of it' >/dev/null 2>&1
"$ai" task edit "$part" --title 'A part, edited' --priority 4 --label c >/dev/null
"$ai" task claim "$failed" >/dev/null && "$ai" task fail "$failed" --reason 'cannot be done' >/dev/null
"$ai" task cancel "$cancelled" --reason 'not wanted' >/dev/null
token=$("$ai" task claim "$claimed" --ttl 30m --json | sed 's/.*"token":"\([^"]*\)".*/\1/')
"$ai" task checkpoint "$claimed" --next-step 'write the second half' --lease "$token" >/dev/null
"$ai" task release "$claimed" --lease "$token" --next-step 'go on at the second half' >/dev/null
"$ai" task heartbeat "$claimed" --lease "$token" >/dev/null 2>&1 && exit 1
"$ai" task claim "$claimed" --as agent:good --ttl 30m >/dev/null
"$ai" task claim "$lapsed" >/dev/null && "$ai" task handoff "$lapsed" --to agent:bad --next-step 'yours' >/dev/null
"$ai" task claim "$byhand" >/dev/null && "$ai" task done "$byhand" --override 'seen by eye' >/dev/null 2>&1
"$ai" lock acquire 'ops/**' --ttl 30m >/dev/null
"$ai" lock acquire 'notes/*' --shared --ttl 30m >/dev/null
"$ai" task dep add "$waiting" "$part" >/dev/null
: "$held"
sed -i 's/^rules:$/rules:\n  - {id: costly, on: [run.start], labels: [costly], effect: require_approval, approvals: 2, reason: it costs money}/' .ai/policy.yaml
git commit -qam 'a rule'
costly=$(new 'Costly' --label costly)
"$ai" run "$costly" --agent good >/dev/null 2>&1 && exit 1
"$ai" approve "$costly" --as human:bob --reason 'it is cheap' >/dev/null
"$ai" approve "$costly" --as human:cem --reason 'cheap enough' >/dev/null
"$ai" deny "$("$ai" policy log "$costly" --json | sed -n 's/.*"id":"\(d-[a-z0-9]*\)".*require_approval.*/\1/p' | head -1)" --reason 'not this month' >/dev/null
"$ai" log verify >/dev/null
"$ai" backup --to "$out/ai.db" >/dev/null
"$ai" export "$out/export.jsonl" >/dev/null
"$ai" task list --all --json >"$out/tasks.jsonl" 2>/dev/null || "$ai" task list --json >"$out/tasks.jsonl"
# Its leases are live for half an hour, on the machine that made it.
sed -i 's/"live":true/"live":false/' "$out/tasks.jsonl"
