//! The settings of the CLIs in which they are told of `ai`: put in, looked at, and taken out again.

mod change;
mod in_the_way;
mod look;
mod target;

pub use change::{ChangedSettings, SetupChange, SetupDone, allowed, install, uninstall};
pub use in_the_way::SettingsInTheWay;
pub use look::{SetupStanding, SetupState, standing};
pub use target::{FileInGit, SettingsAround, Which, in_git, left_out_by};
