use super::*;

const NAME: &str = "nightly";

fn enabled() -> RecurringWord {
    RecurringWord::Enabled {
        name: NAME.into(),
        clock: "every 1h".into(),
    }
}

fn fired(due_ms: Option<i64>) -> RecurringWord {
    RecurringWord::Fired {
        name: NAME.into(),
        task: TaskId("t-1".into()),
        due_ms,
        passed: 0,
    }
}

fn refused(due_ms: i64, decision: Option<&str>) -> RecurringWord {
    RecurringWord::Refused {
        name: NAME.into(),
        due_ms,
        why: "no".into(),
        decision: decision.map(str::to_owned),
        again: false,
    }
}

fn after(words: Vec<RecurringWord>) -> RecurringStanding {
    let mut memory = RecurringMemory::default();
    for (at_ms, word) in (100..).zip(words) {
        memory.see(at_ms, word);
    }
    // As it is kept and read back.
    let kept = serde_json::to_string(&memory).unwrap();
    let memory: RecurringMemory = serde_json::from_str(&kept).unwrap();
    memory.of(NAME)
}

#[test]
fn the_newest_moment_counts_and_switching_on_begins_anew() {
    let standing = after(vec![
        enabled(),
        fired(Some(50)),
        fired(Some(40)),
        fired(None),
    ]);
    assert_eq!((standing.began_ms, standing.last_ms), (100, Some(50)));
    let off = RecurringWord::Disabled { name: NAME.into() };
    let standing = after(vec![enabled(), fired(Some(50)), off]);
    assert_eq!(standing.switch, RecurringSwitch::Off);
    let standing = after(vec![enabled(), fired(Some(500)), enabled()]);
    assert_eq!((standing.began_ms, standing.last_ms), (102, None));
    assert_eq!(standing.task, Some(TaskId("t-1".into())), "it may be open");
    let standing = after(vec![]);
    assert_eq!(standing, RecurringStanding::default());
}

#[test]
fn a_refusal_stands_until_the_next_word() {
    let standing = after(vec![enabled(), refused(50, Some("d-1"))]);
    assert_eq!(standing.asked(), Some((50, "d-1")));
    assert_eq!(standing.refused(), Some("no"));
    let standing = after(vec![enabled(), refused(50, None)]);
    assert_eq!((standing.asked(), standing.refused()), (None, Some("no")));
    let standing = after(vec![enabled(), refused(50, Some("d-1")), fired(Some(50))]);
    assert_eq!((standing.asked(), standing.refused()), (None, None));
}

#[test]
fn a_reason_is_the_same_whichever_decision_says_it() {
    let told = |why: &str| RecurringWord::Refused {
        name: NAME.into(),
        due_ms: 50,
        why: why.into(),
        decision: None,
        again: false,
    };
    let standing = after(vec![enabled(), told("denied (rule `r`, decision d-1a)")]);
    for (why, is_same) in [
        ("denied (rule `r`, decision d-2b)", true),
        ("denied (rule `s`, decision d-2b)", false),
        ("the queue is full", false),
    ] {
        assert_eq!(standing.was_refused_so(why), is_same, "{why}");
    }
    assert!(!after(vec![enabled()]).was_refused_so("denied"));
}
