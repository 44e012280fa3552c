//! The hook that a run gives to the CLI of its agent, by which that asks `ai` before it calls a tool.
//!
//! Invariant: nothing of the user's and nothing in the repository is written; the hook stands in the run's own
//! files, and every end of it but a yes is a no. An agent whose file gives the CLI such settings itself keeps
//! them, and has no hook.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::base::env;
use crate::connector::cli_settings;
use crate::connector::home_settings::with_more;
use crate::connector::launch::LaunchPlan;
use crate::connector::manifest::Manifest;
use crate::connector::manifest_given::{GivenSettings, GuardSetup, ServerSetup};
use crate::connector::placeholders::filled;

/// The places of a run that a CLI is told of.
#[derive(Clone, Copy)]
pub(crate) struct RunPlaces<'a> {
    /// The directory of the files that the CLI is given.
    files_dir: &'a Path,
    /// The environment of `ai`, out of which the CLI is handed some.
    env: &'a [(OsString, OsString)],
}

impl<'a> RunPlaces<'a> {
    /// Puts both together.
    pub(crate) fn new(files_dir: &'a Path, env: &'a [(OsString, OsString)]) -> RunPlaces<'a> {
        RunPlaces { files_dir, env }
    }
}

/// Gives the CLI of a run its hook, and tells it of the server, where its manifest says how; returns the program
/// that they start.
pub(crate) fn give(
    plan: &mut LaunchPlan,
    manifest: &Manifest,
    places: RunPlaces<'_>,
) -> Option<PathBuf> {
    let program = env::lasting_program().ok()?;
    let own_words = manifest.argv.len();
    let has_hook = manifest
        .guard
        .as_ref()
        .is_some_and(|setup| add_hook(plan, setup, (own_words, &program, places)));
    let has_server = manifest
        .mcp
        .as_ref()
        .is_some_and(|setup| add_server(plan, setup, (own_words, &program, places)));
    (has_hook || has_server).then_some(program)
}

/// Adds the hook to a plan of which the first `own_words` are the manifest's. False where it cannot be given.
fn add_hook(
    plan: &mut LaunchPlan,
    setup: &GuardSetup,
    (own_words, program, places): (usize, &Path, RunPlaces<'_>),
) -> bool {
    let Some(program) = program.to_str() else {
        return false;
    };
    let command = cli_settings::hook_command(program, setup.cli);
    let file = cli_settings::guard_file(program, setup.cli).unwrap_or_default();
    let trust = cli_settings::codex_trust(&command);
    let hook = Value::from(command).to_string();
    let addition = Addition {
        given: &setup.given,
        words: &[
            ("hook", &hook),
            ("guard_file", &file),
            ("hook_trust", &trust),
        ],
    };
    put(plan, &addition, own_words, places)
}

/// The same for the server.
fn add_server(
    plan: &mut LaunchPlan,
    setup: &ServerSetup,
    (own_words, program, places): (usize, &Path, RunPlaces<'_>),
) -> bool {
    let Some(program) = program.to_str() else {
        return false;
    };
    let told = Value::from(program).to_string();
    let addition = Addition {
        given: &setup.given,
        words: &[("ai", &told)],
    };
    put(plan, &addition, own_words, places)
}

/// Words, files and settings for one run.
struct Addition<'a> {
    given: &'a GivenSettings,
    /// Placeholders, each with the text in its place.
    words: &'a [(&'a str, &'a str)],
}

/// Adds all of it, or nothing.
fn put(
    plan: &mut LaunchPlan,
    setup: &Addition<'_>,
    own_words: usize,
    places: RunPlaces<'_>,
) -> bool {
    let argv = &plan.command.argv;
    let Some(dir) = places.files_dir.to_str() else {
        return false;
    };
    if setup
        .given
        .args
        .iter()
        .any(|arg| arg.starts_with("--") && gives(argv, arg))
    {
        return false;
    }
    let quoted = Value::from(dir).to_string();
    let within_json = &quoted[1..quoted.len() - 1];
    let text_of =
        |text: &str, dir: &str| filled(text, &[setup.words, &[("files_dir", dir)]].concat());
    let mut variables = Vec::new();
    for (name, text) in &setup.given.env_json {
        let more = text_of(text, within_json);
        let had = held(plan, places.env, name);
        let Some(Ok(settings)) = had.map(|had| with_more(&had, &more)) else {
            return false;
        };
        variables.push((name.clone(), OsString::from(settings)));
    }
    for (name, settings) in variables {
        plan.env_set.retain(|(other, _)| *other != name);
        plan.env_set.push((name, settings));
    }
    let argv = &mut plan.command.argv;
    let at = own_words.min(argv.len());
    argv.splice(
        at..at,
        setup
            .given
            .args
            .iter()
            .map(|arg| OsString::from(text_of(arg, dir))),
    );
    for (name, text) in &setup.given.files {
        plan.files
            .push((places.files_dir.join(name.as_str()), text_of(text, dir)));
    }
    for (name, text) in &setup.given.home {
        plan.home_more
            .push((name.clone(), text_of(text, within_json)));
    }
    true
}

/// What a variable would hold for the CLI; nothing where that is no text.
fn held(plan: &LaunchPlan, env: &[(OsString, OsString)], name: &str) -> Option<String> {
    let set = plan.env_set.iter().find(|(one, _)| one == name);
    let passed = || {
        let is_passed = plan.env_pass.iter().any(|one| one == name);
        let found = env.iter().find(|(one, _)| is_passed && one == name);
        found.map(|(_, value)| value)
    };
    match set.map(|(_, value)| value).or_else(passed) {
        Some(value) => value.to_str().map(str::to_owned),
        None => Some(String::new()),
    }
}

/// True where a command line has this flag, alone or with its value.
pub(crate) fn gives(argv: &[OsString], flag: &str) -> bool {
    let is_it = |word: &OsString| {
        let rest = word.as_encoded_bytes().strip_prefix(flag.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
    };
    argv.iter().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::launch::HomeOrigin;
    use crate::connector::manifest::OutputFormat;
    use crate::connector::registry::ConnectorRegistry;
    use crate::process::child_command::{ChildCommand, StdinSource};

    /// The start of Claude Code with its hook: the words, and the text of its settings.
    fn started(own: &[&str], program: &str, dir: &str) -> (Vec<String>, Option<String>) {
        let known = ConnectorRegistry::shipped();
        let setup = known
            .get("claude-code")
            .unwrap()
            .describe()
            .guard
            .clone()
            .unwrap();
        let words = ["claude", "-p"]
            .iter()
            .chain(own)
            .map(|word| OsString::from(*word));
        let mut plan = LaunchPlan {
            command: ChildCommand {
                argv: words.collect(),
                cwd: "/tree".into(),
                stdin: StdinSource::Null,
            },
            env_set: Vec::new(),
            env_pass: Vec::new(),
            output: OutputFormat::ClaudeStreamJson,
            files: Vec::new(),
            home: None,
            home_origin: HomeOrigin::User,
            home_more: Vec::new(),
        };
        let places = RunPlaces {
            files_dir: Path::new(dir),
            env: &[],
        };
        let given = add_hook(&mut plan, &setup, (2, Path::new(program), places));
        assert_eq!(given, !plan.files.is_empty());
        let argv = plan.command.argv.iter();
        (
            argv.map(|word| word.to_str().unwrap().to_owned()).collect(),
            plan.files.pop().map(|(_, text)| text),
        )
    }

    #[test]
    fn the_hook_stands_in_the_files_of_the_run_and_every_other_end_is_a_no() {
        let (words, settings) = started(&["--model", "m"], "/usr/bin/ai", "/run/files");
        assert_eq!(
            words,
            [
                "claude",
                "-p",
                "--settings",
                "/run/files/guard.json",
                "--model",
                "m"
            ]
        );
        let settings: serde_json::Value = serde_json::from_str(&settings.unwrap()).unwrap();
        let hook = &settings["hooks"]["PreToolUse"][0]["hooks"][0];
        assert_eq!(
            hook["command"],
            "'/usr/bin/ai' hook pre-tool --cli claude || exit 2"
        );
        assert_eq!(hook["onFailure"], "block");
    }

    #[test]
    fn any_path_stands_in_it_as_it_is() {
        let (words, settings) = started(&[], "/a b/'q\"\\{hook}/ai", "/run {hook}");
        assert_eq!(words[3], "/run {hook}/guard.json");
        let settings: serde_json::Value = serde_json::from_str(&settings.unwrap()).unwrap();
        let command = settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"]
            .as_str()
            .unwrap();
        assert_eq!(
            command,
            "'/a b/'\\''q\"\\{hook}/ai' hook pre-tool --cli claude || exit 2"
        );
    }

    /// What a shipped connector is given: words, variables, files and settings of the home.
    fn given(connector: &str, env: &[(OsString, OsString)]) -> String {
        let known = ConnectorRegistry::shipped();
        let manifest = known.get(connector).unwrap().describe();
        let mut plan = LaunchPlan {
            command: ChildCommand {
                argv: vec!["cli".into(), "own".into()],
                cwd: "/tree".into(),
                stdin: StdinSource::Null,
            },
            env_set: Vec::new(),
            env_pass: manifest.env_pass.clone(),
            output: manifest.output,
            files: Vec::new(),
            home: None,
            home_origin: HomeOrigin::User,
            home_more: Vec::new(),
        };
        let places = RunPlaces {
            files_dir: Path::new("/run \"x\"/files"),
            env,
        };
        let program = Path::new("/a b/ai");
        let guard = manifest.guard.as_ref().unwrap();
        let has_hook = add_hook(&mut plan, guard, (1, program, places));
        let server = manifest.mcp.as_ref().unwrap();
        let has_server = add_server(&mut plan, server, (1, program, places));
        let words = plan
            .command
            .argv
            .iter()
            .map(|word| word.to_str().unwrap().to_owned());
        let set = plan.env_set.iter();
        let set = set.map(|(name, value)| format!("{name}={}", value.to_str().unwrap()));
        let files = plan.files.iter();
        let files = files.map(|(path, text)| {
            let ours = text.lines().find(|line| line.starts_with("const HOOK"));
            format!("{}: {}", path.display(), ours.unwrap_or(text))
        });
        let home = plan.home_more.iter();
        let home = home.map(|(path, text)| format!("~/{path}: {}", text.trim_end()));
        let told: Vec<String> = words.chain(set).chain(files).chain(home).collect();
        format!("{has_hook} {has_server}\n{}", told.join("\n"))
    }

    #[test]
    fn each_cli_is_given_both_in_its_own_way() {
        insta::assert_snapshot!(given("codex", &[]), @r#"
        true true
        cli
        -c
        mcp_servers.ai={command="/a b/ai",args=["mcp"],env_vars=["AI_SOCKET","AI_SOCKET_KEY","AI_RUN"],default_tools_approval_mode="approve"}
        -c
        hooks.PreToolUse=[{matcher="*",hooks=[{type="command",command="'/a b/ai' hook pre-tool --cli codex || exit 2",timeout=60}]}]
        -c
        hooks.state={"/<session-flags>/config.toml:pre_tool_use:0:0"={trusted_hash="sha256:8542ac94159ff383d27e1d5cbad1f049957ad9dfb6f3caa514da40f840194295"}}
        own
        "#);
        insta::assert_snapshot!(given("gemini", &[]), @r#"
        true true
        cli
        own
        ~/.gemini/settings.json: {"hooks": {"BeforeTool": [{"matcher": "*", "hooks": [{"name": "ai-guard", "type": "command", "command": "'/a b/ai' hook pre-tool --cli gemini || exit 2", "timeout": 60000}]}]}}
        ~/.gemini/settings.json: {"mcpServers": {"ai": {"command": "/a b/ai", "args": ["mcp"], "env": {"AI_SOCKET_KEY": "$AI_SOCKET_KEY"}}}}
        "#);
        insta::assert_snapshot!(given("opencode", &[]), @r#"
        true true
        cli
        own
        OPENCODE_CONFIG_CONTENT={
          "plugin": [
            "/run \"x\"/files/ai-guard.js"
          ],
          "mcp": {
            "ai": {
              "type": "local",
              "command": [
                "/a b/ai",
                "mcp"
              ],
              "enabled": true
            }
          }
        }
        /run "x"/files/ai-guard.js: const HOOK = "'/a b/ai' hook pre-tool --cli opencode || exit 2"
        "#);
    }

    /// What the variable holds stays; where it cannot be read, the CLI is given nothing.
    #[test]
    fn a_variable_of_the_users_keeps_what_it_says() {
        let of = |value: &str| {
            let name = "OPENCODE_CONFIG_CONTENT";
            given("opencode", &[(name.into(), value.into())])
        };
        let own = "{\"model\": \"m\", /* mine */ \"plugin\": [\"b\"], \"mcp\": {\"x\": {}}}";
        insta::assert_snapshot!(of(own), @r#"
        true true
        cli
        own
        OPENCODE_CONFIG_CONTENT={
          "model": "m",
          "plugin": [
            "/run \"x\"/files/ai-guard.js",
            "b"
          ],
          "mcp": {
            "x": {},
            "ai": {
              "type": "local",
              "command": [
                "/a b/ai",
                "mcp"
              ],
              "enabled": true
            }
          }
        }
        /run "x"/files/ai-guard.js: const HOOK = "'/a b/ai' hook pre-tool --cli opencode || exit 2"
        "#);
        insta::assert_snapshot!(of("{"), @"
        false false
        cli
        own
        ");
    }

    #[test]
    fn settings_that_the_agents_file_names_are_kept() {
        for own in ["--settings", "--settings={}"] {
            assert_eq!(
                started(&[own], "/ai", "/run"),
                (vec!["claude".into(), "-p".into(), own.into()], None)
            );
        }
        assert!(started(&["--settings-like"], "/ai", "/run").1.is_some());
    }
}
