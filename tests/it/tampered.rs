//! Rows and files that a proof rests on, changed by somebody with write access to them.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::mask;
use crate::support::runs::{CONFIG, GOOD};

/// A task in review.
fn reviewed() -> (Sandbox, String) {
    let sandbox = Sandbox::with_agent(CONFIG, GOOD);
    let id = sandbox.reviewed("One");
    (sandbox, id)
}

/// Changes the store. Who takes a trigger away to do so puts it back: without it nobody writes there any more.
fn execute(sandbox: &Sandbox, sql: &str) {
    let store = rusqlite::Connection::open(sandbox.store()).unwrap();
    let mut triggers = store
        .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        .unwrap();
    let triggers: Vec<(String, String)> = triggers
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    store.execute_batch(sql).unwrap();
    for (name, made_by) in triggers {
        let drops = format!("DROP TRIGGER {name}");
        if sql.split(';').any(|one| one.trim() == drops) {
            store.execute_batch(&made_by).unwrap();
        }
    }
}

/// What each command says of a store that was changed by `sql`; the store is put back afterwards.
fn told(sandbox: &Sandbox, id: &str, sql: &str) -> String {
    let whole = std::fs::read(sandbox.store()).unwrap();
    execute(sandbox, sql);
    let main = sandbox.git(&["rev-parse", "main"]);
    let accept = sandbox.ai(&["accept", id]);
    assert_eq!(
        (accept.code, sandbox.git(&["rev-parse", "main"])),
        (Some(6), main),
        "{sql}"
    );
    let verify = sandbox.ai(&["evidence", "verify", id, "--json"]);
    let pieces = verify
        .json_lines()
        .into_iter()
        .map(|piece| piece["found"].clone());
    let wrong: Vec<String> = pieces
        .filter(|found| found["state"] != "intact")
        .map(|found| found.to_string())
        .collect();
    let why = sandbox.ai_json(&["why", id]);
    execute(sandbox, "PRAGMA wal_checkpoint(TRUNCATE)");
    std::fs::write(sandbox.store(), whole).unwrap();
    let text = format!(
        "{sql}\naccept: {}verify: {:?} {}\nwhy: {} {}",
        accept.stderr,
        verify.code,
        wrong.join(", "),
        why["gates"][0]["gate"],
        why["gates"][0]["text"]
    );
    mask(&text)
}

#[test]
fn a_row_that_the_log_contradicts_proves_nothing() {
    let (sandbox, id) = reviewed();
    execute(&sandbox, "PRAGMA wal_checkpoint(TRUNCATE)");
    let set = |table: &str, key: &str, field: &str, value: &str| {
        format!(
            "UPDATE {table} SET data = json_set(data, '$.{field}', json('{value}')) WHERE {key}"
        )
    };
    let statements = [
        set("run", "1", "end.verification", "\"failed\""),
        set("run", "1", "tree", "\"0123456789012345678901234567890123456789\""),
        set("task", "1", "checks", "[\"nothing\"]"),
        set("task", "1", "max_attempts", "99"),
        set("decision", "n = (SELECT max(n) FROM decision)", "effect", "\"warn\""),
        set("evidence", "data ->> '$.kind' = 'diff'", "sha256", "\"0\""),
        "DELETE FROM evidence WHERE data ->> '$.kind' = 'check'".to_owned(),
        "DELETE FROM run".to_owned(),
        "DROP TRIGGER event_append_only_update; UPDATE event SET body = replace(body, 'passed', 'failed') WHERE kind = 'run.ended'".to_owned(),
        "DROP TRIGGER event_append_only_delete; DELETE FROM event WHERE kind = 'evidence.recorded' AND body LIKE '%\"diff\"%'; \
         DELETE FROM evidence WHERE data ->> '$.kind' = 'diff'".to_owned(),
    ];
    let all = statements.map(|sql| told(&sandbox, &id, &sql));
    snapshot!(all.join("\n\n"));
    assert_eq!(sandbox.ai(&["evidence", "verify", &id]).code, Some(0));
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.ai_json(&["why", &id])["gates"][0]["gate"], "done");
}

#[test]
fn a_file_that_something_else_stands_in_for_is_not_intact() {
    let (sandbox, id) = reviewed();
    let dir = sandbox.root().join(format!(".git/ai/runs/{id}.1"));
    let (aside, at) = (sandbox.base().join("aside"), |name: &str| dir.join(name));
    std::fs::create_dir(&aside).unwrap();
    let moved = |name: &str| {
        std::fs::rename(at(name), aside.join(name)).unwrap();
        aside.join(name)
    };
    symlink(moved("run.json"), at("run.json")).unwrap();
    std::fs::hard_link(moved("checks.json"), at("checks.json")).unwrap();
    std::fs::write(at("agent.json"), "{}").unwrap();
    moved("routing.json");
    std::fs::create_dir(at("routing.json")).unwrap();
    moved("diff.patch");
    let pipe = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("diff.patch"),
        pipe,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    snapshot!(sandbox.ai(&["accept", &id]));
    let verified = sandbox.ai(&["evidence", "verify", &id]);
    assert_eq!(verified.code, Some(6));
    let shown = verified
        .stdout
        .lines()
        .map(|line| line.split_once("  ").unwrap().1);
    snapshot!(shown.collect::<Vec<_>>().join("\n"));
    std::fs::rename(&dir, aside.join("run")).unwrap();
    symlink(aside.join("run"), &dir).unwrap();
    let all = sandbox
        .ai(&["evidence", "verify", &id, "--json"])
        .json_lines();
    assert!(
        all.iter()
            .all(|piece| piece["found"]["state"] == "replaced"),
        "{all:?}"
    );
    assert!(Path::new(&dir).is_symlink());
}
