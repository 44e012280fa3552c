//! Looks at the store for the board: everything in columns, one task for its pane, the words of its agent.
//!
//! Invariants: the store is opened for reading and stays open, since opening it changes files beside it, of which the
//! board would be told; one that was put in its place by a restore is noticed; what an agent has said is read in parts,
//! so that a long log keeps no key waiting.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::app::doors::BoardOrder;
use crate::app::error::AppError;
use crate::app::store_news::StoreNews;
use crate::app::workspace::{Workspace, now};
use crate::base::fs::{DirWatch, FileId};
use crate::base::text::one_line;
use crate::board::act::{self, BoardQuestion, BoardWish};
use crate::board::detail::{BoardDetail, DetailLine, DetailPage, KEPT};
use crate::board::picture::{BoardCard, BoardColumn, BoardPicture, BoardRun, CardMark, column_of};
use crate::board::story;
use crate::domain::event_words::stepped;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::run::Run;
use crate::domain::task::TaskState;
use crate::domain::time::Now;
use crate::ops::agent_log::{self, AgentLog};
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::error::OpError;
use crate::ops::needs_you::{self, NeedKind};
use crate::ops::{cx, project, why, worktree};
use crate::store::{Access, Flow, Store, TaskFilter, TaskSort, Tx};

/// Most tasks that have ended and are shown.
const ENDED: u64 = 200;
/// Lines of an agent's words that are read at a time.
const AT_A_TIME: usize = 500;

/// The eye of a board.
pub(super) struct BoardEye {
    order: BoardOrder,
    state: PathBuf,
    daemon: DaemonPlace,
    store: Option<(Box<dyn Store>, Option<FileId>)>,
    /// The newest record and the daemon at the last look.
    seen: Option<(u64, DaemonSeen)>,
    log: Option<FollowedLog>,
}

/// The words of an agent that are shown.
struct FollowedLog {
    task: String,
    run: RunId,
    log: AgentLog,
    lines: Vec<DetailLine>,
}

/// What is seen of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DaemonSeen {
    held_back: bool,
    told: String,
}

/// Whether there may be more to read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MoreSaid {
    /// There may be.
    AtOnce,
    /// Not before the log changes.
    Later,
}

impl BoardEye {
    /// Looks for the repository and its store.
    pub(super) fn open(order: BoardOrder) -> Result<BoardEye, AppError> {
        let workspace = Workspace::new(order.directory.clone(), order.named.clone());
        let state = workspace.state_dir()?;
        let mut eye = BoardEye {
            order,
            daemon: DaemonPlace::of(&state),
            state,
            store: None,
            seen: None,
            log: None,
        };
        eye.store()?;
        Ok(eye)
    }

    /// News of everything that is looked at.
    pub(super) fn news(&self) -> StoreNews {
        StoreNews::over(&self.state)
            .and(self.daemon.dir())
            .and(&self.daemon.orders())
    }

    /// The name of the project: that of its directory.
    pub(super) fn project(&self) -> String {
        let workspace = self.workspace();
        let root = workspace.root().map(Path::to_owned).unwrap_or_default();
        root.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// The id of the task that was typed.
    pub(super) fn task(&mut self, typed: &str) -> Result<String, AppError> {
        let id = self.store()?.read(|tx| cx::resolve(tx, typed))?;
        Ok(id.0)
    }

    /// A workspace as a command would have it: one keeps what it has read.
    pub(super) fn workspace(&self) -> Workspace {
        Workspace::new(self.order.directory.clone(), self.order.named.clone())
    }

    fn store(&mut self) -> Result<&mut dyn Store, AppError> {
        let there = project::standing_store(&self.state);
        if self.store.as_ref().is_some_and(|(_, id)| *id != there) {
            self.store = None;
        }
        let (store, _) = match self.store.take() {
            Some(open) => self.store.insert(open),
            None => {
                let store = self.workspace().open_store(Access::Read)?;
                self.store.insert((store, there))
            }
        };
        Ok(&mut **store)
    }

    /// Everything, where something has changed since the last look.
    pub(super) fn picture(&mut self) -> Result<Option<BoardPicture>, AppError> {
        let looked = self.look();
        if looked.is_err() {
            // Opened anew at the next look: this one may be the reason.
            (self.store, self.seen) = (None, None);
        }
        looked
    }

    fn look(&mut self) -> Result<Option<BoardPicture>, AppError> {
        let told = told_of_daemon(&self.daemon);
        let newest = self.store()?.read(|tx| tx.last_event())?;
        let now_seen = (newest, told);
        if self.seen.as_ref() == Some(&now_seen) {
            return Ok(None);
        }
        let daemon = now_seen.1.clone();
        let picture = self.store()?.read(|tx| picture(tx, daemon, &now()))?;
        self.seen = Some(now_seen);
        Ok(Some(picture))
    }

    /// A page about a task.
    pub(super) fn detail(&mut self, task: &str, page: DetailPage) -> BoardDetail {
        if page != DetailPage::Log || self.log.as_ref().is_some_and(|log| log.task != task) {
            self.log = None;
        }
        let workspace = self.workspace();
        let state = self.state.clone();
        let looked = match self.store() {
            Ok(store) => story::told(&workspace, store, (task, page), &state),
            Err(error) => Err(error),
        };
        let (head, mut lines) =
            looked.unwrap_or_else(|error| (task.to_owned(), story::of_error(&error)));
        if page == DetailPage::Log {
            match self.follow(task) {
                Ok(said) => lines.extend(said),
                Err(error) => lines.extend(story::of_error(&error)),
            }
        }
        BoardDetail {
            task: task.to_owned(),
            page,
            head,
            lines,
        }
    }

    /// The order by which the board was opened.
    pub(super) fn order(&self) -> &BoardOrder {
        &self.order
    }

    /// The question before a wish is done.
    pub(super) fn question(
        &mut self,
        task: &str,
        wish: BoardWish,
    ) -> Result<BoardQuestion, AppError> {
        let workspace = self.workspace();
        act::question(&workspace, self.store()?, (task, wish))
    }

    /// The worktree with the work of a task.
    pub(super) fn worktree(&mut self, task: &str) -> Result<PathBuf, AppError> {
        let world = self.workspace().world(Box::new(|_| ()))?;
        let repo = world.repo()?;
        Ok(worktree::find(&world, &repo, self.store()?, task)?.path)
    }

    /// Follows the newest run of a task; returns what was read of its words so far.
    fn follow(&mut self, task: &str) -> Result<Vec<DetailLine>, AppError> {
        let run = self.store()?.read(|tx| agent_log::find(tx, task))?.id;
        if self.log.as_ref().is_none_or(|log| log.run != run) {
            self.log = Some(FollowedLog {
                task: task.to_owned(),
                log: AgentLog::open(&self.state, &run),
                run,
                lines: Vec::new(),
            });
        }
        Ok(self
            .log
            .as_ref()
            .map(|log| log.lines.clone())
            .unwrap_or_default())
    }

    /// The watch over the words that are followed.
    pub(super) fn log_watch(&self) -> Option<&DirWatch> {
        self.log.as_ref().map(|log| log.log.watch())
    }

    /// Reads on in the words that are followed.
    pub(super) fn said(&mut self) -> (Vec<DetailLine>, MoreSaid) {
        let Some(followed) = &mut self.log else {
            return (Vec::new(), MoreSaid::Later);
        };
        followed.log.watch().take_in();
        let mut new = Vec::new();
        let mut more = MoreSaid::Later;
        // A log that cannot be read is as one in which nothing is said; the next look at the task says why.
        while let Ok(Some(said)) = followed.log.next() {
            new.extend(story::of_saying(&said));
            if new.len() >= AT_A_TIME {
                more = MoreSaid::AtOnce;
                break;
            }
        }
        followed.lines.extend(new.iter().cloned());
        let over = followed.lines.len().saturating_sub(KEPT);
        followed.lines.drain(..over);
        (new, more)
    }
}

/// What the daemon does, and who holds it back.
fn told_of_daemon(place: &DaemonPlace) -> DaemonSeen {
    let order = daemon::order(place);
    // An order that cannot be read is one, too.
    let held_back = !matches!(order, Ok(None));
    let told = match (order, daemon::at_work(place)) {
        (Ok(Some(order)), _) => one_line(&order.in_words()),
        (Err(_), _) => "the order to the daemon cannot be read".to_owned(),
        (Ok(None), Ok(Some(_))) => "the daemon is at work".to_owned(),
        (Ok(None), Ok(None)) => "no daemon".to_owned(),
        (Ok(None), Err(_)) => "the card of the daemon cannot be read".to_owned(),
    };
    DaemonSeen { held_back, told }
}

fn picture(tx: &mut dyn Tx, daemon: DaemonSeen, now: &Now) -> Result<BoardPicture, OpError> {
    let mut kinds: BTreeMap<String, NeedKind> = BTreeMap::new();
    for need in needs_you::tasks(tx, now.wall_ms)? {
        // They come in the order in which they press.
        kinds.entry(need.id).or_insert(need.kind);
    }
    let runs = tx.active_runs()?;
    let mut all = BoardPicture {
        held_back: daemon.held_back,
        daemon: daemon.told,
        runs: runs.iter().map(at_work).collect(),
        ..BoardPicture::default()
    };
    let open = TaskState::NAMES
        .iter()
        .filter(|name| !TaskState::FINAL_NAMES.contains(name));
    let filter = TaskFilter {
        statuses: open.map(ToString::to_string).collect(),
        sort: TaskSort::Priority,
        ..TaskFilter::default()
    };
    let mut for_you: Vec<(NeedKind, BoardCard)> = Vec::new();
    tx.list(&filter, &mut |line| {
        let need = kinds
            .get(line.id)
            .copied()
            .or(need_of(line.status, line.json));
        let column = column_of(line.status, need.is_some());
        let card = |mark| BoardCard {
            id: line.id.to_owned(),
            title: one_line(line.title),
            mark,
        };
        match need {
            Some(need) if column != BoardColumn::AtWork => {
                for_you.push((need, card(CardMark::Need(need))))
            }
            _ => {
                let mark = mark_of(
                    line.status,
                    line.priority,
                    runs.iter().find(|run| run.task.as_str() == line.id),
                );
                all.columns[column as usize].push(card(mark));
            }
        }
        Ok(Flow::More)
    })?;
    for_you.sort_by_key(|(need, _)| *need as u8);
    all.columns[BoardColumn::ForYou as usize] = for_you.into_iter().map(|(_, card)| card).collect();
    let ended = TaskFilter {
        statuses: TaskState::FINAL_NAMES.map(str::to_owned).to_vec(),
        sort: TaskSort::Updated,
        limit: Some(ENDED),
        ..TaskFilter::default()
    };
    tx.list(&ended, &mut |line| {
        all.columns[BoardColumn::Ended as usize].push(BoardCard {
            id: line.id.to_owned(),
            title: one_line(line.title),
            mark: mark_of(line.status, line.priority, None),
        });
        Ok(Flow::More)
    })?;
    all.counts = all.columns.each_ref().map(|cards| cards.len() as u64);
    let tally = tx.tally()?;
    let ended = tally
        .iter()
        .filter(|(status, _)| TaskState::FINAL_NAMES.contains(&status.as_str()));
    all.counts[BoardColumn::Ended as usize] = ended.map(|(_, n)| n).sum();
    Ok(all)
}

/// The kind of answer for which a task waits by its state alone.
fn need_of(status: &str, json: &str) -> Option<NeedKind> {
    // A quotation mark within a text of the task is escaped, so that none can look like this.
    let by = |reason: &str| json.contains(&format!("\"blocked_by\":\"{reason}\""));
    match status {
        "review" => Some(NeedKind::Review),
        "failed" => Some(NeedKind::Failed),
        "blocked" if by("dependency") => None,
        "blocked" if by("approval") => Some(NeedKind::Approval),
        "blocked" if by("parked") => Some(NeedKind::Parked),
        "blocked" => Some(NeedKind::Hold),
        _ => None,
    }
}

fn mark_of(status: &str, priority: u8, run: Option<&Run>) -> CardMark {
    match (status, run) {
        ("claimed", _) => CardMark::Claimed,
        ("running", Some(run)) if why::dead(run).is_some() => CardMark::CutOff,
        ("running", _) => CardMark::Running,
        ("queued", _) => CardMark::Priority(priority),
        ("done", _) => CardMark::Done,
        ("cancelled", _) => CardMark::Cancelled,
        _ => CardMark::Nothing,
    }
}

fn at_work(run: &Run) -> BoardRun {
    BoardRun {
        task: TaskId::clone(&run.task).0,
        what: format!("{}: {}", one_line(&run.agent), stepped(run.step)),
        since_ms: run.started_ms,
    }
}

#[cfg(test)]
#[path = "eye_tests.rs"]
mod tests;
