//! The tools of the machine as the projects of a scene see them: the programs themselves. The
//! wrappers of version managers look for their settings in a home that a scene has not.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::text_once;

/// Where `make setup` has put what is no package of the system.
pub fn installed() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    // Joining an absolute path gives that path.
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(target)
        .join("tools")
}

/// A `pip` that installs into any environment: `PIP --python DIR install …`. Making an environment
/// without one takes a tenth of the time.
pub fn pip() -> String {
    let python = installed().join("python/bin/python");
    assert!(
        is_program(&python),
        "{} is missing: run `make setup`",
        python.display()
    );
    format!("{} -m pip --disable-pip-version-check", python.display())
}

/// A `PATH` on which these programs stand, each of which must be there.
pub fn path_with(programs: &[&str]) -> OsString {
    let usual = std::env::var_os("PATH").unwrap();
    let mut dirs: Vec<PathBuf> = programs
        .iter()
        .filter_map(|program| home_of(program))
        .collect();
    dirs.push(installed().join("bin"));
    dirs.extend(std::env::split_paths(&usual));
    let path = std::env::join_paths(dirs).unwrap();
    for program in programs {
        let is_there = std::env::split_paths(&path).any(|dir| is_program(&dir.join(program)));
        assert!(is_there, "`{program}` is missing: run `make setup`");
    }
    path
}

/// The directory of the program itself, where what stands on `PATH` may be a wrapper.
fn home_of(program: &str) -> Option<PathBuf> {
    let parent = |path: PathBuf| path.parent().map(Path::to_owned);
    match program {
        "python3" => parent(said(
            "python3",
            &["-c", "import sys; print(sys.executable)"],
        )),
        "node" => parent(said("node", &["-p", "process.execPath"])),
        "cargo" => Some(said("rustc", &["--print", "sysroot"]).join("bin")),
        "go" => Some(said("go", &["env", "GOROOT"]).join("bin")),
        _ => None,
    }
}

/// The path that a program prints; asked once, since some of them take their time.
fn said(program: &str, args: &[&str]) -> PathBuf {
    PathBuf::from(text_once(&format!("home-of-{program}"), || {
        asked(program, args)
    }))
}

fn asked(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir("/").output();
    let output = output.unwrap_or_else(|e| panic!("`{program}`: {e}: run `make setup`"));
    assert!(
        output.status.success(),
        "`{program}` {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout).unwrap();
    said.trim_end().to_owned()
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
