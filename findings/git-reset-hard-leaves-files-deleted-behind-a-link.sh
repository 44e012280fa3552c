#!/bin/sh
# What: after a tracked directory was moved away and a link to it left in its place, `git status` shows its files as deleted, and yet
# `git reset --hard` and `git read-tree --reset -u` end with 0 and put none of them back: whether a file has to be written is asked by
# a look at its path that follows links on the way, while `git status` does not follow them.
# Expected: after `git reset --hard` what is tracked is as HEAD has it, and `git status` shows no change of a tracked file.
# Seen with: git 2.39.5 (Debian 1:2.39.5-0+deb12u3) and 2.47.3, Linux x86_64. Output seen: see the end.
# Means for worktrees that are used again: what is cleaned away afterwards (`git clean -ffdx`) takes link and files, and tests are gone
# from a tree that was just reset. Taking such links away before the reset helps.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq git=1:2.39.5-0+deb12u3
dpkg -x git_*.deb git
export PATH="$work/git/usr/bin:$PATH" GIT_EXEC_PATH="$work/git/usr/lib/git-core"
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TEMPLATE_DIR=
git init -q project
cd project
mkdir tests
echo first >tests/one
git add tests
git -c user.name=a -c user.email=a@example.com commit -q -m 'a test'
mv tests elsewhere
ln -s elsewhere tests
{
    git status --short
    git reset -q --hard && echo "reset: $?"
    git status --short
    git read-tree --reset -u HEAD && echo "read-tree: $?"
    git clean -q -ffdx
    git status --short
} | tee "$work/seen"
cat >"$work/expected" <<'TEXT'
 D tests/one
?? elsewhere/
?? tests
reset: 0
 D tests/one
?? elsewhere/
?? tests
read-tree: 0
 D tests/one
TEXT
cmp -s "$work/expected" "$work/seen" || { echo "this has changed" >&2; exit 1; }
git --version
