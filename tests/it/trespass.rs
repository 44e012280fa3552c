//! Writes outside of the worktree where no sandbox prevents them: seen, and judged by the agent's
//! own words.

use crate::support::Sandbox;
use crate::support::runs::CONFIG;

/// An agent that tells of its file changes as codex does.
const MANIFEST: &str = "version: 1
name: scripted
title: A script that tells of its changes
argv: [/bin/sh, SCRIPT]
prompt: stdin
output: codex-json
";

fn scene(script: &str) -> Sandbox {
    let scene = Sandbox::project();
    scene.set_script("teller", script);
    let path = scene.base().join("teller.sh");
    scene.write(
        ".ai/connectors/scripted.yaml",
        MANIFEST.replace("SCRIPT", path.to_str().unwrap()),
    );
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "teller", "--connector", "scripted"]);
    scene.configure(CONFIG);
    scene
}

/// A stream in which the agent says that it changed `path`.
fn tells(path: &str) -> String {
    format!(
        "cat >/dev/null; echo work > work.txt
echo '{{\"type\":\"thread.started\",\"thread_id\":\"t\"}}'
echo '{{\"type\":\"item.completed\",\"item\":{{\"id\":\"i\",\"type\":\"file_change\",\"changes\":[{{\"path\":\"'\"{path}\"'\",\"kind\":\"update\"}}],\"status\":\"completed\"}}}}'
echo '{{\"type\":\"turn.completed\",\"usage\":{{\"input_tokens\":1,\"cached_input_tokens\":0,\"output_tokens\":1}}}}'"
    )
}

#[test]
fn what_an_agent_says_it_changed_in_the_main_checkout_is_denied() {
    for path in ["$BASE/repo/README.md", "../../../../../../repo/README.md"] {
        let scene = scene(&format!(
            "echo evil > \"$BASE/repo/README.md\"; {}",
            tells(path)
        ));
        let id = scene.task("One", &[]);
        let report = scene.ai(&["run", &id, "--json"]);
        assert_eq!(report.code, Some(5), "{path}: {report}");
        let report = report.json();
        assert_eq!(report["verdict"]["policy"], "deny", "{report}");
        assert!(
            report["summary"]
                .as_str()
                .unwrap()
                .contains("changed README.md outside of its worktree"),
            "{report}"
        );
        let review = scene.ai_ok(&["review", &id, "--no-diff"]).stdout;
        assert!(
            review.contains("warning") && review.contains("README.md"),
            "{review}"
        );
    }
}

#[test]
fn a_change_that_nobody_claims_is_a_warning_with_its_path() {
    let scene = scene(&format!(
        "echo by hand > \"$BASE/repo/README.md\"; {}",
        tells("work.txt")
    ));
    let id = scene.task("One", &[]);
    let report = scene.ai_json(&["run", &id]);
    assert_eq!(report["outcome"], "ready_for_review", "{report}");
    let review = scene.ai_ok(&["review", &id, "--no-diff"]).stdout;
    assert!(
        review.contains("files of the main checkout changed during the run: README.md"),
        "{review}"
    );
}

#[test]
fn a_claim_about_a_file_that_did_not_change_is_no_trespass() {
    let scene = scene(&tells("$BASE/repo/README.md"));
    let id = scene.task("One", &[]);
    let report = scene.ai_json(&["run", &id]);
    assert_eq!(report["outcome"], "ready_for_review", "{report}");
}

#[test]
fn writing_into_an_idle_worktree_is_seen() {
    let scene = scene("cat >/dev/null; echo work > work.txt");
    // Two slots: the second is made by hand as a run would, by running two tasks side by side.
    let gate = scene.pipe("gate");
    scene.set_script(
        "teller",
        &format!(
            "{}; echo up > \"$BASE/up\"; read x < \"$BASE/gate\"",
            tells("work.txt")
        ),
    );
    let one = scene.task("One", &[]);
    let first = scene.start(&["run", &one]);
    crate::support::runs::wait_for(&scene.base().join("up"));
    scene.add_agent("other", "cat >/dev/null; echo work > work.txt");
    let two = scene.task("Two", &[]);
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["run", &two, "--agent", "other"]);
    crate::support::runs::open_gate(&gate);
    assert_eq!(first.wait().code, Some(0));
    scene.set_script(
        "teller",
        &format!("echo evil > ../w2/work.txt; {}", tells("work.txt")),
    );
    let three = scene.task("Three", &[]);
    scene.ai_ok(&["run", &three, "--agent", "teller"]);
    let review = scene.ai_ok(&["review", &three, "--no-diff"]).stdout;
    assert!(
        review.contains("files of the idle worktree w2 changed during the run: work.txt"),
        "{review}"
    );
}

#[test]
fn what_an_agent_plants_in_the_home_is_seen() {
    let scene = scene(&format!(
        "echo evil >> \"$BASE/home/.bashrc\"; {}",
        tells("work.txt")
    ));
    let id = scene.task("One", &[]);
    let report = scene.ai_json(&["run", &id]);
    assert_eq!(report["outcome"], "ready_for_review", "{report}");
    let review = scene.ai_ok(&["review", &id, "--no-diff"]).stdout;
    assert!(
        review.contains("files of your home changed during the run")
            && review.contains("home/.bashrc"),
        "{review}"
    );
}

#[test]
fn what_an_agent_says_it_changed_in_the_home_is_denied() {
    let scene = scene(&format!(
        "echo evil >> \"$BASE/home/.bashrc\"; {}",
        tells("$BASE/home/.bashrc")
    ));
    let id = scene.task("One", &[]);
    let report = scene.ai(&["run", &id, "--json"]);
    assert_eq!(report.code, Some(5), "{report}");
}

#[test]
fn an_agent_that_takes_its_worktree_away_hides_nothing() {
    let scene = scene(&format!(
        "{}; echo evil > \"$BASE/repo/README.md\"; mv \"$PWD\" \"$BASE/away\"",
        tells("work.txt")
    ));
    let id = scene.task("One", &[]);
    let outcome = scene.run(&id);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains("files of the main checkout changed during the run: README.md"),
        "{outcome}"
    );
    assert!(
        scene.base().join("away/work.txt").exists(),
        "its work stands where it was brought"
    );
    scene.is_at_rest(&id);
    scene.set_script("teller", &tells("work.txt"));
    scene.ai_ok(&["run", &id]);
}
