//! What a client of the proxy wants, read from its bytes: `CONNECT` and plain requests of HTTP/1, and
//! SOCKS 5 (RFC 1928). Pure, and strict: what could be read in two ways is refused, since the host that
//! is asked about must be the host that is meant.

use std::net::IpAddr;

use crate::domain::egress::{Host, HostPort};
use crate::process::egress::body::BodyLength;

/// Largest head of a request of HTTP.
pub(super) const HEAD_CAP: usize = 16 << 10;

/// A part of a conversation, as far as it has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<T> {
    /// More bytes are needed.
    More,
    /// The part, and how many bytes it took.
    Whole(T, usize),
    /// Something else.
    Bad(Malformed),
}

/// A fault of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Malformed {
    /// Neither a request of HTTP nor of SOCKS, or one with faults, in words.
    Request(String),
    /// A command or a kind of address of SOCKS, with the code that says so.
    Socks(u8),
}

/// A request of HTTP.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HttpAsk {
    /// A tunnel.
    Connect(HostPort),
    /// A request, with the head as it goes to the host.
    Plain {
        /// The host.
        to: HostPort,
        /// The head in the form for a server, for one request only.
        head: Vec<u8>,
        /// The length of the body behind it.
        body: BodyLength,
    },
}

/// Headers that are between a client and its proxy, and not for the host.
const HOP: [&str; 6] = [
    "host",
    "connection",
    "proxy-connection",
    "keep-alive",
    "proxy-authorization",
    "te",
];

fn malformed<T>(why: impl Into<String>) -> Part<T> {
    Part::Bad(Malformed::Request(why.into()))
}

/// Reads the head of a request of HTTP.
pub(super) fn http(bytes: &[u8]) -> Part<HttpAsk> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        return if bytes.len() >= HEAD_CAP {
            malformed("the head of the request is too long")
        } else {
            Part::More
        };
    };
    if end > HEAD_CAP {
        return malformed("the head of the request is too long");
    }
    let plain = |b: &u8| matches!(b, b'\t' | b' '..=b'~' | 0x80..);
    let mut lines = Vec::new();
    for line in bytes[..end].split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.iter().all(plain) {
            return malformed("its head holds control characters");
        }
        lines.push(line);
    }
    // A line feed by itself ends a line for some and not for others.
    let feeds = bytes[..end].iter().filter(|b| **b == b'\n').count();
    let pairs = bytes[..end]
        .windows(2)
        .filter(|two| *two == b"\r\n")
        .count();
    if feeds != pairs {
        return malformed("a line of its head ends without a carriage return");
    }
    let Some((first, headers)) = lines.split_first() else {
        return malformed("it is empty");
    };
    match ask(first, headers) {
        Ok(ask) => Part::Whole(ask, end + 4),
        Err(why) => malformed(why),
    }
}

fn ask(first: &[u8], headers: &[&[u8]]) -> Result<HttpAsk, String> {
    let line = std::str::from_utf8(first).map_err(|_| "its first line is no text")?;
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, version @ ("HTTP/1.1" | "HTTP/1.0")] = words.as_slice() else {
        return Err("it is no request of HTTP/1".to_owned());
    };
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err("its method is no word".to_owned());
    }
    for header in headers {
        let name = header.split(|b| *b == b':').next().unwrap_or_default();
        if name.len() == header.len() || name.is_empty() || !name.iter().copied().all(is_token) {
            return Err("one of its headers has no name".to_owned());
        }
    }
    if *method == "CONNECT" {
        let to = HostPort::parse(target, None).map_err(|e| e.to_string())?;
        return Ok(HttpAsk::Connect(to));
    }
    let body = one_length(headers, version)?;
    let scheme = target.get(..7).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("http://") {
        return Err("a proxy is asked with CONNECT, or for an address with http://".to_owned());
    }
    let rest = &target[7..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let to = HostPort::parse(authority, Some(80)).map_err(|e| e.to_string())?;
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut head =
        format!("{method} {slash}{path} {version}\r\nHost: {authority}\r\n").into_bytes();
    let named_hops = connection_words(headers);
    for header in headers {
        let name = header_name(header);
        if !HOP.contains(&name.as_str()) && !named_hops.contains(&name) {
            head.extend_from_slice(header);
            head.extend_from_slice(b"\r\n");
        }
    }
    // One request a connection: a second one could be meant for another host.
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    Ok(HttpAsk::Plain { to, head, body })
}

/// Refuses a request whose end two readers could see in two places: what is behind it for one of them
/// is a request of its own for the other.
fn one_length(headers: &[&[u8]], version: &str) -> Result<BodyLength, String> {
    let values = |name: &str| -> Vec<String> {
        headers
            .iter()
            .filter(|header| header_name(header) == name)
            .map(|header| {
                let text = String::from_utf8_lossy(header);
                let value = text.split_once(':').map_or("", |(_, value)| value);
                // White space of HTTP, and no other: what more there is belongs to the value.
                value.trim_matches([' ', '\t']).to_ascii_lowercase()
            })
            .collect()
    };
    match (
        values("content-length").as_slice(),
        values("transfer-encoding").as_slice(),
    ) {
        ([], []) => Ok(BodyLength::Sized(0)),
        ([length], []) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => {
            let bytes = length.parse();
            bytes
                .map(BodyLength::Sized)
                .map_err(|_| "the length of its body is no number of bytes".to_owned())
        }
        ([], [coding]) if coding == "chunked" && version == "HTTP/1.1" => Ok(BodyLength::Chunked),
        _ => Err("the length of its body can be read in two ways".to_owned()),
    }
}

fn header_name(header: &[u8]) -> String {
    let name = header.split(|b| *b == b':').next().unwrap_or_default();
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

/// The headers that `Connection` names: they are for the proxy, too. Those by which the length of the
/// request is known never are.
fn connection_words(headers: &[&[u8]]) -> Vec<String> {
    let mut words = Vec::new();
    for header in headers.iter().filter(|h| header_name(h) == "connection") {
        let value = String::from_utf8_lossy(header).to_ascii_lowercase();
        let value = value.split_once(':').map_or("", |(_, value)| value);
        let named = value.split(',').map(|word| word.trim().to_owned());
        words.extend(named.filter(|word| word != "content-length" && word != "transfer-encoding"));
    }
    words
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads the greeting of a client of SOCKS: true where it takes part without a login.
pub(super) fn socks_greeting(bytes: &[u8]) -> Part<bool> {
    let Some(count) = bytes.get(1) else {
        return Part::More;
    };
    let end = 2 + usize::from(*count);
    match bytes.get(2..end) {
        None => Part::More,
        Some(methods) => Part::Whole(methods.contains(&0), end),
    }
}

/// Reads what a client of SOCKS wants.
pub(super) fn socks_request(bytes: &[u8]) -> Part<HostPort> {
    const NO_SUCH_COMMAND: u8 = 7;
    const NO_SUCH_ADDRESS: u8 = 8;
    let Some(&[version, command, reserved, kind]) = bytes.first_chunk::<4>() else {
        return Part::More;
    };
    if version != 5 || reserved != 0 {
        return malformed("it is no request of SOCKS 5");
    }
    if command != 1 {
        return Part::Bad(Malformed::Socks(NO_SUCH_COMMAND));
    }
    let (from, length) = match (kind, bytes.get(4)) {
        (1, _) => (4, 4),
        (4, _) => (4, 16),
        (3, None) => return Part::More,
        (3, Some(length)) => (5, usize::from(*length)),
        _ => return Part::Bad(Malformed::Socks(NO_SUCH_ADDRESS)),
    };
    let end = from + length;
    let (Some(address), Some(&[high, low])) = (bytes.get(from..end), bytes.get(end..end + 2))
    else {
        return Part::More;
    };
    let host = match kind {
        1 => <[u8; 4]>::try_from(address)
            .ok()
            .map(|four| Host::Address(IpAddr::from(four))),
        4 => <[u8; 16]>::try_from(address)
            .ok()
            .map(|all| Host::Address(IpAddr::from(all).to_canonical())),
        _ => std::str::from_utf8(address)
            .ok()
            .and_then(|name| Host::parse(name).ok()),
    };
    let port = u16::from_be_bytes([high, low]);
    match host {
        Some(host) if port != 0 => Part::Whole(HostPort { host, port }, end + 2),
        _ => Part::Bad(Malformed::Socks(NO_SUCH_ADDRESS)),
    }
}

/// An answer of SOCKS with this code; 0 is a yes.
pub(super) fn socks_reply(code: u8) -> [u8; 10] {
    [5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// An answer of HTTP that ends the conversation, with the reason as its text.
pub(super) fn http_refusal(status: &str, why: &str) -> Vec<u8> {
    let body = format!("ai: {why}\n");
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
#[path = "request_tables.rs"]
mod tables;
