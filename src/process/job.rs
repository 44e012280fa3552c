//! The job that this process belongs to: its process group and its session.
//!
//! Read from `/proc` alone. In a container of process ids whose session or group was begun outside of it, the kernel
//! names 0 as the leader, which `rustix` takes for impossible: its `getsid` and `getpgrp` panic there.

use crate::process::identity::own_pid;
use crate::process::procfs;

/// A process group and its session, each named by the process id of its leader; 0 is a leader outside of the
/// container of process ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    group: i32,
    session: i32,
}

impl Job {
    /// The job of this process; none where `/proc` cannot be read.
    pub fn own() -> Option<Job> {
        procfs::stat(own_pid()).map(|stat| Job {
            group: stat.group,
            session: stat.session,
        })
    }

    /// True for this process group. A group that is led from outside is not known by a number.
    pub(in crate::process) fn is_group(self, group: i32) -> bool {
        self.group == group
    }

    /// True where a shell has begun the job and would wake it: another job of the session has the shell.
    pub fn is_of_a_shell(self) -> bool {
        self.session != self.group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_there_where_the_session_is_older_than_the_job() {
        let table = [
            // A job of a shell, the first process of a session, a job whose shell is outside of the container, and
            // one that has come into it from outside.
            (40, 30, true),
            (30, 30, false),
            (40, 0, true),
            (0, 0, false),
        ];
        for (group, session, expected) in table {
            let job = Job { group, session };
            assert_eq!(job.is_of_a_shell(), expected, "{job:?}");
        }
    }

    #[test]
    fn the_own_job_is_the_one_of_the_kernel() {
        let stat = procfs::stat(own_pid()).unwrap();
        assert!(Job::own().unwrap().is_group(stat.group));
    }
}
