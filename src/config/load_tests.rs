//! Tests of reading configurations.

use super::*;
use crate::base::yaml::SourcePlace;
use crate::config::Trees;
use crate::config::check_section::CHECK_TIMEOUT;
use crate::config::entries::entries;
use crate::config::model::{AcceptMode, CommandLine, LockCase};
use crate::config::origin::{Origins, ValueOrigin};
use crate::domain::check::CheckParser;
use std::time::Duration;

const FULL: &str = "\
version: 1
modules:
  auth: [src/auth/, 'tests/auth_*.rs']
checks:
  test: {run: [cargo, test], timeout: 1h30m, parser: cargo, required: false, resources: {cpu: 2, memory: 1GiB}}
  lint: cargo clippy
  e2e: {run: ./e2e.sh, parser: junit, report: target/e2e.xml}
defaults: {checks: [test], ttl: 2h, run_ttl: 90s, heartbeat: 30s, max_attempts: 5, max_lapses: 1, agent: codex, base: main}
locks: {shared: [Cargo.lock], case: folding}
runs: {isolation: worktree, setup: npm ci, minutes: 90, silence_minutes: 5, output_mb: 8, grace: 5s, env_pass: [FOO_KEY], sandbox: landlock, network: off, allow_write: [~/.cache/x], allow_read: [/opt/x], memory_mb: 1, file_mb: 2, processes: 3, caches: [target, web/node_modules], check_keep: [target], cache_mode: copy, ports: {PORT: 2}, port_base: 30000, disk_floor_mb: 100}
router: {prefer: [codex], capabilities: {bug: [rust]}, fallback: {codex: [claude]}, weights: {cost: 2}}
scheduler: {enabled: false, max_concurrency: 4, queue_policy: fifo, max_queue_size: 9, ageing: 2h, keep_paths: 5m, order: [bug], fairness: [web], rate_limit: {requests_per_minute: 6, burst: 2}, retry: {default: {strategy: fixed, pause: 1m}}, breaker: {failures: 3, rest: 10m}, maintenance: [{from: '22:00', to: '06:00'}], machine: {cpu: 2}}
daemon: {parallel: 3, stop_within: 30s, land: true}
budgets: {run: {tokens: 9}, task: {attempts: 3}, agent: {minutes: 60}, day: {money: 1.5}, repository: {attempts: 99}}
accept: {mode: ff-only, target: dev/next}
notices: {sinks: {desktop: {type: desktop}}, rules: {any: [desktop]}, quiet_hours: {from: '22:00', to: '07:00'}, deduplicate: 1m, digest: false}
redact: ['tok_[a-z0-9]{20}']
retention: {age: 5d, runs: 9, size_mb: 7}
";

fn problems(text: &str) -> Vec<String> {
    let Err(problems) = parse(text.as_bytes(), "c") else {
        return Vec::new();
    };
    problems.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn everything_can_be_said() {
    let config = parse(FULL.as_bytes(), FILE).unwrap();
    assert_eq!(config.modules["auth"], ["src/auth/", "tests/auth_*.rs"]);
    let test = config.check("test").unwrap();
    assert_eq!(
        test.run,
        CommandLine::Argv(vec!["cargo".into(), "test".into()])
    );
    assert_eq!(
        (test.timeout, test.parser.clone(), test.required),
        (Duration::from_secs(5400), CheckParser::Cargo, false)
    );
    let lint = config.check("lint").unwrap();
    assert_eq!(
        (&lint.run, lint.timeout),
        (&CommandLine::Shell("cargo clippy".into()), CHECK_TIMEOUT)
    );
    assert!(lint.required);
    assert_eq!(
        config.check("e2e").unwrap().report.as_deref(),
        Some("target/e2e.xml")
    );
    assert_eq!(config.default_checks(), [test]);
    let defaults = &config.defaults;
    assert_eq!(
        (
            defaults.ttl.as_secs(),
            defaults.run_ttl.as_secs(),
            defaults.heartbeat.as_secs()
        ),
        (7200, 90, 30)
    );
    assert_eq!((defaults.max_attempts, defaults.max_lapses), (5, 1));
    assert_eq!(
        (defaults.agent.as_deref(), defaults.base.as_deref()),
        (Some("codex"), Some("main"))
    );
    assert_eq!(
        (config.locks.shared.as_slice(), config.locks.case),
        (&["Cargo.lock".to_owned()][..], LockCase::Folding)
    );
    let daemon = &config.daemon;
    assert_eq!(
        (daemon.parallel, daemon.stop_within.as_secs(), daemon.land),
        (Some(3), 30, true)
    );
    let runs = &config.runs;
    assert_eq!(
        (
            runs.minutes,
            runs.silence_minutes,
            runs.output_mb,
            runs.grace.as_secs()
        ),
        (90, 5, 8, 5)
    );
    assert_eq!(
        (runs.setup.clone(), runs.env_pass.len()),
        (Some(CommandLine::Shell("npm ci".into())), 1)
    );
    assert_eq!(
        (config.accept.mode, config.accept.target.as_deref()),
        (AcceptMode::FfOnly, Some("dev/next"))
    );
    let sinks = &config.notices.sinks;
    assert_eq!(sinks["desktop"], crate::domain::notice::NoticeSink::Desktop);
    assert_eq!(config.redact.len(), 1);
}

#[test]
fn a_bom_and_crlf_change_nothing() {
    let other = format!("\u{feff}{}", FULL.replace('\n', "\r\n"));
    let plain = |text: &str| Config {
        origins: Origins::new(),
        ..parse(text.as_bytes(), FILE).unwrap()
    };
    assert_eq!(plain(&other), plain(FULL));
}

#[test]
fn no_file_means_defaults_and_an_unreadable_one_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(load(dir.path(), &Trees::none()).unwrap(), Config::default());
    std::fs::create_dir_all(dir.path().join(".ai/config.yaml")).unwrap();
    let error = load(dir.path(), &Trees::none()).unwrap_err();
    assert!(matches!(error, ConfigError::Read(_)) && error.hint().contains("readable"));
    std::fs::remove_dir(dir.path().join(FILE)).unwrap();
    std::fs::write(dir.path().join(FILE), "").unwrap();
    let error = load(dir.path(), &Trees::none()).unwrap_err();
    assert!(
        error.to_string().starts_with(".ai/config.yaml: is empty"),
        "{error}"
    );
    std::fs::write(dir.path().join(FILE), "version: 1\n").unwrap();
    assert_eq!(load(dir.path(), &Trees::none()).unwrap(), Config::default());
}

#[test]
fn all_problems_come_at_once_with_places() {
    let text = "\
version: 1
modules: {'a/b': [x], ok: [../x]}
checks:
  test: {run: '', timeout: 10, parser: cargoo}
  ../up: make
  rep: {run: x, report: /etc/passwd, requred: true}
defaults: {checks: [tset], ttl: 0s, agent: 'a b', base: -x, max_attempts: zero}
locks: {case: fold}
runs: {env_pass: ['A=B'], setup: [], grace: soon}
accept: {mode: rebase}
notify: {desktop: yes}
redact: ['(']
acept: 1
";
    assert_eq!(
        problems(text),
        [
            "c:2:11: `a/b` is no name for modules: letters, digits, `-`, `_` and `.`, at most 64",
            "c:2:28: the path pattern `../x` has an empty name, `.` or `..` in it",
            "c:4:15: `run` is empty",
            "c:4:28: `timeout`: `10` has no unit; write 10s for seconds or 10m for minutes",
            "c:4:40: `parser` cannot be `cargoo`; did you mean `cargo`?",
            "c:5:3: `../up` is no name for checks: letters, digits, `-`, `_` and `.`, at most 64",
            "c:6:25: the report `/etc/passwd` must lie inside the repository",
            "c:6:38: a check has no field `requred`; did you mean `required`?",
            "c:7:21: `tset` is none of the checks; declare it under `checks`",
            "c:7:33: `ttl` must be longer than nothing",
            "c:7:44: `a b` contains a space, which a name cannot have",
            "c:7:57: `-x` is no branch name",
            "c:7:75: `max_attempts` must be a whole number of at least 1",
            "c:8:15: `case` cannot be `fold`; known are auto, sensitive, folding",
            "c:9:19: `A=B` is no name of an environment variable",
            "c:9:34: `setup` is an empty list; the program comes first",
            "c:9:45: `grace`: `soon` is not a duration; write for example 90s, 30m or 1h30m",
            "c:10:16: `mode` cannot be `rebase`; known are merge, ff-only, branch",
            "c:11:19: `desktop` must be true or false",
            "c:12:10: `(` is no regular expression",
            "c:13:1: the configuration has no field `acept`; did you mean `accept`?",
        ]
    );
}

#[test]
fn a_version_is_needed_and_a_newer_one_is_refused() {
    assert_eq!(
        problems("redact: []\n"),
        ["c:1:1: the configuration needs `version`"]
    );
    assert_eq!(
        problems("version: 2\n"),
        ["c:1:10: version 2 needs a newer version of ai"]
    );
}

#[test]
fn a_heartbeat_leaves_room_for_a_missed_one() {
    assert_eq!(problems("version: 1\ndefaults: {run_ttl: 30s}\n").len(), 1);
    assert!(problems("version: 1\ndefaults: {run_ttl: 45s}\n").is_empty());
}

#[test]
fn origins_name_the_line_or_the_default() {
    let config = parse(FULL.as_bytes(), FILE).unwrap();
    assert_eq!(
        config.origin("defaults.ttl"),
        ValueOrigin::File(SourcePlace {
            line: 8,
            column: 33
        })
    );
    assert_eq!(
        config.origin("checks.lint"),
        ValueOrigin::File(SourcePlace { line: 6, column: 3 })
    );
    let none = Config::default();
    assert!(
        entries(&none)
            .iter()
            .all(|entry| entry.origin == ValueOrigin::Default)
    );
    let said = entries(&config);
    assert!(
        said.iter()
            .all(|entry| entry.origin != ValueOrigin::Default),
        "{said:?}"
    );
    let ttl = said
        .iter()
        .find(|entry| entry.key == "defaults.ttl")
        .unwrap();
    assert_eq!(ttl.value, "2h");
}

#[test]
fn the_code_digest_moves_with_what_would_run_and_with_nothing_else() {
    let digest = |text: &str| {
        parse(format!("version: 1\n{text}").as_bytes(), FILE)
            .unwrap()
            .code_digest()
    };
    assert_eq!(digest("redact: []\n"), None);
    let one = digest("checks: {a: make}\n");
    assert!(one.is_some());
    assert_eq!(
        digest("checks: {a: {run: make, timeout: 1m}}\nlocks: {case: auto}\n"),
        one
    );
    assert_ne!(digest("checks: {a: make test}\n"), one);
    assert_ne!(digest("checks: {a: [make]}\n"), one);
    assert_ne!(digest("checks: {a: make}\nruns: {setup: x}\n"), one);
    assert_eq!(
        digest("checks: {a: make}\nruns: {sandbox: bubblewrap, network: off}\n"),
        one
    );
    for hole in ["sandbox: none", "allow_write: [/x]", "allow_read: [~/.ssh]"] {
        assert_ne!(
            digest(&format!("checks: {{a: make}}\nruns: {{{hole}}}\n")),
            one,
            "{hole}"
        );
        assert!(digest(&format!("runs: {{{hole}}}\n")).is_some(), "{hole}");
    }
    for place in ["relative", "/", "~", "~/../x", "~x/y"] {
        assert!(
            parse(
                format!("version: 1\nruns: {{allow_read: ['{place}']}}\n").as_bytes(),
                FILE
            )
            .is_err(),
            "{place}"
        );
    }
}

#[test]
fn caches_and_ports_stay_where_they_belong() {
    for bad in [
        "caches: [../x]",
        "caches: [/x]",
        "caches: [.git]",
        "caches: ['']",
        "ports: {PO-RT: 1}",
        "ports: {A: 0}",
        "ports: {A: 65}",
        "cache_mode: move",
    ] {
        assert_eq!(
            problems(&format!("version: 1\nruns: {{{bad}}}\n")).len(),
            1,
            "{bad}"
        );
    }
}
