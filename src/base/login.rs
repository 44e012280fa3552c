//! The login name of whoever runs this process: as the environment says, else as the system's file of users knows the user id.
//!
//! Services, containers and `env -i` set no `USER`; who acted there is somebody all the same. Nothing here is trusted: a name is
//! what stands in a record, and no right follows from it. Deliberately absent: `getpwuid_r`. A program that is linked statically
//! loads the system's name services into itself for it, which may be of another C library and then end the process by a signal. So
//! users of a directory, who stand in no file, are known by `USER` alone.

use std::path::Path;

use crate::base::{env, fs};

/// Where the system's users stand, a line each.
const USERS: &str = "/etc/passwd";
/// Longest file of users that is read.
const LONGEST: u64 = 4 << 20;

/// The login name, where anybody knows one.
pub fn name() -> Option<String> {
    let said = |name| env::text(name).filter(|text| !text.trim().is_empty());
    said("USER").or_else(|| said("LOGNAME")).or_else(by_user_id)
}

fn by_user_id() -> Option<String> {
    let users = fs::read_capped(Path::new(USERS), LONGEST).ok()?;
    let id = rustix::process::getuid().as_raw();
    name_of(&String::from_utf8_lossy(&users), id)
}

/// The first name of a user id among lines of `name:password:id:…`.
fn name_of(users: &str, id: u32) -> Option<String> {
    let mut of_id = users.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(id) && !name.is_empty()).then_some(name)
    });
    of_id.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_looked_up_among_the_lines_of_users() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# a note\n:x:7:7::/:\nann:x:1000:1000::/home/user:/bin/sh\nalso:x:1000:1::/:\nodd\n";
        for (id, name) in [(0, Some("root")), (1000, Some("ann")), (7, None), (1, None)] {
            assert_eq!(name_of(users, id).as_deref(), name, "{id}");
        }
    }
}
