//! From a template and a request to a command line: placeholders, limits of the operating system,
//! environment by allow-list.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::connector::clip;
use crate::connector::error::ConnectorError;
use crate::connector::manifest::{HomeSwitch, Manifest, OutputFormat};
use crate::connector::placeholders::next_placeholder;
use crate::domain::agent::{Agent, Home};
use crate::process::child_command::{ChildCommand, StdinSource};

/// Variables that every agent gets from the user's environment: enough to find programs, a home and
/// a language, no secret.
pub const BASE_ENV: [&str; 15] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "TERM",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
];

/// Linux takes at most 128 KiB in one argument, the closing NUL included.
pub(crate) const MAX_ARGUMENT: usize = (128 << 10) - 1;

/// Bytes of an argument that are kept free of messages: for the words around them, and for what else a template puts into it.
const SPARE: usize = 8 << 10;

/// As many bytes may a prompt have that is put into an argument by one of these templates, with room to spare; no bound where none does.
pub(crate) fn prompt_room(templates: &[&[String]]) -> usize {
    let rooms = templates.iter().copied().flatten().filter_map(|template| {
        let times = template.matches("{prompt}").count();
        let around = template.len() + SPARE;
        MAX_ARGUMENT.saturating_sub(around).checked_div(times)
    });
    rooms.min().unwrap_or(usize::MAX)
}

/// The request of one run to a connector.
#[derive(Debug, Clone)]
pub struct LaunchRequest<'a> {
    /// The agent that runs.
    pub agent: &'a Agent,
    /// Model for this run; outranks the agent's own.
    pub model: Option<&'a str>,
    /// The prompt's text.
    pub prompt: &'a str,
    /// A file that holds the same prompt.
    pub prompt_file: &'a Path,
    /// The place for the named pipe of a conversation, should it come to one.
    pub pipe: &'a Path,
    /// The worktree of the agent; becomes its working directory.
    pub worktree: &'a Path,
    /// The run's own directory.
    pub run_dir: &'a Path,
    /// The directory for the files of a manifest, within the run's own.
    pub files_dir: &'a Path,
    /// Directory of a home of the run's own, should it get one. Runs that go on with one session
    /// have it at the same place: a CLI may have written down where its files are.
    pub home_dir: &'a Path,
    /// New session or continued one.
    pub session: SessionChoice<'a>,
    /// The program to start instead of the one that the manifest names: where detection found it.
    pub program: Option<&'a Path>,
}

/// The session of the CLI that a run uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionChoice<'a> {
    /// A new one; its id is the CLI's choice.
    New,
    /// A new one, which gets this id where the CLI can be told one.
    Named(&'a str),
    /// Continues this one.
    Resume(&'a str),
}

/// Everything that is needed to start one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchPlan {
    /// The command itself; its program is never missing.
    pub command: ChildCommand,
    /// Variables to set.
    pub env_set: Vec<(String, OsString)>,
    /// Names of variables to take over from the user's environment where they are set. Nothing else
    /// is inherited.
    pub env_pass: Vec<String>,
    /// Format of its standard output.
    pub output: OutputFormat,
    /// Files to write before the start, below the run's directory.
    pub files: Vec<(PathBuf, String)>,
    /// A home of its own: a private directory to make before the start, and to remove after the end.
    pub home: Option<PathBuf>,
    /// The origin of what stands in that home.
    pub home_origin: HomeOrigin,
    /// Settings of that home that go over all others, as JSON, each with its path there.
    pub home_more: Vec<(String, String)>,
}

/// The origin of what stands in the home of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeOrigin {
    /// Nothing stands there but settings of the manifest.
    Empty,
    /// The user's home: everything leads there but the files of settings, which are the user's over
    /// those of the manifest.
    User,
}

/// Fills templates with the values of one request. Values are never looked at again, whatever
/// braces they hold.
pub(super) fn expand_all<'t, I>(
    templates: I,
    request: &LaunchRequest<'_>,
) -> Result<Vec<OsString>, ConnectorError>
where
    I: IntoIterator<Item = &'t String>,
{
    templates
        .into_iter()
        .map(|template| expand(template, request))
        .collect()
}

fn expand(template: &str, request: &LaunchRequest<'_>) -> Result<OsString, ConnectorError> {
    let mut out = OsString::new();
    let mut rest = template;
    while let Some((before, word, after)) = next_placeholder(rest) {
        out.push(before);
        match word {
            "prompt" => out.push(request.prompt),
            "prompt_file" => out.push(request.prompt_file),
            "worktree" => out.push(request.worktree),
            "run_dir" => out.push(request.run_dir),
            "files_dir" => out.push(request.files_dir),
            "home" => out.push(request.home_dir),
            "model" => out.push(chosen_model(request).ok_or_else(|| no_value(template, "model"))?),
            "session" => {
                out.push(session_id(request).ok_or_else(|| no_value(template, "session"))?)
            }
            unknown => out.push(format!("{{{unknown}}}")),
        }
        rest = after;
    }
    out.push(rest);
    Ok(out)
}

/// The home that this run gets, where it is its own: as the agent says, else as the manifest does.
pub(super) fn own_home(
    manifest: &Manifest,
    request: &LaunchRequest<'_>,
) -> Result<Option<PathBuf>, ConnectorError> {
    match (&manifest.home, request.agent.home) {
        (None, Some(Home::Run)) => Err(ConnectorError::NoHome {
            connector: manifest.name.to_string(),
        }),
        (None, _) => Ok(None),
        (Some(switch), chosen) => Ok(
            (chosen.unwrap_or(switch.default) == Home::Run).then(|| request.home_dir.to_owned())
        ),
    }
}

fn env_set(
    manifest: &Manifest,
    request: &LaunchRequest<'_>,
    home: Option<&PathBuf>,
) -> Result<Vec<(String, OsString)>, ConnectorError> {
    let set = manifest
        .env_set
        .iter()
        .map(|(name, value)| Ok((name.clone(), expand(value, request)?)));
    let variable = manifest.home.as_ref().and_then(|switch| switch.env.clone());
    let moved = variable
        .zip(home)
        .map(|(name, dir)| Ok((name, dir.clone().into_os_string())));
    set.chain(moved).collect()
}

fn no_value(argument: &str, placeholder: &'static str) -> ConnectorError {
    ConnectorError::NoValue {
        argument: argument.to_owned(),
        placeholder,
    }
}

/// The model of this run: the request's, else the agent's.
pub(super) fn chosen_model<'a>(request: &LaunchRequest<'a>) -> Option<&'a str> {
    request.model.or(request.agent.model.as_deref())
}

fn session_id<'a>(request: &LaunchRequest<'a>) -> Option<&'a str> {
    match request.session {
        SessionChoice::New => None,
        SessionChoice::Named(id) | SessionChoice::Resume(id) => Some(id),
    }
}

/// Refuses a model or session id that a CLI could take for a flag. Session ids come from an agent's
/// own output.
pub(super) fn check_words(request: &LaunchRequest<'_>) -> Result<(), ConnectorError> {
    for (what, value) in [
        ("model", chosen_model(request)),
        ("session id", session_id(request)),
    ] {
        let Some(value) = value else { continue };
        let plain = |c: char| !c.is_control() && !c.is_whitespace();
        if value.is_empty()
            || value.len() > 200
            || value.starts_with('-')
            || !value.chars().all(plain)
        {
            return Err(ConnectorError::NotAWord {
                what,
                value: clip::text(value, 200),
            });
        }
    }
    Ok(())
}

/// Puts the parts of a plan together and checks the command line against the limits of the
/// operating system.
pub(super) fn plan(
    manifest: &Manifest,
    request: &LaunchRequest<'_>,
    argv: Vec<OsString>,
    stdin: StdinSource,
) -> Result<LaunchPlan, ConnectorError> {
    for (index, argument) in argv.iter().enumerate() {
        let bytes = argument.as_bytes();
        if bytes.contains(&0) {
            return Err(ConnectorError::NulByte { index });
        }
        if bytes.len() > MAX_ARGUMENT {
            return Err(ConnectorError::ArgumentTooLong {
                bytes: bytes.len(),
                most: MAX_ARGUMENT,
            });
        }
    }
    let own = own_home(manifest, request)?;
    let home_origin = match own {
        Some(_) => HomeOrigin::Empty,
        None => HomeOrigin::User,
    };
    let has_settings = |switch: &&HomeSwitch| !switch.settings.is_empty();
    let leading = manifest.home.as_ref().filter(has_settings);
    let home = own.or_else(|| leading.map(|_| request.home_dir.to_owned()));
    Ok(LaunchPlan {
        command: ChildCommand {
            argv,
            cwd: request.worktree.to_owned(),
            stdin,
        },
        env_set: env_set(manifest, request, home.as_ref())?,
        env_pass: env_pass(manifest, request.agent),
        output: manifest.output,
        files: manifest
            .files
            .iter()
            .map(|(name, text)| (request.files_dir.join(name.as_str()), text.clone()))
            .collect(),
        home,
        home_origin,
        home_more: Vec::new(),
    })
}

fn env_pass(manifest: &Manifest, agent: &Agent) -> Vec<String> {
    let mut names: Vec<String> = BASE_ENV.map(str::to_owned).into();
    for name in manifest.env_pass.iter().chain(&agent.env_pass) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agent::Name;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_prompt_has_the_room_that_an_argument_leaves_it() {
        let rooms = |templates: &[&str]| {
            let templates: Vec<String> = templates.iter().map(ToString::to_string).collect();
            prompt_room(&[&[], &templates])
        };
        let free = MAX_ARGUMENT - SPARE;
        for (templates, room) in [
            (&["tool", "{prompt_file}"][..], usize::MAX),
            (&["tool", "{prompt}"][..], free - 8),
            (&["tool", "{prompt}", "--say={prompt}"][..], free - 14),
            (&["{prompt} {prompt}"][..], (free - 17) / 2),
        ] {
            assert_eq!(rooms(templates), room, "{templates:?}");
        }
    }

    #[test]
    fn values_are_put_in_once_and_as_bytes() {
        let agent = Agent::new(Name::new("a").unwrap(), Name::new("command").unwrap());
        let dir = PathBuf::from(OsString::from_vec(b"/w\xff".to_vec()));
        let request = LaunchRequest {
            agent: &agent,
            model: Some("m"),
            prompt: "say {model} and {worktree}",
            prompt_file: Path::new("/r/prompt.md"),
            pipe: Path::new("/r/pipe"),
            worktree: &dir,
            run_dir: Path::new("/r"),
            files_dir: Path::new("/r/files"),
            home_dir: Path::new("/r/home"),
            session: SessionChoice::New,
            program: None,
        };
        let one = |t: &str| expand(t, &request);
        assert_eq!(one("{prompt}").unwrap(), "say {model} and {worktree}");
        assert_eq!(one("-C={worktree}/x").unwrap().into_vec(), b"-C=/w\xff/x");
        assert_eq!(one("{other}{model}{").unwrap(), "{other}m{");
        assert!(matches!(
            one("{session}"),
            Err(ConnectorError::NoValue {
                placeholder: "session",
                ..
            })
        ));
    }
}
