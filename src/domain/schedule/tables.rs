use std::time::Duration;

use super::testing::*;
use super::*;
use crate::domain::ids::TaskId;
use crate::domain::run::Run;

fn told(now: i64, state: &QueueState, settings: SchedulerSettings) -> Vec<String> {
    words(&tick(now, state, &limits(settings)))
}

fn order_of(tasks: Vec<QueuedTask>, settings: SchedulerSettings) -> Vec<String> {
    let actions = tick(MONDAY + DAY, &queue(tasks), &limits(settings));
    let id = |action: &QueueAction| match action {
        QueueAction::Start(start) => start.task.to_string(),
        QueueAction::Wait { task, .. } => format!("({task})"),
    };
    actions.iter().map(id).collect()
}

fn aged(id: &str, priority: u8, hours: i64) -> QueuedTask {
    QueuedTask {
        priority,
        created_ms: MONDAY + hours * HOUR,
        ..queued(id)
    }
}

#[test]
fn waiting_makes_more_urgent_by_one_level_a_step() {
    let tasks = || {
        vec![
            aged("new-0", 0, 71),
            aged("old-3", 3, 0),
            aged("new-2", 2, 23),
        ]
    };
    assert_eq!(
        order_of(tasks(), SchedulerSettings::default()),
        ["new-0", "new-2", "old-3"],
        "three levels are three days, two days and 23 hours"
    );
    let half = SchedulerSettings {
        ageing: Duration::from_secs(12 * 3600),
        ..SchedulerSettings::default()
    };
    assert_eq!(order_of(tasks(), half), ["old-3", "new-2", "new-0"]);
    let fifo = SchedulerSettings {
        queue_policy: QueuePolicy::Fifo,
        ..SchedulerSettings::default()
    };
    assert_eq!(order_of(tasks(), fifo), ["old-3", "new-2", "new-0"]);
}

#[test]
fn a_rest_that_is_over_begins_the_wait_anew() {
    let rested = QueuedTask {
        not_before_ms: Some(MONDAY + 2 * HOUR),
        ..aged("poison", 2, 0)
    };
    assert_eq!(
        order_of(
            vec![rested, aged("fresh", 2, 1)],
            SchedulerSettings::default()
        ),
        ["fresh", "poison"]
    );
}

#[test]
fn kinds_of_work_go_in_the_order_that_is_set() {
    let kind = |id: &str, kind: &str, label: &str| QueuedTask {
        kind: kind.to_owned(),
        labels: [label.to_owned()].into(),
        ..queued(id)
    };
    let tasks = vec![
        kind("feature", "feature", "x"),
        kind("labelled", "task", "reliability"),
        kind("bug", "bug", "x"),
        QueuedTask {
            priority: 0,
            ..kind("other", "docs", "x")
        },
    ];
    let settings = SchedulerSettings {
        order: ["bug", "reliability", "feature"].map(String::from).into(),
        ..SchedulerSettings::default()
    };
    assert_eq!(
        order_of(tasks, settings),
        ["bug", "labelled", "feature", "other"]
    );
}

#[test]
fn labels_take_turns_among_equals_and_remember_whose_turn_it_was() {
    let of = |id: &str, label: &str, number| QueuedTask {
        labels: [label.to_owned()].into(),
        number,
        ..queued(id)
    };
    let settings = || SchedulerSettings {
        fairness: ["web", "core"].map(String::from).into(),
        ..SchedulerSettings::default()
    };
    let tasks = || {
        let mut all = vec![
            of("w1", "web", 1),
            of("w2", "web", 2),
            of("w3", "web", 3),
            of("c1", "core", 4),
            of("o1", "other", 5),
        ];
        all.push(QueuedTask {
            priority: 0,
            ..of("urgent", "web", 9)
        });
        all
    };
    assert_eq!(
        order_of(tasks(), settings()),
        ["urgent", "c1", "o1", "w1", "w2", "w3"],
        "an urgent one is no equal, but it was a turn"
    );
    let mut state = queue(tasks());
    state.served_ms = [("core".to_owned(), MONDAY), (String::new(), MONDAY - 1)].into();
    let limits = QueueLimits {
        parallel: 3,
        ..limits(settings())
    };
    assert_eq!(
        words(&tick(MONDAY + DAY, &state, &limits))[..3],
        ["urgent on a", "o1 on a", "c1 on a"]
    );
}

#[test]
fn a_task_that_cannot_start_does_not_use_up_the_turn_of_its_label() {
    let of = |id: &str, label: &str| QueuedTask {
        labels: [label.to_owned()].into(),
        ..queued(id)
    };
    let mut state = queue(vec![of("w1", "web"), of("w2", "web"), of("c1", "core")]);
    state.outlooks.remove(&state.tasks[0].id);
    let settings = SchedulerSettings {
        fairness: ["web", "core"].map(String::from).into(),
        ..SchedulerSettings::default()
    };
    assert_eq!(
        told(MONDAY, &state, settings),
        ["w1 waits: held", "w2 on a", "c1 on a"]
    );
}

#[test]
fn paths_bind_what_is_at_work_and_what_starts_beside() {
    let on = |id: &str, glob: &str, number| QueuedTask {
        paths: vec![exclusive(glob)],
        number,
        ..queued(id)
    };
    let mut state = queue(vec![
        on("a", "src/a/**", 1),
        on("b", "src/**", 2),
        on("c", "docs/**", 3),
        on("d", "tests/x.rs", 4),
    ]);
    state.in_use = vec![PathsInUse {
        task: TaskId("r".into()),
        paths: vec![exclusive("tests/**")],
    }];
    assert_eq!(
        told(MONDAY, &state, SchedulerSettings::default()),
        [
            "a on a",
            "b waits: src/a/a of a",
            "c on a",
            "d waits: tests/x.rs of r"
        ]
    );
}

#[test]
fn a_task_begins_after_the_landing_of_what_it_meets_and_keeps_its_place() {
    let on = |id: &str, glob: &str, number| QueuedTask {
        paths: vec![exclusive(glob)],
        number,
        ..queued(id)
    };
    let mut state = queue(vec![
        on("a", "src/**", 1),
        on("b", "docs/**", 2),
        on("c", "src/b/**", 3),
    ]);
    state.landing = vec![PathsInUse {
        task: TaskId("r".into()),
        paths: vec![exclusive("src/a/**")],
    }];
    let settings = SchedulerSettings::default();
    assert_eq!(
        told(MONDAY, &state, settings.clone()),
        ["a waits: src/a/a of r, which lands", "b on a", "c on a"]
    );
    assert_eq!(
        told(MONDAY + HOUR, &state, settings),
        [
            "a waits: src/a/a of r, which lands",
            "b on a",
            "c waits: src/b/a kept for a"
        ]
    );
}

#[test]
fn paths_are_kept_for_who_has_waited_for_them_long_enough() {
    let on = |id: &str, globs: &[&str], number| QueuedTask {
        paths: globs.iter().map(|glob| exclusive(glob)).collect(),
        number,
        ..queued(id)
    };
    let mut state = queue(vec![on("wide", &["a", "b"], 1), on("small", &["b"], 2)]);
    state.in_use = vec![PathsInUse {
        task: TaskId("r".into()),
        paths: vec![exclusive("a")],
    }];
    let after = |ms| told(MONDAY + ms, &state, SchedulerSettings::default());
    assert_eq!(after(HOUR - 1), ["wide waits: a of r", "small on a"]);
    let kept = "small waits: b kept for wide";
    assert_eq!(after(HOUR), ["wide waits: a of r", kept]);
    // The same where the lease of a run holds the paths; a hold by anything else keeps none.
    for (paths, second) in [
        (HeldPathsBy::ARun, kept),
        (HeldPathsBy::Other, "small on a"),
    ] {
        let mut state = state.clone();
        state.in_use.clear();
        let wide = state.tasks[0].id.clone();
        state.outlooks.insert(wide, Outlook::Held { paths });
        assert_eq!(
            told(MONDAY + HOUR, &state, SchedulerSettings::default()),
            ["wide waits: held", second]
        );
    }
}

#[test]
fn limits_hold_in_all_by_the_caller_and_by_agent() {
    let three = || {
        let mut state = queue(["1", "2", "3"].map(queued).into());
        state.agents.insert("b".to_owned(), standing(1));
        state
    };
    let settings = SchedulerSettings {
        max_concurrency: Some(4),
        ..SchedulerSettings::default()
    };
    let mut state = three();
    state.running = 3;
    assert_eq!(
        told(MONDAY, &state, settings.clone()),
        ["1 on a", "2 waits: 4 in all", "3 waits: 4 in all"]
    );
    let ours = QueueLimits {
        parallel: 2,
        own: 1,
        settings,
    };
    assert_eq!(
        words(&tick(MONDAY, &three(), &ours)),
        ["1 on a", "2 waits: 2 of ours", "3 waits: 2 of ours"]
    );
    let mut state = three();
    let both = Outlook::Open {
        agents: ["b", "a"].map(String::from).into(),
    };
    state
        .outlooks
        .values_mut()
        .for_each(|one| *one = both.clone());
    state.agents.insert(
        "a".to_owned(),
        AgentStanding {
            load: 8,
            ..standing(9)
        },
    );
    assert_eq!(
        told(MONDAY, &state, SchedulerSettings::default()),
        ["1 on b", "2 on a", "3 waits: b has 1 of 1"]
    );
}

#[test]
fn a_caller_holds_what_it_was_asked_for_and_never_more_than_is_allowed() {
    for (most, asked, hands) in [
        (None, None, 1),
        (None, Some(9), 9),
        (Some(4), None, 4),
        (Some(4), Some(2), 2),
        (Some(4), Some(9), 4),
    ] {
        let settings = SchedulerSettings {
            max_concurrency: most,
            ..SchedulerSettings::default()
        };
        assert_eq!(settings.hands(asked), hands, "{most:?} {asked:?}");
    }
}

#[test]
fn the_gates_of_a_task_stand_before_those_of_the_queue() {
    let mut state = queue(["1", "2", "3", "4"].map(queued).into());
    state.outlooks.remove(&state.tasks[0].id);
    state.tasks[1].not_before_ms = Some(MONDAY + 5);
    let off = SchedulerSettings {
        enabled: false,
        ..SchedulerSettings::default()
    };
    state
        .outlooks
        .insert(state.tasks[3].id.clone(), Outlook::Try { agent: None });
    assert_eq!(
        told(MONDAY, &state, off),
        [
            "1 waits: held",
            "3 waits: disabled",
            "4 waits: disabled",
            "2 waits: not before 5"
        ]
    );
    state.in_use = Vec::new();
    assert_eq!(
        told(MONDAY, &state, SchedulerSettings::default()),
        ["1 waits: held", "3 on a", "4 on -", "2 waits: not before 5"]
    );
}

#[test]
fn the_rate_limit_lets_a_burst_through_and_fills_by_time() {
    let state = |starts: &[i64]| {
        let mut state = queue(["1", "2", "3"].map(queued).into());
        state.starts_ms = starts.iter().map(|ms| MONDAY + ms).collect();
        state
    };
    let settings = || SchedulerSettings {
        rate_limit: Some(RateLimit {
            requests_per_minute: 6,
            burst: 2,
        }),
        ..SchedulerSettings::default()
    };
    for (starts, now, words) in [
        (
            &[][..],
            0,
            ["1 on a", "2 on a", "3 waits: rate until 10000"],
        ),
        (
            &[0],
            0,
            [
                "1 on a",
                "2 waits: rate until 10000",
                "3 waits: rate until 10000",
            ],
        ),
        (
            &[0, 0],
            9_999,
            [
                "1 waits: rate until 10000",
                "2 waits: rate until 10000",
                "3 waits: rate until 10000",
            ],
        ),
        (
            &[0, 0],
            10_000,
            [
                "1 on a",
                "2 waits: rate until 20000",
                "3 waits: rate until 20000",
            ],
        ),
        // More starts by hand than there were leave no debt behind.
        (
            &[0, 0, 0, 0],
            20_000,
            ["1 on a", "2 on a", "3 waits: rate until 30000"],
        ),
        // A clock that was set back is no pause.
        (
            &[90_000, 90_000],
            0,
            [
                "1 waits: rate until 10000",
                "2 waits: rate until 10000",
                "3 waits: rate until 10000",
            ],
        ),
    ] {
        assert_eq!(
            told(MONDAY + now, &state(starts), settings()),
            words,
            "{starts:?} {now}"
        );
    }
}

#[test]
fn an_agent_rests_after_failures_in_a_row_and_is_tried_by_one_run() {
    let breaker = Breaker {
        failures: 3,
        rest: Duration::from_secs(600),
    };
    let settings = || SchedulerSettings {
        breaker: Some(breaker),
        ..SchedulerSettings::default()
    };
    let state = |failures, load| {
        let mut state = queue(["1", "2"].map(queued).into());
        let health = AgentHealth {
            failures,
            last_failure_ms: MONDAY,
        };
        let standing = AgentStanding {
            load,
            health,
            ..standing(9)
        };
        state.agents.insert("a".to_owned(), standing);
        state
    };
    for (failures, load, now, words) in [
        (2, 0, 0, ["1 on a", "2 on a"]),
        (
            3,
            0,
            599_999,
            [
                "1 waits: a rests until 600000",
                "2 waits: a rests until 600000",
            ],
        ),
        (3, 0, 600_000, ["1 on a", "2 waits: a is tried"]),
        (
            3,
            1,
            600_000,
            ["1 waits: a is tried", "2 waits: a is tried"],
        ),
    ] {
        assert_eq!(
            told(MONDAY + now, &state(failures, load), settings()),
            words,
            "{failures} {load} {now}"
        );
    }
    assert_eq!(
        told(MONDAY, &state(9, 0), SchedulerSettings::default()),
        ["1 on a", "2 on a"],
        "nothing is configured"
    );
    // Another agent takes over.
    let mut state = state(3, 0);
    state.agents.insert("b".to_owned(), standing(9));
    let both = Outlook::Open {
        agents: ["a", "b"].map(String::from).into(),
    };
    state
        .outlooks
        .values_mut()
        .for_each(|one| *one = both.clone());
    assert_eq!(told(MONDAY, &state, settings()), ["1 on b", "2 on b"]);
}

#[test]
fn only_the_machinery_around_an_agent_opens_its_circuit() {
    let ended = |lifecycle: &str| -> Run {
        serde_json::from_value(serde_json::json!({
            "id": "t-1.1", "task": "t-1", "agent": "a", "connector": "command", "branch": "b", "worktree": "w",
            "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
            "started_ms": 1, "step": "judged",
            "end": {
                "at_ms": 7, "lifecycle": lifecycle, "verification": "unverified", "policy": "allow",
                "freshness": "current", "outcome": "retry", "summary": "s",
            },
        }))
        .unwrap()
    };
    for (ends, failures) in [
        (&["provider", "not_started", "lost"][..], 3),
        (&["provider", "quota", "auth", "killed"], 1),
        (&["provider", "failed"], 0),
        (&["provider", "finished", "lost"], 1),
        (&["provider", "timed_out"], 0),
        (&["provider", "no_changes"], 0),
        (&["provider", "parked"], 0),
    ] {
        let health = ends.iter().fold(AgentHealth::default(), |health, end| {
            health.after(&ended(end))
        });
        assert_eq!(health.failures, failures, "{ends:?}");
    }
}

fn window(days: &[Weekday], from: &str, to: &str, offset: &str) -> MaintenanceWindow {
    MaintenanceWindow {
        days: days.to_vec(),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        utc_offset: offset.parse().unwrap(),
    }
}

#[test]
fn nothing_starts_in_a_maintenance_window() {
    let night = window(&[], "22:00", "06:00", "+00:00");
    let monday = window(&[Weekday::Mon], "00:00", "00:00", "+02:00");
    let touching = window(&[Weekday::Tue], "06:00", "07:30", "+00:00");
    for (windows, now, end) in [
        (std::slice::from_ref(&night), 0, Some(6 * HOUR)),
        (std::slice::from_ref(&night), 6 * HOUR, None),
        (std::slice::from_ref(&night), 22 * HOUR - 1, None),
        (std::slice::from_ref(&night), 22 * HOUR, Some(30 * HOUR)),
        (std::slice::from_ref(&monday), -2 * HOUR, Some(22 * HOUR)),
        (std::slice::from_ref(&monday), 22 * HOUR, None),
        // Windows that touch are one.
        (
            &[night.clone(), touching],
            23 * HOUR,
            Some(31 * HOUR + HOUR / 2),
        ),
    ] {
        let settings = SchedulerSettings {
            maintenance: windows.to_vec(),
            ..SchedulerSettings::default()
        };
        let word = match end {
            Some(end) => format!("1 waits: maintenance until {end}"),
            None => "1 on a".to_owned(),
        };
        let mut state = queue(vec![queued("1")]);
        state.tasks[0].created_ms = 0;
        assert_eq!(told(MONDAY + now, &state, settings), [word], "{now}");
    }
    let always = [window(&[], "00:00", "00:00", "+00:00")];
    assert!(
        MaintenanceWindow::closed_until(&always, MONDAY).is_some_and(|end| end > MONDAY + 7 * DAY)
    );
}

#[test]
fn times_and_offsets_are_written_in_one_way() {
    for (text, is_time) in [
        ("00:00", true),
        ("23:59", true),
        ("24:00", false),
        ("7:30", false),
        ("12:60", false),
        ("12", false),
        ("+1:00", false),
    ] {
        let read = text.parse::<MinuteOfDay>();
        assert_eq!(
            read.map(|time| time.to_string()).ok().as_deref() == Some(text),
            is_time,
            "{text}"
        );
    }
    for (text, is_offset) in [
        ("+02:00", true),
        ("-05:30", true),
        ("+00:00", true),
        ("+14:01", false),
        ("02:00", false),
        ("", false),
        ("ä2:00", false),
    ] {
        let read = text.parse::<UtcOffset>();
        assert_eq!(
            read.map(|one| one.to_string()).ok().as_deref() == Some(text),
            is_offset,
            "{text}"
        );
    }
}

#[test]
fn to_the_first_start_nobody_is_looked_at_in_vain() {
    let mut state = queue(["1", "2", "3"].map(queued).into());
    let mut looked = Vec::new();
    let mut first = |state: &QueueState, parallel| {
        looked.clear();
        let limits = QueueLimits {
            parallel,
            ..limits(SchedulerSettings::default())
        };
        let mut look = |task: &QueuedTask, _: &[TaskStart]| {
            looked.push(task.id.to_string());
            let outlook = state.outlooks.get(&task.id).cloned();
            Ok::<_, ()>(TaskLook {
                outlook: outlook.unwrap_or(Outlook::Held {
                    paths: HeldPathsBy::Other,
                }),
                paths: task.paths.clone(),
            })
        };
        let actions = tick_by(MONDAY, state, &limits, TickScope::FirstStart, &mut look).unwrap();
        (words(&actions), looked.clone())
    };
    let strings = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    state.outlooks.remove(&TaskId("1".into()));
    assert_eq!(
        first(&state, 1),
        (strings(&["1 waits: held", "2 on a"]), strings(&["1", "2"]))
    );
    assert_eq!(
        first(&state, 0).1,
        strings(&[]),
        "there is no room for anybody"
    );
}
