//! Policies that come with `ai`, for `ai init --policy PACK`. A pack is copied into the repository
//! and belongs to it from then on.

/// A policy that comes with `ai`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pack {
    /// The name that `--policy` takes.
    pub name: &'static str,
    /// Whom it suits, as one line.
    pub summary: &'static str,
    /// The file, ready to be written as `.ai/policy.yaml`.
    pub text: &'static str,
}

/// All packs; the first is what `ai init` writes when nothing is said.
pub const PACKS: [Pack; 3] = [
    Pack {
        name: "default",
        summary: "agents work freely on code; a human says yes to what runs, builds or publishes",
        text: include_str!("../../policies/default.yaml"),
    },
    Pack {
        name: "strict",
        summary: "what is not named is denied; small changes; a human says yes to pushes and dependencies",
        text: include_str!("../../policies/strict.yaml"),
    },
    Pack {
        name: "solo",
        summary: "one person with agents on one machine: warnings instead of questions",
        text: include_str!("../../policies/solo.yaml"),
    },
];

/// The pack of that name.
pub fn pack(name: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::model::PolicyState;
    use crate::policy::show::show;

    #[test]
    fn every_pack_loads_and_every_rule_has_examples() {
        for pack in PACKS {
            let state = PolicyState::from_bytes(Some(pack.text.as_bytes()), pack.name);
            let shown = show(&state);
            assert_eq!(
                (shown.state, shown.problems),
                ("loaded", vec![]),
                "{}",
                pack.name
            );
            let own = shown.rules.iter().filter(|rule| rule.line > 0).count();
            assert!(own > 0);
            assert_eq!(
                pack.text.matches("    examples:").count(),
                own,
                "{}",
                pack.name
            );
            assert_eq!(super::pack(pack.name).map(|p| p.text), Some(pack.text));
        }
        assert_eq!(pack("nothing"), None);
    }
}
