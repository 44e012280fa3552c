use crate::base::rules::rules;
use crate::domain::action::Action;
use crate::domain::decision::{Effect, MatchedRule};
use crate::domain::facts::Facts;
use crate::policy::gather::validate;
use crate::policy::model::PolicyState;
use crate::policy::outside::answer as answer_of;

fn facts(paths: &[&str]) -> Facts {
    Facts {
        outside_paths: Some(paths.iter().copied().map(Into::into).collect()),
        ..Facts::default()
    }
}

fn policy(lines: &str) -> PolicyState {
    let text = format!("version: 1\ndefault: allow\n{lines}");
    PolicyState::from_bytes(Some(text.as_bytes()), "policy.yaml")
}

fn answer(state: &PolicyState, action: Action, facts: &Facts) -> Option<MatchedRule> {
    answer_of(&state.layers(None).unwrap(), action, facts)
}

/// The effect, and the layer that says so, on the work of a run.
fn effect(state: &PolicyState, facts: &Facts) -> Option<(Effect, &'static str)> {
    let answer = answer(state, Action::RunFinish, facts)?;
    Some((answer.effect, answer.layer.as_str()))
}

fn problems(lines: &str) -> Vec<String> {
    let text = format!("version: 1\ndefault: allow\n{lines}");
    let problems = validate(text.as_bytes(), "policy.yaml").into_iter();
    let problems = problems.flat_map(|problems| problems.list);
    problems.map(|problem| problem.to_string()).collect()
}

rules! {
    without_a_policy_it_is_a_warning: effect(&PolicyState::Absent, &facts(&["a"])) => Some((Effect::Warn, "built-in"));
    a_policy_that_says_nothing_warns: effect(&policy(""), &facts(&["a"])) => Some((Effect::Warn, "built-in"));
    what_it_says_counts:
        effect(&policy("outside_paths: deny\n"), &facts(&["a"])) => Some((Effect::Deny, "project"));
    it_may_want_a_persons_yes:
        effect(&policy("outside_paths: require_approval\n"), &facts(&["a"])) => Some((Effect::RequireApproval, "project"));
    it_may_allow_it: effect(&policy("outside_paths: allow\n"), &facts(&["a"])) => None;
    who_stays_within_hears_nothing: effect(&policy("outside_paths: deny\n"), &facts(&[])) => None;
    what_was_not_measured_is_not_taken_for_within:
        effect(&policy("outside_paths: deny\n"), &Facts::default()) => Some((Effect::Deny, "project"));
    nor_is_it_worth_a_warning: effect(&policy(""), &Facts::default()) => None;
    an_edit_beyond_is_answered_before_it_is_made:
        answer(&policy("outside_paths: deny\n"), Action::Edit, &facts(&["a"])).map(|one| one.effect) => Some(Effect::Deny);
    an_edit_of_no_task_is_none_beyond:
        answer(&policy("outside_paths: deny\n"), Action::Edit, &Facts::default()).is_none() => true;
    only_the_work_is_asked_about:
        answer(&policy("outside_paths: deny\n"), Action::TaskAccept, &facts(&["a"])).is_none() => true;
    another_word_makes_the_file_unusable:
        problems("outside_paths: forbid\n")
        => ["line 3, column 16: `outside_paths` cannot be `forbid`"];
    it_is_one_word: problems("outside_paths: [deny]\n").len() => 1;
    it_is_no_limit: problems("limits: {outside_paths: deny}\n").len() => 1;
    its_rule_cannot_be_written_by_hand:
        problems("rules: [{id: built-in.outside-paths, on: [run.finish], effect: allow}]\n")
        => ["line 3, column 14: the rule id `built-in.outside-paths` belongs to ai and cannot be replaced"];
}

#[test]
fn the_reason_names_the_first_paths() {
    let reason = |paths: &[&str]| {
        let answer = answer(&PolicyState::Absent, Action::RunFinish, &facts(paths)).unwrap();
        answer.reason
    };
    assert_eq!(
        reason(&["a"]),
        "the change goes beyond the task's own paths: a; name them in the task where they belong to it"
    );
    assert_eq!(
        reason(&["a", "b", "c", "d", "e", "f", "g"]),
        "the change goes beyond the task's own paths: a, b, c, d, e and 2 more; name them in the task where they belong to it"
    );
}
