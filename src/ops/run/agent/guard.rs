//! The hook that a run gives to the CLI of its agent, by which that asks `ai` before it calls a tool.
//!
//! Invariant: nothing of the user's and nothing in the repository is written; the hook stands in the run's own
//! files, and every end of it but a yes is a no. An agent whose file gives the CLI such settings itself keeps
//! them, and has no hook.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::env;
use crate::connector::cli_settings;
use crate::connector::launch::LaunchPlan;
use crate::connector::manifest::{GuardSetup, Manifest};
use crate::domain::agent::Name;

/// Gives the CLI of a run its hook, and tells it of the server, where its manifest says how; returns the program
/// that they start.
pub(crate) fn give(
    plan: &mut LaunchPlan,
    manifest: &Manifest,
    files_dir: &Path,
) -> Option<PathBuf> {
    let hook = give_hook(plan, manifest, files_dir);
    let server = give_server(plan, manifest, files_dir);
    hook.or(server)
}

fn give_hook(plan: &mut LaunchPlan, manifest: &Manifest, files_dir: &Path) -> Option<PathBuf> {
    let setup = manifest.guard.as_ref()?;
    let program = env::lasting_program().ok()?;
    add(plan, setup, manifest.argv.len(), (&program, files_dir)).then_some(program)
}

fn give_server(plan: &mut LaunchPlan, manifest: &Manifest, files_dir: &Path) -> Option<PathBuf> {
    let setup = manifest.mcp.as_ref()?;
    let program = env::lasting_program().ok()?;
    let told = serde_json::Value::from(program.to_str()?).to_string();
    let addition = Addition {
        args: &setup.args,
        files: &setup.files,
        word: ("{ai}", &told),
    };
    put(plan, &addition, manifest.argv.len(), files_dir).then_some(program)
}

/// Words and files for one run.
struct Addition<'a> {
    args: &'a [String],
    files: &'a BTreeMap<Name, String>,
    /// A placeholder, and the text in its place.
    word: (&'a str, &'a str),
}

/// Adds the hook to a plan of which the first `own_words` are the manifest's. False where it cannot be given.
fn add(
    plan: &mut LaunchPlan,
    setup: &GuardSetup,
    own_words: usize,
    (program, files_dir): (&Path, &Path),
) -> bool {
    let Some(program) = program.to_str() else {
        return false;
    };
    let command = cli_settings::hook_command(program, setup.cli);
    let hook = serde_json::Value::from(command).to_string();
    let addition = Addition {
        args: &setup.args,
        files: &setup.files,
        word: ("{hook}", &hook),
    };
    put(plan, &addition, own_words, files_dir)
}

/// The same for any addition.
fn put(plan: &mut LaunchPlan, setup: &Addition<'_>, own_words: usize, files_dir: &Path) -> bool {
    let argv = &mut plan.command.argv;
    let Some(dir) = files_dir.to_str() else {
        return false;
    };
    if setup
        .args
        .iter()
        .any(|arg| arg.starts_with("--") && gives(argv, arg))
    {
        return false;
    }
    // Each text is gone through once: a path may hold braces, too.
    let filled = |text: &str| {
        let parts: Vec<String> = text
            .split(setup.word.0)
            .map(|part| part.replace("{files_dir}", dir))
            .collect();
        parts.join(setup.word.1)
    };
    let at = own_words.min(argv.len());
    argv.splice(
        at..at,
        setup.args.iter().map(|arg| OsString::from(filled(arg))),
    );
    for (name, text) in setup.files {
        plan.files
            .push((files_dir.join(name.as_str()), filled(text)));
    }
    true
}

/// True where a command line has this flag, alone or with its value.
fn gives(argv: &[OsString], flag: &str) -> bool {
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
        };
        let given = add(&mut plan, &setup, 2, (Path::new(program), Path::new(dir)));
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
