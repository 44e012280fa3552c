#!/bin/sh
# What: `git ls-files --others --ignored --exclude-standard --directory` names a directory with `/` behind it although no rule ignores
# it: merely every file that stands in it now is ignored. It names these files as well, right after it, while of a directory that a rule
# does ignore it names only the directory. `git check-ignore` says of the first that it is not ignored.
# Expected: of a directory that is not ignored itself, the ignored files in it, as `git status --ignored=matching` has them.
# Seen with: git 2.39.5 (Debian 1:2.39.5-0+deb12u3), Linux x86_64. Output seen: see the end.
# Means for whoever keeps such a list and takes each name with `/` for everything below it: a file that comes later and that no rule
# ignores counts as ignored, and the work of an agent in it is passed over. Asking `git check-ignore` about each such name tells them apart.
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
printf '*.log\nbuilt/\n' >.gitignore
mkdir logs built
echo a >logs/a.log
echo b >built/b
git add .gitignore
{
    git ls-files --others --ignored --exclude-standard --directory
    echo "-- status"
    git status --short --ignored=matching | grep '^!!'
    echo "-- check-ignore"
    git check-ignore logs/ built/ || true
    echo new >logs/notes
    echo "-- with a file that no rule ignores"
    git ls-files --others --ignored --exclude-standard --directory
} | tee "$work/seen"
cat >"$work/expected" <<'TEXT'
built/
logs/
logs/a.log
-- status
!! built/
!! logs/a.log
-- check-ignore
built/
-- with a file that no rule ignores
built/
logs/a.log
TEXT
cmp -s "$work/expected" "$work/seen" || { echo "this has changed" >&2; exit 1; }
git --version
