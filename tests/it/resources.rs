//! The machine as admission, from the outside: what agents and checks declare, and what there is.

use serde_json::json;

use crate::snapshot;
use crate::support::runs::{GOOD, open_gate, wait_for};
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, Transcript, run};

const GATED: &str = "cat >/dev/null; echo x > \"$BASE/started-$AI_TASK\"; read x < \"$BASE/gate-$AI_TASK\"; echo work > work.txt";

/// Agents `one`, which takes 6 GiB, and `big`, which asks for more than the 8 GiB of all runs.
fn scene(script: &str) -> Sandbox {
    Scene::new()
        .more("scheduler: {machine: {cpu: 4, memory: 8GiB}}\n")
        .agent(
            Agent::new("one", script)
                .registered(&["--parallel", "3"])
                .file("resources: {cpu: 0.5, memory: 6GiB}\n"),
        )
        .agent(Agent::new("big", GOOD).file("resources: {memory: 64GiB}\n"))
        .build()
}

/// Files that stand for those of the kernel: two cores.
fn machine(scene: &Sandbox, files: &[(&str, &str)]) -> String {
    let dir = scene.base().join("machine");
    std::fs::create_dir_all(dir.join("pressure")).unwrap();
    let always = [
        ("cpus", "2\n"),
        ("stat", "cpu  2 0\ncpu0 1 0\ncpu1 1 0\nctxt 5\n"),
        ("meminfo", "MemTotal: 8388608 kB\n"),
    ];
    for (name, text) in always.iter().chain(files) {
        std::fs::write(dir.join(name), text).unwrap();
    }
    dir.to_str().unwrap().to_owned()
}

fn on(scene: &Sandbox, machine: &str, args: &[&str]) -> Outcome {
    run(scene.ai_command(args).env("AI_TEST_MACHINE", machine))
}

#[test]
fn runs_at_work_leave_the_others_what_they_do_not_declare() {
    let scene = scene(GATED);
    let [first, second] = ["First", "Second"].map(|title| scene.task(title, &["--agent", "one"]));
    for task in [&first, &second] {
        scene.pipe(&format!("gate-{task}"));
    }
    let both = scene.start(&["run", "--all", "--parallel", "3", "--json"]);
    wait_for(&scene.base().join(format!("started-{first}")));
    snapshot!(scene.ai(&["schedule"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  waits           -  Second
      resources  its run on one asks for 6 GiB of memory, and runs at work have declared 6 GiB of 8 GiB
      next       ai status
    [TASK]  at work on one  -  First
      lease      at work in run [RUN], by agent:one#[SESSION] for another [LEFT]; accepted, its work goes into main
    ----- stderr -----
    0 start now, 1 waits, 1 at work; 1 run at a time; no range was told yet
    ");
    snapshot!(scene.ai(&["run", &second]), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: a run of [TASK] on one asks for 6 GiB of memory, and runs at work have declared 6 GiB of 8 GiB
      next: wait, or raise `scheduler.machine.memory` in .ai/config.yaml; `ai status` shows what is at work
    ");
    snapshot!(scene.ai(&["why", &second]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Second
      resources  its run on one asks for 6 GiB of memory, and runs at work have declared 6 GiB of 8 GiB
      next       ai status
    ----- stderr -----
    ");
    let log = scene.ai(&["log", "--json"]).json_lines();
    let started = log
        .iter()
        .find(|line| line["event"]["kind"] == "run.started");
    assert_eq!(
        started.unwrap()["event"]["run"]["resources"],
        json!({ "cpu": 0.5, "memory": "6GiB" })
    );
    open_gate(&scene.base().join(format!("gate-{first}")));
    wait_for(&scene.base().join(format!("started-{second}")));
    open_gate(&scene.base().join(format!("gate-{second}")));
    assert_eq!(both.wait().code, Some(0));
}

#[test]
fn what_can_never_start_fails_at_once_and_holds_nobody_up() {
    let scene = scene(GOOD);
    let created = scene.ai(&[
        "task",
        "create",
        "Too much",
        "--agent",
        "big",
        "--priority",
        "0",
    ]);
    snapshot!(created, @"
    exit: 0
    ----- stdout -----
    [TASK]
    ----- stderr -----
    warning: a run of [TASK] on big can never start: it asks for 64 GiB of memory, and all runs together have 8 GiB; lower `resources` of the agent (`ai agent show big`) or the check, or raise `scheduler.machine.memory` in .ai/config.yaml
    ");
    let task = created.stdout.trim().to_owned();
    scene.task("Fits", &["--agent", "one"]);
    snapshot!(scene.ai(&["schedule"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  now on one  no history  Fits
    [TASK]  waits       -           Too much
      impossible its run on big can never start: it asks for 64 GiB of memory, and all runs together have 8 GiB
      next       lower `resources` of the agent (`ai agent show big`) or the check, or raise `scheduler.machine.memory` in .ai/config.yaml
    ----- stderr -----
    1 starts now, 1 waits, 0 at work; 1 run at a time; no range was told yet
    ");
    let before = scene.ai(&["log", "--json"]).json_lines().len();
    snapshot!(scene.ai(&["run", &task]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: a run of [TASK] on big can never start: it asks for 64 GiB of memory, and all runs together have 8 GiB
      next: lower `resources` of the agent (`ai agent show big`) or the check, or raise `scheduler.machine.memory` in .ai/config.yaml
    ");
    assert_eq!(
        scene.ai(&["log", "--json"]).json_lines().len(),
        before,
        "nothing was claimed"
    );
    snapshot!(scene.ai(&["why", &task]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Too much
      impossible its run on big can never start: it asks for 64 GiB of memory, and all runs together have 8 GiB
      next       lower `resources` of the agent (`ai agent show big`) or the check, or raise `scheduler.machine.memory` in .ai/config.yaml
    ----- stderr -----
    ");
    // Whether a cgroup holds the run is a matter of the machine, and told beside.
    let all = scene.ai(&["run", "--all"]);
    assert_eq!(all.code, Some(4), "{all}");
    snapshot!(all.stdout, @"
    [RUN]  one  ready_for_review  review  Fits
    [TASK]    -    not started       queued  Too much
      its run on big can never start: it asks for 64 GiB of memory, and all runs together have 8 GiB
    ");
}

#[test]
fn the_largest_need_of_agent_and_checks_counts() {
    let scene = Scene::new()
        .config(
            "version: 1
checks:
  unit: {run: test -f work.txt, resources: {cpu: 9}}
runs: {grace: 1s}
scheduler: {machine: {cpu: 4}}
",
        )
        .agent(Agent::new("one", GOOD).file("resources: {cpu: 1}\n"))
        .build();
    let created = scene.ai(&["task", "create", "Check too large"]);
    snapshot!(created, @"
    exit: 0
    ----- stdout -----
    [TASK]
    ----- stderr -----
    warning: a run of [TASK] on one can never start: it asks for 9 cores, and all runs together have 4; lower `resources` of the agent (`ai agent show one`) or the check, or raise `scheduler.machine.cpu` in .ai/config.yaml
    ");
    snapshot!(scene.ai(&["run", created.stdout.trim()]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: a run of [TASK] on one can never start: it asks for 9 cores, and all runs together have 4
      next: lower `resources` of the agent (`ai agent show one`) or the check, or raise `scheduler.machine.cpu` in .ai/config.yaml
    ");
}

#[test]
fn starts_from_the_queue_pause_under_pressure_and_by_hand_they_do_not() {
    let scene = Scene::new()
        .more("scheduler: {machine: {load: 1.5, pressure: {memory: 20}}}\n")
        .agent(Agent::new("one", GOOD))
        .build();
    let first = scene.task("First", &[]);
    scene.task("Second", &[]);
    let loaded = machine(&scene, &[("loadavg", "3.02 1.00 1.00 1/2 3\n")]);
    snapshot!(on(&scene, &loaded, &["schedule"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  waits  -  First
      pressure   starts pause: the load of each core is 1.51, and `scheduler.machine.load` is 1.5
      next       ai run [TASK]
    [TASK]  waits  -  Second
      pressure   starts pause: the load of each core is 1.51, and `scheduler.machine.load` is 1.5
      next       ai run [TASK]
    ----- stderr -----
    0 start now, 2 wait, 0 at work; 1 run at a time; no range was told yet
    starts pause: the load of each core is 1.51, and `scheduler.machine.load` is 1.5
    ");
    snapshot!(on(&scene, &loaded, &["run", "--all"]), @"
    exit: 75
    ----- stdout -----
    [TASK]  -  not started  queued  First
      starts pause: the load of each core is 1.51, and `scheduler.machine.load` is 1.5
    [TASK]  -  not started  queued  Second
      starts pause: the load of each core is 1.51, and `scheduler.machine.load` is 1.5
    ----- stderr -----
    0 tasks run, 2 not started, 0 wait for your review
      next: ai run [TASK]
      next: ai run [TASK]
    ");
    snapshot!(on(&scene, &loaded, &["why", &first]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  First
      pressure   starts pause: the load of each core is 1.51, and `scheduler.machine.load` is 1.5
      next       ai run [TASK]
    ----- stderr -----
    ");
    assert_eq!(on(&scene, &loaded, &["run", &first]).code, Some(0));
    let pressed = machine(
        &scene,
        &[
            ("loadavg", "3.00 1.00 1.00 1/2 3\n"),
            (
                "pressure/memory",
                "some avg10=20.01 avg60=0.00 avg300=0.00 total=1\n",
            ),
        ],
    );
    snapshot!(on(&scene, &pressed, &["status"]), @"
    exit: 0
    ----- stdout -----
    1 queued, 1 review
    needs you:
      [TASK]  waits for your review  ai review [TASK]  First
    ----- stderr -----
    starts pause: some process waited for memory in 20.01% of the last ten seconds, and `scheduler.machine.pressure.memory` is 20
    ");
    let calm = machine(
        &scene,
        &[(
            "pressure/memory",
            "some avg10=20.00 avg60=0.00 avg300=0.00 total=1\n",
        )],
    );
    assert_eq!(on(&scene, &calm, &["run", "--all"]).code, Some(0));
}

#[test]
fn too_little_room_on_the_disk_pauses_the_queue() {
    let scene = Scene::new()
        .config("version: 1\nchecks: {unit: {run: test -f work.txt}}\nruns: {grace: 1s, disk_floor_mb: 1024}\n")
        .agent(Agent::new("one", GOOD))
        .agent(Agent::new("wide", GOOD).file("resources: {scratch: 10GiB}\n"))
        .build();
    scene.task("Small", &["--agent", "one"]);
    scene.task("Wide", &["--agent", "wide"]);
    let little = machine(&scene, &[("disk", "8589934592 107374182400\n")]);
    snapshot!(on(&scene, &little, &["schedule", "--parallel", "2"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  now on one  no history  Small
    [TASK]  waits       -           Wide
      disk       only 8 GiB are free on the disk of the worktrees, and its run on wide needs 11 GiB
      next       `ai worktree prune --dry-run` shows what can go; `runs.disk_floor_mb` in .ai/config.yaml is the limit
    ----- stderr -----
    1 starts now, 1 waits, 0 at work; 2 runs at a time; no range was told yet
    ");
    let full = machine(&scene, &[("disk", "1073741823 107374182400\n")]);
    snapshot!(on(&scene, &full, &["schedule"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  waits  -  Small
      disk       only 1023 MiB are free on the disk of the worktrees, and its run on one needs 1 GiB
      next       `ai worktree prune --dry-run` shows what can go; `runs.disk_floor_mb` in .ai/config.yaml is the limit
    [TASK]  waits  -  Wide
      disk       only 1023 MiB are free on the disk of the worktrees, and its run on wide needs 11 GiB
      next       `ai worktree prune --dry-run` shows what can go; `runs.disk_floor_mb` in .ai/config.yaml is the limit
    ----- stderr -----
    0 start now, 2 wait, 0 at work; 1 run at a time; no range was told yet
    only 1023 MiB are free on the disk of the worktrees, and 1 GiB are needed
    ");
}

#[test]
fn one_that_can_never_start_does_not_hide_that_another_can_later() {
    let scene = Scene::new()
        .more("scheduler: {machine: {cpu: 4}}\n")
        .agent(Agent::new("one", GOOD).file("resources: {scratch: 6GiB}\n"))
        .agent(Agent::new("big", GOOD).file("resources: {cpu: 9999}\n"))
        .build();
    scene.task("Too much", &["--agent", "big"]);
    let little = machine(&scene, &[("disk", "4294967296 107374182400\n")]);
    assert_eq!(on(&scene, &little, &["run", "--all"]).code, Some(4));
    scene.task("Later", &["--agent", "one"]);
    let both = on(&scene, &little, &["run", "--all", "--json"]);
    let lines = both.json_lines();
    let codes: Vec<u64> = lines
        .iter()
        .map(|line| line["code"].as_u64().unwrap())
        .collect();
    assert_eq!((both.code, codes), (Some(75), vec![4, 75]), "{both}");
}

#[test]
fn what_runs_at_work_have_declared_of_the_disk_is_set_against_what_is_free() {
    let scene = Scene::new()
        .config("version: 1\nchecks: {unit: {run: test -f work.txt}}\nruns: {grace: 1s, disk_floor_mb: 1024}\n")
        .agent(
            Agent::new("wide", GATED)
                .registered(&["--parallel", "3"])
                .file("resources: {scratch: 6GiB}\n"),
        )
        .build();
    let [first, second] = ["First", "Second"].map(|title| scene.task(title, &[]));
    scene.pipe(&format!("gate-{first}"));
    let disk = machine(&scene, &[("disk", "10737418240 107374182400\n")]);
    let at_work = scene.start_with(&["run", &first], &[("AI_TEST_MACHINE", &disk)]);
    wait_for(&scene.base().join(format!("started-{first}")));
    snapshot!(on(&scene, &disk, &["run", &second]), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: only 10 GiB are free on the disk of the worktrees, 6 GiB of them declared by runs at work, and a run of [TASK] on wide needs 7 GiB
      next: `ai worktree prune --dry-run` shows what can go; `runs.disk_floor_mb` in .ai/config.yaml is the limit
    ");
    snapshot!(on(&scene, &disk, &["why", &second]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Second
      disk       only 10 GiB are free on the disk of the worktrees, 6 GiB of them declared by runs at work, and its run on wide needs 7 GiB
      next       `ai worktree prune --dry-run` shows what can go; `runs.disk_floor_mb` in .ai/config.yaml is the limit
    ----- stderr -----
    ");
    open_gate(&scene.base().join(format!("gate-{first}")));
    assert_eq!(at_work.wait().code, Some(0));
    scene.pipe(&format!("gate-{second}"));
    let alone = scene.start_with(&["run", &second], &[("AI_TEST_MACHINE", &disk)]);
    open_gate(&scene.base().join(format!("gate-{second}")));
    assert_eq!(alone.wait().code, Some(0));
}

#[test]
fn a_new_task_that_no_agent_could_ever_start_is_told_of_once_for_all_alike() {
    let scene = Scene::new()
        .more("scheduler: {machine: {cpu: 4}}\nrouter: {capabilities: {gpu: [gpu]}}\n")
        .agent(Agent::new("big", GOOD).file("resources: {cpu: 9999}\n"))
        .agent(
            Agent::new("gpu", GOOD)
                .registered(&["--capability", "gpu"])
                .file("resources: {cpu: 8}\n"),
        )
        .agent(Agent::new("small", GOOD).file("resources: {cpu: 1}\n"))
        .build();
    scene.write("tasks.jsonl", "{\"title\": \"A\", \"type\": \"gpu\"}\n{\"title\": \"B\", \"type\": \"gpu\"}\n{\"title\": \"C\"}\n");
    let mut told = Transcript::default();
    told.ai(&scene, &["task", "create", "Small has it"]);
    told.ai(&scene, &["task", "create", "Nobody able", "--type", "gpu"]);
    told.ai(&scene, &["task", "create", "--from", "tasks.jsonl"]);
    let small = scene.read(".ai/agents/small.yaml");
    scene.write(
        ".ai/agents/small.yaml",
        small.replace("enabled: true", "enabled: false"),
    );
    told.ai(&scene, &["task", "create", "Only large ones are left"]);
    snapshot!(told, @"
    $ ai task create 'Small has it'
    [TASK]
    $ ai task create 'Nobody able' --type gpu
    [TASK]
    ! warning: a run of [TASK] on gpu can never start: it asks for 8 cores, and all runs together have 4; lower `resources` of the agent (`ai agent show gpu`) or the check, or raise `scheduler.machine.cpu` in .ai/config.yaml
    $ ai task create --from tasks.jsonl
    [TASK]
    [TASK]
    [TASK]
    ! warning: a run of [TASK] and 1 more like it on gpu can never start: it asks for 8 cores, and all runs together have 4; lower `resources` of the agent (`ai agent show gpu`) or the check, or raise `scheduler.machine.cpu` in .ai/config.yaml
    ! created 3 tasks
    $ ai task create 'Only large ones are left'
    [TASK]
    ! warning: a run of [TASK] on big can never start: it asks for 9999 cores, and all runs together have 4; lower `resources` of the agent (`ai agent show big`) or the check, or raise `scheduler.machine.cpu` in .ai/config.yaml
    ");
}

#[test]
fn why_tells_that_room_is_kept_for_a_larger_task_that_has_waited_longer() {
    let scene = Scene::new()
        .more("scheduler: {machine: {cpu: 4}}\n")
        .agent(
            Agent::new("one", GATED)
                .registered(&["--parallel", "3"])
                .file("resources: {cpu: 2}\n"),
        )
        .agent(Agent::new("wide", GOOD).file("resources: {cpu: 4}\n"))
        .build();
    let first = scene.task("First", &["--agent", "one"]);
    scene.pipe(&format!("gate-{first}"));
    let at_work = scene.start(&["run", &first]);
    wait_for(&scene.base().join(format!("started-{first}")));
    scene.task("Wide", &["--agent", "wide"]);
    let small = scene.task("Small", &["--agent", "one"]);
    assert_eq!(scene.ai_json(&["why", &small])["gates"][0]["gate"], "ready");
    let later = |args: &[&str]| {
        run(scene
            .ai_command(args)
            .env("AI_TEST_WALL_OFFSET_MS", "7200000"))
    };
    snapshot!(later(&["why", &small]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Small
      resources  what comes free of `cpu` is kept for [TASK], which has waited for it longer than `scheduler.keep_paths`
      next       ai why [TASK]
    ----- stderr -----
    ");
    open_gate(&scene.base().join(format!("gate-{first}")));
    assert_eq!(at_work.wait().code, Some(0));
}
