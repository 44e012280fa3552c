//! What an agent inside of a run can ask of its supervisor, by every layer of the sandbox and by
//! none, and what it cannot.

use serde_json::Value;

use crate::sandbox::modes;
use crate::snapshot;
use crate::support::runs::wait_for;
use crate::support::{Sandbox, mask_also, run};

/// A project with the task `Theirs`, whose path somebody else holds, and the one to run. Returns both.
fn scene() -> (Sandbox, String, String) {
    let scene = Sandbox::with_script("true");
    let theirs = scene.task("Theirs", &["--path", "theirs/"]);
    let claim = ["task", "claim", &theirs, "--ttl", "10m", "--as", "ann"];
    scene.ai_ok(&claim);
    let own = scene.task(
        "Own",
        &["--path", "own/", "--path", "out.txt", "--path", "work.txt"],
    );
    (scene, theirs, own)
}

/// A script that writes down what each `ai …` says, with its exit code, and then does its work.
fn says(scene: &Sandbox, commands: &[&str]) -> String {
    let ai = scene.ai_in_sight();
    let said: Vec<String> = commands
        .iter()
        .map(|command| {
            format!(
                "echo '$ ai {command}'; '{}' {command}; echo \"[$?]\"",
                ai.display()
            )
        })
        .collect();
    format!(
        "cat >/dev/null; echo work > work.txt; ( {} ) > out.txt 2>&1; true",
        said.join("\n")
    )
}

/// Runs the task within this layer; returns what its agent wrote down.
fn heard(scene: &Sandbox, layer: &str, id: &str) -> String {
    let outcome = run(scene.ai_command(&["run", id]).env("AI_SANDBOX", layer));
    assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
    scene.file_at(&format!("ai/{id}/1"), "out.txt")
}

#[test]
fn an_agent_asks_about_its_own_task_and_about_nothing_else() {
    for layer in modes() {
        let (scene, theirs, own) = scene();
        let asks = [
            format!("task show {own}"),
            format!("task show {theirs}"),
            "lock check theirs/a.txt own/a.txt".into(),
            format!("task heartbeat {own}"),
            format!("task checkpoint {own} --next-step 'mind the gap'"),
            format!("why {own}"),
            "why".into(),
            format!("why {theirs}"),
            format!("task heartbeat {theirs}"),
            format!("task heartbeat {own} --ttl 30d"),
            format!("task done {own} --override mine"),
            format!("accept {own}"),
            "task list".into(),
            "lock list".into(),
            "--as human:ann task list".into(),
        ];
        let asks: Vec<&str> = asks.iter().map(String::as_str).collect();
        scene.set_script("fake", &says(&scene, &asks));
        let out = heard(&scene, layer, &own);
        let ids: [(&'static str, &str); 2] = [("OWN", &own), ("THEIRS", &theirs)];
        let out = ids
            .iter()
            .fold(out, |out, (word, id)| out.replace(id, word));
        snapshot!(
            "asked_within_a_run",
            mask_also(out, &[(r"pid \d+|process \d+", "process [PID]")])
        );
        let task = scene.show(&own);
        assert_eq!(task["next_step"], "mind the gap", "{layer}");
        let log = scene.ai_json_lines(&["log", &own]);
        let left = log
            .iter()
            .find(|e| e["event"]["kind"] == "lease.checkpoint")
            .unwrap();
        let run = scene.last_run(&own);
        let actor = left["actor"].as_str().unwrap();
        assert!(actor.starts_with("agent:fake#"), "{actor}: {run}");
        assert!(
            !scene
                .root()
                .join(format!(".git/ai/runs/{own}.1/socket"))
                .exists()
        );
        assert_eq!(scene.show(&theirs)["status"], "claimed");
    }
}

/// What would let an agent act in the run's name past its supervisor.
#[test]
fn an_agent_never_sees_the_token_of_its_run() {
    for layer in modes() {
        let (scene, _, own) = scene();
        scene.set_script(
            "fake",
            "cat >/dev/null; echo work > work.txt
            ( env; cat \"$(git rev-parse --git-dir)/ai-lease/tokens\"; cat \"$BASE\"/repo/.git/ai/runs/*/* ) 2>/dev/null \
                | grep -aoE \"$AI_TASK\\.[0-9]+\\.[a-z0-9]+|AI_LEASE=\" > out.txt; echo end >> out.txt",
        );
        assert_eq!(heard(&scene, layer, &own), "end", "{layer}");
    }
}

#[test]
fn a_killed_supervisor_leaves_no_socket_and_no_lock_on_its_branch_after_its_recovery() {
    let (scene, _, own) = scene();
    scene.set_script("fake", "cat >/dev/null; touch \"$BASE/begun\"; sleep 600");
    let supervisor = scene.start(&["run", &own]);
    wait_for(&scene.base().join("begun"));
    let socket = scene.root().join(format!(".git/ai/runs/{own}.1/socket"));
    assert!(socket.exists());
    supervisor.signal("KILL");
    supervisor.wait();
    assert!(socket.exists(), "a killed one cannot clear up");
    // As one leaves it that is killed while it moves its branch.
    let lock = scene
        .root()
        .join(format!(".git/refs/heads/ai/{own}/1.lock"));
    std::fs::write(&lock, "").unwrap();
    scene.ai_ok(&["recover"]);
    assert!(!socket.exists() && !lock.exists());
    assert_eq!(scene.status(&own), "queued");
}

/// What stands in the place of a socket is an agent's to choose, where it has no sandbox.
#[test]
fn a_directory_in_the_place_of_a_socket_keeps_no_run_from_its_recovery() {
    let (scene, _, own) = scene();
    scene.set_script(
        "fake",
        "cat >/dev/null; rm \"$AI_SOCKET\"; mkdir -p \"$AI_SOCKET/x\"; echo work > work.txt; touch \"$BASE/begun\"; sleep 600",
    );
    let supervisor = scene.start(&["run", &own]);
    wait_for(&scene.base().join("begun"));
    supervisor.signal("KILL");
    supervisor.wait();
    scene.ai_ok(&["recover"]);
    assert_eq!(scene.status(&own), "queued");
    let saved = format!("refs/ai/rescue/{own}/1");
    assert_eq!(scene.git(&["show", &format!("{saved}:work.txt")]), "work");
}

/// Two runs at work: each answers for its own task.
#[test]
fn each_of_several_runs_answers_its_own_agent() {
    let (scene, _, one) = scene();
    let two = scene.task("Two", &["--path", "two/"]);
    let ai = scene.ai_in_sight();
    for id in [&one, &two] {
        scene.pipe(&format!("go-{id}"));
    }
    // An agent does one task at a time.
    let script = format!(
            "cat >/dev/null; touch \"$BASE/begun-$AI_TASK\"; read x < \"$BASE/go-$AI_TASK\"; echo work > work.txt
            '{}' task checkpoint \"$AI_TASK\" --next-step \"of $AI_TASK\"; '{0}' task heartbeat {one} >/dev/null 2>&1; echo $? > \"$BASE/code-$AI_TASK\"",
            ai.display()
        );
    scene.set_script("fake", &script);
    scene.add_agent("other", &script);
    let runs = [
        scene.start(&["run", &one, "--agent", "fake"]),
        scene.start(&["run", &two, "--agent", "other"]),
    ];
    for id in [&one, &two] {
        wait_for(&scene.base().join(format!("begun-{id}")));
    }
    for id in [&one, &two] {
        std::fs::write(scene.base().join(format!("go-{id}")), "go\n").unwrap();
    }
    for run in runs {
        run.wait();
    }
    for id in [&one, &two] {
        assert_eq!(scene.show(id)["next_step"], format!("of {id}"));
    }
    let code = |id: &str| std::fs::read_to_string(scene.base().join(format!("code-{id}"))).unwrap();
    assert_eq!((code(&one).trim(), code(&two).trim()), ("0", "5"));
}

/// A process that outlived its run, or was given its environment.
#[test]
fn without_a_supervisor_nobody_answers() {
    let scene = Sandbox::project();
    let id = scene.task("One", &[]);
    let gone = scene.base().join("gone");
    let ask = |args: &[&str]| {
        run(scene
            .ai_command(args)
            .env("AI_SOCKET", &gone)
            .env("AI_RUN", "t-1.1"))
    };
    snapshot!(ask(&["task", "show", &id]), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    error: the run that started this process has ended: nobody answers for it any more
      next: stop working on it: what was done stands on the branch of the run
    ");
    let refused: Value = serde_json::from_str(&ask(&["task", "list", "--json"]).stderr).unwrap();
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["kind"]),
        (&5.into(), &"denied".into())
    );
    assert_eq!(ask(&["schema"]).code, Some(0));
}
