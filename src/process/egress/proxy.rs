//! At the supervisor: reads what each connection wants, asks, and carries.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::base::{fs, peer, socket};
use crate::domain::egress::{Host, HostAnswer, HostPort, HostRules, HostSeen};
use crate::process::egress::body::RequestBody;
use crate::process::egress::carry::{EgressLine, STACK, carry, carry_body, is_filler};
use crate::process::egress::request::{
    HEAD_CAP, HttpAsk, Malformed, Part, http, http_refusal, socks_greeting, socks_reply,
    socks_request,
};

/// Connections at one time; the next one is closed at once.
const CONNECTIONS: usize = 256;
/// Time for a client to say what it wants.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time for a host to take a connection at one of its addresses.
const CONNECT: Duration = Duration::from_secs(10);
/// Addresses of a name that are tried.
const ADDRESSES: usize = 4;
/// Longest silence of both sides. A model thinks for minutes.
const IDLE: Duration = Duration::from_secs(900);
/// Time and bytes that a refused client may still send, so that it hears the reason.
const LAST_WORDS: Duration = Duration::from_secs(2);
const LAST_BYTES: usize = 1 << 20;
/// Hosts that are counted one by one.
const COUNTED: usize = 200;
/// Said to a client that sends more than the request that it was heard for.
const BEHIND: &str =
    "more than one request came at once; a connection to this proxy takes one, or a CONNECT";
/// The name under which all others are counted.
const OTHERS: &str = "others";

/// Answers whether a host may be reached, given the answer of the lists.
pub type HostQuestion = Arc<dyn Fn(&HostPort, HostAnswer) -> HostAnswer + Send + Sync>;

/// Everything by which a proxy works.
pub struct EgressOrder {
    /// The place of the socket, in a private directory.
    pub socket: PathBuf,
    /// The lists, each of which has to name a host.
    pub lists: Vec<HostRules>,
    /// Asked about each connection.
    pub ask: HostQuestion,
}

/// A proxy at work; it ends when it is dropped.
#[derive(Debug)]
pub struct EgressProxy {
    socket: PathBuf,
    end: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
    live: Arc<Mutex<Live>>,
}

/// The connections that are open, and what was seen so far.
#[derive(Debug, Default)]
struct Live {
    next: u64,
    open: HashMap<u64, Vec<EgressLine>>,
    seen: BTreeMap<String, HostSeen>,
    closed: bool,
}

/// The reason why a host was not reached.
enum Failed {
    Refused(String),
    Unreachable(String),
}

/// A thing that happened to a connection.
enum CallEnding<'a> {
    Answered,
    Failed(&'a str),
}

impl EgressProxy {
    /// Opens the socket and listens there, from a thread of its own.
    pub fn open(order: EgressOrder) -> io::Result<EgressProxy> {
        let path = order.socket.clone();
        let listener = socket::listen(&path)?;
        let (end, heard) = UnixStream::pair()?;
        let live = Arc::new(Mutex::new(Live::default()));
        let shared = Arc::clone(&live);
        let thread = thread::Builder::new()
            .spawn(move || serve(&listener, &heard, &Arc::new(order), &shared))?;
        Ok(EgressProxy {
            socket: path,
            end: Some(end),
            thread: Some(thread),
            live,
        })
    }

    /// Ends it, and returns what was asked for.
    pub fn close(mut self) -> Vec<HostSeen> {
        self.stop();
        std::mem::take(&mut lock(&self.live).seen)
            .into_values()
            .collect()
    }

    fn stop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ended = thread.join();
        }
        // One that stays is in the way of nobody: each has a name of its own.
        let _removed = fs::remove_file(&self.socket);
        let mut live = lock(&self.live);
        live.closed = true;
        live.open.values().flatten().for_each(hang_up);
    }
}

impl Drop for EgressProxy {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock(live: &Mutex<Live>) -> MutexGuard<'_, Live> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hang_up(line: &EgressLine) {
    // It may have ended by itself.
    let _ended = match line {
        EgressLine::Tcp(stream) => stream.shutdown(Shutdown::Both),
        EgressLine::Unix(stream) => stream.shutdown(Shutdown::Both),
    };
}

fn serve(
    listener: &UnixListener,
    end: &UnixStream,
    order: &Arc<EgressOrder>,
    live: &Arc<Mutex<Live>>,
) {
    while let Some(client) = socket::next_caller(listener, end) {
        if !peer::is_own_user(&client) {
            continue;
        }
        let Some(id) = begin(live, &client) else {
            continue;
        };
        let (order, shared) = (Arc::clone(order), Arc::clone(live));
        let begun = thread::Builder::new().stack_size(STACK).spawn(move || {
            let call = Call {
                id,
                client: EgressLine::Unix(client),
                order: &order,
                live: &shared,
            };
            // A client that goes away is no fault of anybody.
            let _over = call.converse();
            lock(&shared).open.remove(&id);
        });
        if begun.is_err() {
            lock(live).open.remove(&id);
        }
    }
}

/// Counts one more connection; nothing where there are too many.
fn begin(live: &Mutex<Live>, client: &UnixStream) -> Option<u64> {
    let kept = client.try_clone().ok()?;
    let mut live = lock(live);
    if live.open.len() >= CONNECTIONS {
        return None;
    }
    live.next += 1;
    let id = live.next;
    live.open.insert(id, vec![EgressLine::Unix(kept)]);
    Some(id)
}

/// One connection.
struct Call<'a> {
    id: u64,
    client: EgressLine,
    order: &'a EgressOrder,
    live: &'a Mutex<Live>,
}

impl Call<'_> {
    fn converse(&self) -> io::Result<()> {
        let mut ear = ClientEar {
            line: &self.client,
            bytes: Vec::new(),
            until: Instant::now() + PATIENCE,
        };
        if ear.first()? == 5 {
            return self.socks(&mut ear);
        }
        match ear.hear(http)? {
            Err(Malformed::Request(why)) => self.refuse(&http_refusal("400 Bad Request", &why)),
            Err(Malformed::Socks(_)) => Ok(()),
            Ok(HttpAsk::Connect(to)) => match self.reach(&to) {
                Ok(host) => {
                    self.client
                        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                    self.carry(&host, &ear.bytes)
                }
                Err(failed) => self.refuse(&failed.http()),
            },
            Ok(HttpAsk::Plain { to, head, body }) => match self.reach(&to) {
                Ok(host) => self.carry_one(&host, (head, RequestBody::of(body)), &ear.bytes),
                Err(failed) => self.refuse(&failed.http()),
            },
        }
    }

    fn socks(&self, ear: &mut ClientEar<'_>) -> io::Result<()> {
        match ear.hear(socks_greeting)? {
            Ok(true) => self.client.write_all(&[5, 0])?,
            Ok(false) | Err(_) => return self.refuse(&[5, 0xff]),
        }
        let to = match ear.hear(socks_request)? {
            Ok(to) => to,
            Err(Malformed::Socks(code)) => return self.refuse(&socks_reply(code)),
            Err(Malformed::Request(_)) => return self.refuse(&socks_reply(1)),
        };
        match self.reach(&to) {
            Ok(host) => {
                self.client.write_all(&socks_reply(0))?;
                self.carry(&host, &ear.bytes)
            }
            Err(Failed::Refused(_)) => self.refuse(&socks_reply(2)),
            Err(Failed::Unreachable(_)) => self.refuse(&socks_reply(4)),
        }
    }

    fn carry(&self, host: &EgressLine, first: &[u8]) -> io::Result<()> {
        host.wait_at_most(PATIENCE)?;
        host.write_all(first)?;
        carry(&self.client, host, IDLE);
        Ok(())
    }

    /// Carries one request, whose body has begun with `first`. A second one on the same connection would go to a
    /// host about which nobody was asked for it.
    fn carry_one(
        &self,
        host: &EgressLine,
        (head, mut body): (Vec<u8>, RequestBody),
        first: &[u8],
    ) -> io::Result<()> {
        let own = match body.take(first) {
            Ok(own) if is_filler(&first[own..]) => own,
            Ok(_) | Err(_) => return self.refuse(&http_refusal("400 Bad Request", BEHIND)),
        };
        host.wait_at_most(PATIENCE)?;
        host.write_all(&[&head, &first[..own]].concat())?;
        carry_body(&self.client, host, IDLE, body);
        Ok(())
    }

    /// Says the last word, and hears the client out: one that is cut off while it speaks may lose what
    /// was said to it.
    fn refuse(&self, word: &[u8]) -> io::Result<()> {
        self.client.write_all(word)?;
        if let EgressLine::Unix(stream) = &self.client {
            stream.shutdown(Shutdown::Write)?;
        }
        let (until, mut bytes, mut heard) = (Instant::now() + LAST_WORDS, [0; 4096], 0);
        while heard < LAST_BYTES {
            self.client.wait_at_most(left(until)?)?;
            match self.client.read(&mut bytes)? {
                0 => break,
                count => heard += count,
            }
        }
        Ok(())
    }

    /// Connects to a host that may be reached.
    fn reach(&self, to: &HostPort) -> Result<EgressLine, Failed> {
        let reached = self
            .ask(to)
            .map_err(Failed::Refused)
            .and_then(|()| self.connect(to));
        let ending = match &reached {
            Ok(_) => CallEnding::Answered,
            Err(Failed::Refused(why) | Failed::Unreachable(why)) => CallEnding::Failed(why),
        };
        self.note(to, ending);
        reached.map_err(|failed| failed.about(to))
    }

    fn ask(&self, to: &HostPort) -> HostAnswer {
        let listed = self.order.lists.iter().try_for_each(|list| list.judge(to));
        (self.order.ask)(to, listed)
    }

    /// Tries the addresses that may be, in the order of the resolver.
    fn connect(&self, to: &HostPort) -> Result<EgressLine, Failed> {
        let addresses = addresses(to).map_err(|why| Failed::Unreachable(why.to_string()))?;
        let (mut last, mut tried) = (Failed::Unreachable("it has no address".to_owned()), false);
        for address in addresses.into_iter().take(ADDRESSES) {
            let judged = |list: &HostRules| list.judge_address(to, address.ip());
            if let Err(why) = self.order.lists.iter().try_for_each(judged) {
                if !tried {
                    last = Failed::Refused(why);
                }
                continue;
            }
            tried = true;
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => return self.hold(stream),
                Err(why) => last = Failed::Unreachable(why.to_string()),
            }
        }
        Err(last)
    }

    /// Remembers a connection, so that it ends with the run.
    fn hold(&self, stream: TcpStream) -> Result<EgressLine, Failed> {
        let failed = |why: &dyn ToString| Failed::Unreachable(why.to_string());
        let kept = stream.try_clone().map_err(|why| failed(&why))?;
        let mut live = lock(self.live);
        if live.closed {
            return Err(failed(&"the run has ended"));
        }
        live.open
            .entry(self.id)
            .or_default()
            .push(EgressLine::Tcp(kept));
        Ok(EgressLine::Tcp(stream))
    }

    fn note(&self, to: &HostPort, ending: CallEnding<'_>) {
        let mut live = lock(self.live);
        let mut name = to.to_string();
        if live.seen.len() >= COUNTED && !live.seen.contains_key(&name) {
            name = OTHERS.to_owned();
        }
        let seen = live.seen.entry(name).or_insert_with_key(|name| HostSeen {
            host: name.clone(),
            answered: 0,
            refused: 0,
            why: None,
        });
        match ending {
            CallEnding::Answered => seen.answered = seen.answered.saturating_add(1),
            CallEnding::Failed(why) => {
                seen.refused = seen.refused.saturating_add(1);
                seen.why = Some(why.to_owned());
            }
        }
    }
}

/// The addresses for which a host stands.
fn addresses(to: &HostPort) -> io::Result<Vec<SocketAddr>> {
    match &to.host {
        Host::Address(address) => Ok(vec![SocketAddr::new(*address, to.port)]),
        Host::Name(name) => Ok((name.as_str(), to.port).to_socket_addrs()?.collect()),
    }
}

impl Failed {
    fn about(self, to: &HostPort) -> Failed {
        match self {
            Failed::Refused(why) => Failed::Refused(format!("{to} is refused: {why}")),
            Failed::Unreachable(why) => Failed::Unreachable(format!("{to} is not reached: {why}")),
        }
    }

    fn http(&self) -> Vec<u8> {
        match self {
            Failed::Refused(why) => http_refusal("403 Forbidden", why),
            Failed::Unreachable(why) => http_refusal("502 Bad Gateway", why),
        }
    }
}

/// Hears a client until a part is whole; what comes after stays.
struct ClientEar<'a> {
    line: &'a EgressLine,
    bytes: Vec<u8>,
    until: Instant,
}

impl ClientEar<'_> {
    fn first(&mut self) -> io::Result<u8> {
        while self.bytes.is_empty() {
            self.more()?;
        }
        self.bytes
            .first()
            .copied()
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn hear<T>(&mut self, read: fn(&[u8]) -> Part<T>) -> io::Result<Result<T, Malformed>> {
        loop {
            match read(&self.bytes) {
                Part::Whole(part, used) => {
                    self.bytes.drain(..used);
                    return Ok(Ok(part));
                }
                Part::Bad(why) => return Ok(Err(why)),
                Part::More => self.more()?,
            }
        }
    }

    fn more(&mut self) -> io::Result<()> {
        if self.bytes.len() > HEAD_CAP {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut chunk = [0; 4096];
        self.line.wait_at_most(left(self.until)?)?;
        match self.line.read(&mut chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.bytes.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}
