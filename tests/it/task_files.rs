//! Files of new tasks: every form, bad ones of every kind, and very many entries in little memory.

use crate::support::Sandbox;

const MARK: &str = "\u{feff}";

#[test]
fn every_form_may_begin_with_a_byte_order_mark() {
    let sandbox = Sandbox::project();
    for (name, text) in [
        ("lines.jsonl", "{\"title\":\"Lines\"}\r\n"),
        ("list.json", "[{\"title\":\"List\"}]"),
        ("one.json", "{\"title\":\"One\"}"),
        ("below.json", "{\"tasks\":[{\"title\":\"Below\"}]}"),
        ("list.yaml", "- title: In YAML\n"),
        ("one.yml", "title: One in YAML\n"),
        ("below.yaml", "tasks:\n- title: Below in YAML\n"),
    ] {
        sandbox.write(name, format!("{MARK}{text}"));
        sandbox.ai_ok(&["task", "create", "--from", name]);
    }
    let titles: Vec<String> = sandbox
        .ai_json_lines(&["task", "list"])
        .iter()
        .map(|task| task["title"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        titles,
        [
            "Lines",
            "List",
            "One",
            "Below",
            "In YAML",
            "One in YAML",
            "Below in YAML"
        ]
    );
    let export = sandbox.ai_ok(&["export"]).stdout;
    sandbox.write("store.export", format!("{MARK}{export}"));
    sandbox.ai_ok(&["import", "store.export"]);
}

#[test]
fn a_bad_file_of_any_kind_creates_nothing_and_has_one_exit_code() {
    let sandbox = Sandbox::project();
    let deep = format!("[{}", "[".repeat(20_000));
    let files: [(&str, &[u8]); 21] = [
        ("twice.jsonl", b"{\"title\":\"a\",\"title\":\"b\"}"),
        ("twice.json", b"[{\"title\":\"a\",\"title\":\"b\"}]"),
        ("twice.yaml", b"- title: a\n  title: b\n"),
        ("tag.yaml", b"- title: !shout a\n"),
        ("tag-above.yaml", b"- !task\n  title: a\n"),
        ("merge.yaml", b"- &a {title: a}\n- <<: *a\n"),
        ("unknown.yaml", b"- titel: a\n"),
        ("unknown.json", b"{\"titel\":\"a\"}"),
        ("beside.yaml", b"tasks: []\ntitle: a\n"),
        ("beside.json", b"{\"tasks\":[],\"title\":\"a\"}"),
        ("cut.json", b"[{\"title\":\"a\"}"),
        ("more.json", b"[] []"),
        ("two.yaml", b"title: a\n---\ntitle: b\n"),
        ("deep.json", deep.as_bytes()),
        ("deep.yaml", deep.as_bytes()),
        ("deep.jsonl", deep.as_bytes()),
        ("bytes.yaml", b"- title: \xff\n"),
        ("bytes.jsonl", b"{\"title\":\"\xff\"}\n"),
        ("keys.yaml", b"- {key: a, title: a}\n- {key: a, title: b}\n"),
        ("nobody.yaml", b"- {title: a, deps: [t-nobody]}\n"),
        ("untitled.yaml", b"- {title: a}\n- {body: b}\n"),
    ];
    std::fs::create_dir(sandbox.root().join("folder.yaml")).unwrap();
    for (name, bytes) in &files {
        sandbox.write(name, bytes);
    }
    let bad = files.iter().map(|(name, _)| (*name, 2));
    for (name, code) in bad.chain([("folder.yaml", 2), ("missing.yaml", 3)]) {
        let outcome = sandbox.ai(&["task", "create", "--from", name]);
        let sentence = outcome.stderr.lines().next().unwrap_or_default();
        let says_so = sentence.ends_with("; nothing was created");
        assert_eq!(
            (outcome.code, says_so),
            (Some(code), true),
            "{name}: {outcome}"
        );
    }
    assert_eq!(sandbox.ai_ok(&["task", "list"]).stdout, "");
}

#[test]
fn a_circle_within_a_file_is_told_by_its_keys() {
    let sandbox = Sandbox::project();
    let error = |lines: &str| {
        sandbox.write("circle.jsonl", lines);
        let outcome = sandbox.ai(&["task", "create", "--from", "circle.jsonl"]);
        (outcome.code, outcome.stderr)
    };
    let told = |way: &str| {
        let text = format!(
            "error: this would make a cycle: {way}; nothing was created\n  next: change `deps` and `parent` in the file; `ai schema new-task` describes them\n"
        );
        (Some(2), text)
    };
    let by_deps = "{\"title\":\"x\"}\n{\"key\":\"a\",\"title\":\"a\",\"deps\":[\"b\"]}\n\
                   {\"key\":\"b\",\"title\":\"b\",\"deps\":[\"a\"]}\n";
    assert_eq!(error(by_deps), told("a → b → a"));
    let by_parents = "{\"key\":\"a\",\"title\":\"a\",\"parent\":\"b\"}\n\
                      {\"key\":\"b\",\"title\":\"b\",\"parent\":\"a\"}\n";
    assert_eq!(error(by_parents), told("a → b → a"));
}

#[test]
fn agents_and_connectors_are_read_within_bounds() {
    let sandbox = Sandbox::project();
    let deep = "[".repeat(20_000);
    for path in [".ai/agents/deep.yaml", ".ai/connectors/deep.yaml"] {
        sandbox.write(path, format!("name: deep\nargv: {deep}\n"));
    }
    let began = std::time::Instant::now();
    let outcome = sandbox.ai(&["agent", "list"]);
    // The lenient reader alone needs several seconds for such a file in this build.
    assert!(began.elapsed().as_secs() < 30, "{outcome}");
    let told = "nested too deeply";
    assert!(
        outcome.stderr.matches(told).count() + outcome.stdout.matches(told).count() >= 1,
        "{outcome}"
    );
}

/// Runs `ai` with so little room for data that holding the tasks in memory ends it.
#[track_caller]
fn with_little_memory(sandbox: &Sandbox, args: &str) {
    const MIB: u32 = 16;
    let script = format!(
        "ulimit -d {} && exec {} {args}",
        MIB * 1024,
        env!("CARGO_BIN_EXE_ai")
    );
    let outcome = crate::support::run(sandbox.command("sh").args(["-c", &script]));
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn twenty_thousand_tasks_need_no_memory_of_their_own() {
    let sandbox = Sandbox::project();
    let entry = |n: u32| {
        let before = if n.is_multiple_of(10) {
            String::new()
        } else {
            format!("\"k{}\"", n - 1)
        };
        format!(
            "{{\"key\":\"k{n}\",\"title\":\"Task {n}\",\"body\":\"Do the thing with the number {n}, with care\",\
             \"labels\":[\"a\",\"b\"],\"paths\":[\"src/m{}/**\"],\"deps\":[{before}]}}\n",
            n % 100
        )
    };
    sandbox.write("tasks.jsonl", (0..20_000).map(entry).collect::<String>());
    with_little_memory(
        &sandbox,
        "task create --quiet --from tasks.jsonl >/dev/null",
    );
    with_little_memory(&sandbox, "log verify");
    with_little_memory(&sandbox, "doctor --deep >/dev/null");
}
