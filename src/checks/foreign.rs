//! Leads from a check into another tree than the judged one: installed packages, variables and
//! command lines that name a checkout.
//!
//! Pure: texts come in, paths and sentences go out. Whether a path leads into a checkout, links
//! followed, is asked by whoever has the disk.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::base::text::distribution_name;

/// End of the sentence about a foreign source; people and scripts look for it.
pub const SENTENCE: &str = "points into the main checkout";

/// Something that leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignLead {
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
        /// The name.
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
    /// A file of the judged tree is a link into a checkout.
    Link {
        /// The file, relative to the root.
        path: PathBuf,
        /// The checkout.
        checkout: PathBuf,
    },
    /// A package that the check needs lies where the sandbox hides it.
    OutOfSight {
        /// The directory.
        dir: PathBuf,
    },
    /// Another build of the judged package is installed, and nothing shows that the check takes the
    /// one of the tree.
    Shadow {
        /// The package.
        name: String,
        /// The installed one.
        file: PathBuf,
    },
}

impl std::fmt::Display for ForeignLead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let install = "install it in the place of checks instead, by `runs: {setup: …}`";
        match self {
            ForeignLead::Package {
                name,
                file,
                checkout,
            } => write!(
                f,
                "the installed package `{name}` ({}) {SENTENCE} {}, so the check would judge that and not the work; {install}",
                file.display(),
                checkout.display()
            ),
            ForeignLead::SearchPath { dir, checkout } => write!(
                f,
                "Python looks for modules in {}, which {SENTENCE} {}, so the check would judge that and not the work; {install}",
                dir.display(),
                checkout.display()
            ),
            ForeignLead::Variable { name, checkout } => write!(
                f,
                "the variable {name} {SENTENCE} {}, so the check would judge that and not the work; unset it, or take it out of \
                 `runs.env_pass`",
                checkout.display()
            ),
            ForeignLead::Command { checkout } => write!(
                f,
                "the command of the check {SENTENCE} {}, so it would judge that and not the work; name the path relative to the \
                 root of the repository",
                checkout.display()
            ),
            ForeignLead::Settings { file, checkout } => write!(
                f,
                "{} {SENTENCE} {}, so the check would judge that and not the work; take it out of that file",
                file.display(),
                checkout.display()
            ),
            ForeignLead::Link { path, checkout } => write!(
                f,
                "{} is a link that {SENTENCE} {}, so the check would judge that and not the work",
                path.display(),
                checkout.display()
            ),
            ForeignLead::OutOfSight { dir } => write!(
                f,
                "a package that the check needs is installed from {}, which the sandbox hides; let checks read it by `runs.allow_read`",
                dir.display()
            ),
            ForeignLead::Shadow { name, file } => write!(
                f,
                "the check would import the installed `{name}` ({}) and not the one of the judged tree, which is not on the module \
                 path; {install}, or name it in `pythonpath` of pytest",
                file.display()
            ),
        }
    }
}

/// A path that a text names: from a slash, or from `~/` and `$HOME/`, to what ends a word in a
/// shell, a list of paths or a literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedPlace {
    /// An absolute path.
    Absolute(PathBuf),
    /// A path below the home.
    InHome(PathBuf),
}

/// Every place that a text names. `file:` addresses are read with their escapes.
pub fn places_in(text: &[u8]) -> Vec<NamedPlace> {
    const HOMES: [&[u8]; 3] = [b"~/", b"$HOME/", b"${HOME}/"];
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let starts_word = starts_word(text, at);
        let home = HOMES
            .iter()
            .find(|home| starts_word && text[at..].starts_with(home));
        let from = match home {
            Some(home) => at + home.len(),
            None if starts_word && text[at] == b'/' => at,
            None => {
                at += 1;
                continue;
            }
        };
        let end = text[from..]
            .iter()
            .position(|byte| is_boundary(*byte))
            .map_or(text.len(), |len| from + len);
        let is_address = text[..at].ends_with(b"file:");
        let bytes = if is_address {
            unescaped(&text[from..end])
        } else {
            text[from..end].to_vec()
        };
        let path = PathBuf::from(OsStr::from_bytes(&bytes));
        found.push(if home.is_some() {
            NamedPlace::InHome(path)
        } else {
            NamedPlace::Absolute(path)
        });
        at = end.max(at + 1);
    }
    found
}

/// Returns true for a byte that stands beside a path but never in one that is written without
/// quotes.
/// True where a word begins, or what stands behind an option of one letter: `-I/usr/include`.
fn starts_word(text: &[u8], at: usize) -> bool {
    let is_after_boundary = |at: usize| at == 0 || is_boundary(text[at - 1]);
    let is_after_option = at >= 2
        && text[at - 1].is_ascii_alphabetic()
        && text[at - 2] == b'-'
        && is_after_boundary(at - 2);
    is_after_boundary(at) || is_after_option
}

fn is_boundary(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"\"'`=:;,()[]{}|&<>\0@".contains(&byte)
}

/// Percent signs of an address undone; one that is none stays.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::new(), 0);
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// The lines of a path file (`.pth`, `.egg-link`) that name directories: no comments, no code.
pub fn path_lines(text: &[u8]) -> Vec<PathBuf> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let is_path =
        |line: &&[u8]| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b"import ");
    lines
        .filter(is_path)
        .map(|line| PathBuf::from(OsStr::from_bytes(line)))
        .collect()
}

/// Reads where a package was installed from, by its `direct_url.json` (PEP 610), and whether it is
/// used from there.
pub fn direct_url(text: &[u8]) -> Option<(PathBuf, EditableInstall)> {
    let value: serde_json::Value = serde_json::from_slice(text).ok()?;
    let path = value.get("url")?.as_str()?.strip_prefix("file://")?;
    let path = PathBuf::from(OsStr::from_bytes(&unescaped(path.as_bytes())));
    let editable = value
        .get("dir_info")
        .and_then(|dir| dir.get("editable"))
        .and_then(serde_json::Value::as_bool);
    Some((
        path,
        if editable == Some(true) {
            EditableInstall::Used
        } else {
            EditableInstall::Copied
        },
    ))
}

/// The relation of an installed package and the sources that it was installed from belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditableInstall {
    /// The sources are used.
    Used,
    /// The modules were copied.
    Copied,
}

/// The modules that a log of Python says are missing, or without what they should have.
pub fn missing_modules(log: &str) -> Vec<&str> {
    const SIGNS: [&str; 3] = [
        "No module named ",
        "cannot import name ",
        "has no attribute",
    ];
    let lines = log
        .lines()
        .filter(|line| SIGNS.iter().any(|sign| line.contains(sign)));
    let quoted = lines.flat_map(|line| line.split(['\'', '"']).skip(1).step_by(2));
    quoted
        .map(|name| name.split('.').next().unwrap_or(name))
        .collect()
}

/// The names by which a project of Python is known to installers, from its `pyproject.toml`,
/// `setup.cfg` or `setup.py`, in normal form.
pub fn project_names(manifest: &str) -> Vec<String> {
    let lines = manifest
        .lines()
        .map(|line| line.trim_start().trim_start_matches("setup("));
    let names = lines.filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value
            .split(['#', ',', ')'])
            .next()?
            .trim()
            .trim_matches(['"', '\'']);
        (key.trim() == "name" && !value.is_empty() && value.chars().all(is_of_name))
            .then(|| distribution_name(value))
    });
    names.collect()
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Returns true if a command, or a setting `pythonpath` of pytest, puts the directory `dir` of the
/// tree on the module path.
pub fn puts_on_path(text: &str, dir: &str) -> bool {
    let is_dir = |word: &str| {
        let word = word
            .trim_matches(['"', '\''])
            .trim_start_matches("$PWD/")
            .trim_start_matches("./");
        let dir = if dir.is_empty() { "." } else { dir };
        word.trim_end_matches('/') == dir || (dir == "." && word == "$PWD")
    };
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find("pythonpath") {
        let after = rest[at + "pythonpath".len()..].trim_start();
        if let Some(value) = after.strip_prefix('=') {
            let value = value.trim_start();
            let end = if value.starts_with('[') {
                value.find(']')
            } else {
                value.find(['\n', ';', '&'])
            };
            let value = &value[..end.unwrap_or(value.len())];
            // A shell's value ends at the first blank, that of a settings file goes on.
            let value = if rest[at..].starts_with("PYTHONPATH") {
                value.split(' ').next().unwrap_or(value)
            } else {
                value
            };
            if value
                .split([':', ',', ' ', '[', '\n'])
                .any(|word| is_dir(word.trim()))
            {
                return true;
            }
        }
        rest = after;
    }
    false
}

/// True for a file of a directory of installed packages that can lead to sources elsewhere: path
/// files, the redirections of [editable installs](EditableInstall) (PEP 660 leaves their names to
/// the tools, which agree on `editable`), and the links of `setup.py develop`.
pub fn can_redirect(file_name: &str) -> bool {
    let is_python = file_name.ends_with(".py") && file_name.contains("editable");
    file_name.ends_with(".pth") || file_name.ends_with(".egg-link") || is_python
}

/// The package that a file of an installation belongs to, for people.
pub fn package_of(file_name: &str) -> String {
    let stem = [
        "_finder.py",
        "_loader.py",
        ".py",
        ".pth",
        ".egg-link",
        ".dist-info",
        ".egg-info",
    ];
    let stem = stem
        .iter()
        .find_map(|end| file_name.strip_suffix(end))
        .unwrap_or(file_name);
    let stem = stem
        .trim_start_matches('_')
        .trim_start_matches("editable_impl_")
        .trim_start_matches("editable___");
    let stem = stem
        .trim_end_matches("_editable")
        .trim_start_matches("editable__")
        .trim_start_matches(['_', '.']);
    // A version follows behind a hyphen in the name of a distribution.
    let name = stem
        .split_once('-')
        .filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
        .map(|(name, _)| name);
    // In the name of a module every part of it stands behind an underscore.
    let is_version = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = name.unwrap_or(stem).split('_').collect();
    let end = words
        .iter()
        .skip(1)
        .position(|part| is_version(part))
        .map_or(words.len(), |at| at + 1);
    words[..end].join("_")
}

/// The paths by which Cargo's own settings replace packages (`paths`, `[patch]`, `[source]`), as
/// they are written there.
pub fn cargo_replacements(settings: &str) -> Vec<PathBuf> {
    let (mut found, mut is_replacing, mut is_open) = (Vec::new(), false, false);
    for line in settings
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
    {
        let is_section =
            line.starts_with('[') && line.ends_with(']') && !line.contains('=') && !is_open;
        if is_section {
            let name = line.trim_matches(['[', ']']);
            is_replacing = name.starts_with("patch") || name.starts_with("source");
            continue;
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        let counts = is_open
            || is_replacing
            || key == "paths"
            || key.starts_with("patch.")
            || key.starts_with("source.");
        if counts {
            found.extend(line.split('"').skip(1).step_by(2).map(PathBuf::from));
        }
        // A list can go on over several lines.
        is_open = counts && (is_open || line.contains('[')) && !line.contains(']');
    }
    found
}

/// Returns true if Cargo's own settings put what it builds into a directory of all projects.
pub fn cargo_shares_target(settings: &str) -> bool {
    let keys = settings
        .lines()
        .map(str::trim)
        .filter_map(|line| Some(line.split_once('=')?.0.trim()));
    keys.into_iter().any(|key| {
        key == "target-dir"
            || key == "build.target-dir"
            || key == "build-dir"
            || key == "build.build-dir"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(path: &str) -> NamedPlace {
        NamedPlace::Absolute(path.into())
    }

    #[test]
    fn places_are_found_wherever_a_word_begins() {
        let home = |path: &str| NamedPlace::InHome(path.into());
        let table: [(&str, Vec<NamedPlace>); 10] = [
            ("/r/project\n", vec![absolute("/r/project")]),
            ("a:/r/b:c", vec![absolute("/r/b")]),
            (
                "x='/r/b/c'; cd /d&&e",
                vec![absolute("/r/b/c"), absolute("/d")],
            ),
            (
                "cd ~/p && sh \"$HOME/q\" ${HOME}/r",
                vec![home("p"), home("q"), home("r")],
            ),
            (
                r#"{"url": "file:///r/my%20p%C3%B6", "x": 1}"#,
                vec![absolute("///r/my p\u{f6}")],
            ),
            ("-I/usr/include src/a/b", vec![absolute("/usr/include")]),
            ("100%/x", vec![]),
            ("a=/r/50%20", vec![absolute("/r/50%20")]),
            ("/", vec![absolute("/")]),
            ("", vec![]),
        ];
        for (text, places) in table {
            assert_eq!(places_in(text.as_bytes()), places, "{text:?}");
        }
    }

    #[test]
    fn path_files_name_directories_and_nothing_else() {
        let text = b"# made for /r\n/r/a b/src\n\nimport sys; sys.path.append('/r')\n../up\n";
        assert_eq!(path_lines(text), ["/r/a b/src", "../up"].map(PathBuf::from));
    }

    #[test]
    fn an_address_says_whether_its_sources_are_used() {
        let read = |text: &str| direct_url(text.as_bytes());
        let at = |editable| Some((PathBuf::from("/r/a b"), editable));
        assert_eq!(
            read(r#"{"url":"file:///r/a%20b","dir_info":{"editable":true}}"#),
            at(EditableInstall::Used)
        );
        assert_eq!(
            read(r#"{"url":"file:///r/a%20b","dir_info":{}}"#),
            at(EditableInstall::Copied)
        );
        assert_eq!(read(r#"{"url":"https://x.invalid/y"}"#), None);
        assert_eq!(read("not json"), None);
    }

    #[test]
    fn logs_tell_what_is_missing() {
        let log = "E   ModuleNotFoundError: No module named 'calc.core'\nfine 'x'\n\
                   ImportError: cannot import name 'add' from 'other' (unknown location)\n";
        assert_eq!(missing_modules(log), ["calc", "add", "other"]);
    }

    #[test]
    fn names_of_projects_are_read_and_made_normal() {
        assert_eq!(
            project_names("[project]\nname = \"My_Pkg.x\" # it\nversion = \"1\"\n"),
            ["my-pkg-x"]
        );
        assert_eq!(
            project_names("[metadata]\nname = iniconfig\n"),
            ["iniconfig"]
        );
        assert_eq!(
            project_names("from setuptools import setup\nsetup(name='Calc', version='1')\n"),
            ["calc"]
        );
        assert_eq!(
            project_names("setup(\n    name=\"a.b\",\n    py_modules=[\"c\"],\n)\n"),
            ["a-b"]
        );
        assert_eq!(project_names("name = { a = 1 }\nfilename = x\n"), [""; 0]);
        assert_eq!(distribution_name("A--b_.c"), "a-b-c");
    }

    #[test]
    fn only_what_names_the_directory_puts_it_on_the_path() {
        let table = [
            ("PYTHONPATH=src python t.py", "src", true),
            ("PYTHONPATH=tests:./src/ make test", "src", true),
            ("PYTHONPATH=$PWD/src pytest", "src", true),
            ("PYTHONPATH=tests python -m unittest src", "src", false),
            ("PYTHONPATH=. pytest", "", true),
            ("PYTHONPATH=$PWD pytest", "", true),
            (
                "[tool.pytest.ini_options]\npythonpath = [\"tests\", \"src\"]\n",
                "src",
                true,
            ),
            ("[pytest]\npythonpath = src lib\n", "lib", true),
            ("pythonpath = [\n  \"src\",\n]\n", "src", true),
            ("pythonpath = [\"tests\"]\nsrc = 1\n", "src", false),
            ("# no pythonpath here: src\n", "src", false),
            ("", "src", false),
        ];
        for (text, dir, puts) in table {
            assert_eq!(puts_on_path(text, dir), puts, "{text:?} {dir:?}");
        }
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
        let table: [(&str, &[&str]); 8] = [
            ("paths = [\"/r/x\", \"y\"]", &["/r/x", "y"]),
            (
                "paths = [\n  \"/r/x\",\n  \"y\",\n]\n[build]\njobs = \"2\"",
                &["/r/x", "y"],
            ),
            ("[patch.crates-io]\nx = { path = \"/r/x\" }", &["/r/x"]),
            ("patch.crates-io.x.path = \"/r/x\"", &["/r/x"]),
            (
                "[source.vendored]\ndirectory = \"/r/x/vendor\"",
                &["/r/x/vendor"],
            ),
            ("[build]\ntarget-dir = \"/r/x/target\"", &[]),
            (
                "[patch.crates-io]\n# x = { path = \"/r/x\" }\n[build]\ntarget-dir = \"/r/x\"",
                &[],
            ),
            ("", &[]),
        ];
        for (text, paths) in table {
            assert_eq!(
                cargo_replacements(text),
                paths.iter().map(PathBuf::from).collect::<Vec<_>>(),
                "{text}"
            );
        }
        assert!(
            cargo_shares_target("[build]\ntarget-dir = \"/t\"")
                && cargo_shares_target("build.target-dir = \"/t\"")
        );
        assert!(!cargo_shares_target("[build]\n# target-dir = \"/t\"") && !cargo_shares_target(""));
    }

    #[test]
    fn every_lead_says_what_and_what_to_do() {
        let (file, checkout) = (PathBuf::from("/v/x.pth"), PathBuf::from("/r"));
        let leads = [
            ForeignLead::Package {
                name: "x".into(),
                file: file.clone(),
                checkout: checkout.clone(),
            },
            ForeignLead::SearchPath {
                dir: "/r/src".into(),
                checkout: checkout.clone(),
            },
            ForeignLead::Variable {
                name: "NODE_PATH".into(),
                checkout: checkout.clone(),
            },
            ForeignLead::Command {
                checkout: checkout.clone(),
            },
            ForeignLead::Settings {
                file: file.clone(),
                checkout: checkout.clone(),
            },
            ForeignLead::Link {
                path: "src".into(),
                checkout,
            },
        ];
        for lead in leads {
            let text = lead.to_string();
            assert!(text.contains(&format!("{SENTENCE} /r, so ")), "{text}");
        }
        let shadow = ForeignLead::Shadow {
            name: "x".into(),
            file,
        }
        .to_string();
        assert!(
            shadow.contains("and not the one of the judged tree"),
            "{shadow}"
        );
        assert!(
            ForeignLead::OutOfSight { dir: "/h/o".into() }
                .to_string()
                .contains("runs.allow_read")
        );
    }
}
