//! What clients send, hostile ones among them.

use super::*;

/// In words: where it leads, with the head that goes there.
fn told(text: &str) -> String {
    match http(text.as_bytes()) {
        Part::More => "more".to_owned(),
        Part::Bad(_) => "bad".to_owned(),
        Part::Whole(HttpAsk::Connect(to), used) => format!("{to} {}", text.len() - used),
        Part::Whole(HttpAsk::Plain { to, head, .. }, _) => {
            format!(
                "{to} {}",
                String::from_utf8(head).unwrap().replace("\r\n", "|")
            )
        }
    }
}

#[test]
fn requests_of_http() {
    for (text, expected) in [
        (
            "CONNECT example.com:443 HTTP/1.1\r\n\r\n",
            "example.com:443 0",
        ),
        (
            "CONNECT example.com:443 HTTP/1.1\r\nHost: other.example\r\n\r\nhello",
            "example.com:443 5",
        ),
        ("CONNECT [::1]:443 HTTP/1.0\r\n\r\n", "[::1]:443 0"),
        ("CONNECT [[::1]:443 HTTP/1.1\r\n\r\n", "bad"),
        ("CONNECT [[::1]]:443 HTTP/1.1\r\n\r\n", "bad"),
        ("CONNECT example.com:443 HTTP/1.1\r\n", "more"),
        ("", "more"),
        ("CONNECT example.com HTTP/1.1\r\n\r\n", "bad"),
        ("CONNECT http://example.com:443 HTTP/1.1\r\n\r\n", "bad"),
        ("CONNECT user@example.com:443 HTTP/1.1\r\n\r\n", "bad"),
        ("CONNECT example.com:443 HTTP/2\r\n\r\n", "bad"),
        ("CONNECT  example.com:443 HTTP/1.1\r\n\r\n", "bad"),
        ("CONNECT example.com:443 extra HTTP/1.1\r\n\r\n", "bad"),
        ("CONNECT example.com:443 HTTP/1.1\nX: y\r\n\r\n", "bad"),
        ("CONNECT example.com:443 HTTP/1.1\r\nX: a\rb\r\n\r\n", "bad"),
        ("CONNECT example.com:443 HTTP/1.1\r\nX: a\0b\r\n\r\n", "bad"),
        ("CONNECT example.com:443 HTTP/1.1\r\n folded\r\n\r\n", "bad"),
        ("CONNECT example.com:443 HTTP/1.1\r\nno name\r\n\r\n", "bad"),
        ("CONNECT example.com:443 HTTP/1.1\r\nX : y\r\n\r\n", "bad"),
        ("CONNECT 127.1:443 HTTP/1.1\r\n\r\n", "bad"),
        ("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "bad"),
        ("GET https://example.com/ HTTP/1.1\r\n\r\n", "bad"),
        ("GET http:// HTTP/1.1\r\n\r\n", "bad"),
        ("GET http://user:word@example.com/ HTTP/1.1\r\n\r\n", "bad"),
        (
            "GET http://example.com\\@other.example/ HTTP/1.1\r\n\r\n",
            "bad",
        ),
        ("GET h\u{e9}tp://example.com/ HTTP/1.1\r\n\r\n", "bad"),
        (
            "GET http://example.com HTTP/1.1\r\n\r\n",
            "example.com:80 GET / HTTP/1.1|Host: example.com|Connection: close||",
        ),
        (
            "GET http://example.com?q=1#part HTTP/1.1\r\n\r\n",
            "example.com:80 GET /?q=1 HTTP/1.1|Host: example.com|Connection: close||",
        ),
        (
            "POST HTTP://example.com:8080/a HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop, \
             Content-Length\r\nX-Hop: 1\r\nProxy-Authorization: Basic x\r\nAccept: */*\r\n\r\nab",
            "example.com:8080 POST /a HTTP/1.1|Host: example.com:8080|Content-Length: 2|Accept: */*|Connection: close||",
        ),
    ] {
        assert_eq!(told(text), expected, "{text:?}");
    }
    let long = format!(
        "CONNECT a.example:1 HTTP/1.1\r\nX: {}",
        "x".repeat(HEAD_CAP)
    );
    assert_eq!(told(&long), "bad");
    assert_eq!(told(&format!("{long}\r\n\r\n")), "bad");
}

#[test]
fn a_body_has_one_length() {
    for (version, headers, taken) in [
        ("1.1", "", true),
        ("1.1", "Content-Length: 2", true),
        ("1.0", "content-length:2", true),
        ("1.1", "Transfer-Encoding: chunked", true),
        ("1.1", "transfer-encoding:  Chunked ", true),
        ("1.0", "Transfer-Encoding: chunked", false),
        ("1.1", "Transfer-Encoding: gzip, chunked", false),
        ("1.1", "Transfer-Encoding: identity", false),
        (
            "1.1",
            "Transfer-Encoding: chunked\r\nContent-Length: 2",
            false,
        ),
        ("1.1", "Content-Length: 2\r\ncontent-length: 3", false),
        ("1.1", "Content-Length: 2\r\nContent-Length: 2", false),
        ("1.1", "Content-Length: 2, 2", false),
        ("1.1", "Content-Length: +2", false),
        ("1.1", "Content-Length:", false),
        ("1.1", "Transfer-Encoding: chunked\u{a0}", false),
        ("1.1", "Transfer-Encoding:\u{2003}chunked", false),
        ("1.1", "Content-Length:\u{a0}4", false),
        ("1.1", "Content-Length: 99999999999999999999", false),
    ] {
        let end = if headers.is_empty() { "" } else { "\r\n" };
        let text = format!("POST http://example.com/ HTTP/{version}\r\n{headers}{end}\r\n");
        assert_eq!(told(&text) != "bad", taken, "{text:?}");
    }
}

#[test]
fn greetings_of_socks() {
    assert_eq!(socks_greeting(&[5]), Part::More);
    assert_eq!(socks_greeting(&[5, 2, 2]), Part::More);
    assert_eq!(socks_greeting(&[5, 2, 2, 0, 9]), Part::Whole(true, 4));
    assert_eq!(socks_greeting(&[5, 1, 2]), Part::Whole(false, 3));
    assert_eq!(socks_greeting(&[5, 0]), Part::Whole(false, 2));
}

#[test]
fn requests_of_socks() {
    let named = |name: &[u8]| {
        let length = u8::try_from(name.len()).unwrap();
        [&[5, 1, 0, 3, length], name, &[1, 187]].concat()
    };
    let whole = |bytes: &[u8]| match socks_request(bytes) {
        Part::Whole(to, used) => format!("{to} {used}"),
        Part::More => "more".to_owned(),
        Part::Bad(Malformed::Socks(code)) => format!("code {code}"),
        Part::Bad(Malformed::Request(_)) => "bad".to_owned(),
    };
    for (bytes, expected) in [
        (named(b"example.com"), "example.com:443 18"),
        (named(b"127.0.0.1"), "127.0.0.1:443 16"),
        (named(b""), "code 8"),
        (named(b"a\0.example"), "code 8"),
        (named(b"127.1"), "code 8"),
        (named(&[0xff, 0xfe]), "code 8"),
        (vec![5, 1, 0, 1, 127, 0, 0, 1, 0, 80], "127.0.0.1:80 10"),
        (vec![5, 1, 0, 1, 127, 0, 0, 1, 0, 0], "code 8"),
        (vec![5, 1, 0, 1, 127, 0, 0, 1, 0], "more"),
        (
            [
                &[5, 1, 0, 4][..],
                &[0; 10],
                &[255, 255, 127, 0, 0, 1, 0, 80],
            ]
            .concat(),
            "127.0.0.1:80 22",
        ),
        (vec![5, 2, 0, 1, 127, 0, 0, 1, 0, 80], "code 7"),
        (vec![5, 3, 0, 1, 127, 0, 0, 1, 0, 80], "code 7"),
        (vec![5, 1, 0, 2, 127, 0, 0, 1, 0, 80], "code 8"),
        (vec![4, 1, 0, 80, 127, 0, 0, 1, 0], "bad"),
        (vec![5, 1, 0, 3], "more"),
        (vec![5, 1, 0, 3, 255, b'a'], "more"),
        (vec![], "more"),
    ] {
        assert_eq!(whole(&bytes), expected, "{bytes:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_stop_the_reading(bytes in proptest::collection::vec(0_u8.., 0..400)) {
        let _http = http(&bytes);
        let _greeting = socks_greeting(&bytes);
        let _request = socks_request(&bytes);
    }
}
