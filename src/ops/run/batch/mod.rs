//! All ready tasks, several at a time. Each is a process of its own, `ai run TASK`, so that one
//! that crashes takes no other with it, and so that a run by this way and one by hand are the same.
//! The scheduler says which is next ([`crate::domain::schedule`]).

mod answer;
mod line;
mod pick;
mod team;

pub use answer::{ChildAnswer, ChildEnd};
pub use line::{Line, Summary};
pub use pick::{OwnStart, PickManner, Picker};
pub use team::{Order, all};
