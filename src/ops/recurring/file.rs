//! The files of recurring work: `.ai/recurring/NAME.yaml`, one a name.
//!
//! A file that cannot be used is told of by its name and hides no other. Absent: whether it is switched on, which
//! the store knows; trust in it is looked up here, since it is of the very bytes that were read.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::text::one_line;
use crate::base::time_zone::TimeZone;
use crate::base::yaml::{
    self, MappingFields, SourcePlace, YamlNode, YamlProblem, YamlProblems, YamlValue,
};
use crate::base::{fs, hash};
use crate::config::ConfigError;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::agent::Name;
use crate::domain::recurring::{
    CatchUpRule, ClockKind, OverlapRule, RecurringClock, RecurringRules,
};
use crate::domain::trusted_set::{ExecutableSet, RECURRING};
use crate::ops::create::{self, NewTask};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::refusal::{Refusal, Thing};

/// The zone of a file that names none: a file is the same work on every machine.
const USUAL_ZONE: &str = "UTC";

/// A file of recurring work, as it is written; for editors.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "RecurringFile", deny_unknown_fields)]
pub struct RecurringFileShape {
    /// The moments: five fields of cron (`0 3 * * mon-fri`), `@daily` and its like, a pace (`every 6h`), or a time
    /// (`daily at 03:00`, `mon, thu at 09:30`).
    pub schedule: String,
    /// The place whose clock counts, such as `Europe/Berlin`; `UTC` where absent.
    #[schemars(default)]
    pub time_zone: Option<String>,
    /// Conduct while the last task is open; `skip` where absent.
    #[schemars(default)]
    pub overlap: Option<OverlapRule>,
    /// Conduct with what was missed: `last` where absent.
    #[schemars(default)]
    pub catch_up: Option<CatchUpRule>,
    /// The task that is created.
    pub task: NewTask,
}

/// Recurring work as its file says it.
#[derive(Debug, Clone)]
pub struct RecurringTemplate {
    /// The moments.
    pub clock: RecurringClock,
    /// The rules.
    pub rules: RecurringRules,
    /// The task that is created.
    pub task: NewTask,
    digest: String,
}

impl RecurringTemplate {
    /// True where these very bytes are trusted on this machine.
    pub fn is_trusted(&self, name: &Name, trusted: &ExecutableSet) -> bool {
        trusted.has_file(&trusted_path(name), &self.digest)
    }
}

/// The path below `.ai/`, as trust knows it.
fn trusted_path(name: &Name) -> String {
    format!("{RECURRING}/{name}.yaml")
}

/// A name with what its file says, or what is wrong with it.
pub struct RecurringFile {
    /// The name.
    pub name: Name,
    /// The file's content.
    pub read: Result<RecurringTemplate, ConfigError>,
}

/// Everything in the directory of recurring work.
#[derive(Default)]
pub struct RecurringFiles {
    /// The files, by name.
    pub files: Vec<RecurringFile>,
    /// Paths below `.ai/recurring/` that no name can have, with the reason.
    pub misnamed: Vec<(String, String)>,
    /// Why the directory cannot be looked into: whether a file is there is not known then.
    pub unseen: Option<UnseenFiles>,
}

/// A directory of recurring work that cannot be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnseenFiles {
    /// The reason.
    pub why: String,
    /// The next step.
    pub next: String,
}

impl UnseenFiles {
    fn new(why: impl Into<String>, next: &str) -> UnseenFiles {
        UnseenFiles {
            why: why.into(),
            next: next.to_owned(),
        }
    }

    /// Finds something else in the place of the directory; nothing where it is one, or is not there.
    fn in_its_place(dir: &Path) -> Option<UnseenFiles> {
        if fs::is_link(dir) && fs::leads_nowhere(dir) {
            return Some(UnseenFiles::new(
                "it is a link that leads nowhere",
                "make the directory that .ai/recurring leads to, or remove the link",
            ));
        }
        dir.is_file().then(|| {
            UnseenFiles::new(
                "it is a file and no directory",
                "move .ai/recurring away; files of recurring work go into a directory of that name",
            )
        })
    }
}

impl RecurringFiles {
    /// The file of a name.
    pub fn of(&self, name: &str) -> Option<&RecurringFile> {
        self.files.iter().find(|file| file.name.as_str() == name)
    }
}

/// The directory in the checkout at `root`.
pub fn dir(root: &Path) -> PathBuf {
    root.join(".ai").join(RECURRING)
}

/// The file of a name, as people know it.
pub fn shown(name: &str) -> String {
    format!(".ai/{RECURRING}/{name}.yaml")
}

/// Whoever creates what the clock asks for.
pub fn actor_of(name: &Name) -> Result<Actor, OpError> {
    let actor = Actor::new(ActorKind::Daemon, format!("recurring:{name}"));
    actor.kept(shown(name.as_str()))
}

/// Reads every file; a directory that is not there holds none, and one that cannot be looked into is told as such.
pub fn load_all(root: &Path) -> RecurringFiles {
    let mut found = RecurringFiles {
        unseen: UnseenFiles::in_its_place(&dir(root)),
        ..RecurringFiles::default()
    };
    if found.unseen.is_some() {
        return found;
    }
    let all = fs::list_dir(&dir(root)).unwrap_or_else(|error| {
        let why = format!("it cannot be looked into: {error}");
        let next = "give yourself the right to read .ai/recurring";
        found.unseen = Some(UnseenFiles::new(why, next));
        Vec::new()
    });
    for path in all {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if file.starts_with('.') || path.is_dir() {
            continue;
        }
        match name_of(&file) {
            Ok(name) => {
                let read = read(&path, &name);
                found.files.push(RecurringFile { name, read });
            }
            Err(why) => found.misnamed.push((file.into_owned(), why)),
        }
    }
    found.files.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn name_of(file: &str) -> Result<Name, String> {
    let Some(stem) = file.strip_suffix(".yaml") else {
        return Err("its name does not end in .yaml".to_owned());
    };
    match Name::new(stem) {
        Ok(name) if actor_of(&name).is_ok() => Ok(name),
        Ok(_) => Err("its name is too long".to_owned()),
        Err(bad) => Err(format!("{bad}")),
    }
}

/// Reads the files of these names, as far as they are there.
pub(super) fn load_these(root: &Path, names: &[String]) -> RecurringFiles {
    let dir = dir(root);
    let known = names
        .iter()
        .filter_map(|name| Name::new(name.as_str()).ok());
    let file = |name: Name| {
        let path = dir.join(format!("{name}.yaml"));
        // One that cannot be looked at is told of as that, by reading it.
        let is_there = !fs::is_missing(&path) && !path.is_dir();
        is_there.then(|| RecurringFile {
            read: read(&path, &name),
            name,
        })
    };
    RecurringFiles {
        files: known.filter_map(file).collect(),
        unseen: UnseenFiles::in_its_place(&dir),
        ..RecurringFiles::default()
    }
}

/// Reads the file of one name; refuses one that is not there or cannot be used.
pub fn load(root: &Path, typed: &str) -> Result<(Name, RecurringTemplate), OpError> {
    let missing = || Refusal::NotFound {
        what: Thing::Recurring,
        id: one_line(typed),
    };
    let name = name_of(&format!("{typed}.yaml")).map_err(|_| missing())?;
    let path = dir(root).join(format!("{name}.yaml"));
    if fs::is_missing(&path) {
        return Err(missing().into());
    }
    let read = read(&path, &name).map_err(Refusal::Recurring)?;
    Ok((name, read))
}

fn read(path: &Path, name: &Name) -> Result<RecurringTemplate, ConfigError> {
    let file = shown(name.as_str());
    if fs::is_link(path) {
        let text = "it is a link, and what that shows could change unseen";
        return Err(ConfigError::Content(YamlProblems::whole(&file, text)));
    }
    let bytes = fs::read_capped(path, yaml::MAX_BYTES)?;
    parse(&bytes)
        .map_err(|problems| ConfigError::Content(YamlProblems::new(&file, problems).within(&bytes)))
}

/// Reads the content of a file.
fn parse(bytes: &[u8]) -> Result<RecurringTemplate, Vec<YamlProblem>> {
    let root = yaml::parse(bytes).map_err(|problem| vec![of_this_kind(problem)])?;
    let mut problems = Vec::new();
    let read = template(&root, bytes, &mut problems);
    match read {
        Some(read) if problems.is_empty() => Ok(read),
        _ => Err(problems),
    }
}

/// An empty file is told of with what belongs into this one.
fn of_this_kind(problem: YamlProblem) -> YamlProblem {
    if problem == yaml::empty_file() {
        let text = "write `schedule: daily at 03:00` and `task: {title: …}` into it, or remove it";
        return YamlProblem::new(problem.place, problem.message).hint(text);
    }
    problem
}

fn template(
    root: &YamlNode<'_>,
    bytes: &[u8],
    problems: &mut Vec<YamlProblem>,
) -> Option<RecurringTemplate> {
    let mut fields = MappingFields::of(root, "recurring work", problems)?;
    let schedule = fields.need("schedule", problems);
    let zone = fields.take("time_zone");
    let overlap = fields.take("overlap");
    let catch_up = fields.take("catch_up");
    let task = fields.need("task", problems);
    fields.refuse(
        "enabled",
        "a file cannot switch itself on: every clone has it, and each would create the task; `ai recurring enable NAME` does it for this one",
        problems,
    );
    fields.finish(problems);
    let clock = clock(schedule?, zone, problems);
    let overlap_word = overlap.map(|node| (node.place, overlap_of(node, problems)));
    let catch_up_word = catch_up.map(|node| (node.place, catch_up_of(node, problems)));
    let rules = RecurringRules {
        overlap: overlap_word.and_then(|(_, word)| word).unwrap_or_default(),
        catch_up: catch_up_word.and_then(|(_, word)| word).unwrap_or_default(),
    };
    if let Some((place, Some(CatchUpRule::All))) = catch_up_word
        && rules.overlap == OverlapRule::Skip
    {
        let text = "`catch_up: all` creates several tasks at once, and `overlap: skip` lets one be open at a time";
        let problem = YamlProblem::new(place, text);
        problems.push(problem.hint("write `overlap: queue`, or `catch_up: last`"));
    }
    let task = new_task(task?, problems)?;
    Some(RecurringTemplate {
        clock: clock?,
        rules,
        task,
        digest: hash::sha256_hex(bytes),
    })
}

fn overlap_of(node: &YamlNode<'_>, problems: &mut Vec<YamlProblem>) -> Option<OverlapRule> {
    let words = [("skip", OverlapRule::Skip), ("queue", OverlapRule::Queue)];
    yaml::one_of(node, "overlap", &words, problems)
}

fn catch_up_of(node: &YamlNode<'_>, problems: &mut Vec<YamlProblem>) -> Option<CatchUpRule> {
    let words = [
        ("none", CatchUpRule::None),
        ("last", CatchUpRule::Last),
        ("all", CatchUpRule::All),
    ];
    yaml::one_of(node, "catch_up", &words, problems)
}

fn clock(
    schedule: &YamlNode<'_>,
    zone: Option<&YamlNode<'_>>,
    problems: &mut Vec<YamlProblem>,
) -> Option<RecurringClock> {
    let text = yaml::text_of(schedule, "schedule", problems)?;
    let named = match zone {
        Some(node) => yaml::text_of(node, "time_zone", problems)?,
        None => USUAL_ZONE.to_owned(),
    };
    let at = zone.map_or(schedule.place, |node| node.place);
    let Some(found) = TimeZone::named(&named) else {
        let problem = YamlProblem::new(at, format!("this machine knows no time zone `{named}`"));
        problems.push(problem.hint("names are as Europe/Berlin; the package tzdata brings them"));
        return None;
    };
    match RecurringClock::parse(&text, found) {
        Ok(clock) if clock.kind() == ClockKind::Elapsed && zone.is_some() => {
            let text = "`every` counts time that passes, which no place sets";
            problems.push(YamlProblem::new(at, text).hint("leave `time_zone` out"));
            None
        }
        Ok(clock) => Some(clock),
        Err(why) => {
            problems.push(YamlProblem::new(schedule.place, why));
            None
        }
    }
}

/// The task, as strictly as an entry of `ai task create --from`.
fn new_task(node: &YamlNode<'_>, problems: &mut Vec<YamlProblem>) -> Option<NewTask> {
    let mut refuse = |place: SourcePlace, why: String| problems.push(YamlProblem::new(place, why));
    if !matches!(node.value, YamlValue::Map(_)) {
        let kind = node.value.kind();
        refuse(node.place, format!("task must be a mapping, not {kind}"));
        return None;
    }
    let new: NewTask = match serde_json::from_value(yaml::to_json(node.clone())) {
        Ok(new) => new,
        Err(error) => {
            refuse(node.place, format!("task: {error}"));
            return None;
        }
    };
    if let Err(error) = create::validate(&new) {
        refuse(node.place, format!("task: {error}"));
    }
    for (field, is_there) in [
        ("key", new.key.is_some()),
        ("not_before_ms", new.not_before_ms.is_some()),
    ] {
        if is_there {
            refuse(node.place, format!("task: `{field}` is of one task alone"));
        }
    }
    Some(new)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
