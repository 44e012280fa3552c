use crate::base::rules::rules;
use crate::domain::action::{Action, Nature};
use crate::domain::actor::Actor;
use crate::domain::decision::{Decision, Effect, Resource};
use crate::domain::facts::Facts;
use crate::domain::mode::AgentMode;
use crate::domain::moved_file::FileMove;
use crate::domain::sandbox::Network;
use crate::domain::tool_kind::ToolKind;
use crate::policy::asked::Request;
use crate::policy::engine::decide;
use crate::policy::gather::validate;
use crate::policy::model::{PolicyPart, PolicyState};
use proptest::prelude::*;

const BOT: &str = "agent:bot";

fn policy(lines: &str) -> PolicyState {
    let text = format!("version: 1\ndefault: allow\noutside_paths: allow\n{lines}");
    PolicyState::from_bytes(Some(text.as_bytes()), "policy.yaml")
}

fn mode(word: AgentMode) -> PolicyState {
    policy(&format!("mode: {word}\n"))
}

/// One question.
#[derive(Debug, Clone)]
struct Asked(Action, Resource, Facts);

impl Asked {
    fn answer(&self, state: &PolicyState, by: &str) -> Decision {
        let actor: Actor = by.parse().unwrap();
        let (action, resource, facts) = (self.0, &self.1, &self.2);
        let request = Request {
            action,
            actor: &actor,
            resource,
            facts,
        };
        decide(state, &request)
    }

    /// The rule and the reason of a refusal; nothing where it may be done.
    fn refused(&self, lines: &str) -> Option<(String, String)> {
        let answer = self.answer(&policy(lines), BOT);
        (!answer.effect.lets_through()).then_some((answer.rule, answer.reason))
    }

    /// The widest mode that bars it.
    fn barred_from(&self) -> Option<AgentMode> {
        AgentMode::ALL
            .into_iter()
            .find(|word| self.answer(&mode(*word), BOT).effect == Effect::Deny)
    }
}

fn plain(action: Action) -> Asked {
    Asked(action, Resource::default(), Facts::default())
}

/// A change of files, each with what becomes of it.
fn change(action: Action, files: &[(&str, char)]) -> Asked {
    let mut asked = plain(action);
    asked.1.paths = files.iter().map(|(path, _)| (*path).into()).collect();
    asked.2.change_kinds = Some(files.iter().map(|(_, kind)| kind).collect());
    asked
}

/// The move of `old` to `new`, of a task beyond whose paths these are.
fn moved(outside: Option<&[&str]>) -> Asked {
    let mut asked = change(Action::RunFinish, &[("new", 'A'), ("old", 'D')]);
    asked.2.moves = vec![FileMove {
        from: "old".into(),
        to: "new".into(),
    }];
    asked.2.outside_paths = outside.map(|all| all.iter().map(|one| (*one).into()).collect());
    asked
}

fn claim(action: Action, patterns: &[&str], alone: Option<u32>) -> Asked {
    let mut asked = plain(action);
    asked.1.patterns = patterns.iter().map(|one| (*one).to_owned()).collect();
    asked.2.exclusive_patterns = alone;
    asked
}

fn tool(action: Action, name: &str, kind: ToolKind) -> Asked {
    let mut asked = plain(action);
    asked.1.tool = Some(name.to_owned());
    asked.1.kind = Some(kind);
    asked
}

/// A call of a tool that moves `old` to `new`.
fn moving(outside: Option<&[&str]>) -> Asked {
    let mut asked = moved(outside);
    asked.0 = Action::Edit;
    asked.1.kind = Some(ToolKind::Move);
    asked
}

fn network(network: Option<Network>) -> Asked {
    let mut asked = plain(Action::RunNetwork);
    asked.2.network = network;
    asked
}

const SAFE: Option<AgentMode> = Some(AgentMode::Safe);
const ANALYSIS: Option<AgentMode> = Some(AgentMode::AnalysisOnly);

rules! {
    a_changed_file_is_no_analysis: change(Action::RunFinish, &[("a", 'M')]).barred_from() => ANALYSIS;
    nor_is_a_new_one: change(Action::RunFinish, &[("a", 'A')]).barred_from() => ANALYSIS;
    a_run_that_changes_nothing_is: change(Action::RunFinish, &[]).barred_from() => None;
    a_deleted_file_is_not_safe: change(Action::RunFinish, &[("a", 'M'), ("b", 'D')]).barred_from() => SAFE;
    nor_is_one_whose_content_stands_nowhere: change(Action::RunFinish, &[("new", 'A'), ("old", 'D')]).barred_from() => SAFE;
    a_file_that_moved_is: moved(Some(&[])).barred_from() => ANALYSIS;
    where_the_task_may_change_both_places: [moved(Some(&["old"])).barred_from(), moved(Some(&["new"])).barred_from(), moved(None).barred_from()] => [SAFE, SAFE, SAFE];
    one_that_moved_hides_no_other: {
        let mut asked = moved(Some(&[]));
        asked.1.paths.push("gone".into());
        asked.2.change_kinds = Some("ADD".into());
        asked.refused("mode: safe\n").map(|(_, reason)| reason)
    } => Some("it deletes gone, which the mode `safe` bars".to_owned());
    what_became_of_files_has_to_be_known:
        Asked(Action::RunFinish, change(Action::RunFinish, &[("a", 'M')]).1, Facts::default()).barred_from() => SAFE;
    work_that_is_handed_in_is_asked_alike: change(Action::TaskDone, &[("a", 'M')]).barred_from() => ANALYSIS;
    a_task_is_done_without_a_change: change(Action::TaskDone, &[]).barred_from() => None;
    a_commit_is_a_change: change(Action::Commit, &[("a", 'M')]).barred_from() => ANALYSIS;
    so_is_an_empty_one: change(Action::Commit, &[]).barred_from() => ANALYSIS;
    a_commit_that_deletes_is_not_safe: change(Action::Commit, &[("a", 'D')]).barred_from() => SAFE;
    nothing_is_pushed: plain(Action::Push).barred_from() => SAFE;
    nothing_is_accepted: plain(Action::TaskAccept).barred_from() => ANALYSIS;
    nothing_is_done_without_a_verdict: plain(Action::TaskOverride).barred_from() => SAFE;
    no_worktree_is_removed: plain(Action::WorktreeRemove).barred_from() => SAFE;
    nobody_changes_a_mode: plain(Action::AgentRegister).barred_from() => SAFE;
    an_edit_is_a_change: tool(Action::Edit, "Write", ToolKind::Edit).barred_from() => ANALYSIS;
    a_tool_that_edits_is_one: tool(Action::ToolCall, "Write", ToolKind::Edit).barred_from() => ANALYSIS;
    a_tool_that_deletes_is_not_safe: tool(Action::Edit, "Delete", ToolKind::Delete).barred_from() => SAFE;
    nor_one_that_moves_nobody_knows_what: tool(Action::Edit, "Move", ToolKind::Move).barred_from() => SAFE;
    one_that_moves_within_the_paths_is: moving(Some(&[])).barred_from() => ANALYSIS;
    one_of_which_only_the_new_place_is_known_is_not: {
        let mut asked = change(Action::Edit, &[("new", 'A')]);
        asked.1.kind = Some(ToolKind::Move);
        asked.barred_from()
    } => SAFE;
    beyond_them_it_is_not: [moving(Some(&["old"])).barred_from(), moving(Some(&["new"])).barred_from(), moving(None).barred_from()] => [SAFE, SAFE, SAFE];
    a_command_is_not_safe: tool(Action::ToolCall, "Bash", ToolKind::Execute).barred_from() => SAFE;
    nor_where_it_is_asked_as_one: plain(Action::CommandExec).barred_from() => SAFE;
    nor_is_what_fetches: tool(Action::ToolCall, "WebFetch", ToolKind::Fetch).barred_from() => SAFE;
    to_read_is_free: tool(Action::ToolCall, "Read", ToolKind::Read).barred_from() => None;
    to_search_is_free: tool(Action::ToolCall, "Grep", ToolKind::Search).barred_from() => None;
    an_open_network_is_not_safe: network(Some(Network::On)).barred_from() => SAFE;
    nor_is_one_that_nobody_looked_at: network(None).barred_from() => SAFE;
    listed_hosts_are: network(Some(Network::Listed)).barred_from() => None;
    a_host_of_the_list_is_reached: plain(Action::NetworkConnect).barred_from() => None;
    paths_are_held_alone_to_change_them: claim(Action::TaskClaim, &["src/"], Some(1)).barred_from() => ANALYSIS;
    shared_ones_are_read: claim(Action::TaskClaim, &["src/"], Some(0)).barred_from() => None;
    a_task_without_paths_is_taken: claim(Action::TaskClaim, &[], Some(0)).barred_from() => None;
    what_nobody_counted_is_held_alone: claim(Action::TaskClaim, &["src/"], None).barred_from() => ANALYSIS;
    a_run_is_asked_as_its_claim: claim(Action::RunStart, &["src/"], Some(1)).barred_from() => ANALYSIS;
    so_is_a_lock_by_hand: claim(Action::LockAcquire, &["a", "b"], Some(2)).barred_from() => ANALYSIS;
    to_write_a_task_down_is_free: plain(Action::TaskCreate).barred_from() => None;

    people_have_no_mode:
        change(Action::RunFinish, &[("a", 'D')]).answer(&mode(AgentMode::AnalysisOnly), "human:ann").effect => Effect::Allow;
    the_refusal_names_mode_and_files:
        change(Action::RunFinish, &[("a", 'M'), ("b", 'A'), ("c", 'M'), ("d", 'M')]).refused("mode: analysis_only\n")
        => Some(("built-in.mode-analysis-only".into(),
                 "it has changed a, b, c and 1 more, which the mode `analysis_only` bars".into()));
    a_rule_cannot_allow_what_a_mode_bars:
        plain(Action::CommandExec).refused("mode: safe\nrules: [{id: all, on: [\"*\"], effect: allow}]\n")
        => Some(("built-in.mode-safe".into(), "it would run a command, which the mode `safe` bars".into()));
    its_rule_cannot_be_written_by_hand:
        problems("rules: [{id: built-in.mode-safe, on: [command.exec], effect: allow}]\n")
        => ["line 3, column 14: the rule id `built-in.mode-safe` belongs to ai and cannot be replaced"];
    another_word_makes_the_file_unusable:
        problems("mode: readonly\n") => ["line 3, column 7: `mode` cannot be `readonly`"];

    a_listed_tool_is_called: tool(Action::ToolCall, "Read", ToolKind::Read).refused("tools: {allow: [Read, Grep]}\n") => None;
    no_other_is:
        tool(Action::ToolCall, "Bash", ToolKind::Execute).refused("tools: {allow: [Read, Grep]}\n")
        => Some(("built-in.tool-list".into(),
                 "the tool `Bash` is not on the list of those that may be called: Read, Grep".into()));
    a_whole_server_is_named_by_a_glob:
        tool(Action::ToolCall, "mcp__db__drop", ToolKind::Other).refused("tools: {deny: [mcp__db__*]}\n")
        => Some(("built-in.tool-list".into(), "the tool `mcp__db__drop` is on the list of those that are not called".into()));
    beside_it_others_are_called:
        tool(Action::ToolCall, "mcp__docs__find", ToolKind::Other).refused("tools: {deny: [mcp__db__*]}\n") => None;
    a_denied_one_is_not_called_though_it_is_allowed:
        tool(Action::ToolCall, "Bash", ToolKind::Execute).refused("tools: {allow: \"*\", deny: Bash}\n").is_some() => true;
    an_edit_is_a_call_too: tool(Action::Edit, "Write", ToolKind::Edit).refused("tools: {allow: Read}\n").is_some() => true;
    so_is_reading: tool(Action::FileRead, "Read", ToolKind::Read).refused("tools: {deny: Read}\n").is_some() => true;
    an_empty_list_allows_none: tool(Action::ToolCall, "Read", ToolKind::Read).refused("tools: {allow: []}\n").is_some() => true;
    a_tool_without_a_name_is_on_no_list:
        plain(Action::ToolCall).refused("tools: {allow: [Read]}\n")
        => Some(("built-in.tool-list".into(), "the tool is not named, and only listed tools may be called".into()));
    and_is_not_denied_by_name: plain(Action::ToolCall).refused("tools: {deny: [Read]}\n") => None;
    a_run_calls_no_tool: tool(Action::RunStart, "bot", ToolKind::Other).refused("tools: {allow: [Read]}\n") => None;
    a_person_calls_what_they_like:
        tool(Action::ToolCall, "Bash", ToolKind::Execute).answer(&policy("tools: {deny: Bash}\n"), "human:ann").effect => Effect::Allow;
    lists_of_nothing_are_a_slip:
        problems("tools: {}\n") => ["line 3, column 8: `tools` names no tool"];
    a_bad_glob_is_told_at_its_place:
        problems("tools: {allow: [Read, \"a[b]\"]}\n")
        => ["line 3, column 23: the pattern `a[b]` has a character other than `*` and `?` that looks like a wildcard"];
}

fn problems(lines: &str) -> Vec<String> {
    let text = format!("version: 1\ndefault: allow\n{lines}");
    let problems = validate(text.as_bytes(), "policy.yaml").into_iter();
    let problems = problems.flat_map(|problems| problems.list);
    problems.map(|problem| problem.to_string()).collect()
}

#[test]
fn what_gives_back_is_never_barred() {
    for action in Action::ALL
        .iter()
        .filter(|one| one.nature() == Nature::Harmless)
    {
        assert_eq!(plain(*action).barred_from(), None, "{action}");
    }
}

/// Any question that a door may ask.
fn any_question() -> impl Strategy<Value = Asked> {
    let actions = proptest::sample::select(Action::ALL.to_vec());
    let kinds = proptest::option::of(proptest::sample::select(ToolKind::ALL.to_vec()));
    let letters = proptest::option::of("[AMDT]{0,3}");
    let alone = proptest::option::of(0..3_u32);
    let nets = proptest::option::of(proptest::sample::select(vec![
        Network::On,
        Network::Off,
        Network::Listed,
    ]));
    (actions, kinds, letters, alone, nets, 0..3_usize).prop_map(
        |(action, kind, letters, alone, network, patterns)| {
            let n = letters.as_ref().map_or(1, String::len);
            let mut asked = plain(action);
            asked.1.paths = ["a", "b", "c"]
                .iter()
                .take(n)
                .map(|path| (*path).into())
                .collect();
            asked.1.patterns = vec!["src/".to_owned(); patterns];
            asked.1.kind = kind;
            asked.2.change_kinds = letters;
            asked.2.exclusive_patterns = alone;
            asked.2.network = network;
            asked
        },
    )
}

proptest! {
    /// A narrower mode bars all that a wider one does, and rules of a file change nothing of that.
    #[test]
    fn each_mode_bars_what_the_wider_ones_bar(asked in any_question(), allows in proptest::bool::ANY) {
        let rules = if allows { "rules: [{id: all, on: [\"*\"], effect: allow}]\n" } else { "" };
        let effects = AgentMode::ALL.map(|word| {
            asked.answer(&policy(&format!("mode: {word}\n{rules}")), BOT).effect
        });
        prop_assert!(effects.is_sorted(), "{effects:?}");
        let without = asked.answer(&policy(rules), BOT).effect;
        prop_assert_eq!(without, effects[0]);
    }
}

#[test]
fn the_file_of_an_agent_is_read_for_its_bounds_alone() {
    let read = |text: &str| match PolicyPart::of_agent_file(text.as_bytes(), ".ai/agents/bot.yaml")
    {
        Ok(None) => "none".to_owned(),
        Ok(Some(part)) => {
            let bounds = &part.bounds[0];
            let mode = bounds.mode.map_or("no mode", |(mode, _)| mode.as_str());
            let tools = if bounds.tools.is_some() {
                "tools"
            } else {
                "no tools"
            };
            format!("{mode}, {tools}")
        }
        Err(problems) => problems.to_string(),
    };
    for (text, wanted) in [
        ("version: 1\nname: bot\nconnector: x\n", "none"),
        ("name: bot\nmodel: m\n", "none"),
        ("name: bot\nmode: safe\nunknown: 1\n", "safe, no tools"),
        ("\"mod\\u0065\": safe\n", "safe, no tools"),
        ("tools: {deny: [Bash]}\n", "no mode, tools"),
        ("not: [yaml\n", "none"),
        (
            "mode: off\n",
            ".ai/agents/bot.yaml:1:7: `mode` cannot be `off`; known are normal, safe, analysis_only",
        ),
    ] {
        assert_eq!(read(text), wanted, "{text}");
    }
    assert!(read("mode: [safe\n").starts_with(".ai/agents/bot.yaml:"));
}
