//! A `git` that writes down what it is asked and asks the next one on the path: a line of arguments
//! each in `git.asked` beside itself. It is a program and no script, since `ai` remembers what a
//! program has said of itself.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fake for tests: one that cannot count must fail loudly"
)]

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

fn main() {
    let own = std::env::current_exe().unwrap();
    let dir = own.parent().unwrap();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = args
        .iter()
        .map(|arg| arg.to_string_lossy().escape_debug().to_string())
        .collect();
    let asked = dir.join("git.asked");
    let mut asked = std::fs::File::options()
        .create(true)
        .append(true)
        .open(asked)
        .unwrap();
    asked
        .write_all(format!("{}\n", words.join(" ")).as_bytes())
        .unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let next = std::env::split_paths(&path)
        .map(|dir| dir.join("git"))
        .find(|git| git.is_file() && *git != own)
        .unwrap();
    panic!("{}", Command::new(next).args(args).exec());
}
