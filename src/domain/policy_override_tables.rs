use crate::base::rules::rules;
use crate::domain::policy_override::PolicyOverride;

fn given(agent: Option<&str>, task: Option<&str>, paths: &[&str]) -> PolicyOverride {
    PolicyOverride {
        id: "o-1".into(),
        rule: "ci".into(),
        agent: agent.map(str::to_owned),
        task: task.map(str::to_owned),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        reason: "the release".into(),
        by: "human:ann".parse().unwrap(),
        at_ms: 1_000,
        until_ms: 2_000,
    }
}

fn is_for(one: &PolicyOverride, actor: &str, task: Option<&str>) -> bool {
    one.is_for(&actor.parse().unwrap(), task)
}

rules! {
    it_counts_from_the_start: given(None, None, &[]).is_active(1_000) => true;
    it_counts_to_the_last_moment: given(None, None, &[]).is_active(1_999) => true;
    at_its_end_it_has_ended: given(None, None, &[]).is_active(2_000) => false;
    without_a_scope_it_is_for_everybody: is_for(&given(None, None, &[]), "human:ann", None) => true;
    one_for_an_agent_is_for_this_one: is_for(&given(Some("bot"), None, &[]), "agent:bot", None) => true;
    not_for_another: is_for(&given(Some("bot"), None, &[]), "agent:bob", None) => false;
    not_for_a_person_of_that_name: is_for(&given(Some("bot"), None, &[]), "human:bot", None) => false;
    one_for_a_task_is_for_this_one: is_for(&given(None, Some("t-1"), &[]), "agent:bot", Some("t-1")) => true;
    not_for_another_task: is_for(&given(None, Some("t-1"), &[]), "agent:bot", Some("t-11")) => false;
    not_for_what_is_about_none: is_for(&given(None, Some("t-1"), &[]), "agent:bot", None) => false;
    its_scope_is_told: given(Some("bot"), Some("t-1"), &["ci/", "a"]).scope() => "agent:bot, t-1, ci/ a";
    so_is_none: given(None, None, &[]).scope() => "everything";
    an_old_record_has_no_scope:
        serde_json::from_value::<PolicyOverride>(serde_json::json!({
            "id": "o-1", "rule": "ci", "reason": "the release", "by": given(None, None, &[]).by, "at_ms": 1000, "until_ms": 2000,
        })).unwrap() => given(None, None, &[]);
}
