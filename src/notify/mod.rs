//! Telling a person that something wants them: by the desktop, a host, a program or a file.
//!
//! A notice is a courtesy. Nothing waits for it longer than the sink's own time limit, nothing fails because of it, and
//! what could not be told is an answer ([`SinkEnd`]), not an error. Whoever delivers stands beside the work, never
//! in it (`ops/notices/`). Absent: who is told of what, which `domain/notice/` decides.
//!
//! [`SinkEnd`]: crate::domain::notice::SinkEnd

mod command;
mod desktop;
mod file;
mod tell;
mod teller;
mod webhook;

pub use command::INPUT;
pub use desktop::PATIENCE;
pub use tell::tell;
pub use teller::{Teller, TryWish};
