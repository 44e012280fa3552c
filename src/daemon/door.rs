//! The socket of a daemon. A thread listens, and each caller has one of his own, few at a time and each for a short
//! time: one who is slow, says nothing or reads nothing keeps nobody waiting, and the daemon least of all, which
//! does not know of callers until one has given it a word.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::app::daemon_words::REQUEST_CAP;
use crate::base::fs::{self, FileId};
use crate::base::peer;
use crate::base::socket::{self, SocketLines};
use crate::daemon::clerk::DaemonClerk;

/// Callers at one time; one more is told to come again.
const CALLERS: usize = 8;
/// Time for a request to come after the greeting or the answer before it, and for an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest conversation.
const WHOLE: Duration = Duration::from_secs(60);
/// Most requests of one conversation.
const REQUESTS: usize = 100;
/// A word that turns somebody away goes into an empty buffer of the system, or nowhere.
const TURNING_AWAY: Duration = Duration::from_millis(100);

/// The door of a daemon that is open; dropped, it is closed.
pub(super) struct CallersDoor {
    socket: PathBuf,
    id: Option<FileId>,
    end: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// Somebody who is being heard.
struct Visitor {
    line: UnixStream,
    thread: JoinHandle<()>,
}

impl CallersDoor {
    /// Opens it. Whoever holds the lock of the daemon may take away what an earlier one has left there.
    pub(super) fn open(path: &Path, clerk: DaemonClerk) -> io::Result<CallersDoor> {
        fs::remove_file(path).map_err(io::Error::other)?;
        let listener = socket::listen(path)?;
        let (end, heard) = UnixStream::pair()?;
        let clerk = Arc::new(clerk);
        let builder = std::thread::Builder::new();
        let thread = builder.spawn(move || serve(&listener, &heard, &clerk))?;
        Ok(CallersDoor {
            socket: path.to_owned(),
            id: file_at(path),
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for CallersDoor {
    fn drop(&mut self) {
        self.end.take();
        // Another daemon may be at work at this path by now, where somebody has replaced the directory.
        if self.id.is_some() && file_at(&self.socket) == self.id {
            // One that stays is removed by the next daemon.
            let _removed = fs::remove_file(&self.socket);
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ended = thread.join();
        }
    }
}

fn file_at(path: &Path) -> Option<FileId> {
    fs::stat(path).ok().flatten().map(|there| there.id)
}

fn serve(listener: &UnixListener, end: &UnixStream, clerk: &Arc<DaemonClerk>) {
    let mut visitors: Vec<Visitor> = Vec::new();
    while let Some(mut line) = socket::next_caller(listener, end) {
        visitors.retain(|visitor| !visitor.thread.is_finished());
        if !peer::is_own_user(&line) {
            continue;
        }
        if visitors.len() >= CALLERS {
            let _taken = say(&mut line, clerk.too_many(), TURNING_AWAY);
            continue;
        }
        visitors.extend(hear(line, clerk));
    }
    for visitor in &visitors {
        // It may have ended by itself.
        let _hung_up = visitor.line.shutdown(Shutdown::Both);
    }
}

/// Hears one caller; nothing where there is no room for one more thread.
fn hear(line: UnixStream, clerk: &Arc<DaemonClerk>) -> Option<Visitor> {
    let (kept, clerk) = (line.try_clone().ok()?, Arc::clone(clerk));
    let builder = std::thread::Builder::new();
    let thread = builder.spawn(move || {
        let mut line = line;
        // Whoever hangs up, or does not take what he asked for, does without.
        let _heard = converse(&mut line, &clerk);
        // Not by dropping it: the listener has it, too.
        let _hung_up = line.shutdown(Shutdown::Both);
    });
    let thread = thread.ok()?;
    Some(Visitor { line: kept, thread })
}

fn converse(line: &mut UnixStream, clerk: &DaemonClerk) -> io::Result<()> {
    let whole = Instant::now() + WHOLE;
    let caller = peer::peer_process(line);
    say(line, clerk.greeting(), PATIENCE)?;
    let mut said = SocketLines::default();
    for _ in 0..REQUESTS {
        let until = whole.min(Instant::now() + PATIENCE);
        let request = match said.next(line, REQUEST_CAP, until) {
            Ok(request) if request.is_empty() => return Ok(()),
            Ok(request) => request,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return say(line, clerk.too_long(), PATIENCE);
            }
            Err(error) => return Err(error),
        };
        let (reply, word) = clerk.reply(&request, caller);
        let told = say(line, reply, PATIENCE);
        // After the answer: the word may end this process.
        clerk.pass_on(word);
        told?;
    }
    Ok(())
}

fn say(line: &mut UnixStream, mut text: Vec<u8>, patience: Duration) -> io::Result<()> {
    text.push(b'\n');
    socket::write_all(line, &text, Instant::now() + patience)
}
