//! Within the run: a port of its loopback, at which whatever is said goes to the socket of the
//! supervisor. Nothing is read here, so nothing here can be talked into anything.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::base::clock;
use crate::process::egress::carry::{EgressLine, STACK, carry};

/// The path of the supervisor's socket inside.
pub(in crate::process) const INSIDE: &str = "/tmp/.ai-egress";
/// Connections at one time; the next one is closed at once.
const CONNECTIONS: usize = 256;
/// The supervisor ends what is silent long before.
const IDLE: Duration = Duration::from_secs(3_600);
/// The pause after a connection that could not be taken, for want of descriptors mostly.
const BREATH: Duration = Duration::from_millis(20);

/// Begins to listen, and returns the variables by which programs find the port.
pub(in crate::process) fn variables(socket: &str) -> io::Result<Vec<(OsString, OsString)>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let socket = socket.to_owned();
    let thread = thread::Builder::new().stack_size(STACK);
    thread.spawn(move || serve(&listener, &socket))?;
    Ok(names(port))
}

/// Every program has its own name for it. All name the one port, which hears HTTP and SOCKS: there are
/// libraries that fail at a proxy of SOCKS for which they have no parts.
fn names(port: u16) -> Vec<(OsString, OsString)> {
    let proxy = format!("http://127.0.0.1:{port}");
    let local = "localhost,127.0.0.1,::1";
    let mut all = Vec::new();
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        all.push((name.into(), proxy.clone().into()));
        all.push((name.to_ascii_lowercase().into(), proxy.clone().into()));
    }
    for name in ["NO_PROXY", "no_proxy"] {
        all.push((name.into(), local.into()));
    }
    all
}

fn serve(listener: &TcpListener, socket: &str) {
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept() else {
            clock::pause(BREATH);
            continue;
        };
        if count.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS {
            count.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (socket, mine) = (socket.to_owned(), Arc::clone(&count));
        let thread = thread::Builder::new().stack_size(STACK);
        let begun = thread.spawn(move || {
            pass_on(stream, &socket);
            mine.fetch_sub(1, Ordering::SeqCst);
        });
        if begun.is_err() {
            count.fetch_sub(1, Ordering::SeqCst);
            clock::pause(BREATH);
        }
    }
}

fn pass_on(stream: TcpStream, socket: &str) {
    if let Ok(to) = UnixStream::connect(socket) {
        carry(&EgressLine::Tcp(stream), &EgressLine::Unix(to), IDLE);
    }
}
