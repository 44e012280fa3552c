//! What the machine lets in: tables of budgets, requests and what is at work.

use super::testing::*;
use super::*;
use crate::domain::resources::ResourceAmounts;
use crate::domain::schedule::admission::MEASURE_AGAIN_MS;

const GIB: u64 = 1 << 30;

fn amounts(json: &str) -> ResourceAmounts {
    serde_json::from_str(json).unwrap()
}

fn asking(id: &str, json: &str) -> QueuedTask {
    QueuedTask {
        needs: amounts(json),
        ..queued(id)
    }
}

/// What becomes of tasks with these requests beside what is used, of 4 cores and 8 GiB.
fn told(now: i64, used: &str, tasks: &[(&str, &str)]) -> Vec<String> {
    let tasks = (0..).zip(tasks).map(|(number, (id, needs))| QueuedTask {
        number,
        ..asking(id, needs)
    });
    let mut state = queue(tasks.collect());
    state.machine = MachineSight {
        budget: amounts(r#"{"cpu": 4, "memory": "8GiB"}"#),
        used: amounts(used),
        ..MachineSight::default()
    };
    words(&tick(now, &state, &limits(SchedulerSettings::default())))
}

#[test]
fn the_sum_of_what_is_declared_stays_within_what_there_is() {
    assert_eq!(
        told(
            MONDAY,
            r#"{"cpu": 1}"#,
            &[
                ("1", r#"{"cpu": 2}"#),
                ("2", r#"{"cpu": 1.5}"#),
                ("3", r#"{"cpu": 1, "memory": "8GiB"}"#),
                ("4", r#"{"memory": "1MiB"}"#),
                ("5", "{}"),
            ]
        ),
        [
            "1 on a",
            "2 waits: cpu 150 beside 300 of 400",
            "3 on a",
            "4 waits: memory 1048576 beside 8589934592 of 8589934592",
            "5 on a",
        ]
    );
}

#[test]
fn what_can_never_be_met_is_told_at_once_and_holds_nobody_up() {
    let never = format!("big waits: memory {} is more than {}", 9 * GIB, 8 * GIB);
    assert_eq!(
        told(
            MONDAY + 30 * DAY,
            "{}",
            &[
                ("big", r#"{"memory": "9GiB"}"#),
                ("small", r#"{"memory": "8GiB"}"#)
            ]
        ),
        [never, "small on a".to_owned()]
    );
    // A kind that nobody knows of the machine limits nothing.
    assert_eq!(
        told(MONDAY, "{}", &[("1", r#"{"scratch": "900TiB"}"#)]),
        ["1 on a"]
    );
}

#[test]
fn what_comes_free_is_kept_for_one_that_has_waited_long_enough() {
    let tasks = [
        ("wide", r#"{"cpu": 4}"#),
        ("small", r#"{"cpu": 1}"#),
        ("other", r#"{"memory": "1GiB"}"#),
    ];
    let wide = "wide waits: cpu 400 beside 100 of 400";
    assert_eq!(
        told(MONDAY + HOUR - 1, r#"{"cpu": 1}"#, &tasks),
        [wide, "small on a", "other on a"]
    );
    assert_eq!(
        told(MONDAY + HOUR, r#"{"cpu": 1}"#, &tasks),
        [wide, "small waits: cpu kept for wide", "other on a"]
    );
}

#[test]
fn of_two_kinds_that_come_free_in_turn_both_are_kept() {
    let tasks = [
        ("wide", r#"{"cpu": 4, "memory": "8GiB"}"#),
        ("cores", r#"{"cpu": 1}"#),
        ("memory", r#"{"memory": "1GiB"}"#),
    ];
    let wide = "wide waits: memory 8589934592 beside 4294967296 of 8589934592";
    assert_eq!(
        told(MONDAY + HOUR, r#"{"memory": "4GiB"}"#, &tasks),
        [
            wide,
            "cores waits: cpu kept for wide",
            "memory waits: memory kept for wide"
        ]
    );
}

#[test]
fn what_is_started_in_the_same_tick_is_promised_its_part_of_the_disk() {
    let one = amounts(r#"{"scratch": "3GiB"}"#);
    let sight = MachineSight {
        disk: Some(DiskRoom {
            free: 5 * GIB,
            whole: 9 * GIB,
            floor: GIB,
        }),
        ..MachineSight::default()
    };
    assert_eq!(sight.admit(&one, MONDAY), Ok(()));
    let wait = sight.using(one).admit(&one, MONDAY).unwrap_err();
    assert_eq!(
        wait,
        MachineWait::Disk {
            free: 5 * GIB,
            promised: 3 * GIB,
            needed: 4 * GIB,
            again_ms: MONDAY + MEASURE_AGAIN_MS
        }
    );
    // What is promised keeps nobody back who asks for nothing of the disk.
    let full = sight.using(amounts(r#"{"scratch": "4GiB"}"#));
    let cores = amounts(r#"{"cpu": 1}"#);
    assert_eq!(
        (full.admit(&cores, MONDAY), full.pause(MONDAY)),
        (Ok(()), None)
    );
}

#[test]
fn the_disk_gives_what_is_free_now_and_never_more_than_it_is() {
    let sight = |set: &str| MachineSight {
        budget: amounts(set),
        disk: Some(DiskRoom {
            free: 5 * GIB,
            whole: 9 * GIB,
            floor: GIB,
        }),
        ..MachineSight::default()
    };
    let told = |set: &str, need: &str| match sight(set).admit(&amounts(need), MONDAY) {
        Ok(()) => "room".to_owned(),
        Err(MachineWait::Never { budget, .. }) => format!("never, of {}", budget / GIB),
        Err(MachineWait::Disk { needed, .. }) => format!("later, with {}", needed / GIB),
        Err(other) => format!("{other:?}"),
    };
    let four = r#"{"scratch": "4GiB"}"#;
    let five = r#"{"scratch": "5GiB"}"#;
    let nine = r#"{"scratch": "9GiB"}"#;
    assert_eq!(
        [told("{}", four), told("{}", five), told("{}", nine)],
        ["room", "later, with 6", "never, of 8"]
    );
    assert_eq!(
        [told(four, four), told(four, five), told(nine, nine)],
        ["room", "never, of 4", "never, of 8"],
        "what is set makes no disk larger"
    );
    let free = |set: &str| sight(set).amounts().in_words();
    assert_eq!(
        [free("{}"), free(nine)],
        ["4 GiB of scratch", "9 GiB of scratch"]
    );
}

#[test]
fn a_run_needs_what_is_enough_for_its_agent_and_for_each_check() {
    let agents = |of_a: &str, of_b: &str| {
        let mut state = queue(vec![asking("1", r#"{"cpu": 1, "memory": "6GiB"}"#)]);
        let open = Outlook::Open {
            agents: ["a", "b"].map(String::from).into(),
        };
        state
            .outlooks
            .values_mut()
            .for_each(|one| *one = open.clone());
        for (name, needs) in [("a", of_a), ("b", of_b)] {
            let standing = AgentStanding {
                needs: amounts(needs),
                ..standing(9)
            };
            state.agents.insert(name.to_owned(), standing);
        }
        state.machine = MachineSight {
            budget: amounts(r#"{"cpu": 4, "memory": "8GiB"}"#),
            used: amounts(r#"{"cpu": 2, "memory": "2GiB"}"#),
            ..MachineSight::default()
        };
        words(&tick(MONDAY, &state, &limits(SchedulerSettings::default())))
    };
    assert_eq!(agents(r#"{"cpu": 2, "memory": "1GiB"}"#, "{}"), ["1 on a"]);
    assert_eq!(agents(r#"{"cpu": 5}"#, r#"{"cpu": 2}"#), ["1 on b"]);
    assert_eq!(
        agents(r#"{"cpu": 3}"#, r#"{"cpu": 2}"#),
        ["1 waits: cpu 300 beside 200 of 400"],
        "the run itself would choose the first one"
    );
    assert_eq!(
        agents(r#"{"cpu": 5}"#, r#"{"cpu": 3}"#),
        ["1 waits: cpu 300 beside 200 of 400"],
        "one that can never have it is not the reason while another could"
    );
    assert_eq!(
        agents(r#"{"cpu": 5}"#, r#"{"cpu": 6}"#),
        ["1 waits: cpu 500 is more than 400"]
    );
}

#[test]
fn starts_pause_while_the_machine_is_over_a_line() {
    let mut state = queue(vec![
        asking("big", r#"{"cpu": 9}"#),
        asking("1", r#"{"scratch": "2GiB"}"#),
        queued("2"),
    ]);
    state.machine.budget = amounts(r#"{"cpu": 4, "scratch": "100GiB"}"#);
    let told =
        |state: &QueueState| words(&tick(MONDAY, state, &limits(SchedulerSettings::default())));
    state.machine.disk = Some(DiskRoom {
        free: 2 * GIB,
        whole: 200 * GIB,
        floor: GIB,
    });
    let never = "big waits: cpu 900 is more than 400";
    let (free, needed) = (2 * GIB, 3 * GIB);
    assert_eq!(
        told(&state),
        [
            format!("1 waits: {free} of {needed} free, again at 10000"),
            "2 on a".to_owned(),
            never.to_owned(),
        ]
    );
    state.machine.disk = Some(DiskRoom {
        free: GIB - 1,
        whole: 200 * GIB,
        floor: GIB,
    });
    let below = format!("{} of {GIB} free, again at 10000", GIB - 1);
    assert_eq!(told(&state)[1], format!("2 waits: {below}"));
    state.machine.disk = None;
    state.machine.crossed = Some(LineCrossed {
        kind: PressureKind::Memory,
        is: crate::domain::resources::Hundredths(2_345),
        line: crate::domain::resources::Hundredths(2_000),
    });
    let pause = "Memory 23.45 over 20, again at 10000";
    assert_eq!(
        told(&state),
        [
            format!("1 waits: {pause}"),
            format!("2 waits: {pause}"),
            never.to_owned(),
        ]
    );
    let until: Vec<_> = tick(MONDAY, &state, &limits(SchedulerSettings::default()))
        .iter()
        .map(|action| match action {
            QueueAction::Wait { wait, .. } => wait.until_ms(),
            QueueAction::Start(_) => None,
        })
        .collect();
    assert_eq!(until, [Some(MONDAY + 10_000), Some(MONDAY + 10_000), None]);
}
