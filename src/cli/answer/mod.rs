//! What commands print with `--json` where it is not an object of the domain itself: one type an
//! answer, so that the schema that `ai schema` prints is that of the very type that is printed.

mod lease;
mod project;
mod store;
mod work;
mod worktree;

pub(super) use lease::*;
pub(super) use project::*;
pub(super) use store::*;
pub(super) use work::*;
pub(super) use worktree::*;
