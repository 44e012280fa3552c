//! Telling a person that something wants them: today by a notice on the desktop, where
//! `notify.desktop` asks for it.
//!
//! A notice is a courtesy. Nothing waits for it longer than [`desktop::PATIENCE`], nothing fails
//! because of it, and what could not be shown is an answer ([`Delivery::Unavailable`]), not an
//! error. Deliberately absent: other channels, and any network.

pub mod desktop;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// One line.
    pub title: String,
    /// A few words more.
    pub body: String,
}

/// The delivery of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The desktop has it.
    #[cfg_attr(
        not(feature = "notify-desktop"),
        expect(dead_code, reason = "no desktop answers without the feature")
    )]
    Shown,
    /// There is no desktop to show it, or it does not answer: why.
    Unavailable(String),
}
