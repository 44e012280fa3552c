//! What leads a check into another tree than the judged one: installed packages, variables and command lines that name a checkout.
//!
//! Pure: texts come in, sentences go out. A path counts only whole: `/r/project-2` is not in `/r/project`.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How the sentence about it ends; people and scripts look for it.
pub const SENTENCE: &str = "points into the main checkout";

/// Something that leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// A file of an installed package names sources in a checkout.
    Package {
        /// The package, as far as its file tells.
        name: String,
        /// The file.
        file: PathBuf,
        /// The checkout.
        checkout: PathBuf,
    },
    /// A directory in which the interpreter looks for modules lies in a checkout.
    SearchPath {
        /// The directory.
        dir: PathBuf,
        /// The checkout.
        checkout: PathBuf,
    },
    /// A variable that the check is given names a place in a checkout.
    Variable {
        /// Its name.
        name: String,
        /// The checkout.
        checkout: PathBuf,
    },
    /// The command of the check names a place in a checkout.
    Command {
        /// The checkout.
        checkout: PathBuf,
    },
    /// A settings file of a build tool replaces a package by sources in a checkout.
    Settings {
        /// The file.
        file: PathBuf,
        /// The checkout.
        checkout: PathBuf,
    },
    /// The judged package is not on the module path, and another build of it is installed.
    Shadow {
        /// The package.
        name: String,
        /// The installed one.
        file: PathBuf,
    },
}

impl std::fmt::Display for Lead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let install = "install it in the place of checks instead, by `runs: {setup: …}`";
        match self {
            Lead::Package { name, file, checkout } => write!(
                f,
                "the installed package `{name}` ({}) {SENTENCE} {}, so the check would judge that and not the work; {install}",
                file.display(),
                checkout.display()
            ),
            Lead::SearchPath { dir, checkout } => write!(
                f,
                "Python looks for modules in {}, which {SENTENCE} {}, so the check would judge that and not the work; {install}",
                dir.display(),
                checkout.display()
            ),
            Lead::Variable { name, checkout } => write!(
                f,
                "the variable {name} {SENTENCE} {}, so the check would judge that and not the work; unset it, or take it out of \
                 `runs.env_pass`",
                checkout.display()
            ),
            Lead::Command { checkout } => write!(
                f,
                "the command of the check {SENTENCE} {}, so it would judge that and not the work; name the path relative to the \
                 root of the repository",
                checkout.display()
            ),
            Lead::Settings { file, checkout } => write!(
                f,
                "{} {SENTENCE} {}, so the check would judge that and not the work; take it out of that file",
                file.display(),
                checkout.display()
            ),
            Lead::Shadow { name, file } => write!(
                f,
                "the check would import the installed package `{name}` ({}) and not the one of the judged tree, which is not on the \
                 module path; {install}, or name it in `pythonpath` of pytest",
                file.display()
            ),
        }
    }
}

/// The first of `checkouts` that `text` names, itself or a place in it, as a path or as a `file:` address. Places in `allowed` do not
/// count: they are known to hold no sources of the project.
pub fn named<'c>(text: &[u8], checkouts: &'c [PathBuf], allowed: &[PathBuf]) -> Option<&'c Path> {
    let names = |checkout: &&PathBuf| {
        let plain = checkout.as_os_str().as_bytes().to_vec();
        [plain, address(checkout)].iter().any(|form| mentions(text, form, allowed))
    };
    checkouts.iter().find(names).map(PathBuf::as_path)
}

/// Whether `text` holds `path` as a whole path, outside of the allowed places.
fn mentions(text: &[u8], path: &[u8], allowed: &[PathBuf]) -> bool {
    let mut from = 0;
    while let Some(at) = find(&text[from..], path).map(|at| from + at) {
        let (rest, after) = (&text[at..], text.get(at + path.len()));
        let is_whole =
            after.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"-_.~%".contains(byte) && *byte < 0x80);
        let is_allowed = allowed.iter().any(|dir| {
            let dir = dir.as_os_str().as_bytes();
            rest.starts_with(dir) && rest.get(dir.len()).is_none_or(|byte| *byte == b'/' || byte.is_ascii_whitespace())
        });
        if is_whole && !is_allowed {
            return true;
        }
        from = at + 1;
    }
    false
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    (!part.is_empty()).then(|| text.windows(part.len()).position(|window| window == part)).flatten()
}

/// The path as it stands in a `file:` address.
fn address(path: &Path) -> Vec<u8> {
    let mut out = String::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(*byte)),
            byte => {
                let _written = write!(out, "%{byte:02X}");
            }
        }
    }
    out.into_bytes()
}

/// True for a file of a directory of installed packages that can lead to sources elsewhere: path files, the redirections of editable
/// installs (PEP 660 leaves their names to the tools, which agree on `editable`), and the links of `setup.py develop`.
pub fn can_redirect(file_name: &str) -> bool {
    let is_python = file_name.ends_with(".py") && file_name.contains("editable");
    file_name.ends_with(".pth") || file_name.ends_with(".egg-link") || is_python
}

/// The package that a file of an installation belongs to, for people.
pub fn package_of(file_name: &str) -> String {
    let stem = ["_finder.py", "_loader.py", ".py", ".pth", ".egg-link", ".dist-info", ".egg-info"];
    let stem = stem.iter().find_map(|end| file_name.strip_suffix(end)).unwrap_or(file_name);
    let stem = stem.trim_start_matches('_').trim_start_matches("editable_impl_").trim_start_matches("editable___");
    let stem = stem.trim_end_matches("_editable").trim_start_matches("editable__").trim_start_matches(['_', '.']);
    // A version follows behind a hyphen in the name of a distribution.
    let name =
        stem.split_once('-').filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit())).map(|(name, _)| name);
    // In the name of a module every part of it stands behind an underscore.
    let is_version = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = name.unwrap_or(stem).split('_').collect();
    let end = words.iter().skip(1).position(|part| is_version(part)).map_or(words.len(), |at| at + 1);
    words[..end].join("_")
}

/// Whether Cargo's own settings replace packages by sources in a checkout (`paths`, `[patch]`, `[source]`); a build directory there is none.
pub fn cargo_replaces<'c>(settings: &str, checkouts: &'c [PathBuf]) -> Option<&'c Path> {
    let mut is_replacing = false;
    settings.lines().map(str::trim).find_map(|line| {
        if let Some(section) = line.strip_prefix('[').filter(|section| section.ends_with(']')) {
            is_replacing = section.starts_with("patch") || section.starts_with("source");
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        let counts = is_replacing || key == "paths" || key.starts_with("patch.") || key.starts_with("source.");
        if counts && !line.starts_with('#') { named(line.as_bytes(), checkouts, &[]) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Vec<PathBuf> {
        vec![PathBuf::from(path)]
    }

    #[test]
    fn a_checkout_is_named_by_its_whole_path_only() {
        let table: [(&str, bool); 12] = [
            ("/r/project\n", true),
            ("/r/project/src\n", true),
            ("import x; x.install({'a': '/r/project/src/a'})", true),
            (r#"{"url": "file:///r/project", "dir_info": {"editable": true}}"#, true),
            ("a:/r/project:b", true),
            ("/r/project-2/src", false),
            ("/r/project.old", false),
            ("/r/projects", false),
            ("/r/project/.venv/lib/x.py\n", false),
            ("/r/project/.venv2\n", true),
            ("/r/project-2 /r/project", true),
            ("", false),
        ];
        for (text, is_named) in table {
            let is_found = named(text.as_bytes(), &at("/r/project"), &at("/r/project/.venv")).is_some();
            assert_eq!(is_found, is_named, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_read_with_its_escapes() {
        let checkouts = at("/r/my pr\u{f6}ject");
        assert!(named(b"file:///r/my%20pr%C3%B6ject/sub", &checkouts, &[]).is_some());
        assert!(named("/r/my pr\u{f6}ject/sub".as_bytes(), &checkouts, &[]).is_some());
        assert!(named(b"file:///r/my%20pr%C3%B6ject2", &checkouts, &[]).is_none());
    }

    #[test]
    fn files_of_editable_installs_are_known_by_their_names() {
        for name in [
            "__editable__.pluggy-1.6.0.pth",
            "__editable___pluggy_1_6_0_finder.py",
            "_editable_impl_iniconfig.pth",
            "_pkg_editable_loader.py",
            "pkg.egg-link",
            "easy-install.pth",
            "pkg.pth",
        ] {
            assert!(can_redirect(name), "{name}");
        }
        for name in ["pkg", "six.py", "editable.txt", "RECORD"] {
            assert!(!can_redirect(name), "{name}");
        }
    }

    #[test]
    fn packages_are_named_as_people_know_them() {
        for (file, name) in [
            ("pluggy-1.6.0.dist-info", "pluggy"),
            ("__editable__.pluggy-1.6.0.pth", "pluggy"),
            ("_editable_impl_iniconfig.pth", "iniconfig"),
            ("my_pkg.egg-link", "my_pkg"),
            ("__editable___my_pkg_1_0_2_finder.py", "my_pkg"),
            ("_pkg_editable_loader.py", "pkg"),
            ("a-b.pth", "a-b"),
        ] {
            assert_eq!(package_of(file), name, "{file}");
        }
    }

    #[test]
    fn only_what_replaces_packages_counts_in_cargos_settings() {
        let checkouts = at("/r/x");
        let table = [
            ("paths = [\"/r/x\"]", true),
            ("[patch.crates-io]\nx = { path = \"/r/x\" }", true),
            ("patch.crates-io.x.path = \"/r/x\"", true),
            ("[source.vendored]\ndirectory = \"/r/x/vendor\"", true),
            ("[build]\ntarget-dir = \"/r/x/target\"", false),
            ("[patch.crates-io]\n# x = { path = \"/r/x\" }\n[build]\ntarget-dir = \"/r/x\"", false),
            ("", false),
        ];
        for (text, counts) in table {
            assert_eq!(cargo_replaces(text, &checkouts).is_some(), counts, "{text}");
        }
    }

    #[test]
    fn every_lead_says_what_and_what_to_do() {
        let (file, checkout) = (PathBuf::from("/v/x.pth"), PathBuf::from("/r"));
        let leads = [
            Lead::Package { name: "x".into(), file: file.clone(), checkout: checkout.clone() },
            Lead::SearchPath { dir: "/r/src".into(), checkout: checkout.clone() },
            Lead::Variable { name: "NODE_PATH".into(), checkout: checkout.clone() },
            Lead::Command { checkout: checkout.clone() },
            Lead::Settings { file: file.clone(), checkout },
        ];
        for lead in leads {
            let text = lead.to_string();
            assert!(text.contains(&format!("{SENTENCE} /r, so ")) && text.contains("; "), "{text}");
        }
        let shadow = Lead::Shadow { name: "x".into(), file }.to_string();
        assert!(shadow.contains("and not the one of the judged tree"), "{shadow}");
    }
}
