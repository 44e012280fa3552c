//! The same policy as a profile for `sandbox-exec` of macOS. Later lines outrank earlier ones there,
//! so outer paths come first, as in the policy itself. Text only: it has been compared with the
//! documented syntax and never run.

use std::path::Path;

use crate::domain::sandbox::Network;
use crate::process::sandbox::{PathAccess, SandboxPolicy};

/// The profile's text. A path that is not UTF-8 cannot stand in one; it then counts as not spoken
/// of, which is read-only.
pub fn profile(policy: &SandboxPolicy) -> String {
    let mut lines = vec![
        "(version 1)".to_owned(),
        "(allow default)".to_owned(),
        "(deny file-write*)".to_owned(),
    ];
    // What every program needs, and the private temporary directories that the system gives each
    // user.
    lines.push(
        "(allow file-write* (literal \"/dev/null\") (literal \"/dev/tty\") (subpath \"/private/var/folders\"))".into(),
    );
    for (path, access) in policy.rules() {
        let Some(path) = quoted(path) else { continue };
        lines.push(match access {
            PathAccess::Hidden | PathAccess::Covered => {
                format!("(deny file-read* file-write* (subpath {path}))")
            }
            PathAccess::Read | PathAccess::BindWrite(_) | PathAccess::BindRead(_) => {
                format!("(allow file-read* (subpath {path}))\n(deny file-write* (subpath {path}))")
            }
            PathAccess::Write => format!("(allow file-read* file-write* (subpath {path}))"),
        });
    }
    if policy.network != Network::On {
        lines.push("(deny network*)".to_owned());
    }
    // Signals stay among the processes of the sandbox.
    lines.push("(deny signal)\n(allow signal (target same-sandbox))".to_owned());
    lines.join("\n") + "\n"
}

fn quoted(path: &Path) -> Option<String> {
    let text = path.to_str().filter(|text| !text.contains('\0'))?;
    Some(format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::sandbox::{ResourceLimits, SandboxLayer};

    #[test]
    fn a_profile_denies_writing_and_lets_inner_paths_outrank_outer_ones() {
        let mut policy = SandboxPolicy::new(
            SandboxLayer::Seatbelt,
            Network::Off,
            ResourceLimits::default(),
        );
        policy.set_access(
            Path::new("/u/a \"b\"/repo/.ai/worktrees/w1"),
            PathAccess::Write,
        );
        policy.set_access(Path::new("/u/a \"b\""), PathAccess::Hidden);
        policy.set_access(Path::new("/u/a \"b\"/repo"), PathAccess::Read);
        let text = profile(&policy);
        let at = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("{part} in {text}"))
        };
        assert!(
            text.starts_with("(version 1)\n(allow default)\n(deny file-write*)\n"),
            "{text}"
        );
        let home = at("(deny file-read* file-write* (subpath \"/u/a \\\"b\\\"\"))");
        let repo = at("(allow file-read* (subpath \"/u/a \\\"b\\\"/repo\"))");
        let slot =
            at("(allow file-read* file-write* (subpath \"/u/a \\\"b\\\"/repo/.ai/worktrees/w1\"))");
        assert!(
            home < repo && repo < slot && slot < at("(deny network*)"),
            "{text}"
        );
    }
}
