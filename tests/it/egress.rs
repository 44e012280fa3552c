//! Listed hosts: what a run reaches through the proxy of `ai`, and what it is told of the rest. A
//! server of the test stands for the internet.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::sandbox::layers;
use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, PATIENCE};
use crate::support::{Sandbox, poll, run};

/// Answers every request with a word, until the test ends.
fn internet() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut heard = Vec::new();
            let mut byte = [0];
            while !heard.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                heard.push(byte[0]);
            }
            let first = String::from_utf8_lossy(&heard);
            let first = first.lines().next().unwrap_or_default().to_owned();
            let _gone =
                stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\nheard {first}").as_bytes());
        }
    });
    port
}

/// Asks by every way that there is, and writes down what came.
const ASK: &str = r#"cat >/dev/null; echo work > work.txt
python3 - PORT > out.txt <<'END'
import os, socket, sys
port = int(sys.argv[1])
proxy = os.environ["HTTPS_PROXY"].split("//")[1].split(":")
def talk(*parts):
    with socket.create_connection((proxy[0], int(proxy[1])), 60) as line:
        heard = b""
        for part, answer in parts:
            line.sendall(part)
            heard = b""
            while answer is None or len(heard) < answer:
                new = line.recv(4096)
                if not new: break
                heard += new
        return heard
def text(heard):
    lines = heard.decode().splitlines()
    return lines[0] + " | " + lines[-1]
def tunnel(host):
    ask = f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\nGET /inside HTTP/1.0\r\n\r\n".encode()
    return text(talk((ask, None)))
def socks(address):
    ask = b"\x05\x01\x00" + address + port.to_bytes(2, "big")
    said = talk((b"\x05\x01\x00", 2), (ask, 10))
    return f"code {said[1]}"
def plain(host):
    return text(talk((f"GET http://{host}/plain HTTP/1.1\r\nHost: other.example\r\n\r\n".encode(), None)))
print("tunnel:", tunnel(f"127.0.0.1:{port}"))
print("plain:", plain(f"127.0.0.1:{port}"))
print("socks:", socks(b"\x01\x7f\x00\x00\x01"))
print("not listed:", tunnel(f"localhost:{port}"))
print("not listed, plain:", plain("example.com"))
print("not listed, socks:", socks(b"\x03\x09localhost"))
print("a rule:", tunnel(f"127.0.0.2:{port}"))
print("malformed:", tunnel("127.1:80"))
try:
    socket.create_connection(("127.0.0.1", port), 5)
    print("direct: reached")
except OSError as error:
    print("direct:", error.strerror)
print("local:", os.environ["NO_PROXY"], os.environ["no_proxy"])
print("one proxy:", len({os.environ[n] for n in ["HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"]}))
END"#;

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: not-there, on: [network.connect], effect: deny, reason: nothing of ours is there, when: 'host.name == \"127.0.0.2\" && host.port > 1'}
";

fn listed(hosts: &str) -> String {
    CONFIG.replace("grace: 1s", &format!("grace: 1s, network: {hosts}"))
}

#[test]
fn a_run_reaches_listed_hosts_by_its_proxy_and_nothing_else() {
    for layer in layers().into_iter().filter(|layer| *layer == "bubblewrap") {
        let port = internet().to_string();
        let named = |text: &str| text.replace(&port, "[PORT]");
        let config = listed("{allow: [127.0.0.0/8]}");
        let scene = Sandbox::with_agent(&config, &ASK.replace("PORT", &port));
        scene.write(".ai/policy.yaml", POLICY);
        scene.commit("policy");
        let id = scene.task("Ask", &[]);
        let outcome = run(scene.ai_command(&["run", &id]).env("AI_SANDBOX", layer));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        snapshot!(named(&outcome.to_string()), @r#"
        exit: 0
        ----- stdout -----
        [RUN]  ready_for_review  review
          checks passed on this tree and the policy allows it; it may be accepted
        ----- stderr -----
        run [RUN]: fake on branch ai/[TASK]/1, for main
        sandbox of [RUN]: bubblewrap, network listed
        hosts of [RUN]: 127.0.0.2:[PORT] (refused 1), example.com:80 (refused 1), localhost:[PORT] (refused 2), 127.0.0.1:[PORT] (3)
        check unit: test -f work.txt
        check unit: passed
        warning: it did not reach 127.0.0.2:[PORT]: nothing of ours is there (rule `not-there` of the policy)
        warning: it did not reach example.com:80: it is not in the list of hosts; a person can change `network` below `runs` in .ai/config.yaml, or in the agent's file
        warning: it did not reach localhost:[PORT]: it is not in the list of hosts; a person can change `network` below `runs` in .ai/config.yaml, or in the agent's file
        look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
        "#);
        scene.is_at_rest(&id);
        let out = scene.file_at(&format!("ai/{id}/1"), "out.txt");
        snapshot!(named(&out), @r#"
        tunnel: HTTP/1.1 200 Connection established | heard GET /inside HTTP/1.0
        plain: HTTP/1.0 200 OK | heard GET /plain HTTP/1.1
        socks: code 0
        not listed: HTTP/1.1 403 Forbidden | ai: localhost:[PORT] is refused: it is not in the list of hosts; a person can change `network` below `runs` in .ai/config.yaml, or in the agent's file
        not listed, plain: HTTP/1.1 403 Forbidden | ai: example.com:80 is refused: it is not in the list of hosts; a person can change `network` below `runs` in .ai/config.yaml, or in the agent's file
        not listed, socks: code 2
        a rule: HTTP/1.1 403 Forbidden | ai: 127.0.0.2:[PORT] is refused: nothing of ours is there (rule `not-there` of the policy)
        malformed: HTTP/1.1 400 Bad Request | ai: `127.1` is no host: it would be read as an address and is not written as one
        direct: Connection refused
        local: localhost,127.0.0.1,::1 localhost,127.0.0.1,::1
        one proxy: 1
        "#);
        let report: Value =
            serde_json::from_str(&scene.run_file(&format!("{id}.1"), "run.json")).unwrap();
        let hosts = serde_json::to_string_pretty(&report["hosts"]).unwrap();
        snapshot!(named(&hosts), @r#"
        [
          {
            "host": "127.0.0.1:[PORT]",
            "answered": 3,
            "refused": 0
          },
          {
            "host": "127.0.0.2:[PORT]",
            "answered": 0,
            "refused": 1,
            "why": "nothing of ours is there (rule `not-there` of the policy)"
          },
          {
            "host": "example.com:80",
            "answered": 0,
            "refused": 1,
            "why": "it is not in the list of hosts; a person can change `network` below `runs` in .ai/config.yaml, or in the agent's file"
          },
          {
            "host": "localhost:[PORT]",
            "answered": 0,
            "refused": 2,
            "why": "it is not in the list of hosts; a person can change `network` below `runs` in .ai/config.yaml, or in the agent's file"
          }
        ]
        "#);
        let records = scene.ai_json_lines(&["log"]);
        let decided = records
            .iter()
            .map(|record| &record["event"]["record"])
            .filter(|record| record["action"] == "network.connect")
            .map(|record| {
                let resource = &record["resource"];
                let (host, rule, effect) = (&resource["host"], &record["rule"], &record["effect"]);
                format!("{host}:{} {rule} {effect}\n", resource["port"])
            });
        snapshot!(named(&decided.collect::<String>()), @r#"
        "127.0.0.1":[PORT] "default" "allow"
        "localhost":[PORT] "runs.network" "deny"
        "example.com":80 "runs.network" "deny"
        "127.0.0.2":[PORT] "not-there" "deny"
        "#);
        let left =
            std::fs::read_dir(scene.root().join(".git/ai/runs").join(format!("{id}.1"))).unwrap();
        let names = left.map(|entry| entry.unwrap().file_name());
        assert!(
            !names
                .into_iter()
                .any(|name| name.to_string_lossy().starts_with("net-"))
        );
    }
}

#[test]
fn what_cannot_hold_a_run_to_its_hosts_does_not_start_it() {
    for layer in layers().into_iter().filter(|layer| *layer == "landlock") {
        let scene = Sandbox::with_agent(&listed("{allow: [example.com]}"), GOOD);
        let id = scene.task("One", &[]);
        let outcome = run(scene.ai_command(&["run", &id]).env("AI_SANDBOX", layer));
        snapshot!(outcome, @r#"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        run [RUN]: fake on branch ai/[TASK]/1, for main
        run [RUN]: could not be seen through
        error: only bubblewrap can hold a run to a list of hosts (`network: {allow: [...]}`)
          next: install bubblewrap, or allow the network
        "#);
    }
}

#[test]
fn a_killed_supervisor_leaves_no_socket_of_a_proxy_after_its_recovery() {
    for layer in layers().into_iter().filter(|layer| *layer == "bubblewrap") {
        let begun = "cat >/dev/null; touch begun; sleep 600";
        let scene = Sandbox::with_agent(&listed("{allow: [example.com]}"), begun);
        let id = scene.task("One", &[]);
        let supervisor = scene.start_with(&["run", &id], &[("AI_SANDBOX", layer)]);
        poll::until("the agent works", PATIENCE, || {
            scene.slot("w1/begun").exists()
        });
        let run = scene.root().join(format!(".git/ai/runs/{id}.1"));
        let sockets = || {
            let all = std::fs::read_dir(&run).unwrap();
            all.filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().starts_with("net-")
            })
            .count()
        };
        assert_eq!(sockets(), 1);
        supervisor.signal("KILL");
        supervisor.wait();
        assert_eq!(sockets(), 1, "a killed one cannot clear up");
        scene.ai_ok(&["recover"]);
        assert_eq!(sockets(), 0);
        assert_eq!(scene.status(&id), "queued");
    }
}
