//! The daemon of a repository, as everybody can see it: where its files stand, and who it is.
//!
//! One daemon works one repository. What says so is a lock of the operating system on a file, which ends with
//! the process that holds it, however that ends, and nothing else; the card beside it only tells of the process, and
//! a word of trouble why it starts nothing.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::file_lock::{self, FileLock};
use crate::base::{env, fs, holders, version, yaml};
use crate::config::{self, Config, Trees};
use crate::domain::daemon::{
    DaemonBuild, DaemonDifference, ProgramOnDisk, StandingOrder, differences,
};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::time::WallMs;
use crate::ops::error::{Kept as _, OpError};
use crate::ops::refusal::{Refusal, seconds};
use crate::process::identity::{ProcessIdentity, ProcessLiveness};
use crate::store;

/// Longest card that is read, in bytes.
const CARD_CAP: u64 = 64 << 10;
/// Longest result of a landing that is read, in bytes.
const LANDING_CAP: u64 = 16 << 20;

/// The files of a repository's daemon.
#[derive(Debug, Clone)]
pub struct DaemonPlace {
    dir: PathBuf,
}

impl DaemonPlace {
    /// Finds them below a state directory.
    pub fn of(state: &Path) -> DaemonPlace {
        DaemonPlace {
            dir: state.join("daemon"),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file whose lock a daemon holds.
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// The log of what it and its runs have said.
    pub fn log(&self) -> PathBuf {
        self.dir.join("daemon.log")
    }

    /// The directory of what people have ordered.
    pub fn orders(&self) -> PathBuf {
        self.dir.join("orders")
    }

    fn order_file(&self) -> PathBuf {
        self.orders().join("standing.json")
    }

    fn card_file(&self) -> PathBuf {
        self.dir.join("daemon.json")
    }

    fn trouble_file(&self) -> PathBuf {
        self.dir.join("trouble")
    }

    /// The socket at which a daemon answers.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    fn left_file(&self) -> PathBuf {
        self.dir.join("left.json")
    }

    fn good_settings_file(&self) -> PathBuf {
        self.dir.join("config-last-read.yaml")
    }

    fn landing_file(&self) -> PathBuf {
        self.dir.join("landing.json")
    }
}

/// The card of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonCard {
    /// The process.
    pub process: ProcessIdentity,
    /// The time of its start.
    pub since_ms: WallMs,
    /// The version of `ai`.
    pub version: String,
    /// The command by which it was started.
    pub command: String,
    /// The newest format of the store that it knows; absent where an older `ai` wrote this.
    #[serde(default)]
    pub store_format: Option<String>,
    /// Its program; likewise, and where the system does not say.
    #[serde(default)]
    pub program: Option<ProgramFile>,
    /// Runs at a time, where the command that started it names them.
    #[serde(default)]
    pub parallel: Option<u16>,
}

/// The file of a program, told from another one that takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramFile {
    /// The path.
    pub path: PathBuf,
    /// Device and number of the file.
    pub id: String,
}

impl ProgramFile {
    /// The program of this process.
    pub fn current() -> Option<ProgramFile> {
        let path = env::current_exe().ok()?;
        let id = fs::stat(&path).ok()??.id.to_string();
        Some(ProgramFile { path, id })
    }

    /// Compares it with what stands there now.
    pub fn on_disk(&self) -> ProgramOnDisk {
        match fs::stat(&self.path) {
            Ok(Some(there)) if there.id.to_string() != self.id => ProgramOnDisk::Replaced,
            Ok(None) => ProgramOnDisk::Gone,
            // Who cannot look cannot tell.
            Ok(Some(_)) | Err(_) => ProgramOnDisk::Same,
        }
    }
}

/// This build of `ai`.
pub fn own_build() -> DaemonBuild {
    DaemonBuild {
        version: version::own(),
        store_format: Some(store::newest_format()),
    }
}

impl DaemonCard {
    /// Finds what tells this daemon from the program that asks.
    pub fn differences(&self) -> Vec<DaemonDifference> {
        let daemon = DaemonBuild {
            version: self.version.clone(),
            store_format: self.store_format.clone(),
        };
        let program = self.program.as_ref().map(ProgramFile::on_disk);
        differences(
            &daemon,
            &own_build(),
            program.unwrap_or(ProgramOnDisk::Same),
        )
    }
}

/// The result of a landing that a daemon has begun, for the daemon that is there when it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LandingLeft {
    /// The process of the landing.
    pub process: ProcessIdentity,
    /// Its answer, as `ai land --json` prints it.
    pub answer: Value,
}

/// Leaves the result of the landing of this process, over the one before: whoever has begun it may be gone.
pub fn leave_landing(place: &DaemonPlace, answer: Value) -> Result<(), OpError> {
    let Some(process) = ProcessIdentity::current() else {
        return Ok(());
    };
    fs::create_private_dir(place.dir())?;
    let left = LandingLeft { process, answer };
    let text = serde_json::to_vec(&left).kept("the result of the landing")?;
    Ok(fs::write_private(&place.landing_file(), &text)?)
}

/// The result that a landing has left. One that cannot be read is as good as none: it is only told.
pub fn landing_left(place: &DaemonPlace) -> Result<Option<LandingLeft>, OpError> {
    let text = fs::read_text_if_there(&place.landing_file(), LANDING_CAP)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Takes it away: somebody has told of it.
pub fn forget_landing(place: &DaemonPlace) -> Result<(), OpError> {
    Ok(fs::remove_file(&place.landing_file())?)
}

/// Takes the repository for a daemon, which holds it as long as the lock lives. Refused where another one
/// does.
pub fn take(place: &DaemonPlace, card: &DaemonCard) -> Result<FileLock, OpError> {
    fs::create_private_dir(place.dir())?;
    fs::create_private_dir(&place.orders())?;
    let Some(lock) = file_lock::try_lock_for_a_moment(&place.lock_file())? else {
        return Err(held(at_work(place)?, card.since_ms));
    };
    tell_trouble(place, None)?;
    let text = serde_json::to_vec(card).kept("the card of the daemon")?;
    fs::write_private(&place.card_file(), &text)?;
    Ok(lock)
}

/// A daemon at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonAtWork {
    /// The process; none where this user cannot see it.
    pub process: Option<ProcessIdentity>,
    /// Its card; none while it begins, or where it cannot be read.
    pub card: Option<DaemonCard>,
}

impl DaemonAtWork {
    /// Names the process.
    pub fn named(&self) -> String {
        match &self.process {
            Some(process) => format!("process {}", process.pid),
            None => "a process that cannot be seen from here".to_owned(),
        }
    }
}

/// The daemon that is at work: the lock says whether there is one.
pub fn at_work(place: &DaemonPlace) -> Result<Option<DaemonAtWork>, OpError> {
    let lock = place.lock_file();
    if !file_lock::is_held(&lock)? {
        return Ok(None);
    }
    let is_alive = |card: &DaemonCard| card.process.liveness() != ProcessLiveness::Dead;
    let card = card(place).ok().flatten().filter(is_alive);
    let process = match &card {
        Some(card) => Some(card.process.clone()),
        None => {
            let holders = holders::flocked_by(&lock);
            let pid = holders.first().and_then(|it| i32::try_from(it.pid).ok());
            pid.and_then(ProcessIdentity::of)
        }
    };
    Ok(Some(DaemonAtWork { process, card }))
}

/// The card of the last daemon, at work or gone.
fn card(place: &DaemonPlace) -> Result<Option<DaemonCard>, OpError> {
    let path = place.card_file();
    let Some(text) = fs::read_text_if_there(&path, CARD_CAP)? else {
        return Ok(None);
    };
    let card = serde_json::from_str(&text);
    Ok(Some(card.kept(path.display().to_string())?))
}

/// Keeps a word of what is in the daemon's way for whoever asks, or takes it back.
pub fn tell_trouble(place: &DaemonPlace, trouble: Option<&str>) -> Result<(), OpError> {
    match trouble {
        Some(text) => fs::write_private(&place.trouble_file(), text.as_bytes())?,
        None => fs::remove_file(&place.trouble_file())?,
    }
    Ok(())
}

/// What is in the way of the daemon that is at work, in its own words.
pub fn trouble(place: &DaemonPlace) -> Result<Option<String>, OpError> {
    Ok(fs::read_text_if_there(&place.trouble_file(), CARD_CAP)?)
}

/// Work in review that a daemon which lands by itself has left to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftWork {
    /// The task.
    pub task: TaskId,
    /// The run, where the daemon knows which one it was.
    pub run: Option<RunId>,
    /// The reason, and what helps, where that is known.
    pub why: String,
}

/// Keeps the works that are left to a person, for whoever tells of them.
pub fn tell_left(place: &DaemonPlace, left: &[LeftWork]) -> Result<(), OpError> {
    let text = serde_json::to_vec(left).kept("the works that are left to a person")?;
    Ok(fs::write_private(&place.left_file(), &text)?)
}

/// The works that were left to a person when a daemon looked last. Some may have landed since.
pub fn left(place: &DaemonPlace) -> Result<Vec<LeftWork>, OpError> {
    let text = fs::read_text_if_there(&place.left_file(), LANDING_CAP)?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Keeps the words of the configuration that a daemon goes by, for who has to tell that it cannot be read any more.
pub fn keep_settings(place: &DaemonPlace, words: &[u8]) -> Result<(), OpError> {
    Ok(fs::write_private(&place.good_settings_file(), words)?)
}

/// The configuration that a daemon could read last; nothing where none was kept, or it is of another version of `ai`.
pub fn kept_settings(place: &DaemonPlace, trees: &Trees) -> Option<Config> {
    let words = fs::read_capped(&place.good_settings_file(), yaml::MAX_BYTES).ok()?;
    config::read(&words, trees).ok()
}

/// The order that stands. One that cannot be read is an error, never none: somebody has ordered something.
pub fn order(place: &DaemonPlace) -> Result<Option<StandingOrder>, OpError> {
    let path = place.order_file();
    let Some(text) = fs::read_text_if_there(&path, CARD_CAP)? else {
        return Ok(None);
    };
    let order = serde_json::from_str(&text);
    Ok(Some(order.kept(path.display().to_string())?))
}

/// Gives an order, in place of one that stands, or takes it back. A daemon hears of it at once.
pub fn give_order(place: &DaemonPlace, order: Option<&StandingOrder>) -> Result<(), OpError> {
    let Some(order) = order else {
        return Ok(fs::remove_file(&place.order_file())?);
    };
    fs::create_private_dir(place.dir())?;
    fs::create_private_dir(&place.orders())?;
    let text = serde_json::to_vec(order).kept("the order")?;
    Ok(fs::write_private(&place.order_file(), &text)?)
}

/// The refusal of a second daemon.
fn held(by: Option<DaemonAtWork>, now_ms: WallMs) -> OpError {
    let who = match by {
        None => "it is starting or ending at this moment".to_owned(),
        Some(daemon) => match &daemon.card {
            None => daemon.named(),
            Some(card) => format!(
                "{}, started {} ago by `{}`",
                daemon.named(),
                seconds(now_ms - card.since_ms),
                card.command
            ),
        },
    };
    Refusal::Conflict {
        why: format!("a daemon works this repository already: {who}"),
        hint: "one is enough, and takes up whatever becomes ready; `ai daemon status` tells of it, `ai daemon stop` ends it"
            .to_owned(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card_of(process: ProcessIdentity) -> DaemonCard {
        DaemonCard {
            process,
            since_ms: 1_000,
            version: "0".into(),
            command: "ai daemon run".into(),
            store_format: None,
            program: None,
            parallel: None,
        }
    }

    #[test]
    fn one_holds_the_repository_and_the_next_one_hears_who() {
        let temp = tempfile::tempdir().unwrap();
        let place = DaemonPlace::of(temp.path());
        assert_eq!(at_work(&place).unwrap(), None);
        let me = card_of(ProcessIdentity::current().unwrap());
        let held = take(&place, &me).unwrap();
        let told = DaemonAtWork {
            process: Some(me.process.clone()),
            card: Some(me.clone()),
        };
        assert_eq!(at_work(&place).unwrap(), Some(told));
        let later = DaemonCard {
            since_ms: 61_000,
            ..me.clone()
        };
        assert_eq!(
            take(&place, &later).unwrap_err().to_string(),
            format!(
                "a daemon works this repository already: process {}, started 60s ago by `ai daemon run`",
                me.process.pid
            )
        );
        assert!(held.stands_at(&place.lock_file()).unwrap());
        drop(held);
        drop(take(&place, &later).unwrap());
    }

    #[test]
    fn an_order_stands_until_it_is_taken_back_and_a_broken_one_is_no_free_hand() {
        use crate::domain::daemon::OrderKind;
        let temp = tempfile::tempdir().unwrap();
        let place = DaemonPlace::of(temp.path());
        assert_eq!(order(&place).unwrap(), None);
        let pause = StandingOrder {
            kind: OrderKind::Pause,
            reason: None,
            by: "human:ann".into(),
            at_ms: 1,
        };
        give_order(&place, Some(&pause)).unwrap();
        assert_eq!(order(&place).unwrap(), Some(pause));
        fs::write_private(&place.order_file(), b"{").unwrap();
        assert!(order(&place).is_err());
        give_order(&place, None).unwrap();
        assert_eq!(order(&place).unwrap(), None);
    }

    #[test]
    fn the_lock_says_whether_one_is_at_work_and_the_card_only_tells_of_it() {
        let temp = tempfile::tempdir().unwrap();
        let place = DaemonPlace::of(temp.path());
        let me = card_of(ProcessIdentity::current().unwrap());
        let write = |card: &[u8]| fs::write_private(&place.card_file(), card).unwrap();
        let held = take(&place, &me).unwrap();
        // Neither a card that cannot be read nor that of another process makes it go away.
        let gone = card_of(ProcessIdentity {
            start_ticks: me.process.start_ticks + 1,
            ..me.process.clone()
        });
        for card in [&b"{"[..], &serde_json::to_vec(&gone).unwrap()] {
            write(card);
            let told = at_work(&place).unwrap().unwrap();
            assert_eq!(told.card, None);
        }
        // And none is at work by the card of a process that lives.
        drop(held);
        write(&serde_json::to_vec(&me).unwrap());
        assert_eq!(at_work(&place).unwrap(), None);
    }

    #[test]
    fn a_program_that_is_replaced_or_gone_is_told_from_the_one_that_runs() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("ai");
        let other = temp.path().join("other");
        std::fs::write(&path, "1").unwrap();
        std::fs::write(&other, "1").unwrap();
        let id = fs::stat(&path).unwrap().unwrap().id.to_string();
        let program = ProgramFile {
            path: path.clone(),
            id,
        };
        assert_eq!(program.on_disk(), ProgramOnDisk::Same);
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(program.on_disk(), ProgramOnDisk::Replaced);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(program.on_disk(), ProgramOnDisk::Gone);
        assert!(ProgramFile::current().is_some());
    }

    #[test]
    fn a_word_of_trouble_stands_until_it_is_taken_back_or_the_next_one_begins() {
        let temp = tempfile::tempdir().unwrap();
        let place = DaemonPlace::of(temp.path());
        let me = card_of(ProcessIdentity::current().unwrap());
        drop(take(&place, &me).unwrap());
        assert_eq!(trouble(&place).unwrap(), None);
        tell_trouble(&place, Some("no trust")).unwrap();
        assert_eq!(trouble(&place).unwrap(), Some("no trust".to_owned()));
        drop(take(&place, &me).unwrap());
        assert_eq!(trouble(&place).unwrap(), None);
    }
}
