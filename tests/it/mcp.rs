//! `ai mcp` as a client uses it: a process that is spoken to line by line, until it is hung up on.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::snapshot;
use crate::support::runs::{GOOD, PATIENCE};
use crate::support::{Outcome, Sandbox, mask, poll, run};

/// A client, and the server that it has started.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    asked: u64,
}

impl Client {
    /// Starts a server and begins a session of the revision that most clients speak.
    fn start(sandbox: &Sandbox, args: &[&str]) -> Client {
        let mut client = Client::unspoken(sandbox, args);
        let about = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "Some Code", "version": "1"}});
        client.ask("initialize", &about);
        client.tell(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn unspoken(sandbox: &Sandbox, args: &[&str]) -> Client {
        let mut command = sandbox.ai_command(&[&["mcp"], args].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Client {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            asked: 0,
        }
    }

    fn tell(&mut self, message: &Value) {
        let mut input = self.input.as_ref().unwrap();
        writeln!(input, "{message}").unwrap();
    }

    /// The result or the error of a request.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.begin(method, params);
        self.answer()
    }

    fn begin(&mut self, method: &str, params: &Value) {
        self.asked += 1;
        self.tell(&json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}));
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], self.asked, "{answer}");
        match answer.get("result") {
            Some(_) => answer["result"].take(),
            None => answer["error"].take(),
        }
    }

    /// What a tool returned; a refusal as its text.
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let mut result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        if result["isError"] == true {
            return text.into();
        }
        let told = result["structuredContent"].take();
        // Some clients show only the one, and some only the other.
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), told);
        told
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Hangs up, and waits for the server's end.
    fn hang_up(mut self) -> i32 {
        drop(self.input.take());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told(value: &Value) -> String {
    mask(&value.as_str().map_or_else(
        || serde_json::to_string_pretty(value).unwrap(),
        str::to_owned,
    ))
}

/// A project with a task of its own paths, and one whose path somebody else holds.
fn scene() -> (Sandbox, String) {
    let sandbox = Sandbox::with_script(GOOD);
    let theirs = sandbox.task("Theirs", &["--path", "theirs/"]);
    sandbox.ai_ok(&["task", "claim", &theirs, "--ttl", "10m", "--as", "ann"]);
    let own = sandbox.task("Own", &["--path", "work.txt"]);
    (sandbox, own)
}

#[test]
fn an_agent_claims_works_and_submits() {
    let (sandbox, id) = scene();
    let mut client = Client::start(&sandbox, &["--as", "agent:codex"]);
    let ready = client.call("ready", &json!({}));
    assert_eq!(ready["tasks"][0]["id"], id.as_str(), "{ready}");
    let claimed = client.call("claim", &json!({}));
    let lease = claimed["lease"].clone();
    let shown = client.call("show", &json!({"task": id}));
    assert_eq!(
        (&shown["task"]["id"], &shown["lease"]["epoch"]),
        (&json!(id), &json!(1))
    );
    let holder = shown["lease"]["holder"].as_str().unwrap();
    assert_eq!(holder.split('#').next(), Some("agent:codex"));
    let paths = json!({"paths": ["work.txt", "theirs/a", "free"]});
    let locked = client.call("check_path", &paths);
    assert_eq!(locked["locked"].as_array().unwrap().len(), 1, "{locked}");
    assert_eq!(locked["locked"][0]["holder"], "human:ann");
    client.call(
        "checkpoint",
        &json!({"lease": lease, "next_step": "write it"}),
    );
    let noted = json!({"task": id, "text": "- mind the gap"});
    client.call("note", &noted);
    assert_eq!(sandbox.show(&id)["notes"][0]["text"], "- mind the gap");
    snapshot!(told(&client.call("note", &json!({"task": id, "text": " "}))), @"
    usage: a note without a text tells nobody anything
    next: say it: `ai task note [TASK] TEXT`
    ");
    let renewed = client.call("heartbeat", &json!({"lease": lease}));
    assert_eq!(renewed["live"], true);
    // Nothing is there yet.
    snapshot!(told(&client.call("submit", &json!({"lease": lease}))), @"
    not_proven: the checks are `failed` on tree [SHORT] of [TASK]: unit failed (exit code 1) (log: [PATH]/repo/.git/ai/done/[RUN]/checks/unit.log)
    next: `tail -n 50 [PATH]/repo/.git/ai/done/[RUN]/checks/unit.log` shows the end of its output; mend it, then `ai task done [TASK]`
    ");
    sandbox.write("work.txt", "work");
    commits_by_its_own_shell(&sandbox, &claimed);
    let submitted = client.call("submit", &json!({"lease": lease}));
    assert_eq!(
        (&submitted["task"], &submitted["status"]),
        (&json!(id), &json!("done"))
    );
    assert_eq!(sandbox.status(&id), "done");
    assert_eq!(client.hang_up(), 0);
    let by: Vec<Value> = sandbox.ai(&["log", "--json"]).json_lines();
    let done = by.iter().rfind(|line| line["event"]["kind"] == "task.done");
    assert_eq!(done.unwrap()["actor"], holder);
}

/// The lease is the session's: Git's hooks know an agent that commits from its shell by what the claim told.
fn commits_by_its_own_shell(sandbox: &Sandbox, claimed: &Value) {
    sandbox.ai_ok(&["hooks", "install"]);
    sandbox.git(&["add", "work.txt"]);
    let shell = claimed["shell"].as_str().unwrap();
    let commit = |line: &str| {
        let script = format!("{line}\ngit commit -q -m work -- work.txt");
        let mut command = sandbox.command("sh");
        run(command.current_dir(sandbox.root()).args(["-c", &script])).code
    };
    assert_eq!(commit(":"), Some(1), "another's path");
    assert_eq!(commit(shell), Some(0), "{shell}");
}

#[test]
fn paths_are_locked_and_given_back_by_their_handle() {
    let (sandbox, _) = scene();
    let mut client = Client::start(&sandbox, &["--as", "agent:codex"]);
    let lock = client.call("lock", &json!({"globs": ["docs/**"], "ttl": "5m"}));
    let refused = sandbox.ai(&["lock", "acquire", "docs/a.md", "--as", "ben"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    snapshot!(told(&client.call("lock", &json!({"globs": ["theirs/a"]}))), @"
    conflict: `theirs/a` meets `theirs`, locked exclusively by human:ann ([TASK]) for another [LEFT]: both match `theirs/a`
    next: `ai lock list` shows who holds what; `ai task show [TASK]` what for
    ");
    // A handle of the other kind is refused before anything happens.
    let shown = json!({"lease": lock["lease"]});
    let worded = json!({"lease": lock["lease"], "next_step": "go on"});
    let claimed = client.call("claim", &json!({}));
    let refused: Vec<String> = [
        client.call("release", &shown),
        client.call("submit", &shown),
        client.call("checkpoint", &worded),
        client.call("unlock", &json!({"lease": claimed["lease"]})),
    ]
    .iter()
    .map(told)
    .collect();
    snapshot!(refused.join("\n"), @"
    usage: the handle is that of the lock [LOCK], which has no task to give back
    next: `unlock` gives a lock back; give the handle from `claim` here
    usage: the handle is that of the lock [LOCK], which has no work to hand in
    next: `unlock` gives a lock back; give the handle from `claim` here
    usage: the handle is that of the lock [LOCK], which has no next step
    next: `unlock` gives a lock back; give the handle from `claim` here
    usage: the handle is that of the task [TASK], and no lock's
    next: `release` gives a task back; give the handle from `lock` here
    ");
    assert_eq!(client.call("heartbeat", &shown)["live"], true);
    client.call("unlock", &shown);
    sandbox.ai_ok(&["lock", "acquire", "docs/a.md", "--as", "ben"]);
}

#[test]
fn a_handle_is_of_no_use_in_another_session() {
    let (sandbox, id) = scene();
    let mut first = Client::start(&sandbox, &["--as", "agent:codex"]);
    let claimed = first.call("claim", &json!({"task": id}));
    let mut second = Client::start(&sandbox, &["--as", "agent:codex"]);
    let shown = json!({"lease": claimed["lease"]});
    let refused = told(&second.call("heartbeat", &shown));
    for tool in ["release", "submit"] {
        assert_eq!(told(&second.call(tool, &shown)), refused, "{tool}");
    }
    snapshot!(refused, @"
    lease_lost: the lease on [TASK] is held by agent:codex#[SESSION], not by agent:codex#[SESSION]: a token counts for its holder alone
    next: leave it to agent:codex#[SESSION]; `ai why [TASK]` says how it stands
    ");
    assert_eq!(sandbox.status(&id), "claimed");
    first.call("release", &shown);
    assert_eq!(sandbox.status(&id), "queued");
}

#[test]
fn who_asks_is_an_agent_by_the_clients_name_if_by_no_other() {
    let (sandbox, id) = scene();
    let mut client = Client::start(&sandbox, &[]);
    client.call("claim", &json!({"task": id}));
    let holder = sandbox.show(&id)["lease"]["holder"].clone();
    let holder = holder.as_str().unwrap().split('#').next().unwrap();
    assert_eq!(holder, "agent:some-code");
    let others = ["ann", "hook:x", "daemon:y"].map(|name| {
        let mut other = Client::start(&sandbox, &["--as", name]);
        told(&other.call("ready", &json!({})))
    });
    snapshot!(others.join("\n"), @"
    usage: `human:ann` is a person, and who asks here is an agent
    next: start it as `ai mcp --as agent:ann`
    usage: `hook:x` is a hook, and who asks here is an agent
    next: start it as `ai mcp --as agent:x`
    usage: `daemon:y` is a daemon, and who asks here is an agent
    next: start it as `ai mcp --as agent:y`
    ");
}

/// The end of a server that is told to end: what runs is answered first.
#[test]
fn a_signal_ends_a_server_also_one_that_has_stopped_checks() {
    let sandbox = Sandbox::project();
    sandbox.configure(
        "version: 1\nchecks:\n  slow: {run: touch checking; sleep 600}\nruns: {grace: 1s}\n",
    );
    // The place is made when it is first needed.
    let checking = || sandbox.check_place("done").join("checking");
    for name in ["INT", "TERM"] {
        let id = sandbox.task(name, &[]);
        let mut idle = Client::start(&sandbox, &["--as", "agent:idle"]);
        idle.signal(name);
        assert_eq!(idle.child.wait().unwrap().code(), Some(0), "{name}");
        let mut client = Client::start(&sandbox, &["--as", "agent:codex"]);
        let claimed = client.call("claim", &json!({"task": id}));
        let submit = json!({"name": "submit", "arguments": {"lease": claimed["lease"]}});
        let _ = std::fs::remove_file(checking());
        client.begin("tools/call", &submit);
        poll::until("the check runs", PATIENCE, || checking().exists());
        client.signal(name);
        let answer = client.answer();
        let said = told(&answer["content"][0]["text"]);
        assert_eq!(
            said.split(':').next(),
            Some("interrupted"),
            "{name}: {answer}"
        );
        assert_eq!(client.child.wait().unwrap().code(), Some(0), "{name}");
        assert_eq!(sandbox.status(&id), "claimed");
    }
}

#[test]
fn every_revision_that_clients_ask_for_is_spoken() {
    let (sandbox, _) = scene();
    let me = json!({"name": "probe", "version": "1"});
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let mut client = Client::unspoken(&sandbox, &[]);
        let asked = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": me});
        let answer = client.ask("initialize", &asked);
        assert_eq!(answer["protocolVersion"], revision, "{answer}");
        assert_eq!(answer["serverInfo"]["name"], "ai", "{answer}");
        client.tell(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        let tools = client.ask("tools/list", &json!({}));
        assert_eq!(tools["tools"].as_array().unwrap().len(), 14, "{tools}");
    }
    // The newest begins without a session.
    let meta = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": me,
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let mut client = Client::unspoken(&sandbox, &[]);
    let found = client.ask("server/discover", &meta);
    assert!(found["supportedVersions"][0].is_string(), "{found}");
    let tools = client.ask("tools/list", &meta);
    assert_eq!(tools["tools"].as_array().unwrap().len(), 14, "{tools}");
    let mut call = meta;
    call["name"] = "ready".into();
    call["arguments"] = json!({});
    let ready = client.ask("tools/call", &call);
    assert_eq!(ready["structuredContent"]["tasks"][0]["title"], "Own");
}

#[test]
fn what_cannot_be_done_is_a_result_with_the_next_step() {
    let sandbox = Sandbox::repository();
    let mut client = Client::start(&sandbox, &["--as", "agent:codex"]);
    let mut all = String::new();
    for (tool, arguments) in [
        ("ready", json!({})),
        ("show", json!({})),
        ("heartbeat", json!({})),
        ("heartbeat", json!({"lease": "t-a.1.none"})),
        ("claim", json!({"tasks": "t-a"})),
        ("dance", json!({})),
    ] {
        all += &format!(
            "{tool} {arguments}\n{}\n",
            told(&client.call(tool, &arguments))
        );
    }
    snapshot!(all, @r#"
    ready {}
    store_unusable: this repository has no task store yet
    next: run `ai init`
    show {}
    usage: no task is named
    next: `ready` lists the tasks that can be claimed
    heartbeat {}
    usage: no lease handle is given
    next: `claim` returns one; give it as `lease`
    heartbeat {"lease":"t-a.1.none"}
    store_unusable: this repository has no task store yet
    next: run `ai init`
    claim {"tasks":"t-a"}
    usage: the arguments of `claim` are wrong: unknown field `tasks`, expected `task` or `ttl`
    next: look at the tool's schema, and call it again
    dance {}
    usage: there is no tool `dance`
    next: there are ready, show, why, claim, heartbeat, checkpoint, release, submit, lock, unlock, note, send, inbox, check_path
    "#);
    assert_eq!(client.hang_up(), 0);
}

#[test]
fn a_start_without_a_client_says_what_it_is_for() {
    let (sandbox, _) = scene();
    let outcome: Outcome = run(sandbox.ai_command(&["mcp"]).stdin(Stdio::null()));
    snapshot!(outcome, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no client has begun to speak: connection closed: initialize request
      next: name `ai mcp --as agent:NAME` as a server in the settings of the agent's CLI
    ");
}

#[test]
fn within_a_run_the_supervisor_answers_for_its_own_task() {
    for layer in crate::sandbox::modes() {
        let (sandbox, id) = scene();
        let ai = sandbox.ai_in_sight();
        let letter = sandbox.ai_json(&["send", &id, "mind the gap"])["id"].take();
        let ask = |n: u32, method: &str, params: Value| {
            json!({"jsonrpc": "2.0", "id": n, "method": method, "params": params}).to_string()
        };
        let call = |n: u32, tool: &str, arguments: Value| {
            ask(
                n,
                "tools/call",
                json!({"name": tool, "arguments": arguments}),
            )
        };
        let lines = [
            ask(
                0,
                "initialize",
                json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}),
            ),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
            ask(1, "tools/list", json!({})),
            call(2, "show", json!({})),
            call(3, "heartbeat", json!({})),
            call(4, "checkpoint", json!({"next_step": "go on"})),
            call(5, "check_path", json!({"paths": ["theirs/a", "work.txt"]})),
            call(6, "claim", json!({})),
            call(7, "note", json!({"text": "the tests need a look"})),
            call(8, "submit", json!({})),
            call(9, "send", json!({"to": "people", "text": "which port?"})),
            call(10, "inbox", json!({"ack": [letter]})),
        ];
        sandbox.set_script(
            "fake",
            &format!(
                "cat >/dev/null; echo work > work.txt; '{}' mcp > said.txt <<'END'\n{}\nEND",
                ai.display(),
                lines.join("\n")
            ),
        );
        let outcome = run(sandbox.ai_command(&["run", &id]).env("AI_SANDBOX", layer));
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        let said = sandbox.file_at(&format!("ai/{id}/1"), "said.txt");
        let mut answers: Vec<Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        answers.sort_by_key(|answer| answer["id"].as_u64());
        assert_eq!(answers.len(), 11, "{layer}: {said}");
        let result = |n: usize| &answers[n]["result"];
        assert_eq!(result(1)["tools"].as_array().unwrap().len(), 9);
        assert_eq!(result(2)["structuredContent"]["task"]["id"], id.as_str());
        assert_eq!(result(3)["structuredContent"]["live"], true);
        let locked = &result(5)["structuredContent"]["locked"];
        assert_eq!(locked[0]["holder"], "human:ann", "{locked}");
        assert_eq!(result(6)["isError"], true);
        assert_eq!(result(9)["structuredContent"]["to"], "people");
        let read = &result(10)["structuredContent"]["messages"][0];
        assert_eq!(
            (&read["id"], &read["seen"]["way"]),
            (&letter, &json!("inbox"))
        );
        let task = sandbox.show(&id);
        assert_eq!(task["next_step"], "go on");
        let mut notes: Vec<&str> = task["notes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["text"].as_str().unwrap())
            .collect();
        notes.sort_unstable();
        assert_eq!(
            notes,
            [
                "The agent says that the work is finished.",
                "the tests need a look"
            ]
        );
    }
}

#[test]
fn messages_are_sent_read_and_marked_by_tools() {
    let (sandbox, id) = scene();
    let mut client = Client::start(&sandbox, &["--as", "agent:codex"]);
    let sent = client.call("send", &json!({"to": "people", "text": "which port?"}));
    assert_eq!(
        (&sent["from"].as_str().unwrap()[..11], &sent["goes"]["of"]),
        ("agent:codex", &json!("people"))
    );
    sandbox.ai_ok(&["send", "agent:codex", "the upper one", "--as", "human:ann"]);
    let waiting = client.call("inbox", &json!({}))["messages"].take();
    let letter = &waiting[0];
    assert_eq!(
        (waiting.as_array().unwrap().len(), &letter["text"]),
        (1, &json!("the upper one"))
    );
    assert_eq!(letter["seen"], Value::Null, "a look marks nothing");
    let read = client.call("inbox", &json!({"ack": [letter["id"]]}))["messages"].take();
    assert_eq!(read[0]["seen"]["way"], "inbox", "{read}");
    // What is not its own is not there, and a message to a task stands beside it.
    let refused = client.call("inbox", &json!({"ack": [sent["id"]]}));
    assert_eq!(
        refused
            .as_str()
            .unwrap()
            .matches("not_found: there is no message")
            .count(),
        1,
        "{refused}"
    );
    sandbox.ai_ok(&["send", &id, "begin with the parser"]);
    for tool in ["show", "why"] {
        let told = client.call(tool, &json!({"task": id}));
        assert_eq!(
            told["messages"][0]["text"], "begin with the parser",
            "{tool}"
        );
    }
    assert_eq!(client.hang_up(), 0);
}

#[test]
fn who_hands_in_within_a_run_has_proven_nothing() {
    let (sandbox, id) = scene();
    let ai = sandbox.ai_in_sight();
    let lines = [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "submit", "arguments": {}}}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "submit", "arguments": {"lease": "t-a.1.none"}}}),
    ];
    let lines = lines.map(|line| line.to_string()).join("\n");
    let said = sandbox.base().join("said.txt");
    sandbox.set_script(
        "fake",
        &format!(
            "cat >/dev/null; '{}' mcp > '{}' <<'END'\n{lines}\nEND",
            ai.display(),
            said.display()
        ),
    );
    let outcome = run(sandbox.ai_command(&["run", &id]).env("AI_SANDBOX", "none"));
    let said = std::fs::read_to_string(said).unwrap();
    let mut answers: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    answers.sort_by_key(|answer| answer["id"].as_u64());
    let texts: Vec<&str> = answers[1..]
        .iter()
        .map(|answer| answer["result"]["content"][0]["text"].as_str().unwrap())
        .collect();
    let status = &sandbox.show(&id)["status"];
    snapshot!(format!("{:?} {status}\n{}", outcome.code, texts.join("\n")), @r#"
    Some(6) "queued"
    {"task":"[TASK]","notes":1,"next":"end your turn: the run's checks and its verdict follow"}
    usage: within a run no lease handle can be given: its supervisor holds the lease
    next: call it without `lease`
    "#);
}
