//! What a yes to a rule takes: how many people, who, and for how long it holds. Only a rule that wants
//! a yes may say it.

use crate::base::yaml::{self, MappingFields, YamlNode, YamlProblem};
use crate::domain::approval::ApprovalNeed;
use crate::domain::decision::Effect;
use crate::policy::load::refuse_empty;
use crate::policy::name_globs::NameGlobs;

/// Reads what a yes takes: how many people, who, and for how long it holds.
pub(super) fn needs_of(
    fields: &mut MappingFields<'_>,
    effect: Option<Effect>,
    problems: &mut Vec<YamlProblem>,
) -> Option<ApprovalNeed> {
    let mut places = Vec::new();
    let mut taken = |key| {
        let node = fields.take(key)?;
        places.push((key, node.place));
        Some(node)
    };
    let (people, by, holds) = (taken("approvals"), taken("approvers"), taken("expires"));
    if effect.is_some_and(|effect| effect != Effect::RequireApproval) {
        problems.extend(places.iter().map(|(key, place)| {
            let text = format!("`{key}` says what a yes takes, and this rule wants none");
            YamlProblem::new(*place, text).hint("write `effect: require_approval`")
        }));
        return None;
    }
    if places.is_empty() {
        return None;
    }
    let usual = ApprovalNeed::default();
    Some(ApprovalNeed {
        people: people.map_or(Some(usual.people), |node| {
            yaml::count_of(node, "`approvals`", 1, problems)
        })?,
        by: by.map_or_else(Vec::new, |node| approvers_of(node, problems)),
        holds_ms: holds.map_or(Some(usual.holds_ms), |node| {
            let holds = yaml::duration_of(node, "`expires`", problems)?;
            i64::try_from(holds.as_millis()).ok()
        })?,
    })
}

/// Globs over people. One that no person can match would keep everybody waiting.
fn approvers_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Vec<String> {
    refuse_empty(node, "`approvers`", problems);
    let texts = yaml::texts_of(node, "`approvers`", problems);
    for (text, place) in &texts {
        if let Some((kind, _)) = text.split_once(':')
            && !matches!(kind, "human" | "*")
        {
            let why = format!("`{text}` is no person, and only people approve");
            problems.push(
                YamlProblem::new(*place, why).hint("write `human:NAME`, or a glob over names"),
            );
        } else if let Err(bad) = NameGlobs::new([text.as_str()]) {
            problems.extend(
                bad.into_iter()
                    .map(|(_, why)| YamlProblem::new(*place, why)),
            );
        }
    }
    texts.into_iter().map(|(text, _)| text).collect()
}
