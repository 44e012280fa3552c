//! Listens at the socket of a run, from a thread of its own. Each caller has a thread, few at a time
//! and each for a short time, so that one who is slow or says nothing keeps nobody waiting, the
//! supervisor least of all.

use std::any::Any;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::app::in_run::REQUEST_CAP;
use crate::base::{clock, fs, peer, socket};
use crate::hatch::answer::Clerk;
use crate::ops::error::OpError;
use crate::ops::hatch::HatchOrder;
use crate::ops::refusal::Refusal;

/// Callers at one time; one more is not heard, and told to come later by its own side.
const CALLERS: usize = 8;
/// Time for a request to come, and for an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks whether the last callers are done.
const STEP: Duration = Duration::from_millis(5);

/// A hatch that is open; dropped, it is closed.
struct OpenHatch {
    socket: PathBuf,
    end: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// Somebody who is being heard.
struct Caller {
    line: UnixStream,
    thread: JoinHandle<()>,
}

/// Opens the hatch of a run.
pub fn open(order: HatchOrder) -> Result<Box<dyn Any>, OpError> {
    let path = order.socket.clone();
    let shown = path.clone();
    let failed = |error: std::io::Error| {
        Refusal::Environment(format!("{} cannot be made: {error}", shown.display()))
    };
    // One that a supervisor of before has left, who was killed.
    fs::remove_file(&path)?;
    let listener = socket::listen(&path).map_err(failed)?;
    let (end, heard) = UnixStream::pair().map_err(failed)?;
    let clerk = Arc::new(Clerk::new(order));
    let heard = std::thread::Builder::new().spawn(move || serve(&listener, &heard, &clerk));
    let thread = heard.map_err(failed)?;
    Ok(Box::new(OpenHatch {
        socket: path,
        end: Some(end),
        thread: Some(thread),
    }))
}

impl Drop for OpenHatch {
    fn drop(&mut self) {
        self.end.take();
        // No more callers from here on. A socket that stays is removed with the next run's, or by
        // recovery.
        let _removed = fs::remove_file(&self.socket);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ended = thread.join();
        }
    }
}

fn serve(listener: &UnixListener, end: &UnixStream, clerk: &Arc<Clerk>) {
    let mut callers: Vec<Caller> = Vec::new();
    while let Some(line) = socket::next_caller(listener, end) {
        callers.retain(|caller| !caller.thread.is_finished());
        if callers.len() < CALLERS && peer::is_own_user(&line) {
            callers.extend(hear(line, clerk));
        }
    }
    clerk.close();
    for caller in &callers {
        // It may have ended by itself.
        let _hung_up = caller.line.shutdown(Shutdown::Both);
    }
    // Who waits for a busy store is left behind: what it asks for needs the run's lease, which is given
    // back meanwhile.
    let until = Instant::now() + PATIENCE;
    while callers.iter().any(|caller| !caller.thread.is_finished()) && Instant::now() < until {
        clock::pause(STEP);
    }
}

/// Hears one caller; nothing where there is no room for one more thread.
fn hear(line: UnixStream, clerk: &Arc<Clerk>) -> Option<Caller> {
    let (kept, clerk) = (line.try_clone().ok()?, Arc::clone(clerk));
    let heard = std::thread::Builder::new().spawn(move || converse(line, &clerk));
    let thread = heard.ok()?;
    Some(Caller { line: kept, thread })
}

fn converse(mut line: UnixStream, clerk: &Clerk) {
    let request = socket::read_line(&mut line, REQUEST_CAP, Instant::now() + PATIENCE);
    if let Some(mut reply) = clerk.reply(request) {
        reply.push(b'\n');
        // Whoever does not take the answer does without.
        let _taken = socket::write_all(&mut line, &reply, Instant::now() + PATIENCE);
    }
    // Not by dropping it: the listener has it, too.
    let _hung_up = line.shutdown(Shutdown::Both);
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
