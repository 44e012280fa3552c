//! Policies that come with `ai`, for `ai init --policy PACK` and for `extends: PACK`. A pack is copied
//! into the repository and belongs to it from then on; what it extends is read from the `ai` at hand.

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

impl Pack {
    /// The name of its file in messages.
    pub fn file(&self) -> String {
        format!("pack {}", self.name)
    }
}

/// All packs; the first is what `ai init` writes when nothing is said.
pub const PACKS: [Pack; 6] = [
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
    Pack {
        name: "open-source",
        summary: "as default; a human says yes to licences, dependencies, what runs at install, and binary files",
        text: include_str!("../../policies/open-source.yaml"),
    },
    Pack {
        name: "regulated",
        summary: "as strict; two people say yes to production, data and what is not proven; no copies of data",
        text: include_str!("../../policies/regulated.yaml"),
    },
    Pack {
        name: "hardened-os-agent",
        summary: "as strict, for agents with a whole machine: destructive actions are denied by name",
        text: include_str!("../../policies/hardened-os-agent.yaml"),
    },
];

/// The pack of that name.
pub fn pack(name: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::Action;
    use crate::domain::decision::{Decision, Effect, Resource};
    use crate::domain::facts::Facts;
    use crate::domain::tool_kind::ToolKind;
    use crate::policy::asked::Request;
    use crate::policy::engine::decide;
    use crate::policy::model::PolicyState;
    use crate::policy::show::show;

    #[test]
    fn every_pack_loads_and_every_rule_has_examples() {
        for pack in PACKS {
            let state = PolicyState::from_bytes(Some(pack.text.as_bytes()), pack.name);
            let shown = show(&state, None);
            assert_eq!(
                (shown.state, shown.problems),
                ("loaded", vec![]),
                "{}",
                pack.name
            );
            let own = shown.rules.iter();
            let own = own
                .filter(|rule| rule.file.as_deref() == Some(pack.name))
                .count();
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

    /// What an agent may not do with a whole machine: each example of a rule that denies, asked as the
    /// question that it is, of an agent with the pack alone.
    #[test]
    fn every_destructive_action_of_the_hardened_pack_is_denied() {
        let pack = pack("hardened-os-agent").unwrap();
        let state = PolicyState::from_bytes(Some(pack.text.as_bytes()), pack.name);
        let file: serde_json::Value = serde_yaml::from_str(pack.text).unwrap();
        let mut asked = 0;
        for rule in file["rules"].as_array().unwrap() {
            if rule["effect"] != "deny" {
                continue;
            }
            for example in rule["examples"]["match"].as_array().unwrap() {
                for action in rule["on"].as_array().unwrap() {
                    let action = action.as_str().unwrap();
                    let Some(decision) = decision_of(&state, action, example) else {
                        continue;
                    };
                    asked += 1;
                    assert_eq!(decision.effect, Effect::Deny, "{action} {example}");
                    let id = rule["id"].as_str().unwrap();
                    assert!(
                        decision
                            .matched
                            .iter()
                            .any(|m| m.rule == id && m.effect == Effect::Deny),
                        "{id}: {action} {example}"
                    );
                }
            }
        }
        assert!(asked > 80, "only {asked} questions");
        // What an agent does all day goes on.
        for tool in [
            "cargo test",
            "ls -la",
            "git commit -m work",
            "rm -rf target",
            "npm ci",
        ] {
            let example = serde_json::json!({ "tool": tool });
            let decision = decision_of(&state, "tool.call", &example).unwrap();
            assert_eq!(decision.effect, Effect::Allow, "{tool}: {decision:?}");
        }
    }

    /// The answer to an action of an agent with what an example states; nothing where the example is
    /// about another action.
    fn decision_of(
        state: &PolicyState,
        action: &str,
        example: &serde_json::Value,
    ) -> Option<Decision> {
        let text = |key: &str| example[key].as_str().map(str::to_owned);
        let (path, stated) = match example.as_str() {
            Some(word) if word.parse::<Action>().is_ok() => (None, Some(word.to_owned())),
            Some(path) => (Some(path.to_owned()), None),
            None => (text("path"), text("action")),
        };
        if stated.is_some_and(|stated| stated != action) {
            return None;
        }
        let kind = text("kind").map(|kind| kind.parse().unwrap());
        let is_tool = action == "tool.call" || action == "edit";
        let resource = Resource {
            paths: path.iter().map(|path| path.as_str().into()).collect(),
            tool: text("tool"),
            kind: kind.or(is_tool.then_some(ToolKind::Execute)),
            ..Resource::default()
        };
        let facts = Facts {
            diff_lines: Some(1),
            diff_files: Some(1),
            outside_paths: Some(Vec::new()),
            findings: Some(Vec::new()),
            ..Facts::default()
        };
        Some(decide(
            state,
            &Request {
                action: action.parse().unwrap(),
                actor: &"agent:zero".parse().unwrap(),
                resource: &resource,
                facts: &facts,
            },
        ))
    }
}
