//! Whether a daemon is the program that asks about it: after an upgrade the old one goes on until it is restarted.

use serde::{Deserialize, Serialize};

/// A build of `ai`, as far as two of them have to agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonBuild {
    /// The version.
    pub version: String,
    /// The newest format of the store that it knows; absent where it has not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_format: Option<String>,
}

/// The file of the program that a daemon executes, as it stands on the disk by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramOnDisk {
    /// The same file, or nobody can tell.
    Same,
    /// Another file has taken its place.
    Replaced,
    /// There is none any more.
    Gone,
}

/// A reason for which a daemon is to be restarted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DaemonDifference {
    /// The kind.
    pub kind: DifferenceKind,
    /// The difference in a sentence.
    pub text: String,
}

/// Kinds of differences between a daemon and the program that asks about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Another version of `ai`.
    Version,
    /// The same version that knows another format of the store.
    StoreFormat,
    /// Its program was replaced or removed since it began.
    Program,
}

/// Finds what tells a daemon from the program that asks.
pub fn differences(
    daemon: &DaemonBuild,
    own: &DaemonBuild,
    program: ProgramOnDisk,
) -> Vec<DaemonDifference> {
    let mut found = Vec::new();
    let mut add = |kind, text| found.push(DaemonDifference { kind, text });
    if daemon.version != own.version {
        let text = format!(
            "the daemon is ai {}, this is {}",
            daemon.version, own.version
        );
        add(DifferenceKind::Version, text);
    }
    if let (Some(theirs), Some(ours)) = (&daemon.store_format, &own.store_format)
        && theirs != ours
    {
        let text =
            format!("the daemon knows format {theirs} of the store, this `ai` format {ours}");
        add(DifferenceKind::StoreFormat, text);
    }
    match program {
        ProgramOnDisk::Same => {}
        ProgramOnDisk::Replaced => add(
            DifferenceKind::Program,
            "the program of the daemon was replaced since it began".to_owned(),
        ),
        ProgramOnDisk::Gone => add(
            DifferenceKind::Program,
            "the program of the daemon was removed since it began".to_owned(),
        ),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_of_another_build_is_told_by_all_that_differs() {
        let build = |version: &str, format: Option<&str>| DaemonBuild {
            version: version.to_owned(),
            store_format: format.map(str::to_owned),
        };
        let own = build("0.2.0", Some("1.4"));
        use DifferenceKind::{Program, StoreFormat, Version};
        for (daemon, program, kinds) in [
            (build("0.2.0", Some("1.4")), ProgramOnDisk::Same, vec![]),
            (build("0.2.0", None), ProgramOnDisk::Same, vec![]),
            (build("0.1.0", None), ProgramOnDisk::Same, vec![Version]),
            (
                build("0.1.0", Some("1.3")),
                ProgramOnDisk::Replaced,
                vec![Version, StoreFormat, Program],
            ),
            (
                build("0.2.0", Some("1.5")),
                ProgramOnDisk::Same,
                vec![StoreFormat],
            ),
            (
                build("0.2.0", Some("1.4")),
                ProgramOnDisk::Gone,
                vec![Program],
            ),
        ] {
            let found = differences(&daemon, &own, program);
            let found: Vec<_> = found.into_iter().map(|one| one.kind).collect();
            assert_eq!(found, kinds, "{daemon:?} {program:?}");
        }
    }
}
