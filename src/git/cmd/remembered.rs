//! What the installed Git has said before, kept from one command to the next: its version, and the
//! settings that are data. Asking costs a process each.
//!
//! An answer holds as long as the files that it was made from are the very same: device, inode,
//! length and times, which no ordinary process can set back. It is kept only where that can be told:
//! of a `git` that is a program itself and not the stand-in of a version manager, and of files that
//! were left alone for a while, so that a second change in the same tick of the clock is none that
//! goes unseen. Where anything is in doubt Git is asked, as ever. Deliberately absent: settings that
//! are no data, since some hold secrets.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::{clock, fs};
use crate::git::cmd::Git;
use crate::git::error::GitError;

/// A file is left alone where it was not changed for so long.
const SETTLED_MS: i64 = 1_000;
/// The beginning of a program on Linux. Elsewhere `git` may be a stand-in that chooses another.
const PROGRAM: &[u8] = b"\x7fELF";
/// Kept answers are far below this.
const CAP: u64 = 64 << 10;

/// An answer, and what it was made from.
#[derive(Serialize, Deserialize)]
struct KeptAnswer<T> {
    made_from: String,
    answer: T,
}

/// An answer of Git, as far as it may be kept.
pub(in crate::git) enum Answer<T> {
    /// It holds until one of the files that it was made from changes.
    Lasting(T),
    /// It was made from more than those.
    Passing(T),
}

impl Git {
    /// The answer that is kept under a name and was made from the same; else asks, and keeps it.
    pub(in crate::git) fn remembered<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        made_from: Option<String>,
        ask: impl FnOnce() -> Result<Answer<T>, GitError>,
    ) -> Result<T, GitError> {
        let place = self.kept_answer(name).zip(made_from);
        if let Some((file, made_from)) = &place
            && let Some(kept) = kept(file, made_from)
        {
            return Ok(kept);
        }
        match ask()? {
            Answer::Passing(answer) => Ok(answer),
            Answer::Lasting(answer) => {
                if let Some((file, made_from)) = place {
                    let kept = KeptAnswer { made_from, answer };
                    keep(&file, &kept);
                    return Ok(kept.answer);
                }
                Ok(answer)
            }
        }
    }

    /// The answer that is kept under a name and was made from the same; nothing is asked.
    pub(in crate::git) fn recalled<T: DeserializeOwned>(
        &self,
        name: &str,
        made_from: &str,
    ) -> Option<T> {
        kept(&self.kept_answer(name)?, made_from)
    }

    fn kept_answer(&self, name: &str) -> Option<PathBuf> {
        Some(self.memory()?.join(format!("git-{name}.json")))
    }

    /// The stamp of the program; none where it may be another one tomorrow without a change of its
    /// file.
    pub(in crate::git) fn program_stamp(&self) -> Option<String> {
        let program = std::fs::canonicalize(self.program()).ok()?;
        let is_itself = program.file_name() == Some(OsStr::new("git"))
            && fs::read_start(&program, 4).is_ok_and(|start| start == PROGRAM);
        is_itself
            .then(|| stamps([program], clock::wall_ms()))
            .flatten()
    }

    /// The stamps of all files from which Git reads the settings of a repository; none where they
    /// cannot be told.
    pub(in crate::git) fn settings_stamp(&self, common_dir: &Path) -> Option<String> {
        self.memory()?;
        self.settings_stamp_at(common_dir, clock::wall_ms())
    }

    fn settings_stamp_at(&self, common_dir: &Path, now_ms: i64) -> Option<String> {
        // Set and empty means none at all, which is another answer under the same stamps.
        let is_switched_off = |name: &str| {
            let found = self.base_env().iter().find(|(key, _)| key == name);
            found.is_some_and(|(_, value)| value.is_empty())
        };
        if is_switched_off("GIT_CONFIG_GLOBAL") || is_switched_off("GIT_CONFIG_SYSTEM") {
            return None;
        }
        let program = self.program_stamp()?;
        let mut files = Vec::new();
        if reads_system_settings(self.base_env())? {
            files.push(self.system_settings(&program)?);
        }
        files.extend(users_settings(self.base_env()));
        files.extend(["config", "config.worktree"].map(|name| common_dir.join(name)));
        Some(format!("{program}\n{}", stamps(files, now_ms)?))
    }

    /// The file of the machine's settings, which is set when Git is built.
    fn system_settings(&self, program: &str) -> Option<PathBuf> {
        if let Some(named) = variable(self.base_env(), "GIT_CONFIG_SYSTEM") {
            return Some(named.into());
        }
        self.built_in_place(("GIT_CONFIG_SYSTEM", "system-place"), program)
    }

    /// The file of the machine's attributes, likewise.
    pub(in crate::git) fn system_attributes(&self) -> Option<PathBuf> {
        self.memory()?;
        let program = self.program_stamp()?;
        self.built_in_place(("GIT_ATTR_SYSTEM", "attributes-place"), &program)
    }

    /// A place that is set when Git is built, by the name that Git has for it and the one under which
    /// the answer is kept; none where Git does not tell.
    fn built_in_place(&self, (variable, name): (&str, &str), program: &str) -> Option<PathBuf> {
        let ask = || {
            let out = self.command(["var", variable]).run_any()?;
            let text = String::from_utf8(out.stdout).unwrap_or_default();
            let text = text.trim_end_matches('\n').to_owned();
            Ok(Answer::Lasting((out.code == 0).then_some(text)))
        };
        let path: Option<String> = self.remembered(name, Some(program.to_owned()), ask).ok()?;
        path.map(PathBuf::from)
    }

    /// A file of the user's own, `git/<name>` below the directory of settings, where Git looks for it
    /// unless it is told otherwise.
    pub(in crate::git) fn users_file(&self, name: &str) -> Option<PathBuf> {
        users_config_dir(self.base_env()).map(|dir| dir.join("git").join(name))
    }

    /// The user's home directory.
    pub(in crate::git) fn home(&self) -> Option<PathBuf> {
        variable(self.base_env(), "HOME").map(PathBuf::from)
    }
}

fn kept<T: DeserializeOwned>(file: &Path, made_from: &str) -> Option<T> {
    let text = fs::read_text_if_there(file, CAP).ok()??;
    let kept: KeptAnswer<T> = serde_json::from_str(&text).ok()?;
    (kept.made_from == made_from).then_some(kept.answer)
}

fn keep<T: Serialize>(file: &Path, kept: &KeptAnswer<T>) {
    let is_there = file.parent().is_some_and(Path::is_dir);
    if is_there && let Ok(text) = serde_json::to_string(kept) {
        // The next command asks again.
        let _kept = fs::write_private(file, text.as_bytes());
    }
}

/// Whether the machine's settings are read; none for a word that only Git can judge.
fn reads_system_settings(env: &[(OsString, OsString)]) -> Option<bool> {
    match variable(env, "GIT_CONFIG_NOSYSTEM").map(OsStr::as_encoded_bytes) {
        None | Some(b"0" | b"false" | b"no" | b"off") => Some(true),
        Some(b"1" | b"true" | b"yes" | b"on") => Some(false),
        Some(_) => None,
    }
}

/// The files of the user's own settings.
fn users_settings(env: &[(OsString, OsString)]) -> Vec<PathBuf> {
    if let Some(named) = variable(env, "GIT_CONFIG_GLOBAL") {
        return vec![named.into()];
    }
    let config = users_config_dir(env).map(|dir| dir.join("git/config"));
    let own = variable(env, "HOME").map(|home| Path::new(home).join(".gitconfig"));
    config.into_iter().chain(own).collect()
}

fn users_config_dir(env: &[(OsString, OsString)]) -> Option<PathBuf> {
    let config = variable(env, "XDG_CONFIG_HOME").map(PathBuf::from);
    config.or_else(|| variable(env, "HOME").map(|home| Path::new(home).join(".config")))
}

/// The value of a variable that is set and not empty.
fn variable<'e>(env: &'e [(OsString, OsString)], name: &str) -> Option<&'e OsStr> {
    let found = env.iter().find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.as_os_str())
        .filter(|value| !value.is_empty())
}

/// One line for each file; none where one of them cannot be told, or has not settled by `now_ms`.
fn stamps(files: impl IntoIterator<Item = PathBuf>, now_ms: i64) -> Option<String> {
    let lines: Option<Vec<String>> = files.into_iter().map(|file| stamp(&file, now_ms)).collect();
    lines.map(|lines| lines.join("\n"))
}

fn stamp(file: &Path, now_ms: i64) -> Option<String> {
    // Any other name means something else in another directory.
    let name = file.to_str().filter(|_| file.is_absolute())?;
    let meta = match std::fs::metadata(file) {
        Ok(meta) => meta,
        Err(e) if e.kind() == ErrorKind::NotFound => return Some(format!("{name} -")),
        Err(_) => return None,
    };
    // How people say that there is no such file.
    if meta.file_type().is_char_device() {
        return Some(format!("{name} {}", meta.rdev()));
    }
    let changed_ms = meta.ctime() * 1_000 + meta.ctime_nsec() / 1_000_000;
    let is_settled = now_ms - changed_ms >= SETTLED_MS;
    (meta.is_file() && is_settled).then(|| {
        format!(
            "{name} {}:{} {} {}.{:09} {}.{:09}",
            meta.dev(),
            meta.ino(),
            meta.len(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect()
    }

    #[test]
    fn the_users_settings_stand_where_git_looks_for_them() {
        /// The environment, and the files.
        type Row<'t> = (&'t [(&'t str, &'t str)], &'t [&'t str]);
        let table: [Row<'_>; 5] = [
            (&[], &[]),
            (
                &[("HOME", "/h")],
                &["/h/.config/git/config", "/h/.gitconfig"],
            ),
            (
                &[("HOME", "/h"), ("XDG_CONFIG_HOME", "")],
                &["/h/.config/git/config", "/h/.gitconfig"],
            ),
            (
                &[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")],
                &["/x/git/config", "/h/.gitconfig"],
            ),
            (&[("HOME", "/h"), ("GIT_CONFIG_GLOBAL", "/g")], &["/g"]),
        ];
        for (pairs, files) in table {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            assert_eq!(users_settings(&env(pairs)), files, "{pairs:?}");
        }
    }

    #[test]
    fn the_machines_settings_count_unless_they_are_switched_off() {
        let table = [
            ("", Some(true)),
            ("0", Some(true)),
            ("false", Some(true)),
            ("1", Some(false)),
            ("true", Some(false)),
            ("tRue", None),
            ("2", None),
        ];
        for (word, counts) in table {
            let env = env(&[("GIT_CONFIG_NOSYSTEM", word)]);
            assert_eq!(reads_system_settings(&env), counts, "{word}");
        }
        assert_eq!(reads_system_settings(&env(&[])), Some(true));
    }

    #[test]
    fn a_stamp_tells_every_change_and_waits_until_a_file_has_settled() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        let later = clock::wall_ms() + 3_600_000;
        let absent = stamp(&file, later).unwrap();
        std::fs::write(&file, "one").unwrap();
        let one = stamp(&file, later).unwrap();
        assert_eq!(stamp(&file, later).as_ref(), Some(&one));
        let meta = std::fs::metadata(&file).unwrap();
        let changed_ms = meta.ctime() * 1_000 + meta.ctime_nsec() / 1_000_000;
        let at = |after| stamp(&file, changed_ms + after).is_some();
        assert_eq!(
            [at(-5), at(0), at(999), at(1_000)],
            [false, false, false, true]
        );
        // The same length under the same name.
        std::fs::write(dir.path().join("new"), "two").unwrap();
        std::fs::rename(dir.path().join("new"), &file).unwrap();
        let two = stamp(&file, later).unwrap();
        assert!(absent != one && one != two, "{absent} {one} {two}");
        assert_eq!(stamp(dir.path(), later), None);
        assert_eq!(stamp(Path::new("config"), later), None);
        assert!(stamp(Path::new("/dev/null"), 0).is_some());
    }

    #[test]
    fn an_answer_is_kept_until_what_it_was_made_from_changes() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::system().unwrap().remembering(dir.path().to_owned());
        let mut asked = 0;
        let mut ask = |git: &Git, from: Option<&str>, lasts: bool| {
            let answer = git.remembered("x", from.map(str::to_owned), || {
                asked += 1;
                Ok(if lasts {
                    Answer::Lasting(asked)
                } else {
                    Answer::Passing(asked)
                })
            });
            answer.unwrap()
        };
        assert_eq!(ask(&git, Some("a"), false), 1);
        assert_eq!(ask(&git, Some("a"), true), 2);
        assert_eq!(ask(&git, Some("a"), true), 2);
        assert_eq!(ask(&git, Some("b"), true), 3);
        assert_eq!(ask(&git, Some("a"), true), 4);
        assert_eq!(ask(&git, None, true), 5);
        std::fs::write(dir.path().join("git-x.json"), "{\"made_from\":").unwrap();
        assert_eq!(ask(&git, Some("a"), true), 6);
        let elsewhere = git.remembering(dir.path().join("no such directory"));
        assert_eq!(ask(&elsewhere, Some("a"), true), 7);
        assert_eq!(ask(&elsewhere, Some("a"), true), 8);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn settings_are_asked_for_again_wherever_one_could_have_changed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("home/.config/git")).unwrap();
        std::fs::write(at("config"), "").unwrap();
        let path = std::env::var("PATH").unwrap();
        let (home, system) = (at("home"), at("system"));
        let known = [
            ("PATH", path.as_str()),
            ("HOME", home.to_str().unwrap()),
            ("GIT_CONFIG_SYSTEM", system.to_str().unwrap()),
        ];
        let git = Git::with_env(env(&known)).unwrap();
        if git.program_stamp().is_none() {
            // This machine's Git is a stand-in, or was installed a moment ago.
            return;
        }
        let later = clock::wall_ms() + 3_600_000;
        let stamp = || git.settings_stamp_at(dir.path(), later).unwrap();
        let mut seen = vec![stamp()];
        assert_eq!(stamp(), seen[0]);
        for file in [
            "config",
            "config.worktree",
            "system",
            "home/.gitconfig",
            "home/.config/git/config",
        ] {
            std::fs::write(at(file), "[core]\n\tautocrlf = true\n").unwrap();
            let now = stamp();
            assert!(!seen.contains(&now), "{file}");
            seen.push(now);
        }
        assert_eq!(git.settings_stamp(dir.path()), None, "nothing is kept");
        let kept = git.remembering(dir.path().to_owned());
        assert_eq!(kept.settings_stamp(dir.path()), None, "they are too new");
    }

    #[test]
    fn a_stand_in_for_git_is_asked_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let stand_in = dir.path().join("git");
        std::fs::copy("/bin/true", dir.path().join("chooser")).unwrap();
        let at = || Git::with_env(env(&[("PATH", dir.path().to_str().unwrap())])).unwrap();
        std::os::unix::fs::symlink("chooser", &stand_in).unwrap();
        assert_eq!(at().program_stamp(), None);
        std::fs::remove_file(&stand_in).unwrap();
        std::fs::write(&stand_in, "#!/bin/sh\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&stand_in, mode).unwrap();
        assert_eq!(at().program_stamp(), None);
    }
}
