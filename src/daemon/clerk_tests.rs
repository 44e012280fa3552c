//! The protocol in tables: every line that a caller may send, and the whole reply to it; and the socket itself.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::app::daemon_words::{self, DaemonUnheard};
use crate::base::socket::{self, SocketLines};
use crate::daemon::door::CallersDoor;
use crate::daemon::sight;
use crate::git::testing::TestRepo;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::project::STORE_FILE;
use crate::store::sqlite::SqliteStore;

struct Office {
    repo: TestRepo,
    place: DaemonPlace,
    heard: Receiver<Wake>,
    news: Sender<Wake>,
}

fn office() -> Office {
    let repo = TestRepo::new();
    let workspace = Workspace::new(Some(repo.root.clone()), Some("ann".into()));
    let state = workspace.state_dir().unwrap();
    std::fs::create_dir_all(&state).unwrap();
    drop(SqliteStore::create(&state.join(STORE_FILE), "s").unwrap());
    let place = DaemonPlace::of(&state);
    std::fs::create_dir_all(place.dir()).unwrap();
    let (news, heard) = mpsc::channel();
    Office {
        repo,
        place,
        heard,
        news,
    }
}

impl Office {
    fn clerk(&self) -> DaemonClerk {
        let around = (Some(self.repo.root.clone()), Some("ann".to_owned()));
        DaemonClerk::new(sight::first(2), around, self.news.clone())
    }

    /// The reply to a line, and the words that the daemon is given.
    fn says(&self, line: &str, caller: Option<i32>) -> (Value, Vec<CallerWord>) {
        let clerk = self.clerk();
        let (reply, word) = clerk.reply(line.as_bytes(), caller);
        clerk.pass_on(word);
        let words = self.heard.try_iter().filter_map(|wake| match wake {
            Wake::Asked(word) => Some(word),
            _ => None,
        });
        (serde_json::from_slice(&reply).unwrap(), words.collect())
    }
}

fn error(kind: &str, message: &str) -> Value {
    json!({"protocol": 1, "error": {"kind": kind, "message": message}})
}

#[test]
fn every_line_has_its_whole_reply() {
    let office = office();
    let heard = json!({"protocol": 1, "answer": "heard"});
    use CallerWord::{Look, Stop};
    for (line, reply, words) in [
        (r#"{"protocol":1,"ask":"wake"}"#, heard.clone(), vec![Look]),
        (
            r#"{"protocol":1,"ask":{"stop":{"runs":"may_end"}}}"#,
            heard.clone(),
            vec![Stop(RunsAtStop::MayEnd)],
        ),
        (
            r#"{"protocol":1,"ask":{"stop":{"runs":"end_now"}}}"#,
            heard.clone(),
            vec![Stop(RunsAtStop::EndNow)],
        ),
        (
            r#"{"protocol":1,"ask":{"stop":{"runs":"go_on"}}}"#,
            heard,
            vec![Stop(RunsAtStop::GoOn)],
        ),
        (
            r#"{"protocol":1,"ask":"resume"}"#,
            json!({"protocol": 1, "answer": {"order": null}}),
            vec![Look],
        ),
        (
            "no json",
            error(
                "unreadable",
                "a request is one line of JSON with `protocol` and `ask`: expected ident at line 1 column 2",
            ),
            vec![],
        ),
        (
            "[]",
            error(
                "unreadable",
                "a request is one line of JSON with `protocol` and `ask`: invalid length 0, expected an object at line 1 column 2",
            ),
            vec![],
        ),
        (
            r#"{"protocol":1,"ask":"fly"}"#,
            error(
                "unknown_request",
                "this request is not known: unknown variant `fly`, expected one of `status`, `wake`, `pause`, `drain`, `resume`, `stop` at line 1 column 25",
            ),
            vec![],
        ),
        (
            r#"{"protocol":1,"ask":"wake","as":"ann"}"#,
            error(
                "unknown_request",
                "this request is not known: unknown field `as`, expected `protocol` or `ask` at line 1 column 31",
            ),
            vec![],
        ),
        (
            r#"{"protocol":1,"ask":{"drain":{}}}"#,
            error(
                "unknown_request",
                "this request is not known: missing field `reason` at line 1 column 31",
            ),
            vec![],
        ),
        (
            r#"{"protocol":2,"say":"hello"}"#,
            json!({"protocol": 1, "error": {
                "kind": "unknown_protocol",
                "message": "this daemon speaks version 1 of the protocol, not 2",
                "next": "`ai daemon restart` begins the daemon of the `ai` that says so",
            }}),
            vec![],
        ),
    ] {
        assert_eq!(office.says(line, None), (reply, words), "{line}");
    }
}

#[test]
fn orders_are_given_as_by_the_commands() {
    let office = office();
    for (line, kind) in [
        (
            r#"{"protocol":1,"ask":{"pause":{"reason":"two\nlines"}}}"#,
            "pause",
        ),
        (
            r#"{"protocol":1,"ask":{"drain":{"reason":"two lines"}}}"#,
            "drain",
        ),
    ] {
        let (reply, words) = office.says(line, None);
        let order = daemon::order(&office.place).unwrap().unwrap();
        let order = serde_json::to_value(order).unwrap();
        assert_eq!(reply["answer"]["order"], order, "{line}");
        assert_eq!(
            (&order["kind"], &order["by"]),
            (&kind.into(), &"human:ann".into())
        );
        assert_eq!(words, [CallerWord::Look]);
    }
    office.says(r#"{"protocol":1,"ask":"resume"}"#, None);
    assert_eq!(daemon::order(&office.place).unwrap(), None);
}

#[test]
fn what_a_run_has_started_is_told_nothing_and_holds_nothing_back() {
    let office = office();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "echo; read x"])
        .env("AI_RUN", "t-a.1")
        .stdout(std::process::Stdio::piped());
    let mut within = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let caller = i32::try_from(within.id()).unwrap();
    // Its environment is there to be read once it has said something.
    let mut word = [0];
    let mut said = within.stdout.take().unwrap();
    said.read_exact(&mut word).unwrap();
    let denied = error(
        "denied",
        "only a person may ask the daemon: within a run its agent asks about its own task",
    );
    for ask in [
        r#""status""#,
        r#"{"pause":{}}"#,
        r#"{"stop":{"runs":"end_now"}}"#,
    ] {
        let line = format!(r#"{{"protocol":1,"ask":{ask}}}"#);
        let told = office.says(&line, Some(caller));
        assert_eq!(told, (denied.clone(), vec![]), "{line}");
    }
    assert_eq!(daemon::order(&office.place).unwrap(), None);
    drop(within.stdin.take());
    within.wait().unwrap();
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn status(path: &Path) -> Result<DaemonWord, DaemonUnheard> {
    daemon_words::ask(path, DaemonAsk::Status)
}

#[test]
fn a_door_is_its_owners_and_leaves_nothing_behind() {
    let office = office();
    // So deep that its path fits into no address, and with what a killed one has left.
    let socket = office.place.dir().join("d".repeat(120)).join("socket");
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    drop(socket::listen(&socket).unwrap());
    assert!(matches!(status(&socket), Err(DaemonUnheard::Absent(_))));
    let door = CallersDoor::open(&socket, office.clerk()).unwrap();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let seen = sight::first(2).lock().unwrap().clone();
    let told = match status(&socket).unwrap() {
        DaemonWord::Status(told) => DaemonSight {
            since_ms: seen.since_ms,
            ..*told
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(told, seen);
    drop(door);
    assert!(!socket.exists());
    // The socket of another one that has come to this path is not taken away.
    let door = CallersDoor::open(&socket, office.clerk()).unwrap();
    std::fs::rename(&socket, socket.with_extension("old")).unwrap();
    let _other = socket::listen(&socket).unwrap();
    drop(door);
    assert!(socket.exists());
}

#[test]
fn who_is_slow_silent_or_rude_keeps_nobody_waiting_and_one_more_is_told_to_come_again() {
    let office = office();
    let socket = office.place.socket();
    let door = CallersDoor::open(&socket, office.clerk()).unwrap();
    let call = || socket::connect(&socket).unwrap();
    // Reads nothing and asks again and again, as long as it is heard.
    let mut deaf = call();
    let line = b"{\"protocol\":1,\"ask\":\"status\"}\n";
    socket::write_all(&mut deaf, &line.repeat(200), soon()).unwrap();
    let mut rude = call();
    let much = vec![b'x'; 3 * REQUEST_CAP];
    // It may hang up before all is said.
    let _heard = socket::write_all(&mut rude, &much, soon());
    let mut said = String::new();
    let _reset = rude.read_to_string(&mut said);
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(last, error("too_long", "a request has at most 16 KiB"));
    drop(call());
    status(&socket).unwrap();
    let silent: Vec<UnixStream> = (0..8).map(|_| call()).collect();
    let mut lines = SocketLines::default();
    let refused = (0..20).find_map(|_| match status(&socket) {
        Err(DaemonUnheard::Refused(refused)) => Some(refused),
        _ => None,
    });
    assert_eq!(refused.unwrap().kind, "try_later");
    drop(silent);
    let mut one = call();
    let greeting = lines.next(&mut one, 4096, soon()).unwrap();
    let greeting: Value = serde_json::from_slice(&greeting).unwrap();
    assert!(greeting["hello"].is_object() || greeting["error"].is_object());
    // The end waits for nobody.
    drop(door);
    let mut rest = Vec::new();
    let _ended = one.read_to_end(&mut rest);
    assert!(!socket.exists());
}

#[test]
fn one_of_another_protocol_or_that_stands_still_is_told_of_and_not_waited_for() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("socket");
    let listener = socket::listen(&path).unwrap();
    listener.set_nonblocking(false).unwrap();
    let greets = |greeting: &'static [u8]| {
        std::thread::scope(|scope| {
            let served = scope.spawn(|| {
                let (mut line, _) = listener.accept().unwrap();
                socket::write_all(&mut line, greeting, soon()).unwrap();
                line
            });
            let told = status(&path).unwrap_err().to_string();
            drop(served.join().unwrap());
            told
        })
    };
    let other = greets(b"{\"hello\":{\"protocol\":7,\"ai\":\"9.0.0\",\"store_format\":\"2.0\",\"pid\":1,\"more\":0}}\n");
    assert_eq!(
        other,
        "ai 9.0.0 speaks version 7 of the protocol, and this `ai` version 1"
    );
    let broken = greets(b"{\"hello\":\n");
    assert!(broken.starts_with("it does not answer at its socket: its line cannot be read: "));
    let silent = greets(b"");
    assert_eq!(
        silent,
        "it does not answer at its socket: nothing has come in 3 s"
    );
}
