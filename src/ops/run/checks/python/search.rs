//! Which interpreters and environments of Python checks are likely to use, and where these look for
//! modules.
//!
//! Interpreters are asked in the sandbox of the checks. One that hangs is ended with the question;
//! one that is not there says nothing.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::ops::error::OpError;
use crate::ops::run::checks::project_files::CAP;
use crate::ops::run::checks::scene::{Ask, Scene};

/// The program that interpreters are given: their search path, with a NUL behind every directory.
const ASK: &str = "import sys; sys.stdout.write(\"\\0\".join(sys.path) + \"\\0\")";
/// Environments that a setup makes in the place itself.
pub(crate) const OWN: [&str; 3] = [".venv", "venv", "env"];
/// So many interpreters are asked; a command that names more is none that people write.
const MOST: usize = 8;

/// Asks each interpreter that checks are likely to start where it looks. Directories that a command
/// names are looked at, too: they can be put on the path by a variable.
pub(crate) fn searches(
    scene: &Scene<'_>,
    commands: &[String],
    ask: &Ask<'_>,
) -> Result<Vec<(PathBuf, Vec<PathBuf>)>, OpError> {
    let own = OWN
        .iter()
        .map(|name| scene.place.root.join(name).join("bin/python"))
        .filter(|path| path.exists());
    let usual = ["python3", "python"]
        .into_iter()
        .filter_map(|name| scene.program(name));
    let texts = texts(scene, commands);
    let places: Vec<PathBuf> = texts
        .iter()
        .flat_map(|text| scene.places_in(text))
        .collect();
    let named = commands
        .iter()
        .flat_map(|command| interpreters_of(scene, command));
    let placed = places.iter().flat_map(|place| {
        [
            place.clone(),
            place.join("python"),
            place.join("bin/python"),
        ]
    });
    let placed = placed.filter(|path| is_interpreter(path));
    let mut interpreters: Vec<PathBuf> = Vec::new();
    for path in usual
        .chain(own)
        .chain(named.collect::<Vec<_>>())
        .chain(placed)
    {
        // In one environment, `python` and `python3` are one program.
        let is_asked = |asked: &PathBuf| asked.parent() == path.parent() && is_one(asked, &path);
        if interpreters.len() < MOST && !interpreters.iter().any(is_asked) {
            interpreters.push(path);
        }
    }
    let mut found = vec![(
        PathBuf::new(),
        places.into_iter().filter(|place| place.is_dir()).collect(),
    )];
    if interpreters.is_empty() {
        return Ok(found);
    }
    // One that cannot be started says so on standard error, and the next one is asked. Each answer
    // has its program in front.
    let script = format!(
        "for python do printf '\\1%s\\0' \"$python\"; \"$python\" -c '{ASK}' 2>/dev/null; done; true"
    );
    let mut command = ["/bin/sh", "-c", &script, "sh"]
        .map(OsString::from)
        .to_vec();
    command.extend(interpreters.into_iter().map(PathBuf::into_os_string));
    let answer = ask(command)?;
    for part in answer
        .split(|byte| *byte == 1)
        .filter(|part| !part.is_empty())
    {
        let mut entries = part.split(|byte| *byte == 0).map(path);
        let Some(interpreter) = entries.next() else {
            continue;
        };
        // The library of the language itself holds no packages of others.
        let is_library =
            |dir: &PathBuf| dir.join("os.py").is_file() || dir.ends_with("lib-dynload");
        let dirs = entries
            .filter(|dir| dir.is_absolute() && !is_library(dir))
            .collect();
        found.push((interpreter, dirs));
    }
    Ok(found)
}

/// Collects the texts that name the environments of checks: their commands, the scripts that these
/// start, and what make and test tools read at the root.
fn texts(scene: &Scene<'_>, commands: &[String]) -> Vec<Vec<u8>> {
    const FILES: [&str; 7] = [
        "Makefile",
        "GNUmakefile",
        "makefile",
        "tox.ini",
        "noxfile.py",
        "justfile",
        "setup.cfg",
    ];
    let root = &scene.place.root;
    let mut all: Vec<Vec<u8>> = commands
        .iter()
        .map(|command| command.clone().into_bytes())
        .collect();
    let words = commands.iter().flat_map(|command| words_of(command));
    let started = words.filter_map(|word| {
        if word.contains('/') || root.join(word).is_file() {
            Some(root.join(word))
        } else {
            scene.program(word)
        }
    });
    let scripts = started.filter(|file| {
        fs::read_start(file, 2).is_ok_and(|start| start == b"#!") || file.starts_with(root)
    });
    let files = scripts.chain(FILES.map(|name| root.join(name)));
    all.extend(files.filter_map(|file| fs::read_capped(&file, CAP).ok()));
    all
}

fn words_of(command: &str) -> impl Iterator<Item = &str> {
    command
        .split(|c: char| c.is_whitespace() || ";|&()'\"`".contains(c))
        .filter(|word| !word.is_empty())
}

fn is_interpreter(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("python"))
        && path.is_file()
}

/// The interpreters that a command names: by their paths, by an environment that it activates, or
/// by a script that names one.
fn interpreters_of(scene: &Scene<'_>, command: &str) -> Vec<PathBuf> {
    words_of(command)
        .filter_map(|word| interpreter(scene, word))
        .collect()
}

fn interpreter(scene: &Scene<'_>, word: &str) -> Option<PathBuf> {
    let home = || scene.variable("HOME");
    let in_home = ["~/", "$HOME/", "${HOME}/"]
        .into_iter()
        .find_map(|prefix| word.strip_prefix(prefix));
    let file = match (in_home, word.contains('/')) {
        (Some(rest), _) => home()?.join(rest),
        (None, true) => scene.place.root.join(word),
        (None, false) => scene.program(word)?,
    };
    if is_interpreter(&file) {
        return Some(file);
    }
    if file.file_name()? == "activate" {
        return Some(file.with_file_name("python")).filter(|python| python.is_file());
    }
    let start = fs::read_start(&file, 512).ok()?;
    let line = start
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let program = path(
        line.trim_ascii()
            .split(|byte| byte.is_ascii_whitespace())
            .next()?,
    );
    program
        .file_name()?
        .to_string_lossy()
        .starts_with("python")
        .then_some(program)
}

fn is_one(one: &Path, other: &Path) -> bool {
    std::fs::canonicalize(one)
        .ok()
        .zip(std::fs::canonicalize(other).ok())
        .is_some_and(|(one, other)| one == other)
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}
