//! Namespaces for a keeper and all below it: what is started in a pid namespace ends with its first
//! process, by the kernel, whatever it does. The mount namespace beside it shows a `/proc` that fits,
//! and [covers] over what Landlock cannot hide; nothing else is taken from the command.
//!
//! A user namespace, without which an ordinary user may make none of them, takes more: no set-user-ID
//! program works in it, and files of root seem to be nobody's. So it is made only below a sandbox,
//! where that is so already, and never where a user wants none.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{getegid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, LinkNameSpaceType, UnshareFlags, capabilities,
    configure_capability_in_ambient_set, move_into_link_name_space, set_capabilities,
};

use crate::base::fs;
use crate::process::guard::covers;
use crate::process::sandbox::PlaceCover;

/// The way back into the pid namespace in which this process is itself.
pub(super) struct OwnNamespace(File);

/// True where this process may make namespaces as it is.
pub(super) fn has_the_right() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Has the next child be the first process of a new pid namespace, if there is a way back.
#[expect(
    clippy::disallowed_methods,
    reason = "a namespace is held by an open descriptor, not read"
)]
pub(super) fn next_child_apart() -> io::Result<OwnNamespace> {
    let own = OwnNamespace(File::open("/proc/self/ns/pid")?);
    // Root of a user namespace of its own may leave, and not come back.
    own.enter()?;
    unshare(UnshareFlags::NEWPID)?;
    Ok(own)
}

impl OwnNamespace {
    /// Has further children be in this process's own namespace again.
    pub fn back(self) -> io::Result<()> {
        self.enter()
    }

    fn enter(&self) -> io::Result<()> {
        let kind = Some(LinkNameSpaceType::ProcessID);
        Ok(move_into_link_name_space(self.0.as_fd(), kind)?)
    }
}

/// The same for a process that needs no way back: where the right is missing in a new user namespace,
/// in which this user is who he was. The right to mount goes to the next program, and no further
/// than [`settle`].
pub(super) fn next_child_apart_for_good() -> io::Result<()> {
    if has_the_right() {
        return unshare(UnshareFlags::NEWPID);
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWPID)?;
    let write = |file: &str, text: &str| {
        fs::append(format!("/proc/self/{file}").as_ref(), text.as_bytes()).map_err(io::Error::other)
    };
    write("setgroups", "deny")?;
    write("uid_map", &format!("{user} {user} 1"))?;
    write("gid_map", &format!("{group} {group} 1"))?;
    let mut sets = capabilities(None)?;
    sets.inheritable |= CapabilitySet::SYS_ADMIN;
    set_capabilities(None, sets)?;
    configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?;
    Ok(())
}

/// In the first process of a pid namespace: gives it a `/proc` of its own, covers these places, and
/// takes back the right that it was lent for that.
pub(super) fn settle(places: &[PlaceCover]) -> io::Result<()> {
    unshare(UnshareFlags::NEWNS)?;
    mount_change(
        "/",
        MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
    )?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None)?;
    covers::lay(places)?;
    if !geteuid().is_root() {
        let none = CapabilitySet::empty();
        set_capabilities(
            None,
            CapabilitySets {
                effective: none,
                permitted: none,
                inheritable: none,
            },
        )?;
    }
    Ok(())
}

#[expect(
    unsafe_code,
    reason = "there is no safe face; what is unsafe about it, separate tables of files, is not asked for"
)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: tables of file descriptors stay shared, so no thread can be left with descriptors that
    // it does not have.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}
