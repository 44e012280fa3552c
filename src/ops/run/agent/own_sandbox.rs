//! What a CLI is told within a sandbox of ours: to make none of its own where that cannot be, and to ask nobody for
//! leave.

use std::ffi::OsString;

use crate::connector::launch::LaunchPlan;
use crate::connector::manifest::Manifest;

/// A CLI whose own sandbox cannot be made inside of ours would refuse all work.
pub(super) fn drop_own_sandbox(argv: &mut [OsString], manifest: &Manifest) {
    for word in argv {
        if let Some(other) = word
            .to_str()
            .and_then(|text| manifest.without_own_sandbox.get(text))
        {
            *word = other.into();
        }
    }
}

/// A CLI that stops at what only a person may allow could neither run tests nor commit. What it may
/// not touch is what the sandbox says, so within one it is not to ask; what an agent's file says
/// beside that holds.
pub(super) fn work_unasked(plan: &mut LaunchPlan, manifest: &Manifest) {
    let own_words = manifest.argv.len();
    for word in plan.command.argv.iter_mut().take(own_words) {
        if let Some(other) = word
            .to_str()
            .and_then(|text| manifest.in_sandbox.words.get(text))
        {
            *word = other.into();
        }
    }
    let variables = &manifest.in_sandbox.env_set;
    plan.env_set.extend(
        variables
            .iter()
            .map(|(name, value)| (name.clone(), value.into())),
    );
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::connector::launch::{LaunchRequest, SessionChoice};
    use crate::connector::manifest::SandboxedStart;
    use crate::connector::registry::ConnectorRegistry;
    use crate::domain::agent::{Agent, Name};

    /// The start of a shipped connector's CLI within a sandbox: its command line, and `IS_SANDBOX`.
    fn within_a_sandbox(connector: &str, own: &[&str]) -> (String, Option<OsString>) {
        let known = ConnectorRegistry::shipped();
        let connector = known.get(connector).unwrap();
        let name = connector.describe().name.clone();
        let mut agent = Agent::new(Name::new("a").unwrap(), name);
        agent.argv = own.iter().map(|word| (*word).to_owned()).collect();
        let request = LaunchRequest {
            agent: &agent,
            model: None,
            prompt: "do it",
            prompt_file: Path::new("/run/prompt.md"),
            pipe: Path::new("/run/pipe"),
            worktree: Path::new("/tree"),
            run_dir: Path::new("/run"),
            files_dir: Path::new("/run/files"),
            home_dir: Path::new("/run/home"),
            session: SessionChoice::New,
            program: None,
        };
        let mut plan = connector.command(&request).unwrap();
        work_unasked(&mut plan, connector.describe());
        let words: Vec<&str> = plan
            .command
            .argv
            .iter()
            .filter_map(|word| word.to_str())
            .collect();
        let told = plan.env_set.iter().find(|(name, _)| name == "IS_SANDBOX");
        (words.join(" "), told.map(|(_, value)| value.clone()))
    }

    #[test]
    fn claude_works_without_asking_within_a_sandbox() {
        let (words, told) = within_a_sandbox("claude-code", &[]);
        assert_eq!(
            words,
            "claude -p --output-format stream-json --verbose --permission-mode bypassPermissions"
        );
        // Root it would refuse that otherwise.
        assert_eq!(told, Some("1".into()));
    }

    #[test]
    fn what_an_agent_file_says_of_leave_holds_within_a_sandbox() {
        let (words, _) = within_a_sandbox("claude-code", &["--permission-mode", "acceptEdits"]);
        assert!(
            words.ends_with("bypassPermissions --permission-mode acceptEdits"),
            "{words}"
        );
    }

    #[test]
    fn no_other_shipped_cli_asks_for_leave() {
        let known = ConnectorRegistry::shipped();
        let others = known
            .all()
            .filter(|connector| connector.describe().in_sandbox != SandboxedStart::default());
        let names: Vec<&str> = others.map(|c| c.describe().name.as_str()).collect();
        assert_eq!(names, ["claude-code"]);
    }
}
