//! The `git` back end, for repositories that the library cannot open. Plumbing only, on an explicit
//! git directory.

use std::collections::HashMap;

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::{GitCommand, NulFields, oid_line};
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::{CommitIdentity, Repo, TreeEntry};

/// A command on the shared git directory.
pub(super) fn plumbing<const N: usize>(repo: &Repo, args: [&str; N]) -> GitCommand {
    repo.git().command(args).git_dir(repo.common_dir())
}

/// [`Repo::resolve_commit`] by a process.
pub(super) fn resolve_commit(repo: &Repo, rev: &str) -> Result<Oid, GitError> {
    resolve(repo, rev, "commit")
}

/// [`Repo::resolve_tree`] by a process.
pub(super) fn resolve_tree(repo: &Repo, rev: &str) -> Result<Oid, GitError> {
    resolve(repo, rev, "tree")
}

fn resolve(repo: &Repo, rev: &str, kind: &str) -> Result<Oid, GitError> {
    let peeled = format!("{rev}^{{{kind}}}");
    let out = plumbing(
        repo,
        ["rev-parse", "--verify", "--quiet", "--end-of-options"],
    )
    .arg(peeled)
    .run_any()?;
    match out.code {
        0 => {}
        _ if out.stderr.contains("dubious") || out.stderr.contains("not a git repository") => {
            return Err(out.failure());
        }
        _ => {
            return Err(GitError::NoCommit {
                rev: rev.to_owned(),
            });
        }
    }
    // With `--verify` older versions print the option back; the name is the last line.
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(Oid::parse(text.lines().last().unwrap_or_default())?)
}

/// [`Repo::tree_of`] by a process.
pub(super) fn tree_of(repo: &Repo, commit: &Oid) -> Result<Oid, GitError> {
    let out = plumbing(repo, ["rev-parse", "--verify", "--quiet"])
        .arg(format!("{commit}^{{tree}}"))
        .run_any()?;
    if out.code == 0 {
        oid_line(&out)
    } else {
        Err(GitError::Missing {
            oid: commit.to_string(),
        })
    }
}

/// Reads the entry of a commit's tree at a path.
pub(super) fn entry(repo: &Repo, commit: &Oid, path: &RepoPath) -> Result<TreeEntry, GitError> {
    tree_of(repo, commit)?;
    let top = path.beneath(std::path::Path::new(""));
    let out = plumbing(repo, ["ls-tree", "-z", "--full-tree"])
        .arg(commit)
        .arg("--")
        .arg(top)
        .run()?;
    let mut fields = NulFields::of(&out);
    let Some(line) = fields.next() else {
        return Ok(TreeEntry::Absent);
    };
    let (mode, kind, oid, _) = tree_line(&fields, line)?;
    Ok(match (mode, kind) {
        (b"120000", _) => TreeEntry::Link(oid),
        (_, b"blob") => TreeEntry::Blob(oid),
        (_, b"tree") => TreeEntry::Other("a directory"),
        _ => TreeEntry::Other("a submodule"),
    })
}

type TreeLine<'a> = (&'a [u8], &'a [u8], Oid, &'a [u8]);

/// `mode SP kind SP oid TAB path`.
fn tree_line<'a>(fields: &NulFields<'_>, line: &'a [u8]) -> Result<TreeLine<'a>, GitError> {
    let bad = || fields.bad("a line of ls-tree");
    let tab = line.iter().position(|b| *b == b'\t').ok_or_else(bad)?;
    let mut words = line[..tab].split(|b| *b == b' ');
    let (mode, kind) = (words.next().ok_or_else(bad)?, words.next().ok_or_else(bad)?);
    let oid = words
        .next()
        .and_then(|w| std::str::from_utf8(w).ok())
        .ok_or_else(bad)?;
    Ok((mode, kind, Oid::parse(oid)?, &line[tab + 1..]))
}

/// [`Repo::list_files`] by a process.
pub(super) fn list_files(
    repo: &Repo,
    commit: &Oid,
    dir: &RepoPath,
) -> Result<Vec<RepoPath>, GitError> {
    let mut prefix = dir.as_bytes().to_vec();
    if !prefix.is_empty() && prefix.last() != Some(&b'/') {
        prefix.push(b'/');
    }
    let mut command = plumbing(repo, ["ls-tree", "-z", "--full-tree"]).arg(commit);
    if !prefix.is_empty() {
        command = command
            .arg("--")
            .arg(RepoPath::new(prefix).beneath(std::path::Path::new("")));
    }
    let out = command.run()?;
    let mut files = Vec::new();
    let mut fields = NulFields::of(&out);
    while let Some(line) = fields.next() {
        let (mode, kind, _, path) = tree_line(&fields, line)?;
        if kind == b"blob" && mode != b"120000" {
            files.push(RepoPath::new(path));
        }
    }
    Ok(files)
}

/// [`Repo::files_called`] by a process.
pub(super) fn files_called(
    repo: &Repo,
    commit: &Oid,
    names: &[&str],
) -> Result<Vec<RepoPath>, GitError> {
    tree_of(repo, commit)?;
    let out = plumbing(repo, ["ls-tree", "-r", "-z", "--name-only", "--full-tree"])
        .arg(commit)
        .run()?;
    let is_called = |path: &&[u8]| {
        let name = path.rsplit(|byte| *byte == b'/').next();
        name.is_some_and(|name| names.iter().any(|one| one.as_bytes() == name))
    };
    Ok(NulFields::of(&out)
        .filter(is_called)
        .map(RepoPath::new)
        .collect())
}

/// [`Repo::blob`] by a process.
pub(super) fn blob(repo: &Repo, oid: &Oid) -> Result<Vec<u8>, GitError> {
    if !has_object(repo, oid)? {
        return Err(GitError::Missing {
            oid: oid.to_string(),
        });
    }
    Ok(plumbing(repo, ["cat-file", "blob"]).arg(oid).run()?.stdout)
}

/// [`Repo::raw_commit`] by a process.
pub(super) fn raw_commit(repo: &Repo, oid: &Oid) -> Result<Vec<u8>, GitError> {
    if !has_object(repo, oid)? {
        return Err(GitError::Missing {
            oid: oid.to_string(),
        });
    }
    let command = plumbing(repo, ["cat-file", "commit"]);
    Ok(command.arg(oid).run()?.stdout)
}

/// [`Repo::blobs`] by one process.
pub(super) fn blobs(repo: &Repo, oids: &[&Oid]) -> HashMap<Oid, Vec<u8>> {
    let mut found = HashMap::new();
    if oids.is_empty() {
        return found;
    }
    let input: String = oids.iter().map(|oid| format!("{oid}\n")).collect();
    // Whatever goes wrong here is told by the look at each that is left out.
    let Ok(out) = plumbing(repo, ["cat-file", "--batch"])
        .input(input)
        .run_any()
    else {
        return found;
    };
    let mut rest = out.stdout.as_slice();
    while let Some((oid, content, behind)) = batched(rest) {
        if let Some(content) = content {
            found.insert(oid, content.to_vec());
        }
        rest = behind;
    }
    found
}

type Batched<'a> = (Oid, Option<&'a [u8]>, &'a [u8]);

/// The first object of what `cat-file --batch` says: `oid SP kind SP length LF content LF`, or that it is missing.
fn batched(text: &[u8]) -> Option<Batched<'_>> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (head, rest) = (std::str::from_utf8(&text[..end]).ok()?, &text[end + 1..]);
    let words: Vec<&str> = head.split(' ').collect();
    match words.as_slice() {
        [oid, kind, length] => {
            let length: usize = length.parse().ok()?;
            let content = rest.get(..length)?;
            let behind = rest.get(length..)?.strip_prefix(b"\n")?;
            let content = (*kind == "blob").then_some(content);
            Some((Oid::parse(oid).ok()?, content, behind))
        }
        [oid, "missing"] => Some((Oid::parse(oid).ok()?, None, rest)),
        _ => None,
    }
}

/// [`Repo::blob_size`] by a process.
pub(super) fn blob_size(repo: &Repo, oid: &Oid) -> Result<u64, GitError> {
    if !has_object(repo, oid)? {
        return Err(GitError::Missing {
            oid: oid.to_string(),
        });
    }
    let out = plumbing(repo, ["cat-file", "-s"]).arg(oid).run()?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.trim().parse().map_err(|_| out.failure())
}

/// [`Repo::has_object`] by a process.
pub(super) fn has_object(repo: &Repo, oid: &Oid) -> Result<bool, GitError> {
    let out = plumbing(repo, ["cat-file", "-e"]).arg(oid).run_any()?;
    match out.code {
        0 => Ok(true),
        1 => Ok(false),
        _ if out.stderr.contains("Not a valid object name") => Ok(false),
        _ => Err(out.failure()),
    }
}

/// [`Repo::is_ancestor`] by a process.
pub(super) fn is_ancestor(repo: &Repo, old: &Oid, new: &Oid) -> Result<bool, GitError> {
    let out = plumbing(repo, ["merge-base", "--is-ancestor"])
        .arg(old)
        .arg(new)
        .run_any()?;
    match out.code {
        0 => Ok(true),
        1 => Ok(false),
        _ => Err(out.failure()),
    }
}

/// [`Repo::merge_base`] by a process.
pub(super) fn merge_base(repo: &Repo, one: &Oid, two: &Oid) -> Result<Option<Oid>, GitError> {
    let out = plumbing(repo, ["merge-base"]).arg(one).arg(two).run_any()?;
    match out.code {
        0 => oid_line(&out).map(Some),
        1 => Ok(None),
        _ => Err(out.failure()),
    }
}

/// Writes an object by a process and returns its name.
pub(super) fn write_object(repo: &Repo, kind: &str, bytes: &[u8]) -> Result<Oid, GitError> {
    let command = plumbing(repo, ["hash-object", "-w", "--stdin", "-t", kind]);
    oid_line(
        &command
            .config("core.fsync", "committed")
            .input(bytes)
            .run()?,
    )
}

/// [`Repo::wants_signatures`], of each of Git's files in turn: what is said to all commands that are
/// started here would answer instead of them.
pub(super) fn wants_signatures(repo: &Repo) -> Result<bool, GitError> {
    for file in ["--local", "--global", "--system"] {
        let asked = [
            "config",
            file,
            "--includes",
            "--type=bool",
            "--get",
            "commit.gpgSign",
        ];
        let out = plumbing(repo, asked).run_any()?;
        if out.code == 0 {
            return Ok(out.stdout.trim_ascii() == b"true");
        }
    }
    Ok(false)
}

/// [`Repo::identity`], which only Git itself can tell.
pub(super) fn identity(repo: &Repo) -> Result<Option<CommitIdentity>, GitError> {
    // `useConfigOnly` keeps Git from inventing a name from the host.
    let out = plumbing(repo, ["var", "GIT_COMMITTER_IDENT"])
        .config("user.useConfigOnly", "true")
        .run_any()?;
    if out.code != 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&out.stdout);
    let Some((name, rest)) = text.split_once(" <") else {
        return Ok(None);
    };
    let email = rest.split('>').next().unwrap_or_default();
    Ok(CommitIdentity::new(name, email).ok())
}
