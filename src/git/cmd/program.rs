//! The `git` that runs, its environment, and the settings that are forced on it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::base::env;
use crate::git::cmd::remembered::Answer;
use crate::git::error::GitError;

/// A version of Git, as far as `ai` cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitVersion(pub u32, pub u32);

/// The oldest Git that works: `merge-tree --write-tree` came with it.
pub const MINIMUM: GitVersion = GitVersion(2, 38);

impl std::fmt::Display for GitVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// An installed Git and the environment that it gets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Git(Arc<GitProgram>);

#[derive(Debug)]
struct GitProgram {
    program: PathBuf,
    env: Vec<(OsString, OsString)>,
    memory: Option<PathBuf>,
    version: OnceLock<GitVersion>,
}

impl Git {
    /// The user's Git: the first one in an absolute directory of PATH, since a relative entry could
    /// be an agent's directory.
    pub fn system() -> Result<Self, GitError> {
        Self::with_env(env::all())
    }

    /// The Git that this environment leads to; only what survives the scrub reaches it.
    pub fn with_env(env: Vec<(OsString, OsString)>) -> Result<Self, GitError> {
        let env = scrub(env);
        let path = env
            .iter()
            .find(|(k, _)| k == "PATH")
            .map(|(_, v)| v.clone())
            .unwrap_or_default();
        let program = std::env::split_paths(&path)
            .map(|dir| dir.join("git"))
            .find(|candidate| is_executable(candidate))
            .ok_or(GitError::NotInstalled)?;
        Ok(Self(Arc::new(GitProgram {
            program,
            env,
            memory: None,
            version: OnceLock::new(),
        })))
    }

    /// The same Git, which keeps in a directory what it has said of itself. Where the directory is not
    /// there, nothing is kept.
    #[must_use]
    pub fn remembering(&self, dir: PathBuf) -> Self {
        let GitProgram { program, env, .. } = &*self.0;
        Self(Arc::new(GitProgram {
            program: program.clone(),
            env: env.clone(),
            memory: Some(dir),
            version: self.0.version.clone(),
        }))
    }

    /// The same Git, whose commands write new objects to a directory.
    #[must_use]
    pub(in crate::git) fn writing_objects_to(&self, dir: &Path) -> Self {
        let GitProgram { program, env, .. } = &*self.0;
        let mut env = env.clone();
        env.push(("GIT_OBJECT_DIRECTORY".into(), dir.as_os_str().to_owned()));
        Self(Arc::new(GitProgram {
            program: program.clone(),
            env,
            memory: None,
            version: self.0.version.clone(),
        }))
    }

    /// The directory in which is kept what it says; none where nothing is.
    pub(super) fn memory(&self) -> Option<&Path> {
        self.0.memory.as_deref()
    }

    /// The absolute path of the program.
    pub fn program(&self) -> &Path {
        &self.0.program
    }

    /// The installed version; asked once.
    pub fn version(&self) -> Result<GitVersion, GitError> {
        if let Some(version) = self.0.version.get() {
            return Ok(*version);
        }
        let stamp = self.memory().and_then(|_| self.program_stamp());
        let (major, minor) = self.remembered("version", stamp, || {
            let GitVersion(major, minor) = self.ask_version()?;
            Ok(Answer::Lasting((major, minor)))
        })?;
        Ok(*self.0.version.get_or_init(|| GitVersion(major, minor)))
    }

    fn ask_version(&self) -> Result<GitVersion, GitError> {
        let out = self.command(["version"]).isolated().run()?;
        parse_version(&out.stdout).ok_or_else(|| GitError::Unparsable {
            argv: "git version".into(),
            what: format!(
                "no version in `{}`",
                String::from_utf8_lossy(&out.stdout).trim()
            ),
        })
    }

    /// Fails with a clear sentence where the installed Git is older than `needed`.
    pub fn require(&self, needed: GitVersion, what: &'static str) -> Result<(), GitError> {
        let found = self.version()?;
        if found >= needed {
            return Ok(());
        }
        Err(GitError::TooOld {
            found: found.to_string(),
            needed: needed.to_string(),
            what,
        })
    }

    /// The environment that every command gets.
    pub(in crate::git) fn base_env(&self) -> &[(OsString, OsString)] {
        &self.0.env
    }
}

/// Fixed variables of every command.
pub(super) const FIXED_ENV: [(&str, &str); 12] = [
    ("LC_ALL", "C"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    // No transport has this name, so no promisor, submodule or helper can reach out.
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", ":"),
    ("GIT_SEQUENCE_EDITOR", ":"),
    ("GIT_ASKPASS", "/bin/false"),
    ("GIT_MERGE_AUTOEDIT", "no"),
];

/// Settings forced on every command; sent through `GIT_CONFIG_*`, which outranks every file.
pub(super) const FIXED_CONFIG: [(&str, &str); 16] = [
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.quotePath", "false"),
    ("core.trustCtime", "true"),
    ("core.checkStat", "default"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("protocol.allow", "never"),
    ("protocol.ext.allow", "never"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("commit.gpgSign", "false"),
    ("log.showSignature", "false"),
    ("worktree.useRelativePaths", "false"),
    ("advice.detachedHead", "false"),
];

/// Events whose configured hooks (Git 2.54 and newer, outside of `core.hooksPath`) are switched
/// off.
pub(super) const HOOK_EVENTS: [&str; 10] = [
    "reference-transaction",
    "post-checkout",
    "post-index-change",
    "post-merge",
    "post-commit",
    "post-rewrite",
    "pre-commit",
    "pre-merge-commit",
    "pre-auto-gc",
    "commit-msg",
];

/// Keeps what a program of the user needs; drops what redirects Git, preloads code or opens a
/// prompt.
fn scrub(env: Vec<(OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mut kept: Vec<(OsString, OsString)> = Vec::new();
    for (key, value) in env {
        if key == "PATH" {
            kept.push((key, absolute_only(&value)));
        } else if survives(&key) {
            kept.push((key, value));
        }
    }
    kept
}

fn survives(key: &OsStr) -> bool {
    // Where the user keeps the own configuration is the user's to say; every other GIT_* variable
    // redirects.
    const USER_CONFIG: [&[u8]; 3] = [
        b"GIT_CONFIG_GLOBAL",
        b"GIT_CONFIG_SYSTEM",
        b"GIT_CONFIG_NOSYSTEM",
    ];
    const DROPPED: [&[u8]; 9] = [
        b"SSH_ASKPASS",
        b"BASH_ENV",
        b"ENV",
        b"PAGER",
        b"EDITOR",
        b"VISUAL",
        b"LANGUAGE",
        b"AI_LEASE",
        b"LESSOPEN",
    ];
    let key = key.as_bytes();
    if key.starts_with(b"GIT_") {
        return USER_CONFIG.contains(&key);
    }
    !(key.starts_with(b"LD_")
        || key.starts_with(b"DYLD_")
        || key.starts_with(b"LC_")
        || DROPPED.contains(&key))
}

fn absolute_only(path: &OsStr) -> OsString {
    let dirs = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    std::env::join_paths(dirs).unwrap_or_default()
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn parse_version(stdout: &[u8]) -> Option<GitVersion> {
    let text = std::str::from_utf8(stdout)
        .ok()?
        .strip_prefix("git version ")?;
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some(GitVersion(parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_every_vendor_are_read() {
        assert_eq!(
            parse_version(b"git version 2.47.3\n"),
            Some(GitVersion(2, 47))
        );
        assert_eq!(
            parse_version(b"git version 2.39.5 (Apple Git-154)\n"),
            Some(GitVersion(2, 39))
        );
        assert_eq!(
            parse_version(b"git version 2.55.GIT\n"),
            Some(GitVersion(2, 55))
        );
        assert_eq!(parse_version(b"hub version 1"), None);
        assert!(GitVersion(2, 9) < MINIMUM);
    }

    #[test]
    fn nothing_that_redirects_git_survives() {
        let env = [
            ("GIT_DIR", "/x"),
            ("GIT_CONFIG_COUNT", "1"),
            ("LD_PRELOAD", "/x.so"),
            ("PATH", ".:/usr/bin:bin"),
            ("HOME", "/h"),
        ];
        let kept = scrub(
            env.iter()
                .map(|(k, v)| (OsString::from(k), OsString::from(v)))
                .collect(),
        );
        assert_eq!(
            kept,
            [
                ("PATH".into(), "/usr/bin".into()),
                ("HOME".into(), "/h".into())
            ]
        );
    }

    #[test]
    fn an_old_git_is_named() {
        let git = Git::system().unwrap();
        let text = git
            .require(GitVersion(99, 1), "time travel")
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("time travel needs git 99.1 or newer"),
            "{text}"
        );
        git.require(MINIMUM, "merging").unwrap();
    }
}
