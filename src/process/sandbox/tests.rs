//! Sandboxes around real processes, each by every layer that works on this machine.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::base::id::random_text;
use crate::domain::sandbox::{Network, SandboxWish};
use crate::process::procfs;
use crate::process::redact::Redactor;
use crate::process::supervise::*;

/// The layers that work here; says which do not, so that a silent pass is not taken for a test.
fn layers() -> Vec<SandboxLayer> {
    let probe = probe(&["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
    let found = [SandboxWish::Bubblewrap, SandboxWish::Landlock].map(|wish| probe.layer(wish));
    found
        .into_iter()
        .filter_map(|layer| layer.map_err(|why| eprintln!("skipped: {why}")).ok())
        .collect()
}

/// A directory outside of the private `/tmp`, with `work/` to write in and `secret/` that is
/// hidden.
struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let target = crate::base::env::current_exe()
            .unwrap()
            .parent()
            .unwrap()
            .canonicalize()
            .unwrap();
        // The checkout may itself lie below `/tmp`, of which a sandbox shows nothing.
        let target = if target.starts_with("/tmp") {
            PathBuf::from("/var/tmp")
        } else {
            target.join("sandboxes")
        };
        std::fs::create_dir_all(&target).unwrap();
        let dir = tempfile::TempDir::with_prefix_in("sandbox-", target).unwrap();
        for name in ["work", "secret", "other"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("secret/key"), "s3cr3t").unwrap();
        std::fs::write(dir.path().join("other/file"), "theirs").unwrap();
        Scene { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn policy(&self, layer: &SandboxLayer, network: Network) -> SandboxPolicy {
        let mut policy = SandboxPolicy::new(layer.clone(), network, ResourceLimits::default());
        policy.set_access(&self.path("work"), PathAccess::Write);
        policy.set_access(&self.path("secret"), PathAccess::Hidden);
        policy
    }

    fn run(&self, policy: SandboxPolicy, script: &str) -> CommandOutcome {
        self.run_for(policy, script, Duration::from_secs(60))
    }

    fn run_for(&self, policy: SandboxPolicy, script: &str, total: Duration) -> CommandOutcome {
        let spec = self.spec(policy, script, total);
        let outcome = supervised(&spec);
        let mark = format!("AI_RUN={}", spec.run_id.unwrap()).into_bytes();
        let left = procfs::table().unwrap().into_iter();
        let left: Vec<_> = left
            .filter(|s| s.is_running() && procfs::environment_has(s.pid, &mark))
            .collect();
        assert!(left.is_empty() && outcome.survivors.is_empty(), "{left:?}");
        outcome
    }

    fn spec(&self, policy: SandboxPolicy, script: &str, total: Duration) -> SpawnSpec {
        SpawnSpec {
            command: ChildCommand::new(
                ["sh", "-c", script].map(Into::into).into(),
                self.path("work"),
            ),
            env: vec![
                ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
                ("D".into(), self.path("").into()),
            ],
            run_id: Some(format!("sandbox.{}", random_text(12))),
            files: None,
            cgroup: None,
            sandbox: Some(policy),
            limits: CommandLimits {
                total: Some(total),
                grace: Duration::from_secs(2),
                ..CommandLimits::default()
            },
            stdout: OutputTo::Memory,
            stderr: OutputTo::Memory,
        }
    }
}

fn said(outcome: &CommandOutcome) -> String {
    let both = [&outcome.stdout.memory[..], &outcome.stderr.memory[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn supervised(spec: &SpawnSpec) -> CommandOutcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let redactor = Redactor::new(&[]);
    let cancel = CancelToken::new();
    let mut observer = QuietObserver;
    let supervised = supervise(spec, &redactor, &mut observer, &cancel);
    runtime.block_on(supervised).unwrap()
}

#[test]
fn what_could_not_be_covered_is_told() {
    for layer in layers()
        .into_iter()
        .filter(|layer| *layer == SandboxLayer::Landlock)
    {
        let scene = Scene::new();
        let mut policy = scene.policy(&layer, Network::On);
        policy.set_access(&scene.path(""), PathAccess::Write);
        policy.set_access(&scene.path("other"), PathAccess::Covered);
        let script = "cat \"$D/other/file\"; rm -rf \"$D/other\"; mv \"$D/other\" \"$D/moved\"; cat \"$D/moved/file\"";
        // Where a namespace can be made, what lies under the cover stays there, whatever is done to the cover.
        let outcome = scene.run(policy.clone(), script);
        let is_seen = outcome.stdout.bytes_seen > 0;
        assert_eq!(outcome.uncovered, usize::from(is_seen), "{outcome:?}");
        assert_eq!(scene.path("other/file").exists(), !is_seen);
        // A single keeper makes none.
        let scene = Scene::new();
        let mut policy = scene.policy(&layer, Network::On);
        policy.set_access(&scene.path(""), PathAccess::Write);
        policy.set_access(&scene.path("other"), PathAccess::Covered);
        let mut spec = scene.spec(policy, "cat \"$D/other/file\"", Duration::from_secs(60));
        spec.run_id = None;
        let outcome = supervised(&spec);
        assert_eq!((outcome.uncovered, outcome.stdout.bytes_seen), (1, 6));
    }
}

#[test]
fn only_what_is_granted_can_be_written_and_hidden_places_cannot_be_read() {
    for layer in layers() {
        let scene = Scene::new();
        let script = "echo mine > new && mkdir sub && mv new sub/new && ln -s ../other/file link
            for try in 'echo x > ../other/new' 'echo x > ../other/file' 'echo x > link' 'ln ../other/file hard && echo x > hard' \
                'mv ../other/file stolen' 'rm ../other/file' 'mkdir ../made' 'cat ../secret/key' 'touch /etc/ai-sandbox'; do
                sh -c \"$try\" 2>/dev/null && echo \"DONE $try\"
            done; cat ../other/file sub/new; true";
        let outcome = scene.run(scene.policy(&layer, Network::On), script);
        assert_eq!(
            outcome.end,
            CommandEnd::Exited(0),
            "{layer:?}: {}",
            said(&outcome)
        );
        let out = String::from_utf8_lossy(&outcome.stdout.memory).into_owned();
        assert_eq!(out, "theirsmine\n", "{layer:?}");
        assert_eq!(
            std::fs::read_to_string(scene.path("work/sub/new")).unwrap(),
            "mine\n",
            "{layer:?}"
        );
        assert_eq!(
            std::fs::read_to_string(scene.path("other/file")).unwrap(),
            "theirs",
            "{layer:?}"
        );
    }
}

#[test]
fn without_a_network_nobody_answers_on_the_loopback() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)' 2>/dev/null"
    );
    for layer in layers() {
        let scene = Scene::new();
        let tried = |network| scene.run(scene.policy(&layer, network), &script).end;
        assert_eq!(tried(Network::On), CommandEnd::Exited(0), "{layer:?}");
        assert_eq!(tried(Network::Off), CommandEnd::Exited(1), "{layer:?}");
    }
}

#[test]
fn exits_signals_and_what_is_left_behind_are_told_as_without_a_sandbox() {
    for layer in layers() {
        let scene = Scene::new();
        let run = |script: &str| scene.run(scene.policy(&layer, Network::On), script);
        assert_eq!(run("exit 7").end, CommandEnd::Exited(7), "{layer:?}");
        assert_eq!(run("exit 137").end, CommandEnd::Exited(137), "{layer:?}");
        assert_eq!(run("kill -9 $$").end, CommandEnd::Signaled(9), "{layer:?}");
        let daemon = run("(setsid sh -c 'trap \"\" TERM; sleep 600 & sleep 600' &) ; exit 0");
        assert_eq!(daemon.end, CommandEnd::Exited(0), "{layer:?}");
        assert!(daemon.leftovers >= 1, "{layer:?}: {daemon:?}");
        let missing = scene.run(scene.policy(&layer, Network::On), "exec /no/such/program");
        assert_eq!(missing.end, CommandEnd::Exited(127), "{layer:?}");
    }
}

#[test]
fn a_stopped_command_gets_its_grace_inside_a_sandbox() {
    for layer in layers() {
        let scene = Scene::new();
        let script = "trap 'echo saved > saved; exit 3' TERM; while :; do sleep 0.05; done";
        let outcome = scene.run_for(
            scene.policy(&layer, Network::On),
            script,
            Duration::from_secs(1),
        );
        assert_eq!(
            (&outcome.end, outcome.exit),
            (
                &CommandEnd::TimedOut(TimeoutKind::Total),
                Some(ProcessExit::Code(3))
            ),
            "{layer:?}"
        );
        assert_eq!(
            std::fs::read_to_string(scene.path("work/saved")).unwrap(),
            "saved\n",
            "{layer:?}"
        );
    }
}

#[test]
fn a_sandbox_cannot_be_undone_from_inside() {
    for layer in layers() {
        let scene = Scene::new();
        let script = format!(
            "(mount -o remount,rw,bind / ; mount --bind /tmp ../other; umount ../secret; umount -l ../secret) 2>/dev/null
            (echo x > ../other/new; cat ../secret/key; kill -0 {}) 2>/dev/null && echo reached; echo went on",
            std::process::id()
        );
        let outcome = scene.run(scene.policy(&layer, Network::On), &script);
        assert!(!scene.path("other/new").exists(), "{layer:?}");
        let out = String::from_utf8_lossy(&outcome.stdout.memory).into_owned();
        assert_eq!(out, "went on\n", "{layer:?}");
    }
}

#[test]
fn limits_hold_and_no_core_is_dumped() {
    for layer in layers().into_iter().chain([SandboxLayer::None]) {
        let scene = Scene::new();
        let mut policy = scene.policy(&layer, Network::On);
        policy.limits = ResourceLimits {
            memory_mb: Some(256),
            processes: None,
            file_mb: Some(1),
        };
        let script = "ulimit -c; trap '' XFSZ; dd if=/dev/zero of=big bs=64k count=64 2>/dev/null; stat -c %s big
            python3 -c 'bytearray(1 << 30)' 2>/dev/null || echo no memory";
        let outcome = scene.run(policy, script);
        assert_eq!(
            said(&outcome),
            format!("0\n{}\nno memory\n", 1 << 20),
            "{layer:?}"
        );
    }
}

#[test]
fn something_else_stands_in_a_place_and_is_not_written_back() {
    for layer in layers()
        .into_iter()
        .filter(|layer| matches!(layer, SandboxLayer::Bubblewrap(_)))
    {
        let scene = Scene::new();
        let mut policy = scene.policy(&layer, Network::On);
        let (other, work) = (scene.path("other"), scene.path("work"));
        std::fs::create_dir(work.join("stand-in")).unwrap();
        policy.set_access(&other, PathAccess::BindWrite(work.join("stand-in")));
        policy.set_access(
            &Path::new("/tmp").join("shown"),
            PathAccess::BindRead(other.clone()),
        );
        let outcome = scene
            .run(policy, "echo new > ../other/file; cat ../other/file /tmp/shown/file; rm /tmp/shown/file 2>/dev/null");
        assert_eq!(said(&outcome), "new\ntheirs", "{layer:?}");
        assert_eq!(
            std::fs::read_to_string(other.join("file")).unwrap(),
            "theirs"
        );
        assert_eq!(
            std::fs::read_to_string(work.join("stand-in/file")).unwrap(),
            "new\n"
        );
    }
}

#[test]
fn a_sandbox_that_cannot_be_made_is_no_death_of_the_command() {
    for layer in layers()
        .into_iter()
        .filter(|layer| matches!(layer, SandboxLayer::Bubblewrap(_)))
    {
        let scene = Scene::new();
        let mut policy = scene.policy(&layer, Network::On);
        policy.set_access(&scene.path("other/no/such"), PathAccess::Write);
        let outcome = scene.run(policy, "true");
        assert!(
            matches!(outcome.end, CommandEnd::SpawnFailed(_)),
            "{outcome:?}"
        );
        assert!(said(&outcome).contains("bwrap: "), "{outcome:?}");
    }
}
