//! The way of a keeper into the cgroup of its command: `ai` opens the door, and the keeper goes through it by itself
//! before it does anything else.
//!
//! The kernel takes some six milliseconds to move a process from one cgroup to another, since everything that
//! forks has to wait for it. `ai` going in and coming back around a start was two moves in a row; this is one. And
//! `ai` is never in a cgroup that somebody may kill. What is sent is the open list of processes: inside of a sandbox
//! there is no path to it, and the kernel asks for the rights of whoever has opened it.
//!
//! Deliberately absent: a report of how it went. A keeper that cannot go in does its work outside, as where no cgroup
//! can be made.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

/// The byte with which the door is sent, since nothing is sent without one.
const KNOCK: u8 = b'c';
/// The word for "this process" in a list of processes.
const ITSELF: &[u8] = b"0";

/// What a keeper finds first on its line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::process) enum CgroupDoor {
    /// Nothing: it stays where it is.
    #[default]
    Shut,
    /// The list of processes of a cgroup, open for writing.
    OnTheLine,
}

/// Sends the door over a line, from which nothing may have been sent before.
pub(super) fn send(line: impl AsFd, procs: &File) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [procs.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("there is no room for one file"));
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(line, &[IoSlice::new(&[KNOCK])], &mut control, flags)?;
    Ok(())
}

/// Takes the door from the line, and goes through it.
pub(super) fn enter(line: impl AsFd) -> io::Result<()> {
    File::from(receive(line)?).write_all(ITSELF)
}

fn receive(line: impl AsFd) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    // The command must not inherit it.
    recvmsg(line, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let sent = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    sent.ok_or_else(|| io::Error::other("nothing was sent with it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn who_is_sent_the_door_writes_itself_into_the_list_and_reads_what_comes_after() {
        let list = tempfile::NamedTempFile::new().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        send(&ours, &list.reopen().unwrap()).unwrap();
        (&ours).write_all(b"lease 1 2\n").unwrap();
        drop(ours);
        enter(&theirs).unwrap();
        let mut rest = String::new();
        theirs.read_to_string(&mut rest).unwrap();
        let listed = std::fs::read_to_string(list.path()).unwrap();
        assert_eq!((listed.as_str(), rest.as_str()), ("0", "lease 1 2\n"));
    }

    #[test]
    fn a_line_without_a_door_is_an_error_and_no_wait() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&ours).write_all(b"x").unwrap();
        assert!(enter(&theirs).is_err());
        drop(ours);
        assert!(enter(&theirs).is_err());
    }
}
