//! What all tests of one run share: made once, then only read.
//!
//! Under nextest each test is a process, so it stands in a directory below `target/tmp` that bears
//! the name of the run; by `cargo test`, that of the process. Nothing is taken over from an earlier
//! run, since the machine may have changed since.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the directory of a run is kept.
const KEPT: Duration = Duration::from_secs(3600);

/// The path `name`, after `make` has made it in this run: by this process or by another. Two that
/// begin at the same time both make it, and one of them is kept.
#[track_caller]
pub fn once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let place = of_this_run();
    let path = place.join(name);
    if path.exists() {
        return path;
    }
    let own = tempfile::TempDir::with_prefix_in("making-", &place).unwrap();
    let made = own.path().join(name);
    make(&made);
    let renamed = std::fs::rename(&made, &path);
    assert!(renamed.is_ok() || path.exists(), "{renamed:?}");
    path
}

/// The same for a text.
#[track_caller]
pub fn text_once(name: &str, make: impl FnOnce() -> String) -> String {
    let path = once(name, |path| std::fs::write(path, make()).unwrap());
    std::fs::read_to_string(path).unwrap()
}

fn of_this_run() -> PathBuf {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("runs");
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
    let place = shared.join(run);
    if !place.is_dir() {
        std::fs::create_dir_all(&place).unwrap();
        forget_old(&shared);
    }
    place
}

/// Removes what earlier runs have left.
fn forget_old(shared: &Path) {
    for entry in std::fs::read_dir(shared).unwrap().flatten() {
        let is_old = entry
            .metadata()
            .and_then(|about| about.modified())
            .is_ok_and(|made| made.elapsed().is_ok_and(|age| age > KEPT));
        if is_old {
            // Another test may be at the same.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
