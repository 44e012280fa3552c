//! A `.ai/` that was made to hold a command up: each file ends in a refusal that names it, and nobody waits for
//! what never ends. No clock is looked at; a command that hung would hang the test.

use std::path::Path;

use crate::snapshot;
use crate::support::{Sandbox, mask};

/// Puts something in the place of a file.
fn put(kind: &str, path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(path);
    match kind {
        "a pipe" => {
            let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
        }
        "a device" => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        "a directory" => std::fs::create_dir(path).unwrap(),
        "200 MB" => {
            let file = std::fs::File::create(path).unwrap();
            file.set_len(200 << 20).unwrap();
        }
        "a bomb" => {
            let alias = |n: usize| {
                format!(
                    "a{n}: &a{n} [{}]\n",
                    vec![format!("*a{}", n - 1); 9].join(", ")
                )
            };
            let text: String = (1..10).map(alias).collect();
            std::fs::write(path, format!("a0: &a0 [x]\n{text}")).unwrap();
        }
        _ => std::fs::write(path, "[".repeat(100_000)).unwrap(),
    }
}

#[test]
fn a_file_that_was_made_to_hold_a_command_up_is_refused_by_name() {
    let kinds = [
        "a pipe",
        "a device",
        "a directory",
        "200 MB",
        "a bomb",
        "brackets",
    ];
    let files: [(&str, &[&str]); 6] = [
        (".ai/policy.yaml", &["task", "create", "x"]),
        (
            ".ai/agents/x/policy.yaml",
            &["task", "create", "x", "--as", "agent:x"],
        ),
        (".ai/policies/own.yaml", &["policy", "validate"]),
        (".ai/policy.test.yaml", &["policy", "test"]),
        (".ai/config.yaml", &["task", "create", "x"]),
        (".ai/agents/x.yaml", &["agent", "show", "x"]),
    ];
    let mut told = String::new();
    for (file, command) in files {
        let sandbox = Sandbox::project();
        if file.starts_with(".ai/policies") {
            sandbox.write(
                ".ai/policy.yaml",
                "version: 1\ndefault: allow\nextends: [./policies/own.yaml]\n",
            );
        }
        told.push_str(&format!("{file}: ai {}\n", command.join(" ")));
        for kind in kinds {
            let path = sandbox.root().join(file);
            let _ = std::fs::remove_dir(&path);
            put(kind, &path);
            let outcome = sandbox.ai(command);
            let all = format!("{}{}", outcome.stdout, outcome.stderr);
            let first = all.lines().next().unwrap_or_default().to_owned();
            told.push_str(&format!("  {kind}: {:?} {}\n", outcome.code, mask(&first)));
        }
    }
    snapshot!(told);
}
