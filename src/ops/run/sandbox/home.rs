//! What a sandbox leaves of the user's home: toolchains to read, caches to write. Everything else
//! is not there: keys, tokens, mail, the history of the shell, other projects.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::process::sandbox::PathAccess;

/// Programs and their settings, of which none is known to hold a secret.
const READ: [&str; 36] = [
    ".gitconfig",
    ".config/git",
    ".gitignore",
    ".gitignore_global",
    ".editorconfig",
    ".terminfo",
    ".bun",
    ".deno",
    ".nvm",
    ".volta",
    ".asdf",
    ".tool-versions",
    ".pyenv",
    ".rbenv",
    ".sdkman",
    ".jenv",
    ".goenv",
    ".opam",
    ".ghcup",
    ".elan",
    ".juliaup",
    ".npm-global",
    ".local/bin",
    ".local/lib",
    ".local/pipx",
    ".local/share/pipx",
    ".local/share/uv",
    ".local/share/mise",
    ".local/share/fnm",
    ".local/share/pnpm",
    ".local/share/rtx",
    ".local/state/nix",
    ".nix-profile",
    ".dotnet",
    ".krew",
    "go",
];

/// Caches of build tools: without them nothing that has dependencies could be built.
const CACHES: [&str; 27] = [
    ".npm/_cacache",
    ".npm/_npx",
    ".npm/_logs",
    ".pnpm-store",
    ".local/share/pnpm/store",
    ".bun/install/cache",
    ".yarn/berry/cache",
    ".gradle/caches",
    ".gradle/daemon",
    ".m2/repository",
    ".ivy2/cache",
    ".nuget/packages",
    ".ccache",
    "go/pkg/mod",
    ".cache/pip",
    ".cache/uv",
    ".cache/pypoetry",
    ".cache/pre-commit",
    ".cache/go-build",
    ".cache/yarn",
    ".cache/pnpm",
    ".cache/node",
    ".cache/deno",
    ".cache/sccache",
    ".cache/bazel",
    ".cache/ms-playwright",
    ".cache/zig",
];

/// Directories of toolchains that a variable can move: variable, place in the home, what of it is a
/// cache, what of it is secret.
const MOVABLE: [(&str, &str, &[&str], &[&str]); 3] = [
    (
        "CARGO_HOME",
        ".cargo",
        &[
            "registry",
            "git",
            ".package-cache",
            ".package-cache-mutate",
            ".global-cache",
        ],
        &["credentials", "credentials.toml"],
    ),
    ("RUSTUP_HOME", ".rustup", &[], &[]),
    ("GOPATH", "go", &["pkg/mod"], &[]),
];

/// All places in the home, with what may be done there. Not all of them need to exist. `variable`
/// reads the user's environment.
pub fn places(
    home: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Vec<(PathBuf, PathAccess)> {
    let mut all: Vec<(PathBuf, PathAccess)> = READ
        .iter()
        .map(|name| (home.join(name), PathAccess::Read))
        .collect();
    all.extend(
        CACHES
            .iter()
            .map(|name| (home.join(name), PathAccess::Write)),
    );
    for (name, usual, caches, secrets) in MOVABLE {
        let dir = variable(name)
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute())
            .unwrap_or_else(|| home.join(usual));
        all.push((dir.clone(), PathAccess::Read));
        all.extend(
            caches
                .iter()
                .map(|part| (dir.join(part), PathAccess::Write)),
        );
        all.extend(
            secrets
                .iter()
                .map(|part| (dir.join(part), PathAccess::Hidden)),
        );
    }
    all
}

/// Finds what belongs to a program, or to a directory of programs, in the home: the tree of its
/// package, else the directory. Never the home itself, nor what holds more than programs.
pub fn around(path: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let is_broad = |dir: &Path| {
        home.is_none_or(|home| {
            !dir.starts_with(home)
                || dir == home
                || dir == home.join(".local")
                || dir == home.join(".config")
        })
    };
    let modules = path
        .ancestors()
        .filter(|dir| dir.file_name().is_some_and(|name| name == "node_modules"))
        .last();
    let dir = if path.is_dir() {
        Some(path)
    } else {
        path.parent()
    };
    let installed = dir
        .filter(|dir| dir.file_name().is_some_and(|name| name == "bin"))
        .and_then(Path::parent);
    let found = [modules, installed, dir]
        .into_iter()
        .flatten()
        .find(|dir| !is_broad(dir));
    found.map(Path::to_owned).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_a_program_is_shown_and_never_the_home() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        for name in [
            ".nvm/versions/v20/bin",
            ".local/bin",
            "bin",
            "lib/node_modules/x/node_modules/y/bin",
        ] {
            std::fs::create_dir_all(home.join(name)).unwrap();
        }
        let around = |name: &str| -> Vec<String> {
            let found = around(&home.join(name), Some(home));
            found
                .iter()
                .map(|p| p.strip_prefix(home).unwrap().to_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(around(".nvm/versions/v20/bin"), [".nvm/versions/v20"]);
        assert_eq!(around(".local/bin"), [".local/bin"]);
        assert_eq!(around("bin"), ["bin"]);
        assert_eq!(around("script.sh"), [""; 0]);
        assert_eq!(
            around("lib/node_modules/x/node_modules/y/bin/y.js"),
            ["lib/node_modules"]
        );
        assert!(super::around(Path::new("/usr/bin"), Some(home)).is_empty());
    }

    #[test]
    fn secrets_of_a_toolchain_stay_hidden_wherever_it_lies() {
        let moved = |name: &str| (name == "CARGO_HOME").then(|| OsString::from("/opt/cargo"));
        let all = places(Path::new("/h"), &moved);
        assert!(all.contains(&("/opt/cargo/credentials.toml".into(), PathAccess::Hidden)));
        assert!(all.contains(&("/opt/cargo/registry".into(), PathAccess::Write)));
        assert!(all.contains(&("/h/.rustup".into(), PathAccess::Read)));
    }
}
