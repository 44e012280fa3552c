use crate::base::rules::rules;

use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn list(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

/// An agent with something in every field that can be changed.
fn old() -> Agent {
    let mut agent = Agent::new(name("a"), name("codex"));
    agent.model = Some("m1".into());
    agent.argv = vec!["--fast".into()];
    agent.labels = ["x".to_owned()].into();
    agent.capabilities = ["rust".to_owned()].into();
    agent.env_pass = vec!["KEY".into()];
    agent.home = Some(Home::Run);
    agent.fallback = vec![name("b")];
    agent.limits.minutes = 7;
    agent
}

fn changed(change: AgentChange) -> Agent {
    change.apply(name("a"), Some(old())).unwrap()
}

fn connector(word: &str) -> AgentChange {
    AgentChange {
        connector: Some(word.into()),
        ..AgentChange::default()
    }
}

rules! {
    a_change_that_names_nothing_changes_nothing: changed(AgentChange::default()) => old();
    the_same_connector_changes_nothing: changed(connector("codex")) => old();
    a_new_name_with_a_connector_is_a_new_agent:
        connector("codex").apply(name("a"), None) => Ok(Agent::new(name("a"), name("codex")));
    a_new_name_without_a_connector_is_nobody:
        AgentChange::default().apply(name("a"), None) => Err(ChangeError::Nobody(name("a")));
    a_connector_must_be_a_name:
        matches!(connector("A B").apply(name("a"), None), Err(ChangeError::Name(_))) => true;
    another_connector_takes_the_words_of_the_old_one_away:
        changed(connector("claude-code")) => Agent {
            connector: name("claude-code"),
            model: None,
            argv: Vec::new(),
            home: None,
            ..old()
        };
    another_connector_keeps_what_is_named_with_it:
        changed(AgentChange { model: Some("m2".into()), ..connector("claude-code") }).model
        => Some("m2".to_owned());
    a_model_is_replaced:
        changed(AgentChange { model: Some("m2".into()), ..AgentChange::default() }).model
        => Some("m2".to_owned());
    an_empty_model_takes_it_away:
        changed(AgentChange { model: Some(String::new()), ..AgentChange::default() }).model
        => None;
    arguments_are_replaced_as_a_whole:
        changed(AgentChange { argv: vec!["--slow".into()], ..AgentChange::default() }).argv
        => ["--slow"];
    labels_are_replaced_as_a_whole:
        changed(AgentChange { labels: list(&["y", "z"]), ..AgentChange::default() }).labels
        => ["y".to_owned(), "z".to_owned()].into();
    an_empty_label_takes_all_away:
        changed(AgentChange { labels: list(&[""]), ..AgentChange::default() }).labels.is_empty()
        => true;
    capabilities_are_replaced_as_a_whole:
        changed(AgentChange { capabilities: list(&["go"]), ..AgentChange::default() }).capabilities
        => ["go".to_owned()].into();
    variables_are_replaced_as_a_whole:
        changed(AgentChange { env_pass: list(&["TOKEN", ""]), ..AgentChange::default() }).env_pass
        => ["TOKEN"];
    a_home_is_replaced:
        changed(AgentChange { home: Some(Home::User), ..AgentChange::default() }).home
        => Some(Home::User);
    fallbacks_are_replaced_in_their_order:
        changed(AgentChange { fallback: list(&["d", "c"]), ..AgentChange::default() }).fallback
        => [name("d"), name("c")];
    an_empty_fallback_takes_all_away:
        changed(AgentChange { fallback: list(&[""]), ..AgentChange::default() }).fallback.len()
        => 0;
    a_fallback_must_be_a_name:
        AgentChange { fallback: list(&["-x"]), ..AgentChange::default() }
            .apply(name("a"), Some(old()))
            .is_err()
        => true;
    limits_are_replaced_one_by_one:
        changed(AgentChange { parallel: Some(4), ..AgentChange::default() }).limits
        => crate::domain::agent::AgentLimits { parallel: 4, ..old().limits };
    minutes_are_replaced:
        changed(AgentChange { minutes: Some(9), ..AgentChange::default() }).limits.minutes => 9;
    minutes_of_silence_are_replaced:
        changed(AgentChange { silence_minutes: Some(2), ..AgentChange::default() })
            .limits
            .silence_minutes
        => 2;
}

fn relabelled(words: &[&str], remove: &[&str]) -> Vec<String> {
    let mut agent = old();
    agent.relabel(&list(words).unwrap(), &list(remove).unwrap());
    agent.labels.into_iter().collect()
}

rules! {
    a_label_is_added: relabelled(&["y"], &[]) => ["x", "y"];
    a_label_is_added_once: relabelled(&["x"], &[]) => ["x"];
    a_label_with_a_dash_is_taken_away: relabelled(&["-x"], &[]) => Vec::<String>::new();
    a_label_that_is_not_there_is_taken_away_in_vain: relabelled(&["-y"], &["z"]) => ["x"];
    what_is_to_be_removed_goes_though_it_was_added: relabelled(&["y"], &["y", "x"])
        => Vec::<String>::new();
}

#[test]
fn a_mode_and_lists_of_tools_stay_until_they_are_named_again() {
    let change = |mode, allow: Option<&[&str]>, deny: Option<&[&str]>| {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        AgentChange {
            mode,
            allow_tools: allow.map(list),
            deny_tools: deny.map(list),
            ..AgentChange::default()
        }
    };
    let name = || Name::new("bot").unwrap();
    let first = AgentChange {
        connector: Some("command".into()),
        ..change(Some(AgentMode::Safe), Some(&["Read", "Grep"]), None)
    };
    let agent = first.apply(name(), None).unwrap();
    let agent = change(None, None, Some(&["Bash"]))
        .apply(name(), Some(agent))
        .unwrap();
    let tools = |agent: &Agent| serde_json::to_value((agent.mode, &agent.tools)).unwrap();
    assert_eq!(
        tools(&agent),
        serde_json::json!(["safe", {"allow": ["Read", "Grep"], "deny": ["Bash"]}])
    );
    let agent = change(Some(AgentMode::Normal), Some(&[""]), Some(&[""]))
        .apply(name(), Some(agent))
        .unwrap();
    assert_eq!(tools(&agent), serde_json::json!(["normal", null]));
}
