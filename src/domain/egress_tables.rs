//! Lists of hosts in tables, hostile spellings among them.

use super::*;

fn rules(allow: &[&str], deny: &[&str]) -> HostRules {
    let read = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
    HostRules {
        allow: read(allow),
        deny: read(deny),
    }
}

fn to(text: &str) -> HostPort {
    HostPort::parse(text, Some(443)).unwrap()
}

#[test]
fn a_host_is_reached_where_a_list_names_it_and_none_denies_it() {
    for (allow, deny, host, answer) in [
        ("example.com", "", "example.com", true),
        ("example.com", "", "EXAMPLE.com.", true),
        ("example.com", "", "www.example.com", false),
        ("example.com", "", "notexample.com", false),
        ("*.example.com", "", "www.example.com", true),
        ("*.example.com", "", "a.b.example.com", true),
        ("*.example.com", "", "example.com", false),
        ("*.example.com", "", "evilexample.com", false),
        ("example.com:443", "", "example.com", true),
        ("example.com:443", "", "example.com:80", false),
        ("*", "", "any.example", true),
        ("*", "any.example", "any.example", false),
        ("*", "*.example", "any.example", false),
        ("*", "any.example:80", "any.example", true),
        ("10.0.0.0/8", "", "10.2.3.4", true),
        ("10.0.0.0/8", "", "11.2.3.4", false),
        ("10.0.0.0/8", "10.2.0.0/16", "10.2.3.4", false),
        ("127.0.0.1:8080", "", "127.0.0.1:8080", true),
        ("127.0.0.1:8080", "", "127.0.0.1:8081", false),
        ("127.0.0.1", "", "[::ffff:127.0.0.1]:1", true),
        ("*", "127.0.0.1", "[::ffff:127.0.0.1]:1", false),
        ("[::1]:80", "", "[::1]:80", true),
        ("fd00::/8", "", "[fd12::1]:80", true),
        ("0.0.0.0/0", "", "1.2.3.4", true),
        ("0.0.0.0/0", "", "[2600::1]", false),
    ] {
        let deny: Vec<&str> = Some(deny)
            .filter(|deny| !deny.is_empty())
            .into_iter()
            .collect();
        let found = rules(&[allow], &deny).judge(&to(host));
        assert_eq!(found.is_ok(), answer, "{allow} {deny:?} {host}: {found:?}");
    }
    assert!(HostRules::default().judge(&to("example.com")).is_err());
}

#[test]
fn a_name_opens_no_private_address() {
    for (allow, host, address, answer) in [
        ("*", "example.com", "93.184.216.34", true),
        ("example.com", "example.com", "127.0.0.1", false),
        ("*", "example.com", "10.1.2.3", false),
        ("*", "example.com", "169.254.169.254", false),
        ("*", "169.254.169.254", "169.254.169.254", false),
        ("*", "example.com", "100.64.0.1", false),
        ("*", "example.com", "0.0.0.0", false),
        ("*", "example.com", "224.0.0.1", false),
        ("*", "example.com", "::1", false),
        ("*", "example.com", "::", false),
        ("*", "example.com", "::ffff:127.0.0.1", false),
        ("*", "example.com", "::127.0.0.1", false),
        ("*", "example.com", "64:ff9b::7f00:1", false),
        ("*", "example.com", "64:ff9b::5db8:d822", true),
        ("*", "example.com", "2002:7f00:1::", false),
        ("*", "example.com", "2001::1", false),
        ("*", "example.com", "fe80::1", false),
        ("*", "example.com", "fd00::1", false),
        ("*", "example.com", "2606:2800:220:1::1", true),
        ("localhost", "localhost", "127.0.0.1", true),
        ("localhost", "localhost", "::1", true),
        ("localhost", "localhost", "10.0.0.1", false),
        ("*", "localhost", "127.0.0.1", false),
        ("127.0.0.1:443", "127.0.0.1", "127.0.0.1", true),
        ("10.0.0.0/8", "intra.example", "10.1.2.3", true),
        ("10.0.0.0/8:80", "intra.example", "10.1.2.3", false),
    ] {
        let found = rules(&[allow], &[]).judge_address(&to(host), address.parse().unwrap());
        assert_eq!(found.is_ok(), answer, "{allow} {host} {address}: {found:?}");
    }
    let denied = rules(&["*"], &["93.184.0.0/16"]);
    let address = "93.184.216.34".parse().unwrap();
    assert!(denied.judge_address(&to("example.com"), address).is_err());
}

#[test]
fn what_could_be_read_in_two_ways_is_no_destination() {
    for text in [
        "",
        ".",
        "..",
        "a..b",
        "127.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.0.0.0x1",
        "1.2.3.4.",
        "a b",
        "a\0b",
        "a\nb",
        "a%2eb",
        "user@host",
        "h\u{e9}.example",
        "host:",
        "host:0",
        "host:65536",
        "host:+80",
        "host:80:80",
        "::1",
        "[::1",
        "[::1]80",
        "[host]",
        "[127.0.0.1]:80",
        "[fe80::1%25eth0]:80",
        "host/path",
        "*",
        "-".repeat(64).as_str(),
        "a.".repeat(200).as_str(),
    ] {
        let found = HostPort::parse(text, Some(80));
        assert!(found.is_err(), "{text:?} {found:?}");
    }
    assert!(HostPort::parse("host", None).is_err());
}

#[test]
fn an_entry_is_shown_as_it_is_read() {
    for text in [
        "*",
        "*:443",
        "example.com",
        "*.example.com:80",
        "10.0.0.0/8",
        "127.0.0.1:8080",
        "[::1]",
        "[fd00::/8]",
        "[::1]:80",
    ] {
        let entry: HostPattern = text.parse().unwrap();
        assert_eq!(entry.to_string(), text);
        assert_eq!(text.parse::<HostPattern>().unwrap(), entry);
    }
    for text in [
        "",
        "https://example.com",
        "example.com/path",
        "*example.com",
        "a.*.com",
        "**",
        "*.",
        "*.10.0.0.1",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "::ffff:10.0.0.0/104",
        "fd00::/129",
        "example.com:http",
        "[example.com]",
        "127.1",
    ] {
        assert!(text.parse::<HostPattern>().is_err(), "{text}");
    }
}

#[test]
fn a_setting_is_a_word_or_a_list() {
    for text in [
        r#""on""#,
        r#""off""#,
        r#"{"allow":["example.com:443"],"deny":["*.example.com"]}"#,
        r#"{"allow":[]}"#,
    ] {
        let setting: NetworkSetting = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&setting).unwrap(), text);
    }
    for text in [
        r#""listed""#,
        "true",
        "[]",
        r#"{"allowed":[]}"#,
        r#"{"allow":["a b"]}"#,
    ] {
        assert!(
            serde_json::from_str::<NetworkSetting>(text).is_err(),
            "{text}"
        );
    }
}
