use super::*;

fn set(files: &[(&str, &str)]) -> ExecutableSet {
    let mut set = ExecutableSet::default();
    for (path, content) in files {
        if *content == "link" {
            set.add_irregular(path);
        } else {
            set.add_file(
                path,
                format!("digest of {content}"),
                content.as_bytes().to_vec(),
            );
        }
    }
    set
}

#[test]
fn what_differs_from_the_trust_asks_again() {
    use TrustChange::{Added, Changed, Removed};
    type Files<'a> = &'a [(&'a str, &'a str)];
    type Case<'a> = (Files<'a>, Files<'a>, &'a [(TrustChange, &'a str)]);
    let cases: [Case<'_>; 7] = [
        (&[], &[], &[]),
        (&[("a", "1")], &[("a", "1")], &[]),
        (&[], &[("a", "1")], &[(Added, "a")]),
        (&[("a", "1")], &[("a", "2")], &[(Changed, "a")]),
        (&[("a", "1")], &[], &[(Removed, "a")]),
        // An older version may have trusted one.
        (&[("a", "link")], &[("a", "link")], &[(Changed, "a")]),
        (
            &[("gone", "1"), ("b", "1"), ("same", "1")],
            &[("same", "1"), ("b", "2"), ("c", "1")],
            &[(Changed, "b"), (Added, "c"), (Removed, "gone")],
        ),
    ];
    for (trusted, now, changes) in cases {
        assert_eq!(
            set(now).changes_since(&set(trusted)),
            changes,
            "{trusted:?} {now:?}"
        );
    }
}

#[test]
fn only_what_a_command_wrote_itself_is_trusted_with_it() {
    // Each path: as it was trusted, before the command, after it, and as it is trusted then.
    let rows = [
        ("changed", Some("1"), Some("1"), Some("2"), Some("2")),
        (
            "theirs before",
            Some("1"),
            Some("theirs"),
            Some("mixed"),
            Some("1"),
        ),
        ("untouched", Some("1"), Some("1"), Some("1"), Some("1")),
        ("removed", Some("1"), Some("1"), None, None),
        ("made", None, None, Some("1"), Some("1")),
        ("never trusted", None, Some("theirs"), Some("mixed"), None),
        (
            "made where one was trusted once",
            Some("1"),
            None,
            Some("2"),
            Some("1"),
        ),
    ];
    type Digest = Option<&'static str>;
    type Row<'a> = (&'a str, Digest, Digest, Digest, Digest);
    let column = |pick: fn(&Row<'_>) -> Digest| {
        let files: Vec<(&str, &str)> = rows
            .iter()
            .filter_map(|row| Some((row.0, pick(row)?)))
            .collect();
        set(&files)
    };
    let (trusted, before, after) = (
        column(|row| row.1),
        column(|row| row.2),
        column(|row| row.3),
    );
    assert_eq!(trusted.with_own(&before, &after), column(|row| row.4));
}

#[test]
fn a_configuration_counts_by_its_commands() {
    let mut nothing = ExecutableSet::default();
    nothing.add_commands(None, None);
    assert!(nothing.is_empty());
    let mut commands = ExecutableSet::default();
    commands.add_commands(Some("d".into()), Some("[\"make\"]".into()));
    assert_eq!(
        (commands.paths().collect::<Vec<_>>(), commands.text(CONFIG)),
        (vec![CONFIG], Some("[\"make\"]"))
    );
}

#[test]
fn what_is_no_regular_file_is_found_and_no_long_text_is_kept() {
    assert_eq!(set(&[("a", "1"), ("b", "link")]).irregular(), Some("b"));
    assert_eq!(set(&[("a", "1")]).irregular(), None);
    let mut long = ExecutableSet::default();
    long.add_file("a", "d".into(), vec![b'x'; KEPT + 1]);
    long.add_file("b", "d".into(), vec![0xff]);
    assert_eq!((long.text("a"), long.text("b")), (None, None));
    assert_eq!(long.paths().collect::<Vec<_>>(), ["a", "b"]);
}
