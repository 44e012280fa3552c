use super::*;
use crate::config::Trees;
use proptest::prelude::*;

/// A policy with rules enough to be kept as a tree, one of which has this condition.
fn policy(when: &str) -> Vec<u8> {
    let rule = |n: usize| {
        format!(
            "  - {{id: r{n}, on: [push], when: 'branch == \"refs/heads/b{n}\"', effect: warn, reason: a reason}}\n"
        )
    };
    let others: String = (0..10).map(rule).collect();
    let when = when.replace('\'', "''");
    format!(
        "version: 1\ndefault: allow\nrules:\n{others}  - {{id: it, on: [edit], when: '{when}', effect: allow}}\n"
    )
    .into_bytes()
}

/// Conditions, right ones and others: facts that there are and are not, of types that fit and do not.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("actor.name"),
        Just("change.lines"),
        Just("task.labels"),
        Just("change.tests_weakened"),
        Just("chnge.lines"),
        Just("actor.kind"),
        Just("'agent'"),
        Just("'agnet'"),
        Just("3"),
        Just("true"),
        Just("ref.change"),
        Just("'rewritten'"),
        Just("["),
    ];
    let sign = prop_oneof![
        Just("=="),
        Just("<"),
        Just("&&"),
        Just("in"),
        Just("+"),
        Just("=")
    ];
    let one = (leaf.clone(), sign, leaf)
        .prop_map(|(a, sign, b)| format!("{a} {sign} {b}").replace('\'', "\""));
    prop_oneof![
        one.clone(),
        (one.clone(), one).prop_map(|(a, b)| format!("({a}) || ({b})"))
    ]
}

proptest! {
    /// A condition is made a program late where its file was read before. That a file is refused for it is not late:
    /// whatever is read from a kept tree was found in order when it was kept, and what was refused is refused again.
    #[test]
    fn what_cannot_be_typed_is_refused_whenever_it_is_read(when in condition()) {
        let home = tempfile::tempdir().unwrap();
        let trees = Trees::in_dir(home.path());
        let bytes = policy(&when);
        let usable = PolicyPart::from_bytes(&bytes, policy::FILE).is_ok();
        for _ in 0..3 {
            let read = of_bytes(&trees, policy::FILE, &bytes);
            prop_assert_eq!(read.is_ok(), usable, "{}", when);
        }
        let kept = fs::list_dir(home.path()).unwrap();
        prop_assert_eq!(kept.len(), usize::from(usable), "{}", when);
    }
}

#[test]
fn lines_end_in_a_line_feed_and_what_they_say_stays() {
    for (bytes, wanted) in [
        ("a\r\nb\r\n", "a\nb\n"),
        ("a\nb", "a\nb"),
        ("a\rb\r", "a\rb\r"),
        ("\r\r\n", "\r\n"),
        ("", ""),
    ] {
        assert_eq!(with_line_feeds(bytes.as_bytes()), wanted.as_bytes());
    }
}
