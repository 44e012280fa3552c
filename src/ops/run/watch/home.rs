//! Files of the user's home by which programs are started, or somebody is let in: what an agent
//! without a sandbox could change to act after its run. A list, since a whole home is too much to
//! look at, and most of it changes all the time by itself.

use std::path::{Path, PathBuf};

use crate::git::bystander::BystanderState;

/// Read when a shell, an editor, a desktop, Git or a build tool starts, or by those who let
/// somebody in. A directory counts as changed when something was put into it or taken out.
const WATCHED: [&str; 41] = [
    ".bash_aliases",
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".cargo/config",
    ".cargo/config.toml",
    ".config/ai/policy.yaml",
    ".config/autostart",
    ".config/fish/conf.d",
    ".config/fish/config.fish",
    ".config/git/attributes",
    ".config/git/config",
    ".config/nvim/init.lua",
    ".config/nvim/init.vim",
    ".config/pip/pip.conf",
    ".config/systemd/user",
    ".emacs",
    ".emacs.d/init.el",
    ".envrc",
    ".gitconfig",
    ".local/bin",
    ".netrc",
    ".npmrc",
    ".pam_environment",
    ".profile",
    ".pypirc",
    ".ssh/authorized_keys",
    ".ssh/config",
    ".ssh/rc",
    ".tmux.conf",
    ".vimrc",
    ".xinitrc",
    ".xprofile",
    ".xsession",
    ".yarnrc",
    ".yarnrc.yml",
    ".zlogin",
    ".zprofile",
    ".zshenv",
    ".zshrc",
];

/// The files that changed since then, and the record of what is trusted where that did.
pub(crate) fn touched(home: &Path, trust: Option<&Path>, before: &BystanderState) -> Vec<PathBuf> {
    let watched = WATCHED
        .iter()
        .map(|name| home.join(name))
        .chain(trust.map(Path::to_owned));
    watched.filter(|path| before.is_older_than(path)).collect()
}
