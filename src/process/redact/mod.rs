//! Secrets out of what is stored: known values in the forms in which they travel, and the shapes of
//! well-known tokens.
//!
//! Works on bytes and on streams. The result does not depend on how a stream is cut into pieces:
//! each position is judged by what stands there and in the three bytes before, and as long as more
//! bytes could change the judgement, they are awaited. A line end settles almost every shape, so
//! whole lines are hardly ever held back.
//!
//! Not found: secrets that are unknown and without a shape, encrypted or compressed ones, and
//! base64 wrapped over lines.

mod forms;
mod redactor;
mod rules;
mod secret;
mod shapes;
mod stream;

pub use redactor::Redactor;
pub use secret::{Secret, SecretWeight};
pub use stream::RedactStream;
