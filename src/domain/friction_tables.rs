use crate::base::rules::rules;

use super::*;

fn met(id: &str) -> FrictionWord {
    FrictionWord::Met {
        friction: friction(id, None),
    }
}

fn friction(id: &str, mended_by: Option<&str>) -> Friction {
    Friction {
        id: id.into(),
        text: "the build is slow".into(),
        by: serde_json::from_value("human:ann".into()).unwrap(),
        at_ms: 1,
        task: None,
        mended_by: mended_by.map(|task| TaskId(task.into())),
    }
}

fn mended(id: &str, task: &str) -> FrictionWord {
    FrictionWord::MendedBy {
        id: id.into(),
        task: TaskId(task.into()),
    }
}

fn dropped(id: &str) -> FrictionWord {
    FrictionWord::Dropped {
        id: id.into(),
        reason: "it is none".into(),
    }
}

fn after(words: Vec<FrictionWord>) -> Vec<Friction> {
    let mut all = Frictions::default();
    words.into_iter().for_each(|word| all.see(word));
    all.in_order()
}

rules! {
    nothing_was_met: after(vec![]) => vec![];
    they_stand_in_their_order:
        after(vec![met("f-2"), met("f-1")]) => vec![friction("f-2", None), friction("f-1", None)];
    a_task_is_named_that_mends_it:
        after(vec![met("f-1"), mended("f-1", "t-1")]) => vec![friction("f-1", Some("t-1"))];
    the_last_task_that_was_named_counts:
        after(vec![met("f-1"), mended("f-1", "t-1"), mended("f-1", "t-2")]) => vec![friction("f-1", Some("t-2"))];
    one_that_was_dropped_is_gone:
        after(vec![met("f-1"), met("f-2"), dropped("f-1")]) => vec![friction("f-2", None)];
    a_word_on_one_that_is_not_there_changes_nothing:
        after(vec![met("f-1"), dropped("f-9"), mended("f-8", "t-1")]) => vec![friction("f-1", None)];
    a_word_is_told_with_its_id: met("f-1").told() => "friction f-1: the build is slow";
    a_drop_is_told_with_its_reason: dropped("f-1").told() => "dropped friction f-1: it is none";
}
