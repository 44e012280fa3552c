//! Pages that people type after, replayed: they must not rot.
//!
//! The quick start works on the source of libgit2 as cargo has fetched it. Where that is truly absent, the test
//! says so and does nothing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::ecosystems::tools;
use crate::support::story::{Ids, Shell};
use crate::support::{Sandbox, markdown};

const PAGE: &str = "docs/quick-start.md";

/// Cargo's home on the machine that builds, which the sandbox hides.
fn cargo_home() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    set.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
}

fn has_libgit2(cargo_home: &Path) -> bool {
    let below = |dir: PathBuf| {
        std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    let mut crates = below(cargo_home.join("registry/src")).flat_map(below);
    crates.any(|dir| {
        dir.file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with("libgit2-sys-"))
    })
}

#[test]
fn the_page_does_what_it_says() {
    let Some(cargo_home) = cargo_home().filter(|home| has_libgit2(home)) else {
        eprintln!(
            "skipped: cargo's registry holds no source of libgit2-sys (built from a vendored copy?)"
        );
        return;
    };
    let path = std::env::var_os("PATH").unwrap();
    replay(PAGE, &cargo_home, &path, 30);
}

#[test]
fn projects_of_five_kinds_are_found_and_tried() {
    let path = tools::path_with(&["python3", "node", "npm", "cargo", "go", "cmake", "ctest"]);
    replay("docs/your-repository.md", &cargo_home().unwrap(), &path, 20);
}

#[test]
fn the_page_about_hooks_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap();
    replay("docs/hooks.md", Path::new("/nonexistent"), &path, 7);
}

#[test]
fn the_page_about_threats_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap();
    replay("docs/threat-model.md", Path::new("/nonexistent"), &path, 30);
}

#[test]
fn the_page_about_the_server_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap();
    replay("docs/mcp.md", Path::new("/nonexistent"), &path, 4);
}

#[test]
fn the_page_about_scheduling_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap();
    replay("docs/scheduling.md", Path::new("/nonexistent"), &path, 4);
}

#[test]
fn the_page_about_landing_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap();
    replay("docs/landing.md", Path::new("/nonexistent"), &path, 14);
}

#[test]
fn the_page_about_digests_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap();
    replay("docs/digest.md", Path::new("/nonexistent"), &path, 6);
}

#[test]
fn the_page_about_messages_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap();
    replay("docs/messages.md", Path::new("/nonexistent"), &path, 6);
}

#[test]
fn the_page_about_notices_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap();
    replay("docs/notices.md", Path::new("/nonexistent"), &path, 4);
}

#[test]
fn the_page_about_recurring_work_does_what_it_says() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    replay("docs/recurring.md", Path::new("/nonexistent"), &path, 10);
}

/// Types a page into one shell and compares what it prints; `least` commands are expected there.
fn replay(page: &str, cargo_home: &Path, path: &OsStr, least: usize) {
    let sandbox = Sandbox::empty();
    let path = std::env::join_paths(
        [sandbox.base().join("tools")]
            .into_iter()
            .chain(std::env::split_paths(path)),
    );
    std::fs::create_dir(sandbox.base().join("tools")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ai"), sandbox.base().join("tools/ai")).unwrap();
    let mut command = sandbox.command("sh");
    command
        .env("PATH", path.unwrap())
        .env("CARGO_HOME", cargo_home)
        .env("GIT_PAGER", "cat")
        .env("LANG", "C");
    // A reader has a sandbox, and the page must not wait for a sign that no agent can give from
    // within one.
    command.env(
        "AI_SANDBOX",
        crate::sandbox::layers().first().copied().unwrap_or("none"),
    );
    let mut shell = Shell::start(&mut command);
    let (mut ids, mut steps) = (Ids::default(), 0);
    for block in markdown::blocks(&markdown::page(page)) {
        if let Some(file) = block.file() {
            sandbox.write(file, &block.text);
        }
        if block.language() != "console" {
            continue;
        }
        let all = block.steps();
        for (n, step) in all.iter().enumerate() {
            let (printed, code) = shell.run(&ids.translate(&step.command));
            let shown = printed.join("\n");
            if let Err(why) = ids.compare(step, &printed) {
                panic!(
                    "{page}:{}: `{}`: {why}\nIt printed (exit code {code}):\n{shown}",
                    step.line, step.command
                );
            }
            // A page that hides a failure would teach it.
            let admitted = all.get(n + 1).is_some_and(|next| next.command == "echo $?");
            assert!(
                code == 0 || admitted,
                "{page}:{}: `{}` ended with {code}\n{shown}",
                step.line,
                step.command
            );
            steps += 1;
        }
    }
    assert!(steps > least, "only {steps} commands were found");
}
