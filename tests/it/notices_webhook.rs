//! Notices to a host: a server in the test itself answers, refuses, hangs or goes away, and checks each signature on its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::notices::{scene, set};
use crate::snapshot;
use crate::support::{Sandbox, Transcript, mask_also, poll, run};

/// The longest that a delivery may take on a machine that is busy.
const LONG: Duration = Duration::from_secs(60);
/// The secret by which requests are signed here.
const SECRET: &str = "a phrase for the test alone";

/// A request as it arrived.
struct Arrived {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    fn notice(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// True where it is signed by the secret over its own time and body, as docs/notices.md tells a receiver to check.
    fn is_signed(&self) -> bool {
        let time = self.header("ai-notice-timestamp").unwrap();
        let signed = format!("{time}.{}", self.body);
        let expected = format!("v1={}", hmac(SECRET.as_bytes(), signed.as_bytes()));
        self.header("ai-notice-signature") == Some(&expected)
    }
}

/// HMAC by SHA-256, written down a second time.
fn hmac(key: &[u8], text: &[u8]) -> String {
    assert!(key.len() <= 64);
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(own, key)| *own ^= key);
        block
    };
    let inner = Sha256::digest([&pad(0x36)[..], text].concat());
    let outer = Sha256::digest([&pad(0x5c)[..], &inner].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Serves what is asked: the first request gets the first of the statuses, and all behind the last get that. A status of 0
/// is no answer: the connection stays open.
fn serve(statuses: &'static [u16]) -> (SocketAddr, Receiver<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, requests) = channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for (at, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let status = statuses[at.min(statuses.len() - 1)];
            let Some(request) = read(&stream) else {
                continue;
            };
            if status == 0 {
                open.push(stream);
            } else {
                let head = format!("HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\n");
                let rest = "Content-Length: 0\r\nConnection: close\r\n\r\n";
                // The client may have gone by now.
                let _unheard = stream.write_all((head + rest).as_bytes());
            }
            if arrived.send(request).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

fn read(stream: &TcpStream) -> Option<Arrived> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?;
    let mut body = vec![0; length.1.parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    Some(Arrived {
        path,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

/// A project whose sink `host` is at this address, with more settings of it.
fn project(address: &SocketAddr, more: &str) -> Sandbox {
    let sandbox = scene("{}");
    let url = format!("http://{address}/hooks/topic");
    set(
        &sandbox,
        &format!("{{sinks: {{host: {{type: webhook, url: '{url}'{more}}}}}}}"),
    );
    sandbox
}

fn test(sandbox: &Sandbox) -> Transcript {
    let mut transcript = Transcript::default();
    transcript.ai(sandbox, &["notify", "test", "host"]);
    transcript
}

fn masked(transcript: &Transcript) -> String {
    mask_also(transcript, &[(r"\(\d+ ms", "([TIME] ms")])
}

#[test]
fn a_request_is_signed_and_one_that_fails_is_sent_again() {
    let (address, requests) = serve(&[500, 429, 200]);
    let sandbox = project(&address, ", secret_file: BASE/secret");
    sandbox.write("../secret", format!("{SECRET}\n"));
    own_alone(&sandbox.base().join("secret"));
    let task = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "hold", &task, "--reason", "x"]);
    let all: Vec<Arrived> = (0..3)
        .map(|_| requests.recv_timeout(LONG).unwrap())
        .collect();
    let mut ids: Vec<String> = all
        .iter()
        .map(|one| one.notice()["id"].as_str().unwrap().to_owned())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "each try says the same: {ids:?}");
    assert!(all.iter().all(Arrived::is_signed));
    assert_eq!(all[0].path, "/hooks/topic");
    assert_eq!(all[0].header("ai-notice-type"), Some("blocked"));
    assert_eq!(all[0].header("ai-notice-id"), Some(ids[0].as_str()));
    assert_eq!(all[0].notice()["task"], task.as_str());
    let listed = || sandbox.ai_json_lines(&["notify", "list"]);
    poll::until("it is on record", LONG, || listed()[0]["delivered"] == 1);
    assert_eq!(requests.try_recv().err().map(|_| ()), Some(()));
}

#[test]
fn what_is_refused_for_good_is_sent_once_and_a_redirect_is_not_followed() {
    for (statuses, status) in [(&[404][..], "404"), (&[302], "302")] {
        let (address, requests) = serve(statuses);
        let sandbox = project(&address, "");
        let task = sandbox.task("One", &[]);
        sandbox.ai_ok(&["task", "hold", &task, "--reason", "x"]);
        let first = requests.recv_timeout(LONG).unwrap();
        assert_eq!(first.header("ai-notice-signature"), None);
        let listed = || sandbox.ai_json_lines(&["notify", "list"]);
        poll::until("it is on record", LONG, || {
            listed()[0]["failed_in_row"] == 1
        });
        let line = &listed()[0];
        let error = line["error"].as_str().unwrap();
        assert_eq!(
            error
                .split(' ')
                .nth(5)
                .map(|word| word.trim_end_matches(',')),
            Some(status)
        );
        assert_eq!((&line["waiting"], &line["dropped"]), (&1.into(), &0.into()));
        assert!(requests.try_recv().is_err());
    }
}

#[test]
fn a_test_says_what_came_of_it_at_once() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (good, _requests) = serve(&[204]);
    let (bad, _requests) = serve(&[500]);
    let (silent, _requests) = serve(&[0]);
    let begun = Instant::now();
    let mut all = String::new();
    for (address, more) in [
        (good, ""),
        (bad, ""),
        (silent, ", timeout: 1s"),
        (gone, ""),
        (good, ", secret_env: AI_NOTICES_TEST_UNSET"),
        (good, ", secret_file: BASE/none"),
    ] {
        all += &masked(&test(&project(&address, more)));
    }
    snapshot!(all, @"
    $ ai notify test host
    host  delivered ([TIME] ms, of at most 10s)
    $ ai notify test host
    host  not delivered: the host answered with status 500 ([TIME] ms, of at most 10s)
    ! next: mend it, or `notices.sinks.host` in .ai/config.yaml; then `ai notify test host`
    [1]
    $ ai notify test host
    host  not delivered: the host did not answer in time ([TIME] ms, of at most 1s)
    ! next: mend it, or `notices.sinks.host` in .ai/config.yaml; then `ai notify test host`
    [1]
    $ ai notify test host
    host  not delivered: the host refused the connection ([TIME] ms, of at most 10s)
    ! next: mend it, or `notices.sinks.host` in .ai/config.yaml; then `ai notify test host`
    [1]
    $ ai notify test host
    host  not delivered: the variable AI_NOTICES_TEST_UNSET is not set ([TIME] ms, of at most 10s)
    ! next: mend it, or `notices.sinks.host` in .ai/config.yaml; then `ai notify test host`
    [1]
    $ ai notify test host
    host  not delivered: cannot read [PATH]/none: No such file or directory (os error 2) ([TIME] ms, of at most 10s)
    ! next: mend it, or `notices.sinks.host` in .ai/config.yaml; then `ai notify test host`
    [1]
    ");
    assert!(begun.elapsed() < LONG * 2, "it took {:?}", begun.elapsed());
}

/// Lets nobody but its owner read a file.
fn own_alone(path: &std::path::Path) {
    mode(path, 0o600);
}

fn mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_secret_that_everybody_may_read_is_refused() {
    let (good, requests) = serve(&[204]);
    let sandbox = project(&good, ", secret_file: BASE/secret");
    sandbox.write("../secret", SECRET);
    let secret = sandbox.base().join("secret");
    mode(&secret, 0o644);
    let mut told = test(&sandbox);
    mode(&secret, 0o640);
    told.ai(&sandbox, &["notify", "test", "host"]);
    snapshot!(masked(&told), @"
    $ ai notify test host
    host  not delivered: `[PATH]/secret` is no place for a secret: every user of this machine may read or change it; make it your own, then `chmod 600 [PATH]/secret` ([TIME] ms, of at most 10s)
    ! next: mend it, or `notices.sinks.host` in .ai/config.yaml; then `ai notify test host`
    [1]
    $ ai notify test host
    host  delivered ([TIME] ms, of at most 10s)
    ");
    assert_eq!(requests.try_iter().count(), 1);
}

#[test]
fn a_secret_in_the_repository_is_none() {
    let (good, _requests) = serve(&[204]);
    let sandbox = scene("{}");
    sandbox.write("secret", "x");
    let secret = sandbox.root().join("secret");
    set(
        &sandbox,
        &format!(
            "{{sinks: {{host: {{type: webhook, url: 'http://{good}/', secret_file: '{}'}}}}}}",
            secret.display()
        ),
    );
    let outcome = sandbox.ai(&["notify", "test", "host", "--json"]);
    assert_eq!(outcome.code, Some(1));
    let what = outcome.json()["what"].as_str().unwrap().to_owned();
    let end = what.split("` ").nth(1);
    assert_eq!(
        end,
        Some("lies in the repository; keep secrets outside of it")
    );
}

#[test]
fn each_chat_is_sent_its_shape_and_the_address_may_come_from_a_variable() {
    let (address, requests) = serve(&[200]);
    let sandbox = scene("{}");
    for (shape, path, field) in [
        ("slack", "/hooks/topic", "blocks"),
        ("discord", "/hooks/topic", "content"),
        ("ntfy", "/hooks/", "topic"),
    ] {
        set(
            &sandbox,
            &format!("{{sinks: {{host: {{type: webhook, url_env: HOOK, shape: {shape}}}}}}}"),
        );
        let outcome = run(sandbox
            .ai_command(&["notify", "test", "host"])
            .env("HOOK", format!("http://{address}/hooks/topic")));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let sent = requests.recv_timeout(LONG).unwrap();
        assert_eq!(sent.path, path);
        assert!(!sent.notice()[field].is_null(), "{}", sent.body);
        let plain = run(sandbox
            .ai_command(&["notify", "test", "host", "--json"])
            .env("HOOK", "http://example.com/hooks/topic"));
        let what = plain.json()["what"].as_str().unwrap().to_owned();
        assert_eq!(
            what,
            "not delivered: http:// is for this machine alone (localhost, 127.0.0.1); write https://"
        );
    }
}

#[test]
fn a_host_that_hangs_holds_up_neither_the_run_nor_the_other_sinks() {
    let (silent, requests) = serve(&[0]);
    let sandbox = scene("{}");
    set(
        &sandbox,
        &format!(
            "{{sinks: {{dead: {{type: webhook, url: 'http://{silent}/', timeout: 60s}}, log: {{type: file}}}}}}"
        ),
    );
    let task = sandbox.task("One", &[]);
    sandbox.ai_ok(&["run", &task]);
    assert_eq!(sandbox.status(&task), "review");
    requests.recv_timeout(LONG).unwrap();
    let log = sandbox
        .store()
        .parent()
        .unwrap()
        .join("notices/notices.jsonl");
    // The dead one has its sixty seconds still.
    poll::until("the other is told", LONG, || log.exists());
    sandbox.is_at_rest(&task);
}

#[test]
fn an_encrypted_address_asks_for_a_host_that_this_machine_can_trust() {
    let (plain, _requests) = serve(&[200]);
    let sandbox = scene("{}");
    set(
        &sandbox,
        &format!("{{sinks: {{host: {{type: webhook, url: 'https://{plain}/', timeout: 5s}}}}}}"),
    );
    let outcome = sandbox.ai(&["notify", "test", "host", "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(outcome.json()["delivered"], false);
}
