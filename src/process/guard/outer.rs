//! The outer one of two keepers. The inner one does the work; each outlives the other for long
//! enough to end what is below, so that killing `ai` and one of them together leaves nothing.
//!
//! Where this process may make a pid namespace, the inner keeper is its first process. Then all
//! below ends with it by the kernel, though all three be killed at once, and nothing can leave.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::guard::client::program;
use crate::process::guard::events::KeeperSignals;
use crate::process::guard::keeper::{Reaper, end_below};
use crate::process::guard::protocol::{CANNOT_BEGIN, KeeperLaunch, KeeperPair, KeeperWord};
use crate::process::guard::{apart, tie};
use crate::process::supervise::ProcessExit;

/// Starts the inner keeper with the same arguments, and sees it to its end. Says 0 where that has
/// reported.
pub(super) async fn see_through(
    launch: &KeeperLaunch,
    pair: KeeperPair,
    args: &[OsString],
) -> io::Result<ExitCode> {
    let mut signals = KeeperSignals::install()?;
    for way in ways(pair) {
        let exit = way.attempt(args, &mut signals).await?;
        match exit {
            Some(ProcessExit::Code(CANNOT_BEGIN)) if way != InnerStart::Here => {}
            Some(ProcessExit::Code(code)) => {
                return Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)));
            }
            // It was killed. What it kept has fallen to this process.
            Some(ProcessExit::Signal(_)) | None => {
                let mut reaper = Reaper::of(None);
                end_below(&mut reaper, &mut signals, launch.grace).await;
                let code = exit.map_or(u8::MAX, ProcessExit::shell_code);
                return Ok(ExitCode::from(code));
            }
        }
    }
    Ok(ExitCode::from(u8::MAX))
}

/// The ways to start the inner keeper, the best one first. The last one always works.
fn ways(pair: KeeperPair) -> Vec<InnerStart> {
    match pair {
        _ if apart::has_the_right() => {
            vec![InnerStart::Apart, InnerStart::ApartBelow, InnerStart::Here]
        }
        KeeperPair::InUserNamespace => vec![InnerStart::ApartBelow, InnerStart::Here],
        KeeperPair::WithOwnRights => vec![InnerStart::Here],
    }
}

/// A way to start the inner keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InnerStart {
    /// As the first process of a pid namespace.
    Apart,
    /// The same, below a process that makes the namespaces and stays in between.
    ApartBelow,
    /// As any child.
    Here,
}

impl InnerStart {
    async fn attempt(
        self,
        args: &[OsString],
        signals: &mut KeeperSignals,
    ) -> io::Result<Option<ProcessExit>> {
        let word = match self {
            InnerStart::Apart => KeeperWord::InnerApart,
            InnerStart::ApartBelow => KeeperWord::Between,
            InnerStart::Here => KeeperWord::Inner,
        };
        let back = match self {
            InnerStart::Apart => match apart::next_child_apart() {
                Ok(back) => Some(back),
                Err(_) => return Ok(Some(ProcessExit::Code(CANNOT_BEGIN))),
            },
            InnerStart::ApartBelow | InnerStart::Here => None,
        };
        let inner = start(word.text(), args)?;
        let mut reaper = Reaper::of(Some(inner));
        while reaper.exit().is_none() {
            if signals.next().await.is_some() {
                let _asked = kill_process(inner, Signal::TERM);
            }
            reaper.reap();
        }
        back.map_or(Ok(()), apart::OwnNamespace::back)?;
        Ok(reaper.exit())
    }
}

/// Between the two, where the outer one could not come back from what it makes: makes the namespaces,
/// starts the inner keeper, and ends as that does.
pub(super) fn between(args: &[OsString]) -> ExitCode {
    let cannot = ExitCode::from(u8::try_from(CANNOT_BEGIN).unwrap_or(u8::MAX));
    if apart::next_child_apart_for_good().is_err() || tie::end_with_parent().is_err() {
        return cannot;
    }
    match start_waited(args) {
        Ok(status) => {
            let code = status.code().or_else(|| Some(128 + status.signal()?));
            ExitCode::from(
                code.and_then(|code| u8::try_from(code).ok())
                    .unwrap_or(u8::MAX),
            )
        }
        Err(_) => cannot,
    }
}

fn start(word: &str, args: &[OsString]) -> io::Result<Pid> {
    let child = command(word.as_ref(), args).spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("its pid is out of range"))
}

fn start_waited(args: &[OsString]) -> io::Result<ExitStatus> {
    command(KeeperWord::InnerApart.text().as_ref(), args).status()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the home of process starts; the environment is the keeper's own"
)]
fn command(word: &OsStr, args: &[OsString]) -> Command {
    let mut command = Command::new(program());
    command.arg(word).args(args).stdin(Stdio::inherit());
    command
}
