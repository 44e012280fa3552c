//! The login name of whoever runs this process: as the environment says, else as the system knows the user id.
//!
//! Services, containers and `env -i` set no `USER`; who acted there is somebody all the same. Nothing here is trusted:
//! a name is what stands in a record, and no right follows from it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;

use crate::base::env;

/// Room for one entry of the system's users; more is none of a person.
const ROOM: usize = 16 << 10;

/// The login name, where anybody knows one.
pub fn name() -> Option<String> {
    let said = |name| env::text(name).filter(|text| !text.trim().is_empty());
    said("USER").or_else(|| said("LOGNAME")).or_else(by_user_id)
}

/// The name of the user id, by whatever the system asks for it.
#[expect(
    unsafe_code,
    reason = "the standard library does not know users, and files alone miss directories of users"
)]
fn by_user_id() -> Option<String> {
    let mut text = vec![0; ROOM];
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found: *mut libc::passwd = ptr::null_mut();
    // SAFETY: all pointers are to memory of this function, which outlives the call; `text` is as long as is said.
    let failed = unsafe {
        libc::getpwuid_r(
            rustix::process::getuid().as_raw(),
            entry.as_mut_ptr(),
            text.as_mut_ptr(),
            text.len(),
            &raw mut found,
        )
    };
    if failed != 0 || found.is_null() {
        return None;
    }
    // SAFETY: the call has filled the entry, whose name is a text that ends with a NUL within `text`.
    let name = unsafe { CStr::from_ptr((*found).pw_name) };
    let name = name.to_str().ok()?.to_owned();
    (!name.is_empty()).then_some(name)
}
