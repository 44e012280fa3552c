//! The files of a run: the one owner of every name in a run's directory, and the reader of its
//! events.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::fs;
use crate::domain::agent_event::AgentEvent;
use crate::domain::ids::RunId;
use crate::ops::error::OpError;
use crate::ops::world::World;

/// Below the state directory: the directories of all runs.
pub(crate) const RUNS: &str = "runs";
/// The beginning of the names of sockets of proxies, of which each command has its own.
pub(crate) const PROXY_SOCKET: &str = "net-";
/// The events that are made of an agent's output.
const EVENTS: &str = "events.jsonl";
/// The patch, without secrets.
pub(crate) const PATCH: &str = "diff.patch";
/// The log of a setup command, without what comes behind the dot.
const SETUP: &str = "setup";
/// The outputs of an agent and the events made of them, each in a file that may be cut off.
pub(crate) const AGENT_LOGS: [&str; 3] = ["stdout.log", "stderr.log", EVENTS];
/// The outputs of a CLI that refused to continue a session, beside the names under which they are
/// kept.
const REFUSED_LOGS: [(&str, &str); 2] = [
    ("stdout.log", "refused-stdout.log"),
    ("stderr.log", "refused-stderr.log"),
];

/// The directory of one run.
#[derive(Debug, Clone)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// The directory of a run of this project.
    pub fn of(world: &World, run: &RunId) -> RunDir {
        RunDir::below(&world.state(), run)
    }

    /// The directory of a run of the store whose directory is `state`.
    pub fn below(state: &Path, run: &RunId) -> RunDir {
        RunDir(state.join(RUNS).join(run.as_str()))
    }

    /// The events of a run as its user types their place, from the project's directory.
    pub fn typed_events(run: &RunId) -> String {
        format!(".ai/state/{RUNS}/{run}/{EVENTS}")
    }

    /// A directory elsewhere, for an agent that belongs to no run.
    pub(crate) fn at(path: PathBuf) -> RunDir {
        RunDir(path)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the directory, readable by its owner alone.
    pub(crate) fn make(&self) -> Result<(), OpError> {
        fs::create_private_dir(&self.0).map_err(OpError::from)
    }

    /// The trace of the choice of the agent.
    pub(crate) fn routing(&self) -> PathBuf {
        self.0.join("routing.json")
    }

    /// The prompt, without secrets.
    pub(crate) fn prompt(&self) -> PathBuf {
        self.0.join("prompt.md")
    }

    /// The named pipe through which a conversation is held.
    pub(crate) fn pipe(&self) -> PathBuf {
        self.0.join("stdin")
    }

    /// The agent's standard output.
    pub(crate) fn stdout(&self) -> PathBuf {
        self.0.join("stdout.log")
    }

    /// The agent's standard error.
    pub fn stderr(&self) -> PathBuf {
        self.0.join("stderr.log")
    }

    /// Both outputs of the agent, which stay two files.
    pub(crate) fn agent_log(&self) -> CommandLog {
        CommandLog {
            log: self.stdout(),
            errors: self.stderr(),
        }
    }

    /// The events that were made of the agent's standard output, one a line.
    pub fn events(&self) -> PathBuf {
        self.0.join(EVENTS)
    }

    /// The log of the setup command of the worktree.
    pub(crate) fn setup_log(&self) -> CommandLog {
        CommandLog::named(&self.0, SETUP)
    }

    /// The directory of files that a manifest wants written before the start.
    pub(crate) fn manifest_files(&self) -> PathBuf {
        self.0.join("files")
    }

    /// The temporary directory of a child, for sandboxes that have none of their own.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// The file to which the agent's Git writes what it does to references, where its sandbox lets it write.
    pub(crate) fn ref_trace(&self) -> PathBuf {
        self.tmp().join("git-refs")
    }

    /// The socket at which the supervisor answers the agent.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    /// The sockets of proxies that are there.
    pub(crate) fn proxies(&self) -> Vec<PathBuf> {
        let mut all = fs::list_dir(&self.0).unwrap_or_default();
        all.retain(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(PROXY_SOCKET))
        });
        all
    }

    /// A file that is made when the agent is started, for the time of the file system's own clock.
    pub(crate) fn start_mark(&self) -> PathBuf {
        self.0.join("started")
    }

    /// The ports that were chosen.
    pub(crate) fn ports(&self) -> PathBuf {
        self.0.join("ports.json")
    }

    /// The name of the cgroup, for whoever finds the run dead.
    pub(crate) fn cgroup(&self) -> PathBuf {
        self.0.join("cgroup")
    }

    /// The agent's end, for a run that takes the work up.
    pub(crate) fn agent_end(&self) -> PathBuf {
        self.0.join("agent.json")
    }

    /// The patch, without secrets.
    pub(crate) fn patch(&self) -> PathBuf {
        self.0.join(PATCH)
    }

    /// The logs of the checks.
    pub(crate) fn checks(&self) -> CheckLogs {
        CheckLogs(self.0.join("checks"))
    }

    /// The logs of the checks that an accept runs on a tree.
    pub(crate) fn accept_checks(&self, tree: &str) -> CheckLogs {
        CheckLogs(self.0.join(format!("accept-{tree}")))
    }

    /// The logs of checks that were asked about the base commit, too.
    pub(crate) fn base_checks(&self) -> CheckLogs {
        CheckLogs(self.0.join("base-checks"))
    }

    /// The logs of the checks that run on a tree from which an accept was taken back.
    pub(crate) fn undo_checks(&self, tree: &str) -> CheckLogs {
        CheckLogs(self.0.join(format!("undo-{tree}")))
    }

    /// The results of the checks.
    pub(crate) fn check_results(&self) -> PathBuf {
        self.0.join("checks.json")
    }

    /// The statement over the evidence.
    pub(crate) fn statement(&self) -> PathBuf {
        self.0.join("statement.json")
    }

    /// The whole of the run in one object.
    pub(crate) fn summary(&self) -> PathBuf {
        self.0.join("run.json")
    }

    /// The outputs of a CLI that refused to continue a session: standard output, standard error.
    pub(crate) fn refused_logs(&self) -> [PathBuf; 2] {
        REFUSED_LOGS.map(|(_, kept)| self.0.join(kept))
    }

    /// Puts the outputs of a refused continuation out of the way of those of the fresh session.
    pub(crate) fn set_logs_aside(&self) -> Result<(), OpError> {
        for (log, kept) in REFUSED_LOGS {
            let (log, kept) = (self.0.join(log), self.0.join(kept));
            if log.is_file() {
                fs::rename(&log, &kept)?;
            }
        }
        Ok(())
    }

    /// Copies what the agent of another run has said.
    pub(crate) fn copy_logs_of(&self, other: &RunDir) -> Result<(), OpError> {
        for log in AGENT_LOGS {
            fs::copy_if_there(&other.0.join(log), &self.0.join(log))?;
        }
        Ok(())
    }

    /// The events of one kind, in the order in which they came.
    pub(crate) fn events_of(&self, kind: EventKind) -> RunEvents {
        let reader = fs::reader(&self.events()).ok();
        RunEvents {
            lines: reader.map(|reader| Box::new(reader) as Box<dyn BufRead>),
            kind,
            line: Vec::new(),
        }
    }
}

/// The directory of the logs of checks.
#[derive(Debug, Clone)]
pub(crate) struct CheckLogs(PathBuf);

impl CheckLogs {
    /// The logs of the checks that prove a person's own work; `mark` tells one proof from the next.
    pub(crate) fn of_proof(world: &World, mark: &str) -> CheckLogs {
        CheckLogs(world.state().join("done").join(mark).join("checks"))
    }

    /// The logs of a landing; `mark` tells it from the next, `run` a run of its checks.
    pub(crate) fn of_landing(world: &World, mark: i64, run: usize) -> CheckLogs {
        let landing = CheckLogs::landings(world).join(mark.to_string());
        CheckLogs(landing.join(run.to_string()))
    }

    /// The directory of the logs of all landings, each below its mark.
    pub(crate) fn landings(world: &World) -> PathBuf {
        world.state().join("landings")
    }

    /// The logs of the last `ai check`: it proves nothing for the record, so the next one replaces
    /// them.
    pub(crate) fn of_check(world: &World) -> CheckLogs {
        CheckLogs(world.state().join("check"))
    }

    /// The logs of a check that `ai init` tries; `number` tells one from the next.
    pub(crate) fn of_tryout(world: &World, number: usize) -> CheckLogs {
        CheckLogs(world.state().join("check").join(format!("tried-{number}")))
    }

    /// Removes what an earlier use has left. Whoever calls it holds the place of the checks, so that
    /// nobody writes there.
    pub(crate) fn clear(&self) -> Result<(), OpError> {
        fs::remove_stubborn(&self.0).map_err(OpError::from)
    }

    /// Makes the directory.
    pub(crate) fn make(&self) -> Result<(), OpError> {
        fs::create_dir_all(&self.0).map_err(OpError::from)
    }

    /// The log of the setup command at the place of the checks.
    pub(crate) fn setup(&self) -> CommandLog {
        CommandLog::named(&self.0, SETUP)
    }

    /// The log of one check.
    pub(crate) fn check(&self, name: &str) -> CommandLog {
        CommandLog::named(&self.0, name)
    }
}

/// The log of a command: one file in the end, and a second one for standard error while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLog {
    /// Standard output; in the end all output.
    pub(crate) log: PathBuf,
    /// Standard error, until the command has ended.
    pub(crate) errors: PathBuf,
}

impl CommandLog {
    fn named(dir: &Path, name: &str) -> CommandLog {
        CommandLog {
            log: dir.join(format!("{name}.log")),
            errors: dir.join(format!("{name}.stderr")),
        }
    }

    /// Puts standard error behind standard output, as one log.
    pub(crate) fn join(&self, cap: u64) -> Result<(), OpError> {
        let stderr = fs::read_capped(&self.errors, cap)?;
        fs::append(&self.log, &stderr)?;
        fs::remove_file(&self.errors).map_err(OpError::from)
    }
}

/// A kind of event that is looked for in the events of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventKind {
    /// [`AgentEvent::SessionStarted`].
    SessionStarted,
    /// [`AgentEvent::Usage`].
    Usage,
    /// [`AgentEvent::FileChange`].
    FileChange,
    /// Any other.
    #[serde(other)]
    Other,
}

/// The kind of an event, read without the rest of it: a talkative agent leaves more than should be
/// taken apart.
#[derive(Deserialize)]
struct Tagged {
    #[serde(rename = "type")]
    kind: EventKind,
}

/// Reads events of one kind, a line at a time. A line that is no event, as the last one of a file
/// that was cut off, is passed over.
pub(crate) struct RunEvents {
    lines: Option<Box<dyn BufRead>>,
    kind: EventKind,
    line: Vec<u8>,
}

impl RunEvents {
    fn event(&self) -> Option<AgentEvent> {
        let tagged: Tagged = serde_json::from_slice(&self.line).ok()?;
        if tagged.kind != self.kind {
            return None;
        }
        serde_json::from_slice(&self.line).ok()
    }
}

impl Iterator for RunEvents {
    type Item = io::Result<AgentEvent>;

    fn next(&mut self) -> Option<io::Result<AgentEvent>> {
        loop {
            self.line.clear();
            match self.lines.as_mut()?.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    self.lines = None;
                    return Some(Err(error));
                }
            }
            if let Some(event) = self.event() {
                return Some(Ok(event));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agent_event::{FileChangeKind, Usage};

    fn dir(lines: &[u8]) -> (tempfile::TempDir, RunDir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = RunDir::at(temp.path().to_owned());
        std::fs::write(dir.events(), lines).unwrap();
        (temp, dir)
    }

    fn found(dir: &RunDir, kind: EventKind) -> Vec<AgentEvent> {
        dir.events_of(kind).map(Result::unwrap).collect()
    }

    #[test]
    fn each_kind_is_found_as_it_is_written_wherever_its_tag_stands() {
        let events = [
            (
                EventKind::SessionStarted,
                AgentEvent::SessionStarted {
                    session_id: Some("s-1".into()),
                    model: None,
                    version: None,
                },
            ),
            (EventKind::Usage, AgentEvent::Usage(Usage::default())),
            (
                EventKind::FileChange,
                AgentEvent::FileChange {
                    path: "a".into(),
                    kind: FileChangeKind::Update,
                },
            ),
        ];
        let mut text = Vec::new();
        for (_, event) in &events {
            text.extend(serde_json::to_vec(event).unwrap());
            text.push(b'\n');
        }
        // A text that names a kind is none; and the order of the fields means nothing.
        text.extend(b"{\"type\":\"message\",\"text\":\"{\\\"type\\\":\\\"usage\\\"}\"}\n");
        text.extend(b"{\"path\":\"b\",\"kind\":\"update\",\"type\":\"file_change\"}\n");
        let (_temp, dir) = dir(&text);
        for (kind, event) in events {
            assert_eq!(found(&dir, kind)[0], event);
        }
        assert_eq!(found(&dir, EventKind::Usage).len(), 1);
        assert_eq!(found(&dir, EventKind::FileChange).len(), 2);
    }

    #[test]
    fn what_is_no_event_is_passed_over_and_no_file_holds_none() {
        let usage = serde_json::to_vec(&AgentEvent::Usage(Usage::default())).unwrap();
        let text = [
            b"not json\n\xff\xfe\n{}\n".as_slice(),
            &usage,
            b"\n",
            &usage[..20],
        ]
        .concat();
        let (temp, dir) = dir(&text);
        assert_eq!(found(&dir, EventKind::Usage).len(), 1);
        drop(temp);
        assert!(found(&dir, EventKind::Usage).is_empty());
    }

    #[test]
    fn a_refused_continuation_leaves_its_outputs_under_other_names() {
        let (_temp, dir) = dir(b"");
        std::fs::write(dir.stdout(), "no such session").unwrap();
        dir.set_logs_aside().unwrap();
        let [stdout, stderr] = dir.refused_logs();
        assert!(!dir.stdout().exists() && !stderr.exists());
        assert_eq!(std::fs::read_to_string(stdout).unwrap(), "no such session");
    }

    #[test]
    fn names_are_unique() {
        let dir = RunDir::at("/r".into());
        let setup = dir.setup_log();
        let (checks, accept) = (dir.checks(), dir.accept_checks("1"));
        let undo = dir.undo_checks("1");
        let [refused, refused_errors] = dir.refused_logs();
        let mut names = vec![
            dir.routing(),
            dir.prompt(),
            dir.pipe(),
            dir.stdout(),
            dir.stderr(),
            dir.events(),
            setup.log,
            setup.errors,
            dir.manifest_files(),
            checks.setup().log,
            checks.setup().errors,
            checks.check("test").log,
            accept.check("test").log,
            dir.base_checks().check("test").log,
            dir.tmp(),
            dir.start_mark(),
            dir.ports(),
            dir.cgroup(),
            dir.agent_end(),
            dir.patch(),
            checks.0,
            accept.0,
            undo.check("test").log,
            undo.0,
            dir.check_results(),
            dir.statement(),
            dir.summary(),
            refused,
            refused_errors,
        ];
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
        assert_eq!(
            AGENT_LOGS.map(|name| Path::new("/r").join(name)),
            [dir.stdout(), dir.stderr(), dir.events()]
        );
    }
}
