//! Logs of the checks of former landings. Those that are evidence of a task stay for as long as the store knows of them; of
//! the others only the newest.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::base::fs;
use crate::ops::error::OpError;
use crate::ops::run::files::CheckLogs;
use crate::ops::world::World;
use crate::store::Store;

/// Landings whose logs are kept in any case: notes of what went back name them.
const KEPT: usize = 50;

/// Removes the logs of landings that are nobody's evidence, but for the newest. Called by who alone lands.
pub(super) fn prune(world: &World, store: &mut dyn Store) -> Result<(), OpError> {
    let dir = CheckLogs::landings(world);
    if fs::is_missing(&dir) {
        return Ok(());
    }
    let all: Vec<(i64, PathBuf)> = fs::list_dir(&dir)?.into_iter().filter_map(marked).collect();
    if all.len() <= KEPT {
        return Ok(());
    }
    let evidence = store.read(|tx| tx.evidence(None, None))?;
    let named = evidence
        .iter()
        .filter_map(|piece| piece.file.strip_prefix("landings/")?.split('/').next());
    for path in superfluous(all, &named.collect()) {
        fs::remove_stubborn(&path)?;
    }
    Ok(())
}

/// The directories of landings that go, by their marks and the marks that evidence names.
fn superfluous(mut all: Vec<(i64, PathBuf)>, named: &BTreeSet<&str>) -> Vec<PathBuf> {
    all.sort();
    all.truncate(all.len().saturating_sub(KEPT));
    all.retain(|(mark, _)| !named.contains(mark.to_string().as_str()));
    all.into_iter().map(|(_, path)| path).collect()
}

fn marked(path: PathBuf) -> Option<(i64, PathBuf)> {
    let mark = path.file_name()?.to_str()?.parse().ok()?;
    Some((mark, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_and_what_is_evidence() {
        let mut all: Vec<(i64, PathBuf)> = (1..=53)
            .filter_map(|mark| marked(PathBuf::from(format!("landings/{mark}"))))
            .collect();
        all.extend(marked(PathBuf::from("landings/not-ours")));
        let gone = superfluous(all.clone(), &BTreeSet::from(["2", "50"]));
        let expected = ["landings/1", "landings/3"].map(PathBuf::from);
        assert_eq!(gone, expected);
        all.truncate(50);
        assert_eq!(
            superfluous(all, &BTreeSet::new()),
            [""; 0].map(PathBuf::from)
        );
    }
}
