//! The home that a run gets for itself: empty, or one that leads to the user's in everything but the
//! settings that the run adds. Nothing is written into the user's own.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::connector::home_settings::{merged, with_more};
use crate::connector::launch::{HomeOrigin, LaunchPlan};
use crate::connector::manifest::Manifest;
use crate::ops::error::OpError;
use crate::ops::run::sandbox::layer::variable;
use crate::ops::world::World;

/// The largest settings file of a user that is read.
const CAP: u64 = 4 << 20;

/// Lays out the settings of a home that has been made, and what leads from there to the user's.
pub(crate) fn fill(
    world: &World,
    manifest: &Manifest,
    plan: &LaunchPlan,
    home: &Path,
) -> Result<(), OpError> {
    let Some(switch) = &manifest.home else {
        return Ok(());
    };
    let own = match plan.home_origin {
        HomeOrigin::User => users_home(world, switch.env.as_deref()),
        HomeOrigin::Empty => None,
    };
    for (name, defaults) in &switch.settings {
        let place = home.join(name);
        let dir = place.parent().unwrap_or(home);
        fs::create_own_dir(dir)?;
        let own = own.as_ref().map(|own| own.join(name));
        if let Some(theirs) = own.as_ref().and_then(|own| own.parent()) {
            lead_to(theirs, dir)?;
        }
        // That of a session that goes on is renewed, too.
        fs::remove_file(&place)?;
        let text = match &own {
            Some(own) => settings(defaults, own),
            None => merged(defaults, None).map_err(UnreadableSettings::from),
        };
        let more = plan.home_more.iter().filter(|(path, _)| path == name);
        let text = text.and_then(|text| {
            more.map(|(_, more)| more)
                .try_fold(text, |text, more| Ok(with_more(&text, more)?))
        });
        match (text, own) {
            (Ok(text), _) => fs::write_own(&place, text.as_bytes())?,
            (Err(why), Some(own)) => {
                world.say(&format!(
                    "warning: {} cannot be read as settings, so {} gets it as it is, and may send telemetry: {why}",
                    own.display(),
                    manifest.title
                ));
                fs::symlink(&own, &place)?;
            }
            (Err(_), None) => fs::write_own(&place, defaults.as_bytes())?,
        }
    }
    Ok(())
}

/// The reason why a user's settings are left as they are.
#[derive(Debug, thiserror::Error)]
enum UnreadableSettings {
    #[error(transparent)]
    Read(#[from] FsError),
    #[error(transparent)]
    NotJson(#[from] serde_json::Error),
}

/// The user's own settings over the defaults.
fn settings(defaults: &str, own: &Path) -> Result<String, UnreadableSettings> {
    let said = fs::read_text_if_there(own, CAP)?;
    Ok(merged(defaults, said.as_deref())?)
}

/// The directory in which the CLI looks for the user's own settings.
fn users_home(world: &World, switch: Option<&str>) -> Option<PathBuf> {
    let moved = switch.and_then(|name| variable(&world.env, name));
    moved
        .or_else(|| variable(&world.env, "HOME"))
        .map(PathBuf::from)
        .filter(|home| home.is_absolute())
}

/// Makes a link in `dir` for everything that stands in the user's directory. What is there already,
/// since a session goes on, stays.
fn lead_to(theirs: &Path, dir: &Path) -> Result<(), OpError> {
    if fs::is_missing(theirs) {
        return Ok(());
    }
    for entry in fs::list_dir(theirs)? {
        let Some(name) = entry.file_name() else {
            continue;
        };
        let link = dir.join(name);
        if link.symlink_metadata().is_err() {
            fs::symlink(&entry, &link)?;
        }
    }
    Ok(())
}
