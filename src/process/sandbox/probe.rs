//! What of all this works on this machine: tried once, with the very options that runs get, and
//! remembered until a reboot or another `bwrap`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::domain::sandbox::{Network, SandboxMode, SandboxWish};
use crate::process::captured::{CapturedTool, run_captured};
use crate::process::identity::ProcessIdentity;
use crate::process::sandbox::bubblewrap::options;
use crate::process::sandbox::landlock;
use crate::process::sandbox::{PathAccess, ResourceLimits, SandboxLayer, SandboxPolicy};
use crate::process::supervise::CommandEnd;

/// The name of the program.
const BWRAP: &str = "bwrap";
/// Larger ones were not written by `ai`.
const CAP: u64 = 64 << 10;

/// The [sandbox layers](SandboxLayer) that work here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxProbe {
    /// Under which circumstances this was found; it says nothing about others.
    key: String,
    /// Path of `bwrap`, whether or not it works; `None` where it is not installed.
    pub bwrap: Option<PathBuf>,
    /// The result of making the sandbox that runs get.
    pub works: BwrapState,
    /// The result of making a sandbox of its own inside of it.
    pub nesting: SandboxNesting,
    /// Version of Landlock, 0 where there is none.
    pub landlock: i32,
    /// The result of covering a directory under Landlock.
    pub covering: PlaceCovering,
}

/// The state of `bwrap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BwrapState {
    /// The layer works.
    Works,
    /// The layer does not work, for this reason.
    Fails(String),
}

/// The ability of a program inside to make a sandbox of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxNesting {
    /// Sandboxes nest.
    Nests,
    /// Sandboxes do not nest.
    Fails,
}

/// The ability of a keeper to mount something over a place that Landlock cannot hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceCovering {
    /// Places are covered.
    Works,
    /// They stay in sight: no namespace can be made.
    Fails,
}

/// The reason why there is no sandbox of the wished kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSandbox {
    /// `bwrap` is there and does not work, in its own words.
    #[error("bubblewrap cannot make a sandbox here: {0}")]
    Broken(String),
    /// There is no `bwrap`.
    #[error("bubblewrap (`bwrap`) is not installed")]
    NotInstalled,
    /// The kernel is too old for Landlock, or was built without.
    #[error("the kernel has no Landlock")]
    NoLandlock,
    /// No kind works.
    #[error("{0}, and {1}")]
    Neither(Box<NoSandbox>, Box<NoSandbox>),
}

impl SandboxProbe {
    /// The layer for a wish.
    pub fn layer(&self, wish: SandboxWish) -> Result<SandboxLayer, NoSandbox> {
        let bwrap = match (&self.bwrap, &self.works) {
            (Some(program), BwrapState::Works) => Ok(SandboxLayer::Bubblewrap(program.clone())),
            (Some(_), BwrapState::Fails(why)) => Err(NoSandbox::Broken(why.clone())),
            (None, _) => Err(NoSandbox::NotInstalled),
        };
        let landlock = match self.landlock {
            0 => Err(NoSandbox::NoLandlock),
            _ => Ok(SandboxLayer::Landlock),
        };
        match (wish, bwrap, landlock) {
            (SandboxWish::None, ..) => Ok(SandboxLayer::None),
            (SandboxWish::Auto, ..) if cfg!(target_os = "macos") => Ok(SandboxLayer::Seatbelt),
            (SandboxWish::Bubblewrap, bwrap, _) => bwrap,
            (SandboxWish::Landlock, _, landlock) => landlock,
            (SandboxWish::Auto, Ok(bwrap), _) => Ok(bwrap),
            (SandboxWish::Auto, Err(_), Ok(landlock)) => Ok(landlock),
            (SandboxWish::Auto, Err(one), Err(other)) => {
                Err(NoSandbox::Neither(Box::new(one), Box::new(other)))
            }
        }
    }

    /// True where a program can make a sandbox of its own inside of this layer.
    pub fn nests(&self, mode: SandboxMode) -> bool {
        mode == SandboxMode::Bubblewrap && self.nesting == SandboxNesting::Nests
    }

    /// True where a layer can see to it that this is all of the network.
    pub fn can_hold_to(&self, layer: &SandboxLayer, network: Network) -> bool {
        match network {
            Network::On => true,
            Network::Off => self.can_cut_network(layer),
            Network::Listed => layer.mode().holds_to_hosts(),
        }
    }

    /// True where a layer can take the network away.
    fn can_cut_network(&self, layer: &SandboxLayer) -> bool {
        match layer {
            SandboxLayer::Bubblewrap(_) | SandboxLayer::Seatbelt => true,
            SandboxLayer::Landlock => self.landlock >= landlock::FOR_NETWORK,
            // Nobody asks where nothing confines.
            SandboxLayer::None => true,
        }
    }
}

/// Returns the earlier result if it still holds; `None` where it has to be tried. Writes nothing
/// and starts nothing.
pub fn known(cache: &Path, path: &[PathBuf]) -> Option<SandboxProbe> {
    let text = fs::read_text_if_there(cache, CAP).ok()??;
    let known: SandboxProbe = serde_json::from_str(&text).ok()?;
    (known.key == key(find(path).as_deref())).then_some(known)
}

/// Tries everything. `path` are the directories in which programs are looked up.
pub fn probe(path: &[PathBuf]) -> SandboxProbe {
    let bwrap = find(path);
    let works = bwrap
        .as_deref()
        .map_or(BwrapState::Fails("it is not installed".to_owned()), works);
    let nesting = match (&bwrap, &works) {
        (Some(program), BwrapState::Works) => nesting(program),
        _ => SandboxNesting::Fails,
    };
    SandboxProbe {
        key: key(bwrap.as_deref()),
        bwrap,
        works,
        nesting,
        landlock: landlock::version(),
        covering: covering(),
    }
}

/// Covers a directory as that of the store is covered in a run, and looks for a file in it.
fn covering() -> PlaceCovering {
    let tried = || {
        let dir = tempfile::tempdir().ok()?;
        let place = dir.path().canonicalize().ok()?;
        let file = place.join("file");
        fs::write_private(&file, b"").ok()?;
        let mut policy = SandboxPolicy::new(
            SandboxLayer::Landlock,
            Network::On,
            ResourceLimits::default(),
        );
        policy.set_access(&place, PathAccess::Covered);
        let words = ["/bin/sh", "-c", "! test -e \"$0\""].map(OsString::from);
        let words = words.into_iter().chain([file.into()]);
        let mut tool = CapturedTool::new(words, Path::new("/"));
        tool.within = Some(policy);
        let end = run_captured(&tool).ok()?.end;
        (end == CommandEnd::Exited(0)).then_some(())
    };
    match tried() {
        Some(()) => PlaceCovering::Works,
        None => PlaceCovering::Fails,
    }
}

fn find(path: &[PathBuf]) -> Option<PathBuf> {
    path.iter()
        .map(|dir| dir.join(BWRAP))
        .find(|program| program.is_file())
}

/// Boot, kernel, user and program: what a result depends on.
fn key(bwrap: Option<&Path>) -> String {
    let boot = ProcessIdentity::current()
        .map(|me| me.boot_id)
        .unwrap_or_default();
    let kernel = fs::read_text(Path::new("/proc/sys/kernel/osrelease"), CAP).unwrap_or_default();
    let kernel = kernel.trim();
    let user = rustix::process::geteuid().as_raw();
    // What may be made in one user namespace may not in another.
    let namespace = std::fs::read_link("/proc/self/ns/user").unwrap_or_default();
    let most = fs::read_text(Path::new("/proc/sys/user/max_user_namespaces"), CAP);
    let most = most.unwrap_or_default();
    let program = bwrap.and_then(|path| {
        fs::stat(path)
            .ok()
            .flatten()
            .map(|s| format!("{} {} {}", path.display(), s.id, s.len))
    });
    let (namespace, most) = (namespace.display(), most.trim());
    let program = program.unwrap_or_default();
    format!("4 {boot} {kernel} {user} {namespace} {most} {program}")
}

fn policy(program: &Path) -> SandboxPolicy {
    SandboxPolicy::new(
        SandboxLayer::Bubblewrap(program.to_owned()),
        Network::Off,
        ResourceLimits::default(),
    )
}

fn works(program: &Path) -> BwrapState {
    match outcome(program, &[OsString::from("true")]) {
        Ok(()) => BwrapState::Works,
        Err(why) => BwrapState::Fails(why),
    }
}

/// Tried without a `/proc` of its own, as programs do that bring `bwrap` along where the first try
/// fails.
fn nesting(program: &Path) -> SandboxNesting {
    let inner = [
        "--ro-bind",
        "/",
        "/",
        "--unshare-pid",
        "--dev",
        "/dev",
        "--",
        "true",
    ]
    .map(OsString::from);
    let words: Vec<OsString> = std::iter::once(program.into()).chain(inner).collect();
    if outcome(program, &words).is_ok() {
        SandboxNesting::Nests
    } else {
        SandboxNesting::Fails
    }
}

/// Runs a command in the usual sandbox.
fn outcome(program: &Path, command: &[OsString]) -> Result<(), String> {
    let mut argv: Vec<OsString> = vec![program.into()];
    argv.extend(options(&policy(program)));
    argv.push("--".into());
    argv.extend(command.iter().cloned());
    let mut tool = CapturedTool::new(argv, Path::new("/"));
    tool.env = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
    match run_captured(&tool) {
        Ok(done) if done.end == CommandEnd::Exited(0) => Ok(()),
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stderr.memory)
                .trim()
                .to_owned();
            Err(if said.is_empty() {
                match done.end {
                    CommandEnd::Exited(code) => format!("it ended with exit code {code}"),
                    CommandEnd::Signaled(signal) => format!("it was ended by signal {signal}"),
                    _ => "it did not come to its end".to_owned(),
                }
            } else {
                said
            })
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(works: BwrapState, landlock: i32) -> SandboxProbe {
        SandboxProbe {
            key: String::new(),
            bwrap: Some("/b".into()),
            works,
            nesting: SandboxNesting::Fails,
            landlock,
            covering: PlaceCovering::Works,
        }
    }

    #[test]
    fn auto_takes_the_strongest_and_refuses_rather_than_none() {
        let broken = || BwrapState::Fails("no user namespaces".into());
        assert_eq!(
            found(BwrapState::Works, 7).layer(SandboxWish::Auto),
            Ok(SandboxLayer::Bubblewrap("/b".into()))
        );
        assert_eq!(
            found(broken(), 7).layer(SandboxWish::Auto),
            Ok(SandboxLayer::Landlock)
        );
        let none = found(broken(), 0).layer(SandboxWish::Auto).unwrap_err();
        assert_eq!(
            none.to_string(),
            "bubblewrap cannot make a sandbox here: no user namespaces, and the kernel has no Landlock"
        );
        assert_eq!(
            found(broken(), 0).layer(SandboxWish::None),
            Ok(SandboxLayer::None)
        );
        assert!(found(broken(), 7).layer(SandboxWish::Bubblewrap).is_err());
        assert!(
            found(BwrapState::Works, 0)
                .layer(SandboxWish::Landlock)
                .is_err()
        );
        assert!(!found(BwrapState::Works, 3).can_cut_network(&SandboxLayer::Landlock));
    }

    #[test]
    fn a_result_of_other_circumstances_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sandbox.json");
        let path = [PathBuf::from("/usr/bin")];
        let mut probe = probe(&path);
        fs::write_private(&file, serde_json::to_string(&probe).unwrap().as_bytes()).unwrap();
        assert_eq!(known(&file, &path).as_ref(), Some(&probe));
        probe.key.push('x');
        fs::write_private(&file, serde_json::to_string(&probe).unwrap().as_bytes()).unwrap();
        assert_eq!(known(&file, &path), None);
    }
}
