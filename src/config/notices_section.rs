//! The section `notices`, and the switch of before, `notify.desktop`.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use crate::base::shown_time;
use crate::base::suggest;
use crate::base::yaml::{self, MappingFields, SourcePlace, YamlNode, YamlProblem};
use crate::config::checked_text::{check_place, check_variable};
use crate::config::model::Config;
use crate::config::reader::ConfigSection;
use crate::domain::notice::{
    ChatShape, CommandSink, FileSink, NoticeSettings, NoticeSink, NoticeType, QuietHours, SecretAt,
    TimeZoneName, UrlAt, WebhookSink, check_webhook_url,
};
use crate::domain::schedule::{MinuteOfDay, UtcOffset};

/// Most sinks: each is a thread while notices are delivered.
const MOST_SINKS: usize = 16;
/// The longest that a program or a host may be waited for.
const LONGEST: Duration = Duration::from_secs(60);

/// Most tries of one request.
const MOST_TRIES: u32 = 8;

/// The kinds of sinks.
#[derive(Clone, Copy)]
enum SinkWord {
    Console,
    Desktop,
    Webhook,
    Command,
    File,
}

const SINK_WORDS: [(&str, SinkWord); 5] = [
    ("console", SinkWord::Console),
    ("desktop", SinkWord::Desktop),
    ("webhook", SinkWord::Webhook),
    ("command", SinkWord::Command),
    ("file", SinkWord::File),
];

/// Reads the section `notify`, which older files have: its one switch is a sink.
pub(super) fn desktop_alone(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let mut desktop = false;
    section.set("desktop", &mut desktop, yaml::bool_of);
    if desktop {
        let sinks = &mut config.notices.sinks;
        sinks
            .entry("desktop".to_owned())
            .or_insert(NoticeSink::Desktop);
    }
}

/// Reads the section `notices`.
pub(super) fn notices(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let slot = &mut config.notices;
    if let Some(node) = section.take("sinks") {
        sinks(section, node, slot);
    }
    if let Some(node) = section.take("rules") {
        rules(section, node, slot);
    }
    section.set("quiet_hours", &mut slot.quiet_hours, |node, _, problems| {
        quiet_hours(node, problems).map(Some)
    });
    section.set("deduplicate", &mut slot.deduplicate, yaml::duration_of);
    section.set("digest", &mut slot.digest, yaml::bool_of);
}

fn sinks(section: &mut ConfigSection<'_, '_>, node: &YamlNode, slot: &mut NoticeSettings) {
    let reader = &mut *section.reader;
    for (name, _, value) in reader.named(node, "sinks") {
        if let Some(sink) = sink(value, &mut reader.problems) {
            slot.sinks.insert(name.to_owned(), sink);
        }
    }
    if slot.sinks.len() > MOST_SINKS {
        reader.problem(
            node.place,
            format!("there may be at most {MOST_SINKS} sinks"),
        );
    }
}

fn sink(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<NoticeSink> {
    let mut fields = MappingFields::of(node, "a sink", problems)?;
    let word = fields
        .need("type", problems)
        .and_then(|node| yaml::one_of(node, "the type of a sink", &SINK_WORDS, problems))?;
    let sink = match word {
        SinkWord::Console => Some(NoticeSink::Console),
        SinkWord::Desktop => Some(NoticeSink::Desktop),
        SinkWord::Webhook => webhook(&mut fields, problems).map(NoticeSink::Webhook),
        SinkWord::Command => command(&mut fields, problems).map(NoticeSink::Command),
        SinkWord::File => file(&mut fields, problems).map(NoticeSink::File),
    };
    fields.finish(problems);
    sink
}

fn webhook(fields: &mut MappingFields<'_>, problems: &mut Vec<YamlProblem>) -> Option<WebhookSink> {
    let place = fields.place;
    let shape = match fields.take("shape") {
        Some(node) => yaml::one_of(node, "`shape`", &ChatShape::WORDS, problems)?,
        None => ChatShape::Json,
    };
    let url = one_text(fields, "url", problems).map(|(url, place)| {
        if let Err(why) = check_webhook_url(&url, shape) {
            problems.push(YamlProblem::new(place, why));
        }
        UrlAt::Url(url)
    });
    let url_env = variable(fields, "url_env", problems).map(UrlAt::UrlEnv);
    let url_file = own_file(fields, "url_file", problems).map(UrlAt::UrlFile);
    let secret_env = variable(fields, "secret_env", problems).map(SecretAt::SecretEnv);
    let secret_file = own_file(fields, "secret_file", problems).map(SecretAt::SecretFile);
    let connect_timeout = limit(fields, "connect_timeout", Duration::from_secs(5), problems);
    let timeout = limit(fields, "timeout", Duration::from_secs(10), problems);
    let tries = match fields.take("tries") {
        Some(node) => yaml::count_of(node, "`tries`", 1, problems)?,
        None => 4,
    };
    let urls: Vec<UrlAt> = [url, url_env, url_file].into_iter().flatten().collect();
    let secrets: Vec<SecretAt> = [secret_env, secret_file].into_iter().flatten().collect();
    let mut refuse = |why: &str| problems.push(YamlProblem::new(place, why));
    if urls.len() != 1 {
        refuse("a webhook needs one of `url`, `url_env` and `url_file`");
    }
    if secrets.len() > 1 {
        refuse("a webhook has one secret: `secret_env` or `secret_file`");
    }
    if tries > MOST_TRIES {
        refuse("`tries` may be at most 8");
    }
    Some(WebhookSink {
        url: urls.into_iter().next()?,
        shape,
        secret: secrets.into_iter().next(),
        connect_timeout,
        timeout,
        tries,
    })
}

fn one_text(
    fields: &mut MappingFields<'_>,
    key: &'static str,
    problems: &mut Vec<YamlProblem>,
) -> Option<(String, SourcePlace)> {
    let node = fields.take(key)?;
    let text = yaml::text_of(node, &format!("`{key}`"), problems)?;
    Some((text, node.place))
}

/// The name of a variable.
fn variable(
    fields: &mut MappingFields<'_>,
    key: &'static str,
    problems: &mut Vec<YamlProblem>,
) -> Option<String> {
    let (name, place) = one_text(fields, key, problems)?;
    if let Err(why) = check_variable(&name) {
        problems.push(YamlProblem::new(place, why));
    }
    Some(name)
}

/// The path of a file of the person's own.
fn own_file(
    fields: &mut MappingFields<'_>,
    key: &'static str,
    problems: &mut Vec<YamlProblem>,
) -> Option<String> {
    let (path, place) = one_text(fields, key, problems)?;
    if let Err(why) = check_place(&path) {
        problems.push(YamlProblem::new(place, why));
    }
    Some(path)
}

fn command(fields: &mut MappingFields<'_>, problems: &mut Vec<YamlProblem>) -> Option<CommandSink> {
    let node = fields.need("run", problems);
    let run = node.map(|node| (yaml::names_of(node, "`run`", problems), node.place));
    let timeout = limit(fields, "timeout", Duration::from_secs(10), problems);
    let (run, place) = run?;
    if run.is_empty() {
        let why = "`run` is a list of a program and its arguments";
        problems.push(YamlProblem::new(place, why));
        return None;
    }
    Some(CommandSink { run, timeout })
}

fn file(fields: &mut MappingFields<'_>, problems: &mut Vec<YamlProblem>) -> Option<FileSink> {
    let path = fields
        .take("path")
        .and_then(|node| Some((yaml::text_of(node, "`path`", problems)?, node.place)));
    if let Some((path, place)) = &path {
        let why = match check_place(path) {
            Err(why) => Some(why),
            Ok(()) if Path::new(path).file_name().is_none() => {
                Some(format!("`{path}` names no file"))
            }
            Ok(()) => None,
        };
        problems.extend(why.map(|why| YamlProblem::new(*place, why)));
    }
    let max_kb = match fields.take("max_kb") {
        Some(node) => yaml::count_of(node, "`max_kb`", 4, problems)?,
        None => 1024,
    };
    let path = path.map(|(path, _)| path);
    Some(FileSink { path, max_kb })
}

/// A time limit, of at most [`LONGEST`].
fn limit(
    fields: &mut MappingFields<'_>,
    key: &'static str,
    default: Duration,
    problems: &mut Vec<YamlProblem>,
) -> Duration {
    let Some(node) = fields.take(key) else {
        return default;
    };
    let what = format!("`{key}`");
    let read = yaml::duration_of(node, &what, problems).unwrap_or(default);
    if read > LONGEST {
        let why = format!("{what} may be at most {} seconds", LONGEST.as_secs());
        problems.push(YamlProblem::new(node.place, why));
    }
    read
}

fn rules(section: &mut ConfigSection<'_, '_>, node: &YamlNode, slot: &mut NoticeSettings) {
    let reader = &mut *section.reader;
    let words = NoticeType::WORDS.iter().map(|(word, _)| *word);
    let known: Vec<&'static str> = words.chain([NoticeSettings::ANY]).collect();
    for (name, place, value) in reader.named(node, "rules") {
        let Some(word) = known.iter().find(|word| **word == name) else {
            let problem = YamlProblem::new(place, format!("there are no notices of type `{name}`"));
            let near = suggest::nearest(name, known.iter().copied());
            reader.problems.push(match near {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("known are {}", known.join(", "))),
            });
            continue;
        };
        let mut told = Vec::new();
        let what = format!("the rule for `{name}`");
        for (sink, place) in yaml::texts_of(value, &what, &mut reader.problems) {
            if slot.sinks.contains_key(&sink) {
                told.push(sink);
            } else {
                let why = format!("`{sink}` is none of the sinks; declare it under `sinks`");
                reader.problem(place, why);
            }
        }
        slot.rules.insert(word, told);
    }
}

fn quiet_hours(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<QuietHours> {
    let mut fields = MappingFields::of(node, "quiet_hours", problems)?;
    let mut time = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.need(key, problems)?;
        let text = yaml::text_of(node, &format!("`{key}`"), problems)?;
        let read = MinuteOfDay::from_str(&text);
        read.map_err(|why| problems.push(YamlProblem::new(node.place, why)))
            .ok()
    };
    let (from, to) = (time("from", problems), time("to", problems));
    let zone = match fields.take("time_zone") {
        Some(node) => time_zone(node, problems),
        None => Some(TimeZoneName("UTC".to_owned())),
    };
    let urgent = match fields.take("urgent") {
        Some(node) => yaml::list_of(node, "`urgent`", problems)
            .iter()
            .filter_map(|node| yaml::one_of(node, "a type", &NoticeType::WORDS, problems))
            .collect(),
        None => vec![NoticeType::DaemonTrouble],
    };
    fields.finish(problems);
    Some(QuietHours {
        from: from?,
        to: to?,
        time_zone: zone?,
        urgent,
    })
}

fn time_zone(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<TimeZoneName> {
    let text = yaml::text_of(node, "`time_zone`", problems)?;
    let is_known = text == "UTC"
        || UtcOffset::from_str(&text).is_ok()
        || shown_time::minutes_from_utc(&text, 0).is_some();
    if !is_known {
        let problem = YamlProblem::new(
            node.place,
            format!("this machine knows no time zone `{text}`"),
        );
        let hint = "write UTC, a name such as Europe/Berlin, or a distance such as '+02:00'";
        problems.push(problem.hint(hint));
        return None;
    }
    Some(TimeZoneName(text))
}

#[cfg(test)]
#[path = "notices_section_tests.rs"]
mod tests;
