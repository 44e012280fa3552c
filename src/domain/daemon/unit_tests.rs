//! The texts of services, by the rules of quoting of each manager.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

const HOSTILE: &str = "/srv/ann/a \"b\" $HOME 50% 'c' \\d é";

fn order<'a>(program: &'a str, directory: &'a str) -> ServiceOrder<'a> {
    ServiceOrder {
        program: Path::new(program),
        directory: Path::new(directory),
        repository: Path::new("/srv/ann/tool/.git"),
        named: Some("human:ann"),
        parallel: Some(2),
        search_path: Some("/usr/bin:/srv/ann/50% bin"),
        stop_seconds: 480,
    }
}

fn line<'a>(text: &'a str, begins: &str) -> &'a str {
    let mut lines = text.lines();
    lines.find(|line| line.starts_with(begins)).unwrap_or("")
}

#[test]
fn a_unit_is_quoted_by_the_rules_of_systemd() {
    let text = ServiceManager::Systemd
        .text(&order(HOSTILE, HOSTILE))
        .unwrap();
    for (begins, expected) in [
        (
            "ExecStart=",
            r#"ExecStart="/srv/ann/a \"b\" $HOME 50%% 'c' \\d é" "daemon" "run" "--parallel" "2" "--as" "human:ann""#,
        ),
        (
            "WorkingDirectory=",
            r#"WorkingDirectory=/srv/ann/a "b" $HOME 50%% 'c' \d é"#,
        ),
        (
            "Environment=",
            r#"Environment="PATH=/usr/bin:/srv/ann/50%% bin""#,
        ),
        ("TimeoutStopSec=", "TimeoutStopSec=480"),
    ] {
        assert_eq!(line(&text, begins), expected);
    }
    let named = ServiceOrder {
        named: Some("human:$ann"),
        parallel: None,
        ..order("/usr/bin/ai", "/srv/ann/tool")
    };
    let text = ServiceManager::Systemd.text(&named).unwrap();
    let expected = r#"ExecStart="/usr/bin/ai" "daemon" "run" "--as" "human:$$ann""#;
    assert_eq!(line(&text, "ExecStart="), expected);
}

#[test]
fn a_property_list_is_quoted_by_the_rules_of_xml() {
    let text = ServiceManager::Launchd
        .text(&order("/usr/bin/ai", "/srv/ann/a<b>&c--d"))
        .unwrap();
    assert!(text.starts_with("<?xml"), "{text}");
    assert_eq!(
        line(&text, "  <string>/srv/ann"),
        "  <string>/srv/ann/a&lt;b&gt;&amp;c--d</string>"
    );
    let comment = line(&text, "<!-- ai-daemon");
    assert!(!comment[4..comment.len() - 3].contains("--"), "{comment}");
    let ServiceAuthor::Ours(mark) = ServiceManager::Launchd.author(&text) else {
        panic!("{text}");
    };
    assert_eq!(mark.directory, "/srv/ann/a<b>&c--d");
    let mut reader = quick_xml::Reader::from_str(&text);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            _ => continue,
        }
    }
}

#[test]
fn what_no_quoting_bears_is_refused() {
    let bytes = Path::new(OsStr::from_bytes(b"/srv/\xff"));
    let systemd = ServiceManager::Systemd;
    let plain = order("/usr/bin/ai", "/srv/ann/tool");
    for (order, expected) in [
        (
            order("/usr/bin/ai", "/srv/a\nb"),
            "the path of the worktree cannot stand in a file of systemd: it has a control character",
        ),
        (
            order("/usr/bin/ai", "/srv/ann "),
            "the path of the worktree cannot stand in a file of systemd: it ends with a blank or a backslash",
        ),
        (
            order("/usr/bin/ai", "/srv/ann\\"),
            "the path of the worktree cannot stand in a file of systemd: it ends with a blank or a backslash",
        ),
        (
            ServiceOrder {
                repository: bytes,
                ..plain.clone()
            },
            "the path of the git directory cannot stand in a file of systemd: it is not UTF-8",
        ),
        (
            ServiceOrder {
                named: Some("human:\u{7}"),
                ..plain.clone()
            },
            "a word of the command cannot stand in a file of systemd: it has a control character",
        ),
    ] {
        assert_eq!(systemd.text(&order).unwrap_err().to_string(), expected);
    }
    let no_path = ServiceOrder {
        search_path: Some("/usr/bin\n[Service]"),
        ..plain
    };
    let text = systemd.text(&no_path).unwrap();
    assert_eq!(line(&text, "Environment="), "");
}

#[test]
fn a_file_is_known_by_its_mark_and_a_change_of_it_as_well() {
    for manager in [ServiceManager::Systemd, ServiceManager::Launchd] {
        let text = manager
            .text(&order("/usr/bin/ai", "/srv/ann/tool"))
            .unwrap();
        let ServiceAuthor::Ours(mark) = manager.author(&text) else {
            panic!("{text}");
        };
        assert_eq!(mark.repository, "/srv/ann/tool/.git");
        let changed = format!("{text}# more\n");
        assert_eq!(manager.author(&changed), ServiceAuthor::Changed(mark));
        for foreign in ["", "[Unit]\n", "# ai-daemon {}\n[Unit]\n", "# ai-daemon"] {
            assert_eq!(manager.author(foreign), ServiceAuthor::Foreign, "{foreign}");
        }
    }
}

#[test]
fn a_name_is_readable_and_no_other_repositorys() {
    let name = |repository: &str| ServiceManager::Systemd.service_name(Path::new(repository));
    let first = name("/srv/ann/my tool/.git");
    assert!(first.starts_with("ai-daemon-my-tool-"), "{first}");
    assert_ne!(first, name("/srv/bea/my tool/.git"));
    assert!(ServiceManager::Systemd.may_be_ours(&first));
    assert!(name("/srv/tool.git").starts_with("ai-daemon-tool-git-"));
    assert!(name("/é/.git").starts_with("ai-daemon-repository-"));
    assert!(name(&format!("/{}", "x".repeat(300))).len() < 64);
}

#[test]
fn a_place_that_depends_on_where_a_process_works_is_none_for_a_service() {
    for (path, lasting, relative) in [
        ("/usr/bin:/bin", "/usr/bin:/bin", &[][..]),
        (
            "node_modules/.bin:/bin:.",
            "/bin",
            &["node_modules/.bin", "."],
        ),
        (":/bin::~/bin", "/bin", &["", "", "~/bin"]),
        ("", "", &[""]),
    ] {
        assert_eq!(
            lasting_places(path),
            (lasting.to_owned(), relative.to_vec()),
            "{path}"
        );
    }
}
