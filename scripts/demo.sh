#!/bin/sh
# The demonstration behind `make demo`: two scripted agents, four tasks, one small C project, nothing faked.
#
# Everything happens below DEMO_DIR, with a home directory of its own and without a network. Each step prints the command that it
# runs and checks what came of it; the first thing that is not as promised ends the script with an error. Only processes that the
# script started itself are ever ended, each by its id.
set -eu

: "${AI_BIN:?the path of the ai binary}"
: "${DEMO_DIR:?a directory that this script may make and remove}"

MARK=.made-by-ai-demo
started=$(date +%s)
ours=""

# --- talking and checking ---------------------------------------------------------------------------------------------

title() { printf '\n### %s\n\n' "$*"; }
broken() { printf '\nThe demonstration failed: %s\n' "$*" >&2; exit 1; }
shown() { printf '$ %s\n' "$*"; }
quoted() {
    line=
    for word in "$@"; do
        case $word in *[!A-Za-z0-9/.=_{}-]*) line="$line \"$word\"" ;; *) line="$line $word" ;; esac
    done
    printf '%s' "${line# }"
}

# Runs a command that must succeed.
run() {
    shown "$(quoted "$@")"
    "$@" >"$out" 2>&1 || { code=$?; cat "$out"; broken "\`$*\` ended with $code"; }
    cat "$out"
}

# Runs a command that must end with exit code $1.
refused() {
    wanted=$1; shift
    shown "$(quoted "$@")"
    code=0; "$@" >"$out" 2>&1 || code=$?
    cat "$out"
    [ "$code" = "$wanted" ] || broken "\`$*\` ended with $code instead of $wanted"
    printf '(exit code %s)\n' "$code"
}

# What the last command printed must contain $1.
says() { grep -qF -- "$1" "$out" || broken "the last output does not say: $1"; }

# Waits, at most 20 seconds, until a command succeeds.
await() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -le 200 ] || broken "waited too long for: $*"
        sleep 0.1
    done
}

gone() { ! kill -0 "$1" 2>/dev/null; }
# An agent may have process ids of its own, so that it is looked for by its command line.
idle() {
    for file in /proc/[0-9]*/cmdline; do
        case $(tr '\0' ' ' <"$file" 2>/dev/null) in *"$DEMO_DIR/bin/$1 "*) return 1 ;; esac
    done
}
state() { ai task show "$1" --json | grep -qF "\"status\":\"$2\""; }
create() { run ai task create "$@"; }
id() { cat "$out"; }

cleanup() {
    for pid in $ours; do
        gone "$pid" || kill -9 "$pid" 2>/dev/null || true
    done
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- a place of its own -----------------------------------------------------------------------------------------------

if [ -e "$DEMO_DIR" ]; then
    [ -e "$DEMO_DIR/$MARK" ] || broken "$DEMO_DIR exists and was not made by this script"
    rm -rf "$DEMO_DIR"
fi
mkdir -p "$DEMO_DIR/home" "$DEMO_DIR/bin" "$DEMO_DIR/sync" "$DEMO_DIR/repo"
DEMO_DIR=$(cd "$DEMO_DIR" && pwd -P)
touch "$DEMO_DIR/$MARK"
ln -s "$(cd "$(dirname "$AI_BIN")" && pwd -P)/$(basename "$AI_BIN")" "$DEMO_DIR/bin/ai"
out=$DEMO_DIR/out
unset AI_LEASE AI_ACTOR AI_RUN XDG_CONFIG_HOME GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE NO_COLOR 2>/dev/null || true
export DEMO_DIR HOME="$DEMO_DIR/home" USER=demo PATH="$DEMO_DIR/bin:$PATH"
# The scripted agents keep time by files outside of their worktrees, which the sandbox would not let them write.
export AI_SANDBOX=none
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_PAGER=cat GIT_TERMINAL_PROMPT=0
export LANG=C LC_ALL=C GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@example.com GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@example.com
cd "$DEMO_DIR/repo"

# --- a small project with a real check ---------------------------------------------------------------------------------

mkdir src tests docs
cat >src/count.h <<'C'
/* Counting what stands in a text. */
struct counts { long lines, words; };
void count(const char *text, struct counts *found);
C
cat >src/count.c <<'C'
#include "count.h"
#include <ctype.h>

void count(const char *text, struct counts *found) {
    int inside = 0;
    found->lines = found->words = 0;
    for (; *text; text++) {
        if (*text == '\n') found->lines++;
        if (isspace((unsigned char)*text)) inside = 0;
        else if (!inside) inside = 1, found->words++;
    }
}
C
cat >src/report.h <<'C'
#include "count.h"
void report(const struct counts *found);
C
cat >src/report.c <<'C'
#include "report.h"
#include <stdio.h>

void report(const struct counts *found) {
    printf("%ld %ld\n", found->lines, found->words);
}
C
cat >src/main.c <<'C'
#include "report.h"
#include <stdio.h>

int main(void) {
    static char text[1 << 16];
    struct counts found;
    text[fread(text, 1, sizeof text - 1, stdin)] = 0;
    count(text, &found);
    report(&found);
    return 0;
}
C
cat >tests/run.sh <<'T'
#!/bin/sh
# The last line of the report holds the counts.
set -eu
seen=$(printf 'one two\nthree\n' | ./tally | tail -n 1)
case $seen in "2 3"*) echo "ok: $seen" ;; *) echo "not ok: $seen"; exit 1 ;; esac
T
cat >Makefile <<'M'
tally: src/*.c src/*.h
	cc -Wall -Werror -o tally src/main.c src/count.c src/report.c

test: tally
	sh tests/run.sh
M
echo 'tally counts lines and words of its standard input.' >docs/usage.md
printf 'tally\n' >.gitignore

# --- two agents: each reads its prompt and edits real files --------------------------------------------------------------

cat >"$DEMO_DIR/bin/ada" <<'A'
#!/bin/sh
# Agent `ada`: counts the longest line; describes the report; waits where the demonstration wants to look on.
set -eu
prompt=$1
wait_for() { n=0; while [ ! -e "$DEMO_DIR/sync/$1" ]; do n=$((n + 1)); [ $n -lt 300 ] || exit 1; sleep 0.1; done; }
case $(head -n 1 "$prompt") in
"# Count the longest line")
    touch "$DEMO_DIR/sync/ada-works"
    wait_for both-seen
    sed -i 's/long lines, words;/long lines, words, longest;/' src/count.h
    sed -i -e 's/int inside = 0;/int inside = 0;\n    long width = 0;/' \
        -e 's/found->lines = found->words = 0;/found->lines = found->words = found->longest = 0;/' \
        -e "s/if (\*text == '.n') found->lines++;/&\n        width = *text == '\\\\n' ? 0 : width + 1;\n        if (width > found->longest) found->longest = width;/" \
        src/count.c
    ;;
"# Describe the report")
    echo 'It prints one line: the number of lines, then the number of words.' >>docs/usage.md
    if [ ! -e "$DEMO_DIR/sync/cut-off" ]; then
        touch "$DEMO_DIR/sync/halfway"
        wait_for never
    fi
    echo 'Its exit code is 0.' >>docs/usage.md
    ;;
*) echo "no idea how to do that"; exit 1 ;;
esac
echo "edited: $(ls -d src docs | tr '\n' ' ')"
A
cat >"$DEMO_DIR/bin/ben" <<'B'
#!/bin/sh
# Agent `ben`: prints a header line. Forgets a semicolon, until a note in the prompt says so.
set -eu
prompt=$1
wait_for() { n=0; while [ ! -e "$DEMO_DIR/sync/$1" ]; do n=$((n + 1)); [ $n -lt 300 ] || exit 1; sleep 0.1; done; }
end=''
if grep -q 'make-test.*failed' "$prompt"; then end=';'; fi
if [ -z "$end" ]; then touch "$DEMO_DIR/sync/ben-works"; wait_for both-seen; fi
sed -i "s/^    printf/    puts(\"lines words\")$end\n    printf/" src/report.c
echo "all tests pass, I am sure"
B
chmod +x "$DEMO_DIR/bin/ada" "$DEMO_DIR/bin/ben"

# ---------------------------------------------------------------------------------------------------------------------
title "A repository, and ai in it"
printf 'The sandbox is off in this demonstration: its scripted agents keep time by files outside of their worktrees.\n\n'
run git init -q -b main
run git add -A
run git commit -q -m "tally: count lines and words"
run ai init --yes
says "wrote .ai/config.yaml"
grep -q 'run: make test' .ai/config.yaml || broken "ai init did not find the check"
run ai agent register ada --connector command --env DEMO_DIR -- ada "{prompt_file}"
run ai agent register ben --connector command --env DEMO_DIR -- ben "{prompt_file}"
run git add -A
run git commit -q -m "Set up ai"

title "Four tasks; the first and the third want a file in common"
create "Count the longest line" --path "src/count.*"; longest=$(id)
create "Print a header line" --path src/report.c; header=$(id)
create "Guard the headers" --path "src/*.h"; guards=$(id)
create "Describe the report" --path docs/; docs=$(id)

title "Two runs at once, each in its own worktree"
shown "ai run $longest --agent ada &"
ai run "$longest" --agent ada >"$DEMO_DIR/ada.out" 2>&1 & ada=$!; ours="$ours $ada"
shown "ai run $header --agent ben &"
ai run "$header" --agent ben >"$DEMO_DIR/ben.out" 2>&1 & ben=$!; ours="$ours $ben"
await test -e "$DEMO_DIR/sync/ada-works"
await test -e "$DEMO_DIR/sync/ben-works"
run ai status
says "2 queued, 2 running"
run git worktree list --porcelain
[ "$(grep -c "^branch refs/heads/ai/" "$out")" = 2 ] || broken "there are not two worktrees"
run ai lock list

title "An overlapping claim is refused, and the holder is named"
refused 4 ai task claim "$guards"
says "locked exclusively by agent:ada"
says "both match \`src/count.h\`"
refused 4 ai lock check src/report.c

title "One run passes its checks; the other fails them and is sent back"
touch "$DEMO_DIR/sync/both-seen"
code=0; wait "$ada" || code=$?
cat "$DEMO_DIR/ada.out"; printf '(exit code %s)\n\n' "$code"
[ "$code" = 0 ] || broken "the run of ada did not pass"
code=0; wait "$ben" || code=$?
cat "$DEMO_DIR/ben.out"; printf '(exit code %s)\n' "$code"
[ "$code" = 6 ] || broken "the run of ben was not sent back"
await state "$longest" review
await state "$header" queued
run ai why "$header"

title "The note stands in the next prompt, and the second attempt passes"
run ai run "$header" --agent ben
says "ready_for_review"
shown "sed -n '/^## Earlier attempts/,/^## Rules/p' .ai/state/runs/$header.2/prompt.md"
sed -n '/^## Earlier attempts/,/^## Rules/p' ".ai/state/runs/$header.2/prompt.md" | tee "$out"
says "make-test"

title "A run is killed in the middle"
shown "ai run $docs --agent ada &"
ai run "$docs" --agent ada >"$DEMO_DIR/cut.out" 2>&1 & cut=$!; ours="$ours $cut"
await test -e "$DEMO_DIR/sync/halfway"
shown "kill -9 $cut"
kill -9 "$cut"
wait "$cut" 2>/dev/null || true
touch "$DEMO_DIR/sync/cut-off"
await idle ada
echo "the agent's process ended with it"

title "The next command recovers it: half-done work is saved first"
run ai run "$docs" --agent ada
says "recovered run $docs.1"
says "ready_for_review"
run git show --stat --format=%s "refs/ai/rescue/$docs/1"
says "docs/usage.md"

title "Two are accepted"
run ai accept "$longest"
says "is in main"
run ai accept "$header"
says "is in main"
run make -s test
says "ok: 2 3"

title "Proof"
run git log --graph --oneline main
run ai review "$header" --no-diff
says "ready_for_review"
for task in "$longest" "$header"; do
    run ai evidence verify "$task"
done
run ai log verify
says "chain intact"
run ai status
says "1 queued, 1 review, 2 done"
tree=$(git rev-parse 'main^{tree}')
ai task show "$header" --json | grep -qF "$tree" || broken "what is in main is not the tree that was proven"
[ -z "$(git status --porcelain)" ] || broken "the checkout is not clean"
for pid in $ours; do gone "$pid" || broken "process $pid is still there"; done

printf '\nThe demonstration passed in %s s: 4 tasks, 5 runs, 1 refused claim, 1 sent back, 1 killed and recovered, 2 accepted.\n' \
    "$(($(date +%s) - started))"
echo "The repository is left for you to look around in: $DEMO_DIR/repo"
