//! Open files that this process was given and did not ask for: a shell's redirection, a pipe of
//! whoever started it. A program that it starts would get them, too, and a sandbox takes away names,
//! never what is open already.

use std::path::Path;

use crate::base::fs;

/// Keeps what is open beside standard input, output and error from every program that is started
/// from here on. To be called once, before this process opens anything for a child.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the kernel's call has no safe face, and takes numbers of files that nobody here may own"
)]
pub fn keep_from_children() {
    const FIRST: libc::c_uint = 3;
    // SAFETY: nothing is closed; a mark is set that counts when another program is started.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if done != 0 {
        one_by_one();
    }
}

/// Keeps what is open beside standard input, output and error from every program that is started
/// from here on.
#[cfg(not(target_os = "linux"))]
pub fn keep_from_children() {
    one_by_one();
}

/// The same for kernels before 5.11, and for others.
#[expect(
    unsafe_code,
    reason = "these are numbers of files that nobody here may own"
)]
fn one_by_one() {
    let open = fs::list_dir(Path::new("/dev/fd")).unwrap_or_default();
    let numbers = open
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    for number in numbers.filter(|number: &libc::c_int| *number > 2) {
        // SAFETY: a mark is set; of a number that is no open file the call says so.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
