//! Says how `ai` and its tests are linked: at a fixed address, and `ai` itself statically where the
//! GNU C library allows it.
//!
//! Loading shared libraries and relocating a position-independent program cost a third of a short
//! command (ADR 0014, ADR 0015), and half of one without optimization, of which the tests start
//! some ten thousand. Who packages `ai` and wants the usual kind of program builds with `AI_PIE=1`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What a Rust program on Linux asks the linker for, and the archives that answer.
const LIBRARIES: [(&str, &[&str]); 3] = [
    ("c", &["libc.a"]),
    ("m", &["libm.a"]),
    ("gcc_s", &["libgcc_eh.a", "libgcc.a"]),
];

/// Functions that the standard library uses only where it finds them, and that the linker takes out
/// of an archive only when asked to. Without them each child begins as a copy of all memory
/// (ADR 0035).
const SPAWNING: [&str; 2] = [
    "gnu_get_libc_version",
    "posix_spawn_file_actions_addchdir_np",
];

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo hands a build script its input in the environment"
)]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AI_PIE");
    println!("cargo::rerun-if-env-changed=CC");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let known = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if !known || is("AI_PIE", "1") {
        return;
    }
    println!("cargo::rustc-link-arg=-no-pie");
    // A compiler for another machine would name archives of this one.
    let native = env::var("HOST").ok() == env::var("TARGET").ok();
    let scripts = env::var_os("OUT_DIR").map(PathBuf::from).filter(|_| native);
    if let Some(dir) = scripts.filter(|dir| redirect(dir).is_some()) {
        // For `ai` alone: a test that is linked the usual way and finds the archives does not come
        // as far as its first line.
        println!("cargo::rustc-link-arg-bin=ai=-L{}", dir.display());
        println!("cargo::rustc-link-arg-bin=ai=-static");
        for symbol in SPAWNING {
            println!("cargo::rustc-link-arg-bin=ai=-Wl,-u,{symbol}");
        }
    }
}

/// Puts linker scripts into `dir` that answer for the shared libraries with the archives; nothing
/// where one is not installed.
#[expect(
    clippy::disallowed_methods,
    reason = "a build script knows nothing of the crate that it builds"
)]
fn redirect(dir: &Path) -> Option<()> {
    for (name, archives) in LIBRARIES {
        let found: Option<Vec<String>> =
            archives.iter().map(|archive| installed(archive)).collect();
        fs::write(
            dir.join(format!("lib{name}.so")),
            format!("GROUP ( {} )\n", found?.join(" ")),
        )
        .ok()?;
    }
    Some(())
}

/// Where the C compiler finds an archive. It answers with the bare name where it does not.
#[expect(
    clippy::disallowed_methods,
    reason = "the C compiler that links the program knows where its archives lie"
)]
fn installed(archive: &str) -> Option<String> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let answer = Command::new(compiler)
        .arg(format!("-print-file-name={archive}"))
        .output()
        .ok()?;
    let path = String::from_utf8(answer.stdout).ok()?.trim().to_owned();
    Path::new(&path)
        .is_absolute()
        .then_some(path)
        .filter(|path| !path.contains(char::is_whitespace))
}
