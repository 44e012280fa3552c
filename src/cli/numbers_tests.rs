//! Numbers that pages state are those of the code: each statement stands here once, with the value
//! that it must have, and no page of rules states a number of seconds, bytes or attempts beside them.

use std::time::Duration;

use clap::CommandFactory;
use regex::Regex;

use crate::app::in_run;
use crate::base::duration;
use crate::cli::args::Cli;
use crate::config::Config;
use crate::connector::launch::MAX_ARGUMENT;
use crate::domain::aftermath::STANDSTILLS_PER_LAPSE;
use crate::domain::aftermath::pause::{LOGIN_PAUSE_MS, MOST_REFUSALS};
use crate::domain::agent::AgentLimits;
use crate::domain::agent_event::FailureClass;
use crate::domain::backoff::PauseCause;
use crate::domain::friction;
use crate::domain::stall;
use crate::git::snapshot::SnapshotLimits;
use crate::git::worktree::SLOT_LIMITS;
use crate::ops::agent_doctor::trial;
use crate::ops::detect;
use crate::ops::doctor;
use crate::ops::run::agent::heartbeat;
use crate::process::capture::lines;
use crate::process::supervise::stillness;

const CONCEPTS: &str = include_str!("../../docs/concepts.md");
const LIMITS: &str = include_str!("../../docs/limits.md");
const CONNECTORS: &str = include_str!("../../docs/connectors.md");
const ROUTING: &str = include_str!("../../docs/routing.md");
const SUPERVISION: &str = include_str!("../../docs/supervision.md");
const WORKTREES: &str = include_str!("../../docs/worktrees.md");
const SKILL: &str = include_str!("../../skills/ai-tasks/SKILL.md");
/// The pages of rules: whatever number one of them states is stated below. Measured times, and what
/// other programs do, stand in the other pages.
const RULES: [(&str, &str); 5] = [
    ("concepts.md", CONCEPTS),
    ("routing.md", ROUTING),
    ("supervision.md", SUPERVISION),
    ("worktrees.md", WORKTREES),
    ("SKILL.md", SKILL),
];

fn seconds(time: Duration) -> String {
    time.as_secs().to_string()
}

fn minutes(ms: i64) -> String {
    assert_eq!(ms % 60_000, 0);
    (ms / 60_000).to_string()
}

/// A small number as a page writes it out.
fn word(n: impl TryInto<usize>) -> String {
    let words = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    words[n.try_into().ok().unwrap()].to_owned()
}

/// The default of a flag, as typed.
fn default_of(path: &[&str], flag: &str) -> String {
    let mut tree = Cli::command();
    for name in path {
        tree = tree.find_subcommand(name).unwrap().clone();
    }
    let arg = tree.get_arguments().find(|arg| arg.get_id() == flag);
    let defaults = arg.unwrap().get_default_values().to_vec();
    defaults[0].to_str().unwrap().to_owned()
}

/// What the pages state: the page, the statement with a place (§) for each number, and the numbers.
fn stated() -> Vec<(&'static str, &'static str, Vec<String>)> {
    let Config { defaults, runs, .. } = Config::default();
    let agent = AgentLimits::default();
    let quota = PauseCause::Quota.first_ms();
    let provider = PauseCause::Failure(FailureClass::Provider).first_ms();
    let other = PauseCause::Other;
    assert_eq!(provider, 30_000, "half a minute");
    let refusals = [
        PauseCause::Quota,
        PauseCause::Failure(FailureClass::Provider),
    ];
    for refusal in refusals {
        assert_eq!(refusal.longest_ms(), 3_600_000, "an hour");
    }
    let megabytes = |bytes: u64| (bytes >> 20).to_string();
    let kept = default_of(&["worktree", "prune"], "keep");
    let retention = Config::default().retention;
    let kept = kept.strip_suffix('d').unwrap().to_owned();
    assert_eq!(default_of(&["worktree", "prune"], "idle"), "1d", "a day");
    vec![
        (
            CONCEPTS,
            "get § minutes (`defaults.ttl`)",
            vec![seconds(defaults.ttl / 60)],
        ),
        (
            SKILL,
            "A claim lasts § minutes",
            vec![seconds(defaults.ttl / 60)],
        ),
        (
            CONCEPTS,
            "A run gets § seconds\n  (`defaults.run_ttl`), renewed by its supervisor every §.",
            vec![seconds(defaults.run_ttl), seconds(defaults.heartbeat)],
        ),
        (
            CONCEPTS,
            "lapse § times in a row (`defaults.max_lapses`)",
            vec![word(defaults.max_lapses)],
        ),
        (
            CONCEPTS,
            "(§ times that number)",
            vec![word(STANDSTILLS_PER_LAPSE)],
        ),
        (
            CONCEPTS,
            "(§ unless the task or `defaults.max_attempts` says otherwise)",
            vec![defaults.max_attempts.to_string()],
        ),
        (
            CONNECTORS,
            "limits:\n  minutes: §\n  silence_minutes: §\n  parallel: §           # runs at the same time\n  attempts: §\n  output_mb: §\n",
            [
                agent.minutes,
                agent.silence_minutes,
                agent.parallel,
                agent.attempts,
                agent.output_mb,
            ]
            .map(|n| n.to_string())
            .to_vec(),
        ),
        (
            CONNECTORS,
            "`runs` of the configuration (minutes: §, silence_minutes: §, output_mb: §)",
            [
                u64::from(runs.minutes),
                u64::from(runs.silence_minutes),
                u64::from(runs.output_mb),
            ]
            .map(|n| n.to_string())
            .to_vec(),
        ),
        (
            CONNECTORS,
            "for at most\n§ seconds, all of them at once",
            vec![seconds(detect::LIMIT)],
        ),
        (
            CONNECTORS,
            "It has § minutes, every tool is refused",
            vec![word(trial::LIMIT_MS / 60_000)],
        ),
        (
            CONNECTORS,
            "Of a string in a line of JSON `ai` reads § KiB",
            vec![(lines::MAX_STRING >> 10).to_string()],
        ),
        (
            CONNECTORS,
            "lines are read whole, up to § MiB",
            vec![(lines::MAX_LINE >> 20).to_string()],
        ),
        (
            CONNECTORS,
            "`arg` (`{prompt}`; at most § KiB)",
            vec![((MAX_ARGUMENT + 1) >> 10).to_string()],
        ),
        (
            ROUTING,
            "its login was not refused in the last § minutes",
            vec![minutes(LOGIN_PAUSE_MS)],
        ),
        (
            ROUTING,
            "An agent whose login is refused rests for § minutes.",
            vec![minutes(LOGIN_PAUSE_MS)],
        ),
        (
            ROUTING,
            "else for about §\nminutes, then twice as long each time, up to an hour",
            vec![word(quota / 60_000)],
        ),
        (
            ROUTING,
            "the agent rests for half a minute, then twice as long each time, up to an hour",
            vec![],
        ),
        (
            ROUTING,
            "A failed attempt rests its task for about § seconds, twice as long after each further one, § minutes at most",
            vec![
                word(other.first_ms() / 1000),
                word(other.longest_ms() / 60_000),
            ],
        ),
        (
            ROUTING,
            "refused in these ways § times in a row",
            vec![MOST_REFUSALS.to_string()],
        ),
        (
            CONCEPTS,
            "[refused it § times in a row]",
            vec![MOST_REFUSALS.to_string()],
        ),
        (
            ROUTING,
            "use is recorded every § seconds at most",
            vec![word(heartbeat::PACE.as_secs())],
        ),
        (
            SUPERVISION,
            "`runs.silence_minutes` (§ unless the configuration says otherwise; an agent's own `limits.silence_minutes`, § unless its file says otherwise,",
            vec![
                runs.silence_minutes.to_string(),
                agent.silence_minutes.to_string(),
            ],
        ),
        (
            SUPERVISION,
            "After § times the allowed silence",
            vec![word(stall::PATIENCE)],
        ),
        (
            SUPERVISION,
            "From a sum of § on",
            vec![stall::STALLED.to_string()],
        ),
        (
            SUPERVISION,
            "More than § % of one processor counts as CPU time",
            vec![stillness::BUSY_PERCENT.to_string()],
        ),
        (
            SUPERVISION,
            "a worktree of more than\n§,000 entries",
            vec![(stillness::MOST_FILES / 1000).to_string()],
        ),
        (
            WORKTREES,
            "Files of more than § MB",
            vec![megabytes(SnapshotLimits::OF_A_RUN.file_bytes)],
        ),
        (
            WORKTREES,
            "Where what it changed is more than § MB together",
            vec![megabytes(SLOT_LIMITS.all_bytes)],
        ),
        (WORKTREES, "for § days (`--keep`)", vec![kept.clone()]),
        (LIMITS, "30 days (`--keep`)", Vec::new()),
        (
            LIMITS,
            "§ percent of a limit",
            vec![doctor::WARNED_FROM.to_string()],
        ),
        (
            LIMITS,
            "records of the log | §,000,000 |",
            vec![(doctor::RECORDS / 1_000_000).to_string()],
        ),
        (
            LIMITS,
            "`retention.size_mb` (§), `retention.runs`, `retention.age` (§)",
            vec![
                retention.size_mb.unwrap_or_default().to_string(),
                duration::format(retention.age),
            ],
        ),
        (
            LIMITS,
            "`runs.output_mb` (§)",
            vec![runs.output_mb.to_string()],
        ),
        (
            LIMITS,
            "from inside of a run | § KiB |",
            vec![(in_run::REQUEST_CAP >> 10).to_string()],
        ),
        (
            LIMITS,
            "text of a friction | §,000 bytes",
            vec![(friction::LONGEST / 1000).to_string()],
        ),
        (
            WORKTREES,
            "out of the way of a run § days ago | `.git/ai/pruned/…`, for another § days |",
            vec![kept.clone(), kept],
        ),
    ]
}

fn with(statement: &str, numbers: &[String]) -> String {
    let text = numbers.iter().fold(statement.to_owned(), |text, number| {
        assert!(text.contains('§'), "{statement}");
        text.replacen('§', number, 1)
    });
    assert!(!text.contains('§'), "{statement}");
    text
}

#[test]
fn pages_state_the_numbers_of_the_code() {
    let wrong: Vec<String> = stated()
        .into_iter()
        .map(|(page, statement, numbers)| (page, with(statement, &numbers)))
        .filter(|(page, said)| !page.contains(said.as_str()))
        .map(|(_, said)| said)
        .collect();
    assert!(wrong.is_empty(), "no page says:\n{}", wrong.join("\n"));
}

#[test]
fn no_page_of_rules_states_a_number_that_nothing_holds() {
    let number = Regex::new(
        r"(?i)\b(\d+|two|three|four|five|six|eight|ten|fifteen|twenty|thirty|sixty)\s+(seconds?|minutes?|hours?|days?|times|KiB|MiB|MB|%)",
    )
    .unwrap();
    let mut free = Vec::new();
    for (name, page) in RULES {
        let held: Vec<std::ops::Range<usize>> = stated()
            .iter()
            .filter(|(of, ..)| *of == page)
            .filter_map(|(_, statement, numbers)| {
                let said = with(statement, numbers);
                page.find(&said).map(|at| at..at + said.len())
            })
            .collect();
        let found = number.find_iter(page);
        let is_held = |at: usize| held.iter().any(|range| range.contains(&at));
        free.extend(
            found
                .filter(|found| !is_held(found.start()))
                .map(|found| format!("{name}: {}", found.as_str())),
        );
    }
    assert_eq!(
        free, [""; 0],
        "state these in `stated()`, with their constants"
    );
}
