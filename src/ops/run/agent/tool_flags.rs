//! The list of tools in an agent's file, handed to its CLI as well: what that leaves out the model does not even
//! try.
//!
//! Invariant: only what the CLI takes word for word is handed on; where a pattern could mean more tools than are
//! named, nothing is. The policy's own answer stays the judge, and knows the patterns.

use std::ffi::OsString;

use crate::connector::launch::LaunchPlan;
use crate::connector::manifest::Manifest;
use crate::connector::manifest_given::ToolFlags;
use crate::connector::placeholders::filled;
use crate::domain::agent::{Agent, ToolNames};
use crate::ops::run::agent::guard::gives;

/// Tools of servers, which the flags about a CLI's own tools say nothing of.
const OF_SERVERS: &str = "mcp__";

/// Adds the flags for an agent's list behind the manifest's own words. An agent's file that gives such a flag itself
/// keeps it.
pub(crate) fn hand_on(plan: &mut LaunchPlan, manifest: &Manifest, agent: &Agent) {
    let Some((setup, lists)) = manifest.tools.as_ref().zip(agent.tools.as_ref()) else {
        return;
    };
    let denied = lists
        .deny
        .as_ref()
        .map(denied)
        .filter(|all| !all.is_empty());
    let allowed = lists.allow.as_ref().and_then(allowed);
    for (flags, names) in [(&setup.deny, denied), (&setup.allow, allowed)] {
        if let Some((flags, names)) = flags.as_ref().zip(names) {
            add(plan, flags, (&names, manifest.argv.len()));
        }
    }
}

fn add(plan: &mut LaunchPlan, flags: &ToolFlags, (names, own_words): (&[&str], usize)) {
    let flag = |arg: &str| arg.split('=').next().unwrap_or_default().to_owned();
    if flags
        .args
        .iter()
        .any(|arg| gives(&plan.command.argv, &flag(arg)))
    {
        return;
    }
    let (commas, list) = (names.join(","), serde_json::json!(names).to_string());
    let text_of = |text: &String| filled(text, &[("names", &commas), ("name_list", &list)]);
    let argv = &mut plan.command.argv;
    let at = own_words.min(argv.len());
    argv.splice(at..at, flags.args.iter().map(text_of).map(OsString::from));
    let home = flags.home.iter();
    plan.home_more
        .extend(home.map(|(path, text)| (path.clone(), text_of(text))));
}

fn all(names: &ToolNames) -> Vec<&str> {
    match names {
        ToolNames::One(name) => vec![name],
        ToolNames::List(names) => names.iter().map(String::as_str).collect(),
    }
}

/// The names that are no patterns.
fn denied(names: &ToolNames) -> Vec<&str> {
    all(names)
        .into_iter()
        .filter(|name| is_plain(name))
        .collect()
}

/// The CLI's own tools among the names; nothing where a pattern might name more of them.
fn allowed(names: &ToolNames) -> Option<Vec<&str>> {
    let own = all(names)
        .into_iter()
        .filter(|name| !name.starts_with(OF_SERVERS));
    own.map(|name| is_plain(name).then_some(name)).collect()
}

fn is_plain(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::launch::HomeOrigin;
    use crate::connector::registry::ConnectorRegistry;
    use crate::domain::agent::{Name, ToolLists};
    use crate::process::child_command::{ChildCommand, StdinSource};

    /// What the CLI of a shipped connector is handed of an agent's list.
    fn handed(connector: &str, own: &[&str], tools: &ToolLists) -> String {
        let known = ConnectorRegistry::shipped();
        let manifest = known.get(connector).unwrap().describe();
        let mut agent = Agent::new(Name::new("a").unwrap(), manifest.name.clone());
        agent.tools = Some(tools.clone());
        let words = manifest.argv.iter().map(OsString::from);
        let mut plan = LaunchPlan {
            command: ChildCommand {
                argv: words.chain(own.iter().map(OsString::from)).collect(),
                cwd: "/tree".into(),
                stdin: StdinSource::Null,
            },
            env_set: Vec::new(),
            env_pass: Vec::new(),
            output: manifest.output,
            files: Vec::new(),
            home: None,
            home_origin: HomeOrigin::User,
            home_more: Vec::new(),
        };
        hand_on(&mut plan, manifest, &agent);
        let more = plan.command.argv[manifest.argv.len()..].iter();
        let more = more.map(|word| word.to_str().unwrap().to_owned());
        let home = plan
            .home_more
            .iter()
            .map(|(path, text)| format!("~/{path}: {text}"));
        more.chain(home).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_list_becomes_flags_and_settings_unless_the_agent_gives_them_itself() {
        let tools = ToolLists {
            allow: Some(list(&["Read", "Edit", "mcp__docs__*"])),
            deny: Some(list(&["Bash"])),
        };
        let told = [
            handed("claude-code", &["--model", "m"], &tools),
            handed("claude-code", &["--tools", "Read"], &tools),
            handed("copilot", &[], &tools),
            handed("gemini", &[], &tools),
            handed("codex", &[], &tools),
            handed("claude-code", &[], &ToolLists::default()),
        ];
        insta::assert_snapshot!(told.join("\n").trim_end(), @r#"
        --tools=Read,Edit --disallowedTools=Bash --model m
        --disallowedTools=Bash --tools Read
        --available-tools=Read,Edit --excluded-tools=Bash
        ~/.gemini/settings.json: {"tools": {"exclude": ["Bash"]}} ~/.gemini/settings.json: {"tools": {"core": ["Read","Edit"]}}
        "#);
    }

    fn list(names: &[&str]) -> ToolNames {
        ToolNames::List(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn only_names_that_mean_one_tool_are_handed_on() {
        let names = list(&["Bash", "Web*", "mcp__x__*", "mcp__x__a", "Bash(git *)"]);
        assert_eq!(denied(&names), ["Bash", "mcp__x__a"]);
        assert_eq!(denied(&ToolNames::One("Bash".to_owned())), ["Bash"]);
        assert_eq!(allowed(&list(&["Read", "Ed*"])), None);
        assert_eq!(
            allowed(&list(&["Read", "mcp__x__*", "Edit"])),
            Some(vec!["Read", "Edit"])
        );
        assert_eq!(allowed(&list(&[])), Some(Vec::new()));
    }
}
