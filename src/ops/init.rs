//! Setting a repository up: the files below `.ai/`, the store in the git directory, and the link
//! between them. What stands already is left as it is, so that the command can be run again.
//!
//! What was written is remembered in the store by digest, so that `ai uninstall` takes back exactly
//! that and nothing that a person has changed since. A bare repository has no place for `.ai/`: it
//! gets the store alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{env, fs, hash, id};
use crate::config::{self, CheckStanding, DetectedCheck, StartConfig, Trees};
use crate::domain::actor::ActorKind;
use crate::domain::event::Event;
use crate::git::discover::RepoLocation;
use crate::git::preflight;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::places::Places;
use crate::ops::refusal::Refusal;
use crate::ops::{project, trust};
use crate::policy::{self, Pack};
use crate::store::sqlite::SqliteStore;
use crate::store::{Access, StoreError, Tx};

/// Kept out of Git: the link to the store, and worktrees of older versions.
const IGNORE: &str = "# Machine-local: the link to the store in the git directory, and worktrees of older versions.\n/state\n/worktrees/\n";
/// Under which key the store remembers what was written: a JSON object from path to SHA-256.
const WRITTEN: &str = "init.files";

/// A file that a project starts with.
pub struct StartFile {
    /// Path below the root.
    pub path: &'static str,
    /// Content.
    pub text: String,
}

/// The work that `ai init` did.
#[derive(Debug, Default)]
pub struct Done {
    /// Files that were written.
    pub written: Vec<String>,
    /// Files that stood already and were left.
    pub kept: Vec<String>,
    /// Set where the store is new.
    pub new_store: bool,
    /// Set where there is no checkout, and so no files.
    pub bare: bool,
    /// Files of the repository that would run code, and that nobody has trusted yet.
    pub untrusted: Vec<trust::Change>,
    /// The directory in which worktrees and places of checks will lie; absent where there is none,
    /// or no checkout.
    pub places: Option<PathBuf>,
    /// The reason why nothing could run from there.
    pub unfit: Option<String>,
    /// The detected checks that nobody has tried yet: they stand in the configuration as comments,
    /// and it is as `ai init` has written it.
    pub proposed: Vec<DetectedCheck>,
}

/// The configuration of a checkout in which nothing has been tried.
fn proposal(root: &Path) -> StartConfig {
    let checks: Vec<_> = config::detect(root)
        .into_iter()
        .map(|check| (check, CheckStanding::Untried))
        .collect();
    StartConfig {
        setup: config::detect_setup(root),
        checks,
        caches: config::detect_caches(root),
    }
}

/// Puts what was tried into the configuration that `ai init` has written, in one step: whoever ends
/// this command at any instruction has the proposal or the result. Their user has said yes to these
/// commands, so they are trusted.
pub fn take_in(place: &RepoLocation, tried: StartConfig) -> Result<(), OpError> {
    let Some(root) = place.main_root.as_deref().or(place.top.as_deref()) else {
        return Ok(());
    };
    let state = project::state_dir(&place.common_dir);
    if !is_as_written(&state, root)? {
        let why = format!("{} was changed meanwhile and was left", config::FILE);
        return Err(Refusal::Conflict {
            why,
            hint: "`ai config show` shows what counts; `ai init` looks at the repository again"
                .into(),
        }
        .into());
    }
    let start = StartConfig {
        setup: config::detect_setup(root),
        caches: config::detect_caches(root),
        ..tried
    };
    trust::keeping(root, &place.common_dir, || {
        fs::write_atomic(&root.join(config::FILE), start.text().as_bytes())
            .map_err(StoreError::from)?;
        remember(&state, root, &[config::FILE.to_owned()])
    })
}

/// True where the configuration is what `ai init` has written, byte for byte.
fn is_as_written(state: &Path, root: &Path) -> Result<bool, OpError> {
    let path = root.join(config::FILE);
    let is_file = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
    if !is_file {
        return Ok(false);
    }
    let mut store = project::store_place(state).open(Access::Read)?;
    let written = store.read(|tx| written_files(tx))?;
    Ok(written.get(config::FILE) == Some(&digest(&path)?))
}

/// The checks that are still to be tried: those that were detected, where the configuration is the
/// one of `ai init` and names none.
fn proposed(state: &Path, root: &Path) -> Result<Vec<DetectedCheck>, OpError> {
    if !is_as_written(state, root)? {
        return Ok(Vec::new());
    }
    let config = project::config(root, &Trees::none());
    let names_none = config.is_ok_and(|config| config.checks.is_empty());
    Ok(if names_none {
        config::detect(root)
    } else {
        Vec::new()
    })
}

/// The files that the checkout at `root` would start with.
pub fn start_files(root: &Path, pack: &Pack) -> Vec<StartFile> {
    vec![
        StartFile {
            path: ".ai/.gitignore",
            text: IGNORE.to_owned(),
        },
        StartFile {
            path: config::FILE,
            text: proposal(root).text(),
        },
        StartFile {
            path: policy::FILE,
            text: pack.text.to_owned(),
        },
    ]
}

/// Sets the repository up. What the command itself writes is trusted, since its user has just asked
/// for it; what the repository brings is not.
pub fn init(place: &RepoLocation, cx: &Cx, pack: &Pack) -> Result<Done, OpError> {
    preflight::check_writable(place)?;
    let state = project::state_dir(&place.common_dir);
    let Some(root) = place.main_root.as_deref().or(place.top.as_deref()) else {
        return Ok(Done {
            new_store: ensure_store(&state, cx)?,
            bare: true,
            ..Done::default()
        });
    };
    refuse_planted(root)?;
    let set_up = || -> Result<Done, OpError> {
        let mut done = Done {
            new_store: ensure_store(&state, cx)?,
            ..Done::default()
        };
        write_missing(root, &start_files(root, pack), &mut done)?;
        remember(&state, root, &done.written)?;
        link_state(root, &state)?;
        Ok(done)
    };
    let mut done = if may_trust(cx) {
        trust::keeping(root, &place.common_dir, set_up)?
    } else {
        set_up()?
    };
    done.proposed = proposed(&state, root)?;
    done.untrusted = trust::missing(root, &place.common_dir)?;
    let places = Places::of(&place.common_dir, root);
    done.places = places.dir().map(Path::to_owned);
    done.unfit = places.refuse_unfit().err().map(|error| error.to_string());
    Ok(done)
}

/// Trust is a person's word: an agent's `ai init` leaves it open, and so does a machine without a
/// place for it.
pub fn may_trust(cx: &Cx) -> bool {
    cx.actor.kind == ActorKind::Human
        && env::text(env::AI_RUN).is_none()
        && env::user_config_dir().is_some()
}

/// A repository can bring `.ai` as a link that leads out of it.
fn refuse_planted(root: &Path) -> Result<(), OpError> {
    let dir = root.join(".ai");
    match std::fs::symlink_metadata(&dir) {
        Ok(meta) if !meta.is_dir() => {
            let why = format!(
                "{} is in the way: it should be a directory of its own",
                dir.display()
            );
            Err(Refusal::Conflict {
                why,
                hint: "move it away, then the same command again".into(),
            }
            .into())
        }
        _ => Ok(()),
    }
}

fn write_missing(root: &Path, files: &[StartFile], done: &mut Done) -> Result<(), OpError> {
    for file in files {
        let path = root.join(file.path);
        if std::fs::symlink_metadata(&path).is_ok() {
            done.kept.push(file.path.to_owned());
        } else {
            fs::write_atomic(&path, file.text.as_bytes()).map_err(StoreError::from)?;
            done.written.push(file.path.to_owned());
        }
    }
    Ok(())
}

fn remember(state: &Path, root: &Path, written: &[String]) -> Result<(), OpError> {
    if written.is_empty() {
        return Ok(());
    }
    let mut digests = Vec::new();
    for path in written {
        digests.push((path.clone(), digest(&root.join(path))?));
    }
    let mut store = project::store_place(state).open(Access::Write)?;
    store.write(|tx| {
        let mut known = written_files(tx)?;
        known.extend(digests);
        let json = serde_json::to_string(&known).unwrap_or_default();
        Ok(tx.set_meta(WRITTEN, &json)?)
    })
}

/// The files that `ai init` has written here, with the SHA-256 that they had then.
pub fn written_files(tx: &mut dyn Tx) -> Result<BTreeMap<String, String>, StoreError> {
    let json = tx.meta(WRITTEN)?;
    Ok(json
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default())
}

fn digest(path: &Path) -> Result<String, StoreError> {
    Ok(hash::sha256_hex(&fs::read_capped(path, 1 << 20)?))
}

/// Opens the store, or makes one where there never was one. A directory that has lost its store is
/// not such a place.
fn ensure_store(state: &Path, cx: &Cx) -> Result<bool, OpError> {
    let path = state.join(project::STORE_FILE);
    match project::store_place(state).open(Access::Write) {
        Ok(_) => return Ok(false),
        Err(StoreError::NotInitialised) => {}
        Err(StoreError::Vanished(_)) if project::is_fresh(state)? => {}
        Err(error) => return Err(error.into()),
    }
    fs::create_private_dir(state).map_err(StoreError::from)?;
    let store_id = id::random_text(26);
    let mut store = SqliteStore::create(&path, &store_id)?;
    store.write(|tx| -> Result<(), OpError> {
        // Another process may have won the race and written the first record already.
        let mine = tx.meta("store")?.is_some_and(|made| made == store_id);
        if mine {
            cx.record(
                tx,
                &Event::StoreCreated {
                    store: store_id.clone(),
                },
            )
        } else {
            Ok(())
        }
    })?;
    fs::write_private(&state.join(MARK), b"A task store of `ai` was made here.\n")
        .map_err(StoreError::from)?;
    Ok(true)
}

/// Says that there was a store, where every other file of it is gone.
const MARK: &str = "store-was-made";

/// Makes `.ai/state` point at the store's directory. Anything else of that name is somebody's file
/// and stays.
pub fn link_state(root: &Path, state: &Path) -> Result<(), OpError> {
    let link = root.join(".ai/state");
    let target = state
        .strip_prefix(root)
        .map_or_else(|_| state.to_owned(), |below| Path::new("..").join(below));
    match std::fs::read_link(&link) {
        Ok(found) if found == target || found == state => Ok(()),
        Ok(_) => {
            fs::remove_file(&link).map_err(StoreError::from)?;
            make_link(&target, &link)
        }
        Err(_) if std::fs::symlink_metadata(&link).is_ok() => {
            let why = format!(
                "{} is in the way: it should be a link to {}",
                link.display(),
                state.display()
            );
            Err(Refusal::Conflict {
                why,
                hint: "move it away, then the same command again".into(),
            }
            .into())
        }
        Err(_) => make_link(&target, &link),
    }
}

fn make_link(target: &Path, link: &Path) -> Result<(), OpError> {
    fs::create_dir_all(link.parent().unwrap_or(Path::new("."))).map_err(StoreError::from)?;
    fs::symlink(target, link).map_err(|e| StoreError::from(e).into())
}
