//! The section `scheduler`.

use std::str::FromStr;

use crate::base::yaml::{self, MappingFields, YamlNode, YamlProblem};
use crate::config::model::Config;
use crate::config::reader::ConfigSection;
use crate::config::resource_fields;
use crate::domain::backoff::{RetryClass, RetryPlan, RetryStrategy};
use crate::domain::schedule::{
    Breaker, MaintenanceWindow, QueuePolicy, RateLimit, UtcOffset, Weekday,
};
use crate::domain::task_text::check_word;

/// Reads the section `scheduler`.
pub(super) fn scheduler(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let slot = &mut config.scheduler;
    section.set("enabled", &mut slot.enabled, yaml::bool_of);
    for (key, limit) in [
        ("max_concurrency", &mut slot.max_concurrency),
        ("max_queue_size", &mut slot.max_queue_size),
    ] {
        section.set(key, limit, |node, what, problems| {
            yaml::count_of(node, what, 1, problems).map(Some)
        });
    }
    let policies = [
        ("priority", QueuePolicy::Priority),
        ("fifo", QueuePolicy::Fifo),
    ];
    section.set(
        "queue_policy",
        &mut slot.queue_policy,
        |node, what, problems| yaml::one_of(node, what, &policies, problems),
    );
    section.set("ageing", &mut slot.ageing, yaml::duration_of);
    section.set("keep_paths", &mut slot.keep_paths, yaml::duration_of);
    section.texts("order", &mut slot.order, is_word);
    section.texts("fairness", &mut slot.fairness, is_word);
    section.set("rate_limit", &mut slot.rate_limit, |node, _, problems| {
        rate_limit(node, problems).map(Some)
    });
    section.set("retry", &mut slot.retry, |node, _, problems| {
        retry(node, problems)
    });
    section.set("breaker", &mut slot.breaker, |node, _, problems| {
        breaker(node, problems).map(Some)
    });
    section.set(
        "maintenance",
        &mut slot.maintenance,
        |node, what, problems| {
            let before = problems.len();
            let windows = yaml::list_of(node, what, problems);
            let windows = windows.iter().filter_map(|node| window(node, problems));
            let windows: Vec<MaintenanceWindow> = windows.collect();
            (problems.len() == before).then_some(windows)
        },
    );
    section.set("machine", &mut slot.machine, |node, _, problems| {
        resource_fields::machine(node, problems)
    });
}

fn is_word(word: &str) -> Result<(), String> {
    check_word(word).map_err(|bad| bad.to_string())
}

fn rate_limit(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<RateLimit> {
    let mut fields = MappingFields::of(node, "rate_limit", problems)?;
    let mut count = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.need(key, problems)?;
        yaml::count_of(node, &format!("`{key}`"), 1, problems)
    };
    let requests_per_minute = count("requests_per_minute", problems);
    let burst = count("burst", problems);
    fields.finish(problems);
    Some(RateLimit {
        requests_per_minute: requests_per_minute?,
        burst: burst?,
    })
}

fn retry(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<RetryPlan> {
    let mut fields = MappingFields::of(node, "retry", problems)?;
    let mut plan = RetryPlan::default();
    for (word, class) in RetryClass::WORDS {
        let node = fields.take(word);
        let strategy = node.and_then(|node| strategy(node, problems));
        plan.0.extend(strategy.map(|strategy| (class, strategy)));
    }
    fields.finish(problems);
    Some(plan)
}

fn strategy(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<RetryStrategy> {
    /// The two words.
    #[derive(Clone, Copy)]
    enum Word {
        Fixed,
        Exponential,
    }
    let mut fields = MappingFields::of(node, "a strategy", problems)?;
    let words = [("fixed", Word::Fixed), ("exponential", Word::Exponential)];
    let word = fields
        .need("strategy", problems)
        .and_then(|node| yaml::one_of(node, "`strategy`", &words, problems))?;
    let mut duration = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.need(key, problems)?;
        yaml::duration_of(node, &format!("`{key}`"), problems)
    };
    let strategy = match word {
        Word::Fixed => duration("pause", problems).map(|pause| RetryStrategy::Fixed { pause }),
        Word::Exponential => {
            let (first, longest) = (duration("first", problems), duration("longest", problems));
            first
                .zip(longest)
                .map(|(first, longest)| RetryStrategy::Exponential { first, longest })
        }
    };
    fields.finish(problems);
    strategy
}

fn breaker(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<Breaker> {
    let mut fields = MappingFields::of(node, "breaker", problems)?;
    let failures = fields
        .need("failures", problems)
        .and_then(|node| yaml::count_of(node, "`failures`", 1, problems));
    let rest = fields
        .need("rest", problems)
        .and_then(|node| yaml::duration_of(node, "`rest`", problems));
    fields.finish(problems);
    Some(Breaker {
        failures: failures?,
        rest: rest?,
    })
}

fn window(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<MaintenanceWindow> {
    let mut fields = MappingFields::of(node, "a maintenance window", problems)?;
    let days = fields.take("days").map(|node| days(node, problems));
    let from = fields
        .need("from", problems)
        .and_then(|node| read(node, "`from`", problems));
    let to = fields
        .need("to", problems)
        .and_then(|node| read(node, "`to`", problems));
    let utc_offset = match fields.take("utc_offset") {
        Some(node) => read(node, "`utc_offset`", problems),
        None => Some(UtcOffset::default()),
    };
    fields.finish(problems);
    Some(MaintenanceWindow {
        days: days.unwrap_or_default(),
        from: from?,
        to: to?,
        utc_offset: utc_offset?,
    })
}

fn days(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Vec<Weekday> {
    let one = std::slice::from_ref(node);
    let nodes = match &node.value {
        yaml::YamlValue::List(items) => items.as_slice(),
        _ => one,
    };
    nodes
        .iter()
        .filter_map(|node| yaml::one_of(node, "a day", &Weekday::WORDS, problems))
        .collect()
}

/// A text that reads itself.
fn read<T: FromStr<Err = String>>(
    node: &YamlNode,
    what: &str,
    problems: &mut Vec<YamlProblem>,
) -> Option<T> {
    let text = yaml::text_of(node, what, problems)?;
    let read = text
        .parse()
        .map_err(|why: String| problems.push(YamlProblem::new(node.place, why)));
    read.ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use crate::config::load::parse;
    use crate::domain::backoff::{RetryClass, RetryPlan, RetryStrategy};
    use crate::domain::schedule::{Breaker, QueuePolicy, RateLimit, SchedulerSettings, Weekday};

    #[test]
    fn every_setting_is_read() {
        let text = "version: 1
scheduler:
  enabled: false
  max_concurrency: 4
  queue_policy: fifo
  max_queue_size: 100
  ageing: 12h
  keep_paths: 30m
  order: [bug, reliability]
  fairness: [web, core]
  rate_limit: {requests_per_minute: 30, burst: 5}
  retry: {default: {strategy: exponential, first: 5s, longest: 1h}, time: {strategy: fixed, pause: 2m}}
  breaker: {failures: 3, rest: 10m}
  maintenance:
    - {days: [sat, sun], from: \"22:00\", to: \"06:00\", utc_offset: \"+02:00\"}
    - {from: \"12:00\", to: \"13:00\"}
  machine: {cpu: 6, memory: 24GiB, scratch: 200GiB, load: 1.5, pressure: {memory: 20, cpu: 80, io: 60.5}}
";
        let read = parse(text.as_bytes(), "f").unwrap().scheduler;
        let windows: Vec<String> = read
            .maintenance
            .iter()
            .map(|one| format!("{} {} {}", one.from, one.to, one.utc_offset))
            .collect();
        assert_eq!(windows, ["22:00 06:00 +02:00", "12:00 13:00 +00:00"]);
        assert_eq!(read.maintenance[0].days, [Weekday::Sat, Weekday::Sun]);
        let expected = SchedulerSettings {
            enabled: false,
            max_concurrency: Some(4),
            queue_policy: QueuePolicy::Fifo,
            max_queue_size: Some(100),
            ageing: Duration::from_secs(12 * 3600),
            keep_paths: Duration::from_secs(1800),
            order: ["bug", "reliability"].map(String::from).into(),
            fairness: ["web", "core"].map(String::from).into(),
            rate_limit: Some(RateLimit {
                requests_per_minute: 30,
                burst: 5,
            }),
            retry: RetryPlan(BTreeMap::from([
                (
                    RetryClass::Default,
                    RetryStrategy::Exponential {
                        first: Duration::from_secs(5),
                        longest: Duration::from_secs(3600),
                    },
                ),
                (
                    RetryClass::Time,
                    RetryStrategy::Fixed {
                        pause: Duration::from_secs(120),
                    },
                ),
            ])),
            breaker: Some(Breaker {
                failures: 3,
                rest: Duration::from_secs(600),
            }),
            maintenance: read.maintenance.clone(),
            machine: read.machine,
        };
        let machine = serde_json::to_string(&read.machine).unwrap();
        assert_eq!(
            machine,
            r#"{"cpu":6,"memory":"24GiB","scratch":"200GiB","load":1.5,"pressure":{"memory":20,"cpu":80,"io":60.5}}"#
        );
        assert_eq!(read, expected);
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_line() {
        for (text, why) in [
            ("enabled: yes", "`enabled` must be true or false"),
            (
                "max_concurrency: 0",
                "`max_concurrency` must be a whole number of at least 1",
            ),
            ("queue_policy: lifo", "`queue_policy` cannot be `lifo`"),
            ("ageing: 30", "`30` has no unit"),
            ("rate_limit: {burst: 2}", "requests_per_minute"),
            (
                "rate_limit: {requests_per_minute: 6, burst: 0}",
                "`burst` must be",
            ),
            ("breaker: {failures: 3}", "rest"),
            ("breaker: 3", "must be a mapping"),
            (
                "retry: {time: {strategy: random}}",
                "`strategy` cannot be `random`",
            ),
            ("retry: {time: {strategy: fixed}}", "pause"),
            (
                "retry: {never: {strategy: fixed, pause: 1s}}",
                "no field `never`",
            ),
            (
                "maintenance: [{from: \"25:00\", to: \"06:00\"}]",
                "`25:00` is no time of the day",
            ),
            (
                "maintenance: [{from: \"22:00\", to: \"06:00\", days: [monday]}]",
                "a day cannot be `monday`",
            ),
            (
                "maintenance: [{from: \"22:00\", to: \"06:00\", utc_offset: cest}]",
                "`cest` is no distance from UTC",
            ),
            ("machine: 4", "must be a mapping"),
            ("machine: {cpu: 0}", "`cpu` must be more than nothing"),
            ("machine: {memory: 24}", "`memory`: `24` has no unit"),
            ("machine: {memory: 24GB}", "`24GB` is no size"),
            ("machine: {gpu: 1}", "no field `gpu`"),
            (
                "machine: {pressure: {memory: 101}}",
                "`memory` must be at most 100",
            ),
            ("machine: {pressure: {disk: 1}}", "no field `disk`"),
            ("windows: []", "no field `windows`"),
        ] {
            let text = format!("version: 1\nscheduler:\n  {text}\n");
            let problems = parse(text.as_bytes(), "f").unwrap_err();
            let told = problems.to_string();
            assert!(
                told.contains(why) && told.contains("f:3:"),
                "{text}: {told}"
            );
        }
    }
}
