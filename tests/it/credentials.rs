//! Credentials: given to the agent that names them and to nobody else, and in no file that a run
//! leaves.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Sandbox, run};

const ENV_SECRET: &str = "en7-s3cr3t-value-A";
const FILE_SECRET: &str = "f1le/s3cr3t+value=B";
const FILE: &str = "version: 1
credentials:
  work: {provider: anthropic, env: WORK_KEY_OF_MINE}
  spare: {provider: openai, file: ~/keys.json, key: openai.key}
";
/// Tells everything that it knows, in every way.
const LEAKY: &str = "cat >/dev/null
echo \"$ANTHROPIC_API_KEY|$OPENAI_API_KEY\"; echo \"$ANTHROPIC_API_KEY $OPENAI_API_KEY\" >&2
printf %s \"$ANTHROPIC_API_KEY\" | base64; printf %s \"user:$OPENAI_API_KEY\" | base64
env; echo \"$ANTHROPIC_API_KEY\" > work.txt; echo x > \"name-$ANTHROPIC_API_KEY\"
test -n \"$ANTHROPIC_API_KEY\" && echo yes > has-work; test -n \"$OPENAI_API_KEY\" && echo yes > has-spare; true";

fn scene(credentials: &str) -> Sandbox {
    let check = "version: 1\nchecks:\n  unit: 'env; ! env | grep -q API_KEY && test -f work.txt && cat work.txt'\n";
    let scene = Sandbox::with_agent(check, LEAKY);
    scene.write(".ai/credentials.yaml", FILE);
    let agent = scene.read(".ai/agents/fake.yaml");
    scene.write(
        ".ai/agents/fake.yaml",
        format!("{agent}credentials: {credentials}\n"),
    );
    key_file(&scene, 0o600);
    scene.ai_ok(&["trust"]);
    scene.commit("credentials");
    scene
}

fn key_file(scene: &Sandbox, mode: u32) {
    let file = scene.base().join("home/keys.json");
    std::fs::write(
        &file,
        format!("{{\"openai\": {{\"key\": \"{FILE_SECRET}\"}}}}"),
    )
    .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Every file below `dir` that holds one of the secrets, plainly or in base64.
fn holding(dir: &Path) -> Vec<String> {
    holding_any(
        dir,
        &[
            ENV_SECRET,
            FILE_SECRET,
            "ZW43LXMzY3IzdC12YWx1ZS1B",
            "ZjFsZS9zM2NyM3Qr",
        ],
    )
}

/// Every file below `dir` with one of these texts in it or in its name.
fn holding_any(dir: &Path, forms: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(holding_any(&path, forms));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let hit = forms.iter().find(|form| {
            bytes
                .windows(form.len())
                .any(|window| window == form.as_bytes())
        });
        found.extend(hit.map(|form| format!("{form} in {}", path.display())));
        let name = path.to_string_lossy().into_owned();
        found.extend(forms.iter().any(|form| name.contains(form)).then_some(name));
    }
    found
}

#[test]
fn a_named_credential_reaches_its_agent_and_no_file() {
    for sandbox in ["auto", "none"] {
        let scene = scene("[work, spare]");
        let id = scene.task("One", &[]);
        let mut command = scene.ai_command(&["run", &id, "--json"]);
        let outcome = run(command
            .env("WORK_KEY_OF_MINE", ENV_SECRET)
            .env("AI_SANDBOX", sandbox));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        for secret in [ENV_SECRET, FILE_SECRET] {
            assert!(
                !outcome.stdout.contains(secret) && !outcome.stderr.contains(secret),
                "{outcome}"
            );
        }
        for file in ["has-work", "has-spare"] {
            assert_eq!(scene.file_at(&format!("ai/{id}/1"), file), "yes");
        }
        assert_eq!(holding(&scene.root().join(".git/ai/runs")), [""; 0]);
        let stored = std::fs::read(scene.store()).unwrap();
        let stored = [
            stored,
            std::fs::read(scene.store().with_extension("db-wal")).unwrap_or_default(),
        ]
        .concat();
        for secret in [ENV_SECRET, FILE_SECRET] {
            assert!(
                !stored
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes()),
                "{secret} in the store"
            );
        }
        let said = scene.run_file(&format!("{id}.1"), "stdout.log");
        assert!(said.contains("]|[REDACTED:spare]"), "{said}");
    }
}

#[test]
fn who_names_none_gets_none() {
    let scene = scene("[spare]");
    let id = scene.task("One", &[]);
    let outcome = run(scene
        .ai_command(&["run", &id])
        .env("WORK_KEY_OF_MINE", ENV_SECRET));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let tree = scene.git(&["ls-tree", "-r", "--name-only", &format!("ai/{id}/1")]);
    assert!(
        tree.contains("has-spare") && !tree.contains("has-work"),
        "{tree}"
    );
}

#[test]
fn a_credential_that_cannot_be_had_stops_the_run_before_its_claim() {
    let scene = scene("[work, spare]");
    let id = scene.task("One", &[]);
    let outcome = scene.run(&id);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("credential `work`: the variable WORK_KEY_OF_MINE is not set"),
        "{outcome}"
    );
    key_file(&scene, 0o644);
    let outcome = run(scene
        .ai_command(&["run", &id])
        .env("WORK_KEY_OF_MINE", ENV_SECRET));
    assert!(
        outcome.stderr.contains("others may read") && outcome.stderr.contains("chmod 600"),
        "{outcome}"
    );
    assert_eq!(scene.status(&id), "queued");
    assert_eq!(scene.runs_of(&id).len(), 0);
    let doctor = run(scene
        .ai_command(&["doctor"])
        .env("WORK_KEY_OF_MINE", ENV_SECRET));
    assert_eq!(doctor.code, Some(1), "{doctor}");
    assert!(
        doctor.stdout.contains("credential `spare`") && !doctor.stdout.contains("f1le"),
        "{doctor}"
    );
}

#[test]
fn a_changed_source_needs_trust_again_and_shows_what_changed() {
    let scene = scene("[spare]");
    scene.write(
        ".ai/credentials.yaml",
        FILE.replace("~/keys.json", "~/.ssh/id_ed25519"),
    );
    let id = scene.task("One", &[]);
    assert_eq!(scene.run(&id).code, Some(8));
    let shown = scene.ai(&["trust", "--show"]);
    assert_eq!(shown.code, Some(8), "{shown}");
    assert!(
        shown.stdout.contains("changed  .ai/credentials.yaml"),
        "{shown}"
    );
    assert!(
        shown
            .stdout
            .contains("-  spare: {provider: openai, file: ~/keys.json"),
        "{shown}"
    );
    assert!(
        shown
            .stdout
            .contains("+  spare: {provider: openai, file: ~/.ssh/id_ed25519"),
        "{shown}"
    );
    assert_eq!(scene.run(&id).code, Some(8), "showing is not trusting");
    let change = &scene.ai(&["trust", "--show", "--json"]).json_lines()[0];
    assert!(
        change["diff"].as_str().unwrap().contains("id_ed25519"),
        "{change}"
    );
}

/// With characters that URLs and JSON escape.
const VAULT_SECRET: &str = "v4ult/k+y=\"q";
const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";

#[test]
fn a_connector_names_its_credential_and_no_form_of_it_is_kept() {
    let scene = Sandbox::with_agent(
        "version: 1\nchecks: {unit: 'test -f work.txt'}\n",
        "cat >/dev/null; test -n \"$OPENROUTER_API_KEY\" && echo yes >has-key; echo work >work.txt",
    );
    let manifest = "version: 1\nname: keyed\ntitle: Keyed\nprompt: stdin\noutput: text\ncredentials: [vault]\nargv: [/bin/sh, 'BASE/keyed.sh']\n";
    scene.write(
        ".ai/connectors/keyed.yaml",
        manifest.replace("BASE", scene.base().to_str().unwrap()),
    );
    scene.write(
        ".ai/credentials.yaml",
        "version: 1\ncredentials:\n  vault: {provider: openrouter, file: ~/vault.yaml, key: a.b}\n",
    );
    let vault = scene.base().join("home/vault.yaml");
    std::fs::write(&vault, format!("a:\n  b: '{VAULT_SECRET}'\n")).unwrap();
    std::fs::set_permissions(&vault, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (url, lower) = ("v4ult%2Fk%2By%3D%22q", "v4ult%2fk%2by%3d%22q");
    let (base64, json) = ("djR1bHQvayt5PSJx", r#"v4ult/k+y=\"q"#);
    let (first, second) = (&VAULT_SECRET[..5], &VAULT_SECRET[5..]);
    let (head, tail) = TOKEN.split_at(9);
    scene.set_script(
        "keyed",
        &format!(
            "cat >heard.md\ntest -n \"$OPENROUTER_API_KEY\" && echo yes >has-key\n\
             echo '{url} {lower}'; printf %s \"$OPENROUTER_API_KEY\" | base64; echo '{{\"k\":\"{json}\"}}' >&2\n\
             printf %s '{first}'; sleep 0.2; printf '%s\\n' '{second}'\n\
             printf %s 'token {head}'; sleep 0.2; printf '%s\\n' '{tail}'\n\
             echo \"$OPENROUTER_API_KEY\" >work.txt; printf %s \"$OPENROUTER_API_KEY\" >raw.bin; exit 0"
        ),
    );
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "keyed", "--connector", "keyed"]);
    scene.commit("credentials");
    let id = scene.task(
        "One",
        &[
            "--body",
            "Do not write down what you get.",
            "--agent",
            "keyed",
        ],
    );
    let outcome = scene.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let names = |id: &str| scene.git(&["ls-tree", "-r", "--name-only", &format!("ai/{id}/1")]);
    assert!(names(&id).contains("has-key"));
    let said = scene.run_file(&format!("{id}.1"), "stdout.log");
    assert_eq!(said.matches("[REDACTED:vault]").count(), 4, "{said}");
    assert!(said.contains("token [REDACTED:"), "{said}");
    scene.ai_ok(&[
        "export",
        scene.base().join("export.jsonl").to_str().unwrap(),
    ]);
    let forms = [VAULT_SECRET, url, lower, base64, json, TOKEN];
    assert_eq!(holding_any(&scene.root().join(".git/ai"), &forms), [""; 0]);
    let told = [
        &["log"][..],
        &["log", "--json"],
        &["evidence", "list", &id],
        &["why", &id],
        &["agent", "show", "keyed"],
    ];
    for args in told {
        let outcome = scene.ai(args);
        assert!(
            forms.iter().all(|form| !outcome.to_string().contains(form)),
            "{args:?}: {outcome}"
        );
    }
    let exported = std::fs::read_to_string(scene.base().join("export.jsonl")).unwrap();
    assert!(forms.iter().all(|form| !exported.contains(form)));
    let other = scene.task("Two", &["--agent", "fake"]);
    assert_eq!(scene.run(&other).code, Some(0));
    assert!(!names(&other).contains("has-key"), "nobody else gets it");
}
