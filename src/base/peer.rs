//! Who is at the other side of a socket, as the kernel says.
//!
//! Asked without `rustix`: it takes for impossible that the kernel names process 0, which is how it names a caller from
//! outside of this process's container.

use std::os::unix::net::UnixStream;

/// True where the other side belongs to the user of this process, or the system cannot say: the
/// socket's own mode lets nobody else in.
pub fn is_own_user(stream: &UnixStream) -> bool {
    #[cfg(target_os = "linux")]
    {
        let own = rustix::process::geteuid().as_raw();
        credentials(stream).is_some_and(|peer| peer.uid == own)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _nobody_says = stream;
        true
    }
}

/// The process at the other side, as this process would name it; nothing where the system does not say, or it
/// cannot be seen from here.
pub fn peer_process(stream: &UnixStream) -> Option<i32> {
    #[cfg(target_os = "linux")]
    {
        Some(credentials(stream)?.pid).filter(|pid| *pid > 0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _nobody_says = stream;
        None
    }
}

/// The process and user that had the other side when the two were connected.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the standard library has it for nightly builds alone"
)]
fn credentials(stream: &UnixStream) -> Option<libc::ucred> {
    use std::os::fd::AsRawFd;

    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut size = libc::socklen_t::try_from(size_of::<libc::ucred>()).ok()?;
    let whole = size;
    // SAFETY: the descriptor is open as long as `stream` is borrowed, and the kernel writes at most `size` bytes to
    // `peer`, which is that large and of plain numbers.
    let done = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut size,
        )
    };
    (done == 0 && size == whole).then_some(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_of_a_pair_is_this_process() {
        let (one, _two) = UnixStream::pair().unwrap();
        assert!(is_own_user(&one));
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(peer_process(&one), cfg!(target_os = "linux").then_some(own));
    }
}
