//! Credentials: given to the agent that names them and to nobody else, and in no file that a run
//! leaves.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, run};

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

/// A project whose agent tells everything, and gets these credentials.
fn leaky(credentials: &str) -> Sandbox {
    let check = "version: 1\nchecks:\n  unit: 'env; ! env | grep -q API_KEY && test -f work.txt && cat work.txt'\n";
    let fake = Agent::new("fake", LEAKY).file(&format!("credentials: {credentials}\n"));
    let scene = Scene::new()
        .config(check)
        .file(".ai/credentials.yaml", FILE)
        .agent(fake)
        .build();
    key_file(&scene, 0o600);
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

/// Those of the secrets that stand in a text.
fn found_in<'a>(text: &str, secrets: &[&'a str]) -> Vec<&'a str> {
    let is_in = |secret: &&&str| text.contains(**secret);
    secrets.iter().filter(is_in).copied().collect()
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
        found.extend((!found_in(&name, forms).is_empty()).then_some(name));
    }
    found
}

#[test]
fn a_named_credential_reaches_its_agent_and_no_file() {
    for sandbox in ["auto", "none"] {
        let scene = leaky("[work, spare]");
        let id = scene.task("One", &[]);
        let mut command = scene.ai_command(&["run", &id, "--json"]);
        let outcome = run(command
            .env("WORK_KEY_OF_MINE", ENV_SECRET)
            .env("AI_SANDBOX", sandbox));
        assert_eq!(outcome.code, Some(8), "{outcome}");
        assert_eq!(
            found_in(&outcome.to_string(), &[ENV_SECRET, FILE_SECRET]),
            [""; 0]
        );
        for file in ["has-work", "has-spare"] {
            assert_eq!(scene.file_at(&format!("ai/{id}/1"), file), "yes");
        }
        assert_eq!(holding(&scene.root().join(".git/ai/runs")), [""; 0]);
        for file in ["ai.db", "ai.db-wal"] {
            let stored = std::fs::read(scene.store().with_file_name(file)).unwrap_or_default();
            let stored = String::from_utf8_lossy(&stored);
            assert_eq!(
                found_in(&stored, &[ENV_SECRET, FILE_SECRET]),
                [""; 0],
                "{file}"
            );
        }
        let said = scene.run_file(&format!("{id}.1"), "stdout.log");
        let lines = said.lines().filter(|line| line.starts_with("[REDACTED:"));
        snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
        [REDACTED:WORK_KEY_OF_MINE]|[REDACTED:spare]
        [REDACTED:WORK_KEY_OF_MINE]
        ");
    }
}

#[test]
fn who_names_none_gets_none() {
    let scene = leaky("[spare]");
    let id = scene.task("One", &[]);
    let outcome = run(scene
        .ai_command(&["run", &id])
        .env("WORK_KEY_OF_MINE", ENV_SECRET));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let tree = scene.git(&["ls-tree", "-r", "--name-only", &format!("ai/{id}/1")]);
    snapshot!(tree, @"
    .ai/.gitignore
    .ai/agents/fake.yaml
    .ai/config.yaml
    .ai/credentials.yaml
    .ai/policy.yaml
    README.md
    has-spare
    name-
    work.txt
    ");
}

#[test]
fn a_credential_that_cannot_be_had_stops_the_run_before_its_claim() {
    let scene = leaky("[work, spare]");
    let id = scene.task("One", &[]);
    snapshot!(scene.run(&id), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: credential `work`: the variable WORK_KEY_OF_MINE is not set
      next: mend it, then do it again; `ai doctor` looks at everything that `ai` stands on
    ");
    key_file(&scene, 0o644);
    let outcome = run(scene
        .ai_command(&["run", &id])
        .env("WORK_KEY_OF_MINE", ENV_SECRET));
    snapshot!(outcome, @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: credential `spare`: others may read [PATH]/home/keys.json (mode 0644); say `chmod 600 [PATH]/home/keys.json`
      next: mend it, then do it again; `ai doctor` looks at everything that `ai` stands on
    ");
    assert_eq!(scene.status(&id), "queued");
    assert_eq!(scene.runs_of(&id).len(), 0);
    let doctor = run(scene
        .ai_command(&["doctor"])
        .env("WORK_KEY_OF_MINE", ENV_SECRET));
    assert_eq!(doctor.code, Some(1), "{doctor}");
    let named = doctor
        .stdout
        .lines()
        .filter(|line| line.split_whitespace().nth(1) == Some("credentials"));
    snapshot!(named.collect::<Vec<_>>().join("\n"), @"bad   credentials credential `spare`: others may read [PATH]/home/keys.json (mode 0644); say `chmod 600 [PATH]/home/keys.json`");
    assert_eq!(found_in(&doctor.to_string(), &["f1le"]), [""; 0]);
}

#[test]
fn a_credential_that_nobody_wrote_down_is_named() {
    let scene = leaky("[nowhere]");
    let id = scene.task("One", &[]);
    snapshot!(scene.run(&id), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: credential `nowhere` is not in .ai/credentials.yaml
      next: write it there, with its provider and `env` or `file`; or take it out of the agent (nowhere)
    ");
}

#[test]
fn a_changed_source_needs_trust_again_and_shows_what_changed() {
    let scene = leaky("[spare]");
    scene.write(
        ".ai/credentials.yaml",
        FILE.replace("~/keys.json", "~/.ssh/id_ed25519"),
    );
    let id = scene.task("One", &[]);
    snapshot!(scene.run(&id), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: this run (.ai/credentials.yaml was changed) would run code that came with this repository, and this machine has not been told to trust it
      next: look at it with `ai trust --show`, then say `ai trust`
    ");
    snapshot!(scene.ai(&["trust", "--show"]), @"
    exit: 8
    ----- stdout -----
    changed  .ai/credentials.yaml
             --- a/.ai/credentials.yaml
             +++ b/.ai/credentials.yaml
             @@ -1,4 +1,4 @@
              version: 1
              credentials:
                work: {provider: anthropic, env: WORK_KEY_OF_MINE}
             -  spare: {provider: openai, file: ~/keys.json, key: openai.key}
             +  spare: {provider: openai, file: ~/.ssh/id_ed25519, key: openai.key}
    ----- stderr -----
    hint: read what is new where it stands; `ai trust` lets all of it run code on this machine
    ");
    // Showing is not trusting.
    snapshot!(scene.run(&id), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: this run (.ai/credentials.yaml was changed) would run code that came with this repository, and this machine has not been told to trust it
      next: look at it with `ai trust --show`, then say `ai trust`
    ");
    snapshot!(scene.ai(&["trust", "--show", "--json"]), @r#"
    exit: 8
    ----- stdout -----
    {"how":"changed","path":"credentials.yaml","diff":"--- a/.ai/credentials.yaml\n+++ b/.ai/credentials.yaml\n@@ -1,4 +1,4 @@\n version: 1\n credentials:\n   work: {provider: anthropic, env: WORK_KEY_OF_MINE}\n-  spare: {provider: openai, file: ~/keys.json, key: openai.key}\n+  spare: {provider: openai, file: ~/.ssh/id_ed25519, key: openai.key}\n"}
    ----- stderr -----
    hint: read what is new where it stands; `ai trust` lets all of it run code on this machine
    "#);
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
    let script = format!(
        "cat >heard.md\ntest -n \"$OPENROUTER_API_KEY\" && echo yes >has-key\n\
             echo '{url} {lower}'; printf %s \"$OPENROUTER_API_KEY\" | base64; echo '{{\"k\":\"{json}\"}}' >&2\n\
             printf %s '{first}'; sleep 0.2; printf '%s\\n' '{second}'\n\
             printf %s 'token {head}'; sleep 0.2; printf '%s\\n' '{tail}'\n\
             echo \"$OPENROUTER_API_KEY\" >work.txt; printf %s \"$OPENROUTER_API_KEY\" >raw.bin; exit 0"
    );
    scene.add(Agent::of_a_cli("keyed", "text", &script).manifest("credentials: [vault]\n"));
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
    assert_eq!(outcome.code, Some(8), "{outcome}");
    let names = |id: &str| scene.git(&["ls-tree", "-r", "--name-only", &format!("ai/{id}/1")]);
    snapshot!(names(&id), @"
    .ai/.gitignore
    .ai/agents/fake.yaml
    .ai/agents/keyed.yaml
    .ai/config.yaml
    .ai/connectors/keyed.yaml
    .ai/credentials.yaml
    .ai/policy.yaml
    README.md
    has-key
    heard.md
    raw.bin
    work.txt
    ");
    snapshot!(scene.run_file(&format!("{id}.1"), "stdout.log"), @"
    [REDACTED:vault] [REDACTED:vault]
    [REDACTED:vault]
    [REDACTED:vault]
    token [REDACTED:github-token]
    ");
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
        assert_eq!(
            found_in(&outcome.to_string(), &forms),
            [""; 0],
            "{args:?}: {outcome}"
        );
    }
    let exported = std::fs::read_to_string(scene.base().join("export.jsonl")).unwrap();
    assert_eq!(found_in(&exported, &forms), [""; 0]);
    let other = scene.task("Two", &["--agent", "fake"]);
    assert_eq!(scene.run(&other).code, Some(0));
    // Nobody else gets it.
    snapshot!(names(&other), @"
    .ai/.gitignore
    .ai/agents/fake.yaml
    .ai/agents/keyed.yaml
    .ai/config.yaml
    .ai/connectors/keyed.yaml
    .ai/credentials.yaml
    .ai/policy.yaml
    README.md
    work.txt
    ");
}

#[test]
fn a_change_that_holds_a_word_which_is_a_password_too_waits_for_nobody() {
    let script = "cat >/dev/null; echo 'image: postgres' > compose.yaml";
    let scene = Scene::new()
        .check("true")
        .policy("version: 1\ndefault: allow\n")
        .agent(Agent::new("fake", script))
        .build();
    let id = scene.task("Compose it", &[]);
    let ended = run(scene
        .ai_command(&["run", &id])
        .env("DB_PASSWORD", "postgres"));
    assert_eq!(
        (ended.code, scene.status(&id).as_str()),
        (Some(0), "review")
    );
}

#[test]
fn a_change_that_holds_a_credential_waits_for_a_person() {
    let scene = Scene::new()
        .check("true")
        .policy("version: 1\ndefault: allow\n")
        .file(".ai/credentials.yaml", FILE)
        .file("old.env", format!("KEY={ENV_SECRET}\n"))
        .agent(Agent::new(
            "fake",
            "cat >/dev/null; printf %s \"$ANTHROPIC_API_KEY\" | base64 > in.txt; echo more >> old.env",
        ).file("credentials: [work]\n"))
        .build();
    let within = |args: &[&str]| run(scene.ai_command(args).env("WORK_KEY_OF_MINE", ENV_SECRET));
    let id = scene.task("Configure it", &[]);
    snapshot!(within(&["run", &id]), @"
    exit: 8
    ----- stdout -----
    [RUN]  needs_approval  review
      checks passed on this tree; the policy wants a person's yes first: the change holds the value of a credential: WORK_KEY_OF_MINE (in in.txt)
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: true
    check unit: passed
    warning: the change holds something that looks like a secret; it is blackened in the evidence, not in the commit
    look at it with `ai review [TASK]`; `ai accept [TASK]` names the decision that waits for your yes
    ");
    let refused = within(&["accept", &id]);
    assert_eq!(refused.code, Some(8), "{refused}");
    let mut words = refused
        .stderr
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let decision = words.find(|word| word.starts_with("d-")).unwrap();
    let review = within(&["review", &id]).stdout;
    assert_eq!(
        found_in(&review, &[ENV_SECRET, "ZW43LXMzY3IzdC12YWx1ZS1B"]),
        [""; 0]
    );
    assert_eq!(within(&["policy", "approve", decision]).code, Some(0));
    assert_eq!(within(&["accept", &id]).code, Some(0));
}

/// A person's work is looked at as that of a run is, committed or not, at its end and in every commit of it.
#[test]
fn a_task_is_not_ended_by_hand_with_a_credential_in_its_change() {
    let scene = Scene::new()
        .check("true")
        .policy("version: 1\ndefault: allow\n")
        .file(".ai/credentials.yaml", FILE)
        .agent(Agent::new("fake", "true").file("credentials: [work]\n"))
        .build();
    let mine = scene.worktree("mine");
    let within = |args: &[&str]| {
        let mut command = scene.ai_command(args);
        run(command
            .current_dir(&mine)
            .env("WORK_KEY_OF_MINE", ENV_SECRET))
    };
    let id = scene.task("Configure it", &[]);
    assert_eq!(within(&["task", "claim", &id]).code, Some(0));
    let file = mine.join("in.txt");
    std::fs::write(&file, format!("key={ENV_SECRET}\n")).unwrap();
    let done = within(&["task", "done", &id]);
    snapshot!(done, @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    check unit: true
    check unit: passed
    error: policy wants a person's yes for run.finish: the change holds the value of a credential: WORK_KEY_OF_MINE (in in.txt) (rule `built-in.credential-in-change`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    ");
    assert_eq!(found_in(&done.to_string(), &[ENV_SECRET]), [""; 0]);
    assert_eq!(scene.status(&id), "claimed");
    // Taken out again, it stands in a commit that would land.
    scene.git_in(&mine, &["add", "-A"]);
    scene.git_in(&mine, &["commit", "-qm", "one"]);
    scene.git_in(&mine, &["rm", "-q", "in.txt"]);
    std::fs::write(mine.join("work.txt"), "x").unwrap();
    scene.git_in(&mine, &["add", "-A"]);
    scene.git_in(&mine, &["commit", "-qm", "two"]);
    let done = within(&["task", "done", &id]);
    assert_eq!(done.code, Some(8), "{done}");
    let decision = decision_in(&done);
    assert_eq!(within(&["approve", &decision]).code, Some(0));
    let done = within(&["task", "done", &id]);
    assert_eq!(done.code, Some(0), "{done}");
}

/// The identity that a commit needs.
const AS_ANN: &str = "git() { command git -c user.name=A -c user.email=a@example.com \"$@\"; }\ncat >/dev/null\n\
    K=$ANTHROPIC_API_KEY; T=$(echo \"$K\" | tr A-Za-z N-ZA-Mn-za-m)\n";

/// A project whose agent commits by itself, with the credential `work` at hand.
fn committing(script: &str) -> Sandbox {
    Scene::new()
        .check("true")
        .policy("version: 1\ndefault: allow\n")
        .file(".ai/credentials.yaml", FILE)
        .file("old.env", format!("KEY={ENV_SECRET}\n"))
        .agent(
            Agent::new("fake", &format!("{AS_ANN}{script}\necho work > work.txt"))
                .file("credentials: [work]\n"),
        )
        .build()
}

/// A text with the names of commits masked.
fn without_commits(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let name = word.trim_end_matches([')', ',']);
        let is_commit = name.len() == 10 && name.bytes().all(|c| c.is_ascii_hexdigit());
        if is_commit {
            word.replace(name, "[COMMIT]")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What an outcome says after these words, to the end of the line.
fn said_after(outcome: &Outcome, words: &str) -> String {
    let mut lines = outcome.stdout.lines();
    let said = lines.find_map(|line| line.split_once(words));
    without_commits(said.map_or("", |(_, said)| said))
}

#[test]
fn a_credential_in_any_commit_that_would_land_waits_for_a_person() {
    let name = "WORK_KEY_OF_MINE";
    let table = [
        (
            "an earlier commit, taken out again in a later one",
            "echo \"$K\" > in.txt; git add .; git commit -qm one; git rm -q in.txt; git commit -qm two",
            Some("(in in.txt of commit [COMMIT])"),
        ),
        (
            "an earlier commit, in base64, taken out again by what is left in the worktree",
            "printf %s \"$K\" | base64 > in.txt; git add .; git commit -qm one; echo harmless > in.txt",
            Some("(in in.txt of commit [COMMIT])"),
        ),
        (
            "still there at the end: told once",
            "echo \"$K\" > in.txt; git add .; git commit -qm one; echo x > b; git add .; git commit -qm two",
            Some("(in in.txt)"),
        ),
        (
            "a message",
            "echo x > b; git add .; git commit -qm \"login with $K\"",
            Some("(in the message of commit [COMMIT])"),
        ),
        (
            "the body of the message of an empty commit",
            "git commit -q --allow-empty -m one -m \"use $K\"",
            Some("(in the message of commit [COMMIT])"),
        ),
        (
            "the author of a commit",
            "git commit -q --allow-empty --author \"$K <a@example.com>\" -m one",
            Some("(in the message of commit [COMMIT])"),
        ),
        (
            "the name of a file that is gone",
            "echo x > \"k-$K\"; git add .; git commit -qm one; git rm -q k-*; git commit -qm two",
            Some("(in k-[REDACTED:WORK_KEY_OF_MINE] of commit [COMMIT])"),
        ),
        (
            "a line that stood between other commits, on a branch that was merged",
            "git checkout -q -b side; echo \"$K\" > s.txt; git add .; git commit -qm s; git rm -q s.txt; git commit -qm t; git checkout -q -; \
             echo x > b; git add .; git commit -qm one; git merge -q --no-ff -m merged side",
            Some("(in s.txt of commit [COMMIT])"),
        ),
        (
            "what a merge alone brings",
            "git checkout -q -b side; echo x > s.txt; git add .; git commit -qm s; git checkout -q -; echo x > b; git add .; git commit -qm one; \
             git merge -q --no-ff --no-commit side; echo \"$K\" > m.txt; git add .; git commit -qm merged; git rm -q m.txt; git commit -qm two",
            Some("(in m.txt of commit [COMMIT])"),
        ),
        (
            "the message of a merge",
            "git checkout -q -b side; echo x > s.txt; git add .; git commit -qm s; git checkout -q -; git merge -q --no-ff -m \"merged with $K\" side",
            Some("(in the message of commit [COMMIT])"),
        ),
        (
            "amended away, so that it does not land",
            "echo \"$K\" > in.txt; git add .; git commit -qm \"with $K\"; git rm -q --cached in.txt; rm in.txt; git commit -q --amend --allow-empty -m one",
            None,
        ),
        (
            "on a branch that was left behind",
            "git checkout -q -b side; echo \"$K\" > s.txt; git add .; git commit -qm \"$K\"; git checkout -q -; echo x > b; git add .; git commit -qm one",
            None,
        ),
        (
            "squashed into one commit without it",
            "echo \"$K\" > in.txt; git add .; git commit -qm one; git rm -q in.txt; git commit -qm two; git reset -q --soft HEAD~2; git commit -q --allow-empty -m all",
            None,
        ),
        (
            "in a file that held it before",
            "echo more >> old.env; git add .; git commit -qm one; git rm -q old.env; git commit -qm two; git revert -n HEAD; git commit -qm back",
            None,
        ),
        (
            "another text",
            "echo \"$T\" > in.txt; git add .; git commit -qm \"with $T\"; git rm -q in.txt; git commit -qm two",
            None,
        ),
    ];
    for (case, script, place) in table {
        let scene = committing(script);
        let within =
            |args: &[&str]| run(scene.ai_command(args).env("WORK_KEY_OF_MINE", ENV_SECRET));
        let id = scene.task("Configure it", &[]);
        let ended = within(&["run", &id]);
        let expected = place.map_or(String::new(), |place| format!("{name} {place}"));
        let reason = said_after(&ended, "the change holds the value of a credential: ");
        assert_eq!(reason, expected, "{case}: {ended}");
        let code = if place.is_some() { 8 } else { 0 };
        assert_eq!(ended.code, Some(code), "{case}: {ended}");
        let accepted = within(&["accept", &id]);
        assert_eq!(accepted.code, Some(code), "{case}: {accepted}");
        for outcome in [
            &ended,
            &accepted,
            &within(&["review", &id]),
            &within(&["why", &id]),
        ] {
            assert_eq!(
                found_in(&outcome.to_string(), &[ENV_SECRET]),
                [""; 0],
                "{case}"
            );
        }
    }
}

/// The decision that a refusal names.
fn decision_in(refused: &Outcome) -> String {
    let mut words = refused
        .stderr
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words
        .find(|word| word.starts_with("d-"))
        .unwrap()
        .to_owned()
}

#[test]
fn a_credential_in_an_earlier_commit_waits_at_every_door() {
    let script =
        "echo \"$K\" > in.txt; git add .; git commit -qm one; git rm -q in.txt; git commit -qm two";
    let scene = committing(script);
    let within = |args: &[&str]| run(scene.ai_command(args).env("WORK_KEY_OF_MINE", ENV_SECRET));
    let tip = scene.git(&["rev-parse", "main"]);
    let id = scene.task("Configure it", &[]);
    assert_eq!(within(&["run", &id]).code, Some(8));
    for door in [&["accept", &id][..], &["land", &id], &["land", "--all"]] {
        let refused = within(door);
        assert_ne!(refused.code, Some(0), "{door:?}: {refused}");
        assert_eq!(scene.git(&["rev-parse", "main"]), tip, "{door:?}");
    }
    let decision = decision_in(&within(&["accept", &id]));
    assert_eq!(within(&["policy", "approve", &decision]).code, Some(0));
    assert_eq!(within(&["accept", &id]).code, Some(0));
    let undone = within(&["undo", &id]);
    assert_eq!(undone.code, Some(0), "{undone}");
}

#[test]
fn what_looks_like_a_secret_in_an_earlier_commit_is_found_by_the_guard() {
    let script = format!(
        "{AS_ANN}echo 'token {TOKEN}' > in.txt; git add .; git commit -qm one; git rm -q in.txt; git commit -qm 'without {TOKEN}'; echo work > work.txt"
    );
    let scene = Scene::new()
        .check("test -f work.txt")
        .policy("version: 1\ndefault: allow\nguards: {secrets: require_approval}\n")
        .agent(Agent::new("fake", &script))
        .build();
    let id = scene.task("Configure it", &[]);
    let ended = scene.run(&id);
    assert_eq!(ended.code, Some(8), "{ended}");
    snapshot!(said_after(&ended, "a person's yes first: "), @"the change adds what looks like a secret: github-token in the message of commit [COMMIT], in.txt:1 (github-token of commit [COMMIT])");
    assert_eq!(scene.ai(&["accept", &id]).code, Some(8));
}
