//! The paths that tasks lock, few enough that a bit mask can say which of them meet.

use serde_json::{Value, json};

/// Directories, each with the files `a.rs` and `b.md`.
const DIRS: usize = 40;

/// A lock as the set of files that it covers.
#[derive(Clone, Debug)]
pub struct Lane {
    files: u128,
    shared: bool,
}

impl Lane {
    /// The lane of a lock as the log tells it.
    pub fn of_lock(lock: &Value) -> Lane {
        Lane {
            files: files(lock["pattern"].as_str().unwrap()),
            shared: lock["mode"] == "shared",
        }
    }

    /// True where the two may not be held at once.
    pub fn meets(&self, other: &Lane) -> bool {
        self.files & other.files != 0 && !(self.shared && other.shared)
    }
}

/// The files of a pattern, by the few forms that [`tasks`] writes.
fn files(pattern: &str) -> u128 {
    let (dir, file) = pattern
        .trim_end_matches('/')
        .split_once('/')
        .unwrap_or((pattern.trim_end_matches('/'), ""));
    let in_dir: u128 = match file {
        "" => 0b11,
        "a.rs" => 0b01,
        "*.md" => 0b10,
        other => panic!("no lane: {other}"),
    };
    match dir {
        "*" => (0..DIRS).map(|n| in_dir << (2 * n)).sum(),
        dir => in_dir << (2 * dir[1..].parse::<usize>().unwrap()),
    }
}

/// `n` tasks for `ai task create --from`, over twice as many patterns as there are directories, and
/// a few shared ones.
pub fn tasks(n: usize) -> String {
    let task = |at: usize| {
        let dir = format!("m{:02}", at % DIRS);
        let (path, shared) = match (at % 50, at / DIRS % 4) {
            (49, _) => (None, Some("*/a.rs".to_owned())),
            (_, 0) => (Some(format!("{dir}/")), None),
            (_, 1) => (Some(format!("{dir}/a.rs")), None),
            (_, 2) => (Some(format!("{dir}/*.md")), None),
            _ => (Some(format!("{dir}/*.md")), Some(format!("{dir}/a.rs"))),
        };
        let list = |one: Option<String>| one.into_iter().collect::<Vec<_>>();
        format!(
            "{}\n",
            json!({ "title": format!("task {at}"), "paths": list(path), "shared": list(shared) })
        )
    };
    (0..n).map(task).collect()
}

#[test]
fn lanes_meet_where_they_share_a_file_and_one_is_exclusive() {
    let lane =
        |pattern: &str, mode: &str| Lane::of_lock(&json!({ "pattern": pattern, "mode": mode }));
    for (a, b, meet) in [
        (("m03", "exclusive"), ("m03/a.rs", "exclusive"), true),
        (("m03/a.rs", "exclusive"), ("m03/*.md", "exclusive"), false),
        (("m03/a.rs", "shared"), ("*/a.rs", "shared"), false),
        (("m19", "exclusive"), ("*/a.rs", "shared"), true),
        (("m03/", "exclusive"), ("m04/", "exclusive"), false),
    ] {
        assert_eq!(lane(a.0, a.1).meets(&lane(b.0, b.1)), meet, "{a:?} {b:?}");
    }
}
