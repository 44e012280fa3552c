//! The rules that a manifest must keep beyond its shape. Every message begins with the field that
//! breaks one.

use std::path::{Component, Path};

use regex::Regex;

use crate::connector::home_settings::merged;
use crate::connector::manifest::{CliDetection, HomeSwitch, Manifest, OutputFormat, PromptMode};
use crate::connector::manifest_given::GivenSettings;
use crate::connector::placeholders::{PLACEHOLDERS, filled, placeholders};
use crate::domain::agent::check_env_names;

/// Checks everything.
pub(super) fn check(manifest: &Manifest) -> Result<(), String> {
    if manifest.version != 1 {
        return Err(format!(
            "version: {} is not 1, the only one this `ai` understands",
            manifest.version
        ));
    }
    check_command_line(manifest)?;
    check_prompt(manifest)?;
    check_environment(manifest)?;
    check_given(manifest)?;
    check_patterns(manifest)?;
    manifest.home.as_ref().map_or(Ok(()), check_home)?;
    manifest.detect.as_ref().map_or(Ok(()), check_detect)
}

/// Compiles a pattern of a manifest with a bound on its size.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build();
    let regex = built.map_err(|e| format!("not a usable regular expression: {e}"))?;
    if regex.is_match("") {
        Err("matches the empty text, so it would match everything".to_owned())
    } else {
        Ok(regex)
    }
}

fn check_command_line(manifest: &Manifest) -> Result<(), String> {
    let always: &[&str] = &[
        "prompt",
        "prompt_file",
        "model",
        "worktree",
        "run_dir",
        "files_dir",
    ];
    check_templates("argv", &manifest.argv, always, None)?;
    check_templates("model_args", &manifest.model_args, always, Some("model"))?;
    check_templates(
        "resume_args",
        &manifest.resume_args,
        &PLACEHOLDERS,
        Some("session"),
    )?;
    check_templates(
        "session_args",
        &manifest.session_args,
        &PLACEHOLDERS,
        Some("session"),
    )?;
    if manifest
        .argv
        .first()
        .is_some_and(|program| program.is_empty() || program.contains('{'))
    {
        return Err("argv[0]: must be the plain name or path of a program".to_owned());
    }
    Ok(())
}

fn check_prompt(manifest: &Manifest) -> Result<(), String> {
    let mentions = |word| {
        manifest
            .argv
            .iter()
            .any(|arg| placeholders(arg).contains(&word))
    };
    if manifest.output == OutputFormat::Acp {
        check_conversation(manifest)?;
    }
    match manifest.prompt {
        PromptMode::Arg if !mentions("prompt") => {
            Err("prompt: `arg` needs {prompt} in argv".to_owned())
        }
        PromptMode::File if !mentions("prompt_file") => {
            Err("prompt: `file` needs {prompt_file} in argv".to_owned())
        }
        PromptMode::Stdin if mentions("prompt") => {
            Err("prompt: `stdin` and {prompt} in argv would give the prompt twice".to_owned())
        }
        _ => Ok(()),
    }
}

fn check_conversation(manifest: &Manifest) -> Result<(), String> {
    match manifest.prompt {
        _ if manifest.argv.is_empty() => Err("output: `acp` needs argv".to_owned()),
        PromptMode::Stdin => Ok(()),
        PromptMode::Arg | PromptMode::File => {
            Err("prompt: `acp` gives it within the conversation; use `stdin`".to_owned())
        }
    }
}

/// What a run gives its CLI besides, as a manifest says it.
struct Given<'m> {
    field: &'static str,
    settings: &'m GivenSettings,
    /// The placeholders that may stand in it.
    known: &'static [&'static str],
    /// Placeholders of which one must.
    needed: &'static [&'static str],
}

/// A hook that is named nowhere is given to nobody, and so is a server.
fn check_given(manifest: &Manifest) -> Result<(), String> {
    let guard = manifest.guard.as_ref().map(|guard| Given {
        field: "guard",
        settings: &guard.given,
        known: &["hook", "guard_file", "hook_trust", "files_dir"],
        needed: &["hook", "guard_file"],
    });
    let server = manifest.mcp.as_ref().map(|server| Given {
        field: "mcp",
        settings: &server.given,
        known: &["ai", "files_dir"],
        needed: &["ai"],
    });
    let tools = manifest
        .tools
        .iter()
        .flat_map(|tools| [&tools.deny, &tools.allow]);
    let tools = tools.flatten().map(|flags| GivenSettings {
        args: flags.args.clone(),
        home: flags.home.clone(),
        ..GivenSettings::default()
    });
    let tools: Vec<GivenSettings> = tools.collect();
    let tools = tools.iter().map(|settings| Given {
        field: "tools",
        settings,
        known: &["names", "name_list"],
        needed: &["names", "name_list"],
    });
    for given in guard.into_iter().chain(server).chain(tools) {
        let field = given.field;
        check_words(&given).map_err(|why| format!("{field}: {why}"))?;
        check_settings(&given, manifest).map_err(|why| format!("{field}: {why}"))?;
    }
    Ok(())
}

fn check_words(given: &Given<'_>) -> Result<(), String> {
    let texts = given
        .settings
        .args
        .iter()
        .chain(given.settings.files.values());
    let texts = texts
        .chain(given.settings.env_json.values())
        .chain(given.settings.home.values());
    let found: Vec<&str> = texts.flat_map(|text| placeholders(text)).collect();
    if let Some(other) = found.iter().find(|word| !given.known.contains(word)) {
        let known: Vec<String> = given
            .known
            .iter()
            .map(|word| format!("{{{word}}}"))
            .collect();
        return Err(format!(
            "there is no {{{other}}}; known are {}",
            known.join(", ")
        ));
    }
    if found.iter().any(|word| given.needed.contains(word)) {
        return Ok(());
    }
    Err(format!("needs {{{}}} somewhere", given.needed[0]))
}

/// Settings that are no JSON, or stand where nobody lays them out, would be lost without a word.
fn check_settings(given: &Given<'_>, manifest: &Manifest) -> Result<(), String> {
    check_env_names("env_json", given.settings.env_json.keys()).map_err(|e| e.to_string())?;
    let laid_out = manifest.home.as_ref().map(|home| &home.settings);
    if let Some(path) = given
        .settings
        .home
        .keys()
        .find(|path| !laid_out.is_some_and(|all| all.contains_key(*path)))
    {
        return Err(format!(
            "home: `{}` is none of home.settings",
            path.escape_debug()
        ));
    }
    let words = ["hook", "ai", "hook_trust", "guard_file", "name_list"].map(|word| (word, "\"\""));
    for text in given
        .settings
        .env_json
        .values()
        .chain(given.settings.home.values())
    {
        let tried = filled(text, &[&words[..], &[("files_dir", "")]].concat());
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&tried)
            .map_err(|why| format!("`{}` is no object of JSON: {why}", text.escape_debug()))?;
    }
    Ok(())
}

fn check_environment(manifest: &Manifest) -> Result<(), String> {
    if let Some(bad) = manifest
        .login
        .iter()
        .find(|path| !stays_below(path.trim_end_matches(":ro")))
    {
        return Err(format!(
            "login: `{}` must be a relative path without `..`",
            bad.escape_debug()
        ));
    }
    check_env_names("env_pass", &manifest.env_pass).map_err(|e| e.to_string())?;
    check_env_names("env_set", manifest.env_set.keys()).map_err(|e| e.to_string())?;
    check_env_names("in_sandbox.env_set", manifest.in_sandbox.env_set.keys())
        .map_err(|e| e.to_string())?;
    for (name, value) in &manifest.env_set {
        let field = format!("env_set.{name}");
        check_templates(
            &field,
            std::slice::from_ref(value),
            &["worktree", "run_dir", "files_dir"],
            None,
        )?;
    }
    Ok(())
}

fn check_patterns(manifest: &Manifest) -> Result<(), String> {
    let patterns = &manifest.patterns;
    let groups = [
        ("quota", &patterns.quota),
        ("auth", &patterns.auth),
        ("refusal", &patterns.refusal),
        ("answered", &patterns.answered),
        ("unheeded", &patterns.unheeded),
    ];
    for (field, patterns) in groups {
        for (at, pattern) in patterns.iter().enumerate() {
            compile(pattern).map_err(|e| format!("patterns.{field}[{at}]: {e}"))?;
        }
    }
    Ok(())
}

fn check_home(home: &HomeSwitch) -> Result<(), String> {
    if home.env.is_none() && home.args.is_empty() {
        return Err("home: needs `env` or `args`".to_owned());
    }
    if !home.settings.is_empty() && home.env.is_none() {
        return Err("home.settings: needs `home.env`".to_owned());
    }
    for (path, defaults) in &home.settings {
        if !stays_below(path) {
            return Err(format!(
                "home.settings: {path}: must be a relative path without `..`"
            ));
        }
        merged(defaults, None).map_err(|e| format!("home.settings: {path}: {e}"))?;
    }
    check_env_names("home.env", &home.env).map_err(|e| e.to_string())?;
    check_templates("home.args", &home.args, &["home"], Some("home"))
}

fn check_detect(detect: &CliDetection) -> Result<(), String> {
    if detect.command.is_empty() || detect.command.contains(['/', '\0']) {
        return Err("detect.command: must be the plain name of a program".to_owned());
    }
    if let Some(at) = detect.native.iter().position(|path| !stays_below(path)) {
        return Err(format!(
            "detect.native[{at}]: must be a relative path without `..`"
        ));
    }
    compile(&detect.version_regex).map_err(|e| format!("detect.version_regex: {e}"))?;
    for (at, warning) in detect.warnings.iter().enumerate() {
        compile(&warning.pattern).map_err(|e| format!("detect.warnings[{at}].pattern: {e}"))?;
    }
    detect
        .versions
        .check()
        .map_err(|e| format!("detect.versions.{e}"))
}

fn stays_below(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

fn check_templates(
    field: &str,
    args: &[String],
    allowed: &[&str],
    needed: Option<&str>,
) -> Result<(), String> {
    for (at, arg) in args.iter().enumerate() {
        if arg.contains('\0') {
            return Err(format!("{field}[{at}]: contains a NUL byte"));
        }
        if let Some(word) = placeholders(arg)
            .into_iter()
            .find(|word| !allowed.contains(word))
        {
            let known = allowed
                .iter()
                .map(|w| format!("{{{w}}}"))
                .collect::<Vec<_>>()
                .join(" ");
            return Err(format!(
                "{field}[{at}]: {{{word}}} is not known here; known are {known}"
            ));
        }
    }
    match needed {
        Some(word)
            if !args.is_empty() && !args.iter().any(|arg| placeholders(arg).contains(&word)) =>
        {
            Err(format!("{field}: must contain {{{word}}}"))
        }
        _ => Ok(()),
    }
}
