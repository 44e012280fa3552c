//! What a program needs to be there when it is started: itself behind its links, its package, and the
//! interpreter that its first line names. Found by looking at files; nothing is started.
//!
//! Not found: what a wrapper in a shell starts by a path of its own. Where that is out of sight, the
//! end of the run names it (`missing_path`).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;

/// Links that lead to a program, and interpreters that are scripts themselves.
const MOST_STEPS: usize = 8;
/// The longest first line that a kernel reads.
const FIRST_LINE: u64 = 256;

/// A program with all files that lead to what is really executed, those it is found by first.
pub(crate) fn files_of(program: &Path, path: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut next = Some(program.to_owned());
    for _ in 0..MOST_STEPS {
        let Some(file) = next else { break };
        let links = links_to(&file);
        let real = links.last().cloned().unwrap_or(file);
        found.extend(links);
        next = interpreter(&real, path).filter(|other| !found.contains(other));
    }
    found
}

/// A path, and where its links lead, one after the other; nothing where it leads nowhere.
fn links_to(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut here = path.to_owned();
    while found.len() < MOST_STEPS {
        let Ok(meta) = here.symlink_metadata() else {
            break;
        };
        found.push(here.clone());
        if !meta.is_symlink() {
            break;
        }
        let Ok(target) = std::fs::read_link(&here) else {
            break;
        };
        here = here.parent().unwrap_or(&here).join(target);
    }
    // Directories on the way may be links, too.
    found.extend(
        std::fs::canonicalize(path)
            .ok()
            .filter(|real| !found.contains(real)),
    );
    found
}

/// The program that the first line of a script names.
fn interpreter(script: &Path, path: &[PathBuf]) -> Option<PathBuf> {
    let start = fs::read_start(script, FIRST_LINE).ok()?;
    let line = start
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let mut words = line
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
        .map(OsStr::from_bytes);
    let first = Path::new(words.next()?);
    if first.file_name() != Some(OsStr::new("env")) {
        return first.is_absolute().then(|| first.to_owned());
    }
    let is_program = |word: &&OsStr| {
        let word = word.as_bytes();
        !word.starts_with(b"-") && !word.contains(&b'=')
    };
    let name = words.find(is_program)?;
    path.iter()
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Finds the tree that belongs to a file of a program, below a directory that is out of sight: the
/// packages around it, else the directory that holds its `bin`, else its package, else its
/// directory. Never what holds more than programs: the hidden directory itself, and whatever holds
/// one of `kept`.
pub(crate) fn tree_of(file: &Path, hidden: &Path, kept: &[PathBuf]) -> Option<PathBuf> {
    let is_broad = |dir: &Path| {
        !dir.starts_with(hidden)
            || [
                hidden.to_owned(),
                hidden.join(".local"),
                hidden.join(".config"),
            ]
            .iter()
            .any(|broad| broad == dir)
            || kept.iter().any(|kept| kept.starts_with(dir))
    };
    let dir = if file.is_dir() {
        Some(file)
    } else {
        file.parent()
    };
    let modules = file
        .ancestors()
        .filter(|dir| dir.file_name().is_some_and(|name| name == "node_modules"))
        .last();
    let installed = dir
        .filter(|dir| dir.file_name().is_some_and(|name| name == "bin"))
        .and_then(Path::parent);
    let package = file
        .ancestors()
        .skip(1)
        .take_while(|dir| dir.starts_with(hidden))
        .find(|dir| dir.join("package.json").is_file());
    [modules, installed, package, dir]
        .into_iter()
        .flatten()
        .find(|dir| !is_broad(dir))
        .map(Path::to_owned)
}

/// The absolute paths that a text names and that are there, in the order in which they stand.
pub(crate) fn paths_in(text: &str) -> Vec<PathBuf> {
    const AROUND: &str = "'\"`‘’“”()[]{}<>,;";
    let mut seen = BTreeSet::new();
    let words = text
        .split(|c: char| c.is_whitespace() || AROUND.contains(c))
        .flat_map(|word| [word, word.trim_start_matches("file://")])
        .filter(|word| word.starts_with('/'));
    words
        .flat_map(|word| {
            // `/a/b:3:` and `/a/b:` name `/a/b`.
            let bare = word.trim_end_matches(['.', ':', '!']);
            [bare, bare.split(':').next().unwrap_or(bare)]
        })
        .map(PathBuf::from)
        .filter(|path| path.symlink_metadata().is_ok() && seen.insert(path.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(base: &Path, name: &str, text: &str) -> PathBuf {
        let path = base.join(name);
        fs::write_atomic(&path, text.as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn below(base: &Path, found: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
        let name = |path: PathBuf| match path.strip_prefix(base) {
            Ok(below) => below.display().to_string(),
            Err(_) => path.display().to_string(),
        };
        found.into_iter().map(name).collect()
    }

    #[test]
    fn a_program_is_followed_through_links_and_first_lines() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let path = [base.join("other/bin"), base.join("node/bin")];
        program(&base, "node/bin/node", "\u{7f}ELF");
        let cli = program(
            &base,
            "lib/node_modules/x/cli.js",
            "#!/usr/bin/env -S node --quiet\n",
        );
        fs::create_dir_all(&base.join("bin")).unwrap();
        fs::symlink(&cli, &base.join("bin/second")).unwrap();
        fs::symlink(Path::new("second"), &base.join("bin/first")).unwrap();
        let files = |name: &str| below(&base, files_of(&base.join(name), &path));
        assert_eq!(
            files("bin/first"),
            [
                "bin/first",
                "bin/second",
                "lib/node_modules/x/cli.js",
                "node/bin/node"
            ]
        );
        program(&base, "venv/bin/python", "\u{7f}ELF");
        let line = format!("#!{}/venv/bin/python\n", base.display());
        program(&base, "venv/bin/aider", &line);
        assert_eq!(
            files("venv/bin/aider"),
            ["venv/bin/aider", "venv/bin/python"]
        );
        for (name, text) in [
            ("a", "#!\n"),
            ("b", "#!node\n"),
            ("c", "#!/usr/bin/env\n"),
            ("d", ""),
        ] {
            program(&base, name, text);
            assert_eq!(files(name), [name], "{text:?}");
        }
        let own = format!("#!{}/loop\n", base.display());
        program(&base, "loop", &own);
        assert_eq!(files("loop"), ["loop"]);
        assert_eq!(files("gone"), [""; 0]);
    }

    #[test]
    fn the_tree_of_a_program_is_shown_and_never_what_holds_more() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        for name in [
            ".opencode/bin/opencode",
            ".local/bin/x",
            ".local/tool",
            "bin/x",
            "x.sh",
            "lib/node_modules/x/node_modules/y/bin/y.js",
            "src/cli/package.json",
            "src/cli/dist/main/cli.js",
            "opt/tool/run",
            "all/home/x",
            "all/tool/run",
        ] {
            fs::write_atomic(&base.join(name), b"").unwrap();
        }
        let tree = |name: &str| {
            let kept = [base.join("all/home")];
            below(base, tree_of(&base.join(name), base, &kept))
        };
        for (name, shown) in [
            (".opencode/bin/opencode", ".opencode"),
            (".opencode/bin", ".opencode"),
            (".local/bin/x", ".local/bin"),
            ("bin/x", "bin"),
            (
                "lib/node_modules/x/node_modules/y/bin/y.js",
                "lib/node_modules",
            ),
            ("src/cli/dist/main/cli.js", "src/cli"),
            ("opt/tool/run", "opt/tool"),
            ("all/tool/run", "all/tool"),
        ] {
            assert_eq!(tree(name), [shown], "{name}");
        }
        for name in [".local/tool", "x.sh", "all/home"] {
            assert_eq!(tree(name), [""; 0], "{name}");
        }
    }

    #[test]
    fn paths_are_found_in_what_programs_say() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        fs::write_atomic(&base.join("tool"), b"").unwrap();
        let shown = base.display();
        for text in [
            format!("sh: 2: exec: {shown}/tool: not found"),
            format!("Error: Cannot find module '{shown}/tool'"),
            format!("at load (file://{shown}/tool:12:3)"),
            format!("cannot open \u{2018}{shown}/tool\u{2019}."),
        ] {
            assert_eq!(below(base, paths_in(&text)), ["tool"], "{text}");
        }
        assert_eq!(
            below(base, paths_in(&format!("{shown}/gone tool ./tool"))),
            [""; 0]
        );
    }
}
