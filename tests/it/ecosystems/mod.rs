//! Real projects of many ecosystems, built and tested by their own tools: whatever a tool looks for
//! above a directory, in an installed environment or among what an earlier build left, it must
//! never find a healthy main checkout in place of the broken tree that is judged.
//!
//! Each case is one project, judged in each sandbox that works on the machine and in none. Nothing
//! here reaches the network: what is installed is made here. The tools come from `make setup`; one
//! that is missing fails the test.

mod c;
mod go;
mod matrix;
mod node;
mod python;
mod rust;
pub(crate) mod tools;
