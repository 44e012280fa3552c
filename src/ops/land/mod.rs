//! Landing reviewed work of several tasks at once: combined in order on the target, the combined tree
//! checked in the place of checks, and moved in by one compare-and-swap.
//!
//! What is done next is decided in [`crate::domain::landing`]; what each task has to pass is asked in
//! `ops/accept_case.rs`, as for an accept of it alone. Invariants: only a tree that has passed lands,
//! and every intent is recorded before the branch moves, so that whoever comes after a crash completes
//! what landed. Absent on purpose: overrides, which are a word about one task (`ai accept`), and work
//! that stays on its own branch.

mod at_work;
mod batch;
mod chain;
mod check;
mod cut_off;
mod landing_run;
mod last_look;
mod old_logs;
mod order;
mod queue;
mod reconcile;
mod report;
mod send_back;
mod sight;
mod status;
mod swap;
mod unfit;

pub use at_work::LandingAtWork;
pub use cut_off::{CutOffLanding, add_gate};
pub use landing_run::land;
pub use order::{LandOrder, LandingBy, USUAL_BATCH, act_as_daemon};
pub use report::{FlakyTold, LandReport, LandedTask, SentBackTask, StayingWork};
pub use sight::{is_at_work, process_at_work, reviewed_tasks, sight};
pub use status::{LandPlan, LandingLook, PlannedLanding, plan};
pub use unfit::add_conflict;
