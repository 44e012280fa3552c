//! The network of a run that may reach listed hosts and no others.
//!
//! The run has a network namespace of its own with nothing in it but a loopback. There its keeper
//! listens ([`relay`]) and passes every connection on, unread, to a Unix socket of the supervisor,
//! where the [`proxy`] reads what is wanted ([`request`]), asks whether it may be, resolves the name,
//! and connects to the very address that it has looked at. From then on bytes are carried, and not
//! looked at ([`carry`]).
//!
//! Invariants: no byte reaches a host about which nobody was asked; no address is connected to that
//! was not judged; each connection has bounds of size and time. Deliberately absent: UDP, the opening
//! of TLS, and the proxy of the user himself.

mod body;
mod carry;
mod proxy;
mod relay;
mod request;

pub use proxy::{EgressOrder, EgressProxy};
pub(in crate::process) use relay::{INSIDE, variables};
