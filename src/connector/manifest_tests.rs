use super::*;

const GOOD: &str =
    "version: 1\nname: x\ntitle: X\nargv: [x, '{prompt}']\nprompt: arg\noutput: text\n";

fn why(text: &str) -> String {
    Manifest::parse("x.yaml", text).unwrap_err().to_string()
}

#[test]
fn a_minimal_manifest_is_enough() {
    let manifest = Manifest::parse("x.yaml", GOOD).unwrap();
    assert_eq!(
        (manifest.output, manifest.prompt),
        (OutputFormat::Text, PromptMode::Arg)
    );
    assert_eq!(manifest.metering.kind, MeteringKind::None);
}

#[test]
fn every_error_names_the_file_and_the_field() {
    for (extra, words) in [
        ("modle: x\n", "unknown field `modle`"),
        ("title: Y\n", "duplicate key `title`"),
        (
            "detect: {command: x, version_args: [], version_regex: '('}\n",
            "detect.version_regex: not a usable",
        ),
        ("detect: {command: 3, version_args: no}\n", "detect"),
        (
            "model_args: [--model]\n",
            "model_args: must contain {model}",
        ),
        (
            "resume_args: ['{sesion}']\n",
            "resume_args[0]: {sesion} is not known here",
        ),
        ("env_pass: [GIT_DIR]\n", "env_pass: `GIT_DIR` is reserved"),
        ("env_set: {'A B': x}\n", "env_set: `A B` is not the name"),
        (
            "patterns: {quota: ['a*']}\n",
            "patterns.quota[0]: matches the empty text",
        ),
        ("patterns: {auth: ['(?<x']}\n", "patterns.auth[0]"),
        ("metering: {kind: guess}\n", "metering.kind"),
        (
            "metering: {cumulative_on_resume: some}\n",
            "metering.cumulative_on_resume",
        ),
        (
            "session_args: [--new]\n",
            "session_args: must contain {session}",
        ),
        ("context_files: x\n", "context_files"),
        ("home: {}\n", "home: needs `env` or `args`"),
        (
            "home: {env: LD_PRELOAD}\n",
            "home.env: `LD_PRELOAD` is reserved",
        ),
        ("home: {args: [--dir]}\n", "home.args: must contain {home}"),
        (
            "env_set: {A: '{model}'}\n",
            "env_set.A[0]: {model} is not known here",
        ),
        ("files: {'../x': y}\n", "`../x` is not a valid name"),
        ("fence: wall\n", "fence"),
        (
            "detect: {command: ./x, version_args: [], version_regex: 'x'}\n",
            "detect.command: must be the plain name",
        ),
        (
            "detect: {command: x, native: [../x], version_args: [], version_regex: 'x'}\n",
            "detect.native[0]",
        ),
        ("patterns: {answered: ['(']}\n", "patterns.answered[0]"),
    ] {
        let error = why(&format!("{GOOD}{extra}"));
        assert!(
            error.starts_with("connector x.yaml: ") && error.contains(words),
            "{extra}: {error}"
        );
    }
    for (from, to, words) in [
        ("version: 1", "version: 2", "version: 2 is not 1"),
        ("name: x", "name: X", "name"),
        ("output: text", "output: tekst", "output"),
        ("[x, '{prompt}']", "[x]", "prompt: `arg` needs {prompt}"),
        (
            "[x, '{prompt}']",
            "['{prompt}']",
            "argv[0]: must be the plain name",
        ),
        (
            "prompt: arg",
            "prompt: stdin",
            "would give the prompt twice",
        ),
        ("prompt: arg", "prompt: file", "needs {prompt_file}"),
        ("title: X\n", "", "missing field `title`"),
    ] {
        let error = why(&GOOD.replace(from, to));
        assert!(error.contains(words), "{to}: {error}");
    }
}

#[test]
fn bombs_are_refused() {
    assert!(!why(&"[".repeat(50_000)).is_empty());
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for pair in ["ba", "cb", "dc", "ed", "fe", "gf", "hg", "ih"] {
        let (new, old) = pair.split_at(1);
        bomb.push_str(&format!(
            "{new}: &{new} [{}]\n",
            vec![format!("*{old}"); 9].join(", ")
        ));
    }
    assert!(!why(&bomb).is_empty());
}

#[test]
fn the_version_is_found_on_either_stream() {
    let regex = r"(\d+\.\d+\.\d+)".to_owned();
    let detect = CliDetection {
        command: "x".into(),
        native: vec![],
        version_args: vec![],
        version_regex: regex,
        versions: Default::default(),
        warnings: vec![],
    };
    assert_eq!(
        detect
            .version_in(b"2.1.329 (Claude Code)\n", b"")
            .as_deref(),
        Some("2.1.329")
    );
    assert_eq!(
        detect.version_in(b"", b"v0.73.1\xff\n").as_deref(),
        Some("0.73.1")
    );
    assert_eq!(detect.version_in(b"none", b"none"), None);
}

#[test]
fn only_what_a_cli_counts_on_is_taken_off() {
    use crate::domain::budget::RunUsage;
    use crate::domain::money::Usd;
    let before = RunUsage {
        tokens: 7,
        cost: Some(Usd(3)),
        at_least: false,
    };
    let of = |word: &str| {
        let text = format!("{GOOD}metering: {{cumulative_on_resume: {word}}}\n");
        let used = Manifest::parse("x.yaml", &text)
            .unwrap()
            .metering
            .cumulative_on_resume
            .of(before);
        (used.tokens, used.cost.map(|cost| cost.0))
    };
    assert_eq!(
        [of("none"), of("tokens"), of("cost"), of("both")],
        [(0, None), (7, None), (0, Some(3)), (7, Some(3))]
    );
    assert_eq!(
        [of("false"), of("true")],
        [(0, None), (7, Some(3))],
        "as manifests said it before"
    );
}

#[test]
fn a_warning_at_the_start_is_found_with_its_line_and_its_next_step() {
    let known = crate::connector::registry::ConnectorRegistry::shipped();
    let codex = known.get("codex").unwrap().describe();
    let detect = codex.detect.as_ref().unwrap();
    let line = "WARNING: proceeding, even though we could not create PATH aliases: Refusing to create helper binaries under temporary dir \"/tmp\" (codex_home: \"/tmp/h/.codex\")";
    let told = format!("codex-cli 0.171.0\n{line}\n");
    let (warning, found) = detect.warned(&told).unwrap();
    assert_eq!(found, line);
    assert!(
        warning.next.starts_with("set CODEX_HOME"),
        "{}",
        warning.next
    );
    assert_eq!(detect.warned("codex-cli 0.171.0\n"), None);
}
