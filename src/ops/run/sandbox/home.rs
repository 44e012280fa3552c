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

/// Directories of the home that a variable can move as a whole, by the XDG base directories.
const BASES: [(&str, &str); 4] = [
    ("XDG_CACHE_HOME", ".cache"),
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
];

/// Caches with a variable of their own.
const CACHE_VARIABLES: [&str; 3] = ["GOCACHE", "GOMODCACHE", "DENO_DIR"];

/// The directory that a variable names, where it names one that holds neither the home nor
/// everything.
fn moved_to(
    home: &Path,
    name: &str,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    variable(name)
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute() && !home.starts_with(dir))
}

/// The place of what usually lies in the home: where the user's variables have moved it, else there.
pub fn place_of(home: &Path, usual: &str, variable: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    BASES
        .iter()
        .find_map(|(name, base)| {
            let below = Path::new(usual).strip_prefix(base).ok()?;
            Some(moved_to(home, name, variable)?.join(below))
        })
        .unwrap_or_else(|| home.join(usual))
}

/// All places in the home, with what may be done there. Not all of them need to exist. `variable`
/// reads the user's environment.
pub fn places(
    home: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Vec<(PathBuf, PathAccess)> {
    let mut all: Vec<(PathBuf, PathAccess)> = READ
        .iter()
        .map(|name| (place_of(home, name, variable), PathAccess::Read))
        .collect();
    let caches = CACHES.iter().map(|name| place_of(home, name, variable));
    let moved = CACHE_VARIABLES
        .iter()
        .filter_map(|name| moved_to(home, name, variable));
    all.extend(caches.chain(moved).map(|dir| (dir, PathAccess::Write)));
    for (name, usual, caches, secrets) in MOVABLE {
        let dir = moved_to(home, name, variable).unwrap_or_else(|| home.join(usual));
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
    fn what_variables_move_is_found_where_they_say() {
        let moved = |name: &str| -> Option<OsString> {
            let to = match name {
                "XDG_CACHE_HOME" => "/fast/cache",
                "XDG_DATA_HOME" => "relative",
                "XDG_STATE_HOME" => "/",
                "GOMODCACHE" => "/fast/modules",
                "GOCACHE" => "/h",
                _ => return None,
            };
            Some(to.into())
        };
        let all = places(Path::new("/h"), &moved);
        let access = |path: &str| {
            let found: Vec<PathAccess> = all
                .iter()
                .filter(|(place, _)| place == Path::new(path))
                .map(|(_, access)| access.clone())
                .collect();
            found
        };
        for (path, wanted) in [
            ("/fast/cache/uv", Some(PathAccess::Write)),
            ("/fast/cache/go-build", Some(PathAccess::Write)),
            ("/h/.cache/uv", None),
            ("/fast/modules", Some(PathAccess::Write)),
            ("/h/.local/share/uv", Some(PathAccess::Read)),
            ("/h/.local/state/nix", Some(PathAccess::Read)),
            ("/h/.npm/_cacache", Some(PathAccess::Write)),
            ("/h", None),
            ("/", None),
        ] {
            assert_eq!(access(path), Vec::from_iter(wanted), "{path}");
        }
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
