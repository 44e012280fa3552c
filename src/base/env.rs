//! Every environment variable that `ai` reads, in one place.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the home of environment access"
)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The lease token for this command; outranks the one kept in the worktree's git directory.
pub const AI_LEASE: &str = "AI_LEASE";
/// The name under which this command acts, as `--as` does.
pub const AI_ACTOR: &str = "AI_ACTOR";
/// The run in which this process lives; set by `ai` for everything that it starts.
pub const AI_RUN: &str = "AI_RUN";
/// The socket of the run whose agent has started this process; set by `ai run` for its agent.
pub const AI_SOCKET: &str = "AI_SOCKET";
/// The word by which the supervisor of a run knows its own agent at that socket.
pub const AI_SOCKET_KEY: &str = "AI_SOCKET_KEY";

/// The sandbox of agents and checks on this machine; outranks the configuration, and `--no-sandbox`
/// outranks it.
pub const AI_SANDBOX: &str = "AI_SANDBOX";

/// The directory for worktrees and places of checks, where it is not to be in the user's cache
/// directory.
pub const AI_CACHE_DIR: &str = "AI_CACHE_DIR";

/// The git directory, as Git tells its hooks where it is not the one around.
pub const GIT_DIR: &str = "GIT_DIR";
/// The index of the commit that is about to be made, as Git tells its hooks.
pub const GIT_INDEX_FILE: &str = "GIT_INDEX_FILE";
/// The editor of the message, as Git tells its hooks: `:` where there was none.
pub const GIT_EDITOR: &str = "GIT_EDITOR";

/// The settings of `git -c`, as Git tells its hooks.
pub const GIT_CONFIG_PARAMETERS: &str = "GIT_CONFIG_PARAMETERS";
/// The number of settings in variables of Git's.
pub const GIT_CONFIG_COUNT: &str = "GIT_CONFIG_COUNT";

/// Every variable that `ai` reads, with what it does, for the reference, which a test writes.
#[cfg(test)]
pub const ALL: [(&str, &str); 29] = [
    (
        AI_LEASE,
        "The lease token for this command; outranks the one kept in the worktree's git directory.",
    ),
    (
        AI_ACTOR,
        "The name under which this command acts, as `--as` does.",
    ),
    (
        AI_RUN,
        "The run in which this process lives; set by `ai` for everything that it starts.",
    ),
    (
        AI_SOCKET,
        "The socket at which the supervisor of a run answers its agent; set by `ai run`. Where it is set, commands go there, and not to the store.",
    ),
    (
        AI_SOCKET_KEY,
        "The word by which the supervisor knows its own agent at that socket; set by `ai run`.",
    ),
    (
        AI_SANDBOX,
        "What keeps agents and checks in on this machine: auto, bubblewrap, landlock or none; outranks the configuration.",
    ),
    (
        AI_CACHE_DIR,
        "An absolute directory for worktrees and places of checks, instead of `ai/` in your cache directory. It must not lie in the \
         repository.",
    ),
    (
        "XDG_CACHE_HOME",
        "Your cache directory, in which `ai/` holds worktrees and places of checks; without it `$HOME/.cache`.",
    ),
    (
        "USER",
        "Names the person who acts where neither `--as` nor `AI_ACTOR` does and Git has no `user.email`; stands beside that in the log.",
    ),
    (
        "LOGNAME",
        "Stands in for `USER`; without both, the name that the system has for the user counts.",
    ),
    (
        "GIT_CONFIG_GLOBAL",
        "The file of your own settings of Git, in which `user.email` names you; as Git takes it.",
    ),
    (
        "GIT_CONFIG_SYSTEM",
        "The file of the machine's settings of Git; as Git takes it.",
    ),
    (
        "GIT_CONFIG_NOSYSTEM",
        "Set to a yes, the machine's settings of Git are not read; as Git takes it.",
    ),
    (
        "AI_PROGRESS",
        "`never` leaves out the line that shows on a terminal what a command of more than a second is doing.",
    ),
    (
        "AI_HOOKS_SKIP",
        "Set to a reason, it lets the hooks of Git pass without a question; recorded at the next command that writes.",
    ),
    (
        GIT_DIR,
        "In a hook of Git, the git directory of the worktree in which the command was given; set by Git.",
    ),
    (
        GIT_INDEX_FILE,
        "In a hook of Git, the index that is about to be committed; set by Git.",
    ),
    (
        GIT_EDITOR,
        "In the hook commit-msg, `:` where no editor was opened, so that lines with `#` are no comments; set by Git.",
    ),
    (
        GIT_CONFIG_PARAMETERS,
        "In the hook commit-msg, the settings of `git -c`, of which `core.commentChar` and `commit.cleanup` are heeded; set by Git.",
    ),
    (
        GIT_CONFIG_COUNT,
        "In the hook commit-msg, with `GIT_CONFIG_KEY_0`, `GIT_CONFIG_VALUE_0` and so on, settings of Git, of which the same are heeded.",
    ),
    (
        "VISUAL",
        "The editor of `ai task create --edit`, and that of worktrees on the board of `ai watch`.",
    ),
    ("EDITOR", "Stands in for `VISUAL`; without both it is `vi`."),
    (
        "SHELL",
        "The shell that the board of `ai watch` starts in a worktree; without it `/bin/sh`.",
    ),
    (
        "XDG_CONFIG_HOME",
        "Where your own settings and your word of trust lie, below `ai/`.",
    ),
    (
        "HOME",
        "With `.config/ai`, stands in for `XDG_CONFIG_HOME`.",
    ),
    (
        "NO_COLOR",
        "Set to anything, it keeps colours out of the output; `--color` outranks it.",
    ),
    (
        "CLICOLOR_FORCE",
        "Set to anything but 0, it colours the output where no terminal reads it, too; `NO_COLOR` outranks it.",
    ),
    (
        "TERM",
        "Where it is `dumb`, nothing is coloured, nothing is written over, and no board is shown.",
    ),
    (
        "PATH",
        "Where `git` and the programs of agents and checks are found; relative entries are left out.",
    ),
];

/// A variable as UTF-8 text; unset, empty and non-UTF-8 are all `None`.
pub fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable as it is.
pub fn os(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// All variables, for building the allow-listed environment of a child.
pub fn all() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// The directory in which the command was started.
pub fn current_dir() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// The directory of this machine for what lasts no longer than a command.
pub fn temp_dir() -> PathBuf {
    std::env::temp_dir()
}

/// The path of this very binary.
pub fn current_exe() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// The path of this program, or of what has taken its place since this process began.
pub fn standing_program() -> std::io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    if own.exists() {
        return Ok(own);
    }
    Ok(path_before(&own)
        .filter(|path| path.exists())
        .unwrap_or(own))
}

/// The path that a file had which has gone, of the words that Linux has for it then.
fn path_before(gone: &Path) -> Option<PathBuf> {
    let text = gone.as_os_str().as_bytes();
    let path = text.strip_suffix(b" (deleted)")?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

/// A path of this program that outlives an upgrade: as `PATH` has it, where that leads here, since what
/// a package manager puts there stays while the file behind it goes.
pub fn lasting_program() -> std::io::Result<PathBuf> {
    let own = standing_program()?;
    let path = os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("ai"))
        .find(|file| std::fs::canonicalize(file).is_ok_and(|real| real == own));
    Ok(named.unwrap_or(own))
}

/// The arguments of this process.
pub fn args() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// The user's own configuration directory for `ai`: `$XDG_CONFIG_HOME/ai`, else `$HOME/.config/ai`.
pub fn user_config_dir() -> Option<PathBuf> {
    // By its standard, a path that is not absolute counts as none.
    let config = os("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = match config.filter(|dir| dir.is_absolute()) {
        Some(dir) => dir,
        None => PathBuf::from(os("HOME").filter(|v| !v.is_empty())?).join(".config"),
    };
    base.is_absolute().then(|| base.join("ai"))
}

/// The directory of the user's layer of policy: that of [`user_config_dir`], and where `HOME` is not set at
/// all the one below the home that the system knows for the user. `None` where it knows none; an error is
/// a `HOME` that leads nowhere, so that nobody can say whether there is such a layer.
pub fn user_policy_dir() -> Result<Option<PathBuf>, String> {
    // Reads `HOME`, and the system's list of users where that is not set.
    policy_dir_of(os("XDG_CONFIG_HOME"), std::env::home_dir())
}

fn policy_dir_of(
    config: Option<OsString>,
    home: Option<PathBuf>,
) -> Result<Option<PathBuf>, String> {
    let config = config.map(PathBuf::from).filter(|dir| dir.is_absolute());
    match (config, home) {
        (Some(config), _) => Ok(Some(config.join("ai"))),
        (None, Some(home)) if home.is_absolute() => Ok(Some(home.join(".config/ai"))),
        (None, Some(home)) => Err(format!(
            "HOME is `{}`, which is no absolute path: your own layer of policy cannot be found",
            home.display()
        )),
        (None, None) => Ok(None),
    }
}

/// The directory in which worktrees and places of checks lie: `$AI_CACHE_DIR`, else `ai/` in
/// `$XDG_CACHE_HOME` or `$HOME/.cache`. `None` where none of them is an absolute path.
pub fn user_cache_dir() -> Option<PathBuf> {
    let absolute = |name: &str| os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    absolute(AI_CACHE_DIR)
        .or_else(|| absolute("XDG_CACHE_HOME").map(|dir| dir.join("ai")))
        .or_else(|| absolute("HOME").map(|dir| dir.join(".cache/ai")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_program_that_has_gone_is_known() {
        let before = |text: &str| path_before(Path::new(text));
        assert_eq!(before("/a b/ai (deleted)"), Some(PathBuf::from("/a b/ai")));
        assert_eq!(before("/a b/ai"), None);
        assert_eq!(standing_program().unwrap(), current_exe().unwrap());
    }

    #[test]
    fn the_users_layer_of_policy_is_looked_for_at_their_home_or_nobody_can_say() {
        let dir = |config: Option<&str>, home: Option<&str>| {
            let found = policy_dir_of(config.map(OsString::from), home.map(PathBuf::from));
            match found {
                Ok(Some(dir)) => dir.display().to_string(),
                Ok(None) => "none".to_owned(),
                Err(_) => "unknown".to_owned(),
            }
        };
        for (config, home, wanted) in [
            (Some("/c"), Some("/h"), "/c/ai"),
            (Some("/c"), Some(""), "/c/ai"),
            (Some(""), Some("/h"), "/h/.config/ai"),
            (Some("relative"), Some("/h"), "/h/.config/ai"),
            (None, Some("/h"), "/h/.config/ai"),
            (None, Some(""), "unknown"),
            (Some("relative"), Some("relative"), "unknown"),
            (None, None, "none"),
        ] {
            assert_eq!(dir(config, home), wanted, "{config:?} {home:?}");
        }
    }

    #[test]
    fn without_a_home_the_system_is_asked_for_it() {
        // Who has started the tests has a home, by the variable or by the system's list of users.
        assert!(user_policy_dir().is_ok_and(|dir| dir.is_some()));
    }
}
