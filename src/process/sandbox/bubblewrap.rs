//! The command line of `bwrap`: namespaces of its own for processes, mounts, IPC and, where wanted,
//! the network.
//!
//! The keeper runs inside as process 1: it reaps everything there, nothing there can kill it, and
//! with its end the kernel ends the rest. So the exit and the grace are those of a run without a
//! sandbox. `--die-with-parent` is not used: it would kill without grace what the keeper, who hears
//! of the death of `ai` by its line, ends in order.

use std::ffi::OsString;
use std::path::Path;

use crate::domain::sandbox::Network;
use crate::process::egress::INSIDE;
use crate::process::sandbox::{PathAccess, SandboxLayer, SandboxPolicy};

/// Path of the keeper's program inside.
const KEEPER: &str = "/tmp/.ai-keeper";

/// Settings of the kernel that are the whole machine's. It asks for no capability there, only who
/// the user is: root could set the program that is started for every core dump, outside and as
/// root.
const KERNEL: [&str; 3] = ["/proc/sys", "/proc/irq", "/proc/bus"];

/// Options of every sandbox: no capability (root could undo every mount with one), no terminal of
/// the outside, processes of its own.
const ALWAYS: [&str; 18] = [
    "--unshare-user-try",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--cap-drop",
    "ALL",
    "--new-session",
    "--as-pid-1",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--tmpfs",
    "/tmp",
];

/// The words in front of the keeper's own arguments; `None` for a policy of another layer.
pub(super) fn command_line(policy: &SandboxPolicy, keeper: &Path) -> Option<Vec<OsString>> {
    let SandboxLayer::Bubblewrap(program) = &policy.layer else {
        return None;
    };
    let mut words = vec![program.into()];
    words.extend(options(policy));
    words.extend(["--ro-bind".into(), keeper.into(), KEEPER.into()]);
    if let Some(socket) = &policy.egress {
        words.extend(["--ro-bind".into(), socket.into(), INSIDE.into()]);
    }
    words.extend(["--chdir", "/", "--", KEEPER].map(OsString::from));
    Some(words)
}

/// Everything before the command.
pub(super) fn options(policy: &SandboxPolicy) -> Vec<OsString> {
    let mut words: Vec<OsString> = ALWAYS.map(OsString::from).into();
    words.extend(covers(rustix::process::geteuid().is_root()));
    if policy.network != Network::On {
        words.push("--unshare-net".into());
    }
    for (path, access) in policy.rules() {
        let two = |option: &str| vec![option.into(), path.into()];
        let three = |option: &str, from: &Path| vec![option.into(), from.into(), path.into()];
        words.extend(match access {
            PathAccess::Hidden if path == Path::new("/tmp") => Vec::new(),
            PathAccess::Hidden | PathAccess::Covered if path.is_dir() => two("--tmpfs"),
            PathAccess::Hidden | PathAccess::Covered => three("--ro-bind", Path::new("/dev/null")),
            PathAccess::Read => three("--ro-bind", path),
            PathAccess::Write => three("--bind", path),
            PathAccess::BindWrite(other) => three("--bind", other),
            PathAccess::BindRead(other) => three("--ro-bind", other),
        });
    }
    words
}

/// Options that keep root from the settings of the kernel. Nobody else can write them, and a
/// `/proc` with a cover keeps programs from making a sandbox of their own inside.
fn covers(is_root: bool) -> Vec<OsString> {
    let cover = |path: &&str| ["--ro-bind-try", *path, *path].map(OsString::from);
    KERNEL.iter().filter(|_| is_root).flat_map(cover).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::sandbox::ResourceLimits;

    #[test]
    fn only_root_is_kept_from_the_settings_of_the_kernel() {
        assert_eq!(covers(false), [""; 0]);
        assert_eq!(
            covers(true)[..3],
            ["--ro-bind-try", "/proc/sys", "/proc/sys"]
        );
    }

    #[test]
    fn the_keeper_is_process_one_and_inner_paths_come_last() {
        let mut policy = SandboxPolicy::new(
            SandboxLayer::Bubblewrap("/usr/bin/bwrap".into()),
            Network::Off,
            ResourceLimits::default(),
        );
        policy.set_access(Path::new("/usr/share"), PathAccess::Read);
        policy.set_access(Path::new("/usr"), PathAccess::Hidden);
        policy.set_access(Path::new("/usr/share/x"), PathAccess::Write);
        policy.set_access(
            Path::new("/usr/lib"),
            PathAccess::BindWrite("/other".into()),
        );
        policy.set_access(Path::new("/etc/passwd"), PathAccess::Hidden);
        let words = command_line(&policy, Path::new("/bin/ai")).unwrap();
        let text: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        let text = text.join(" ");
        assert!(
            text.starts_with("/usr/bin/bwrap --unshare-user-try --unshare-pid"),
            "{text}"
        );
        assert!(
            text.contains("--cap-drop ALL")
                && text.contains("--as-pid-1")
                && text.contains("--unshare-net"),
            "{text}"
        );
        let mounts = "--tmpfs /usr --ro-bind /dev/null /etc/passwd --bind /other /usr/lib --ro-bind /usr/share /usr/share \
                      --bind /usr/share/x /usr/share/x --ro-bind /bin/ai /tmp/.ai-keeper --chdir / -- /tmp/.ai-keeper";
        assert!(text.ends_with(mounts), "{text}");
    }

    #[test]
    fn listed_hosts_are_reached_by_one_socket_and_no_network() {
        let mut policy = SandboxPolicy::new(
            SandboxLayer::Bubblewrap("/usr/bin/bwrap".into()),
            Network::Listed,
            ResourceLimits::default(),
        );
        policy.egress = Some("/run-dir/net".into());
        let words = command_line(&policy, Path::new("/bin/ai")).unwrap();
        let bound = ["--ro-bind", "/run-dir/net", INSIDE].map(OsString::from);
        assert!(words.windows(3).any(|three| three == bound), "{words:?}");
        assert!(
            words.iter().any(|word| word == "--unshare-net"),
            "{words:?}"
        );
    }

    #[test]
    fn another_layer_has_no_such_command_line() {
        let policy = SandboxPolicy::new(
            SandboxLayer::Landlock,
            Network::On,
            ResourceLimits::default(),
        );
        assert_eq!(command_line(&policy, Path::new("/bin/ai")), None);
    }
}
