//! Compiled languages and build systems: Cargo, Go, CMake, Meson, the autotools, make.

use std::path::Path;

use crate::config::detect::found::{CheckFamily, DetectedCheck, content, first_file};
use crate::domain::check::CheckParser;

pub(super) fn cargo(root: &Path) -> Vec<DetectedCheck> {
    if content(root, "Cargo.toml").is_none() {
        return Vec::new();
    }
    let check = |run, parser| {
        let mut check = DetectedCheck::new(CheckFamily::Rust, "cargo-test", run, "Cargo.toml");
        check.parser = parser;
        check
    };
    let plain = check("cargo test", CheckParser::Cargo);
    match content(root, ".config/nextest.toml") {
        Some(_) => vec![check("cargo nextest run", CheckParser::Nextest), plain],
        None => vec![plain],
    }
}

pub(super) fn go(root: &Path) -> Option<DetectedCheck> {
    content(root, "go.mod")?;
    let mut check = DetectedCheck::new(CheckFamily::Go, "go-test", "go test ./...", "go.mod");
    check.parser = CheckParser::Go;
    Some(check)
}

/// CMake with tests, Meson with tests, the autotools: each builds from nothing. A Makefile beside
/// them is mostly what they have made.
pub(super) fn builds(root: &Path) -> Vec<DetectedCheck> {
    let has = |name: &str, words: &[&str]| {
        let text = content(root, name).unwrap_or_default().to_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    let native = |name, run, because| DetectedCheck::new(CheckFamily::Native, name, run, because);
    let cmake = has(
        "CMakeLists.txt",
        &["enable_testing", "include(ctest)", "add_test("],
    );
    let all = [
        cmake.then(|| {
            native(
                "ctest",
                "cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure --no-tests=error",
                "CMakeLists.txt",
            )
        }),
        has("meson.build", &["test("])
            .then(|| native("meson-test", "meson setup build && meson test -C build", "meson.build")),
        autotools(root),
    ];
    all.into_iter().flatten().collect()
}

fn autotools(root: &Path) -> Option<DetectedCheck> {
    let native = |run, because| DetectedCheck::new(CheckFamily::Native, "make-check", run, because);
    if root.join("configure").is_file() && root.join("Makefile.in").is_file() {
        return Some(native("./configure && make check", "configure"));
    }
    root.join("Makefile.am").is_file().then_some(())?;
    let because = first_file(root, &["configure.ac", "configure.in"])?;
    Some(native(
        "autoreconf -fi && ./configure && make check",
        because,
    ))
}

/// The target `test` of a Makefile, else `check`.
pub(super) fn make(root: &Path) -> Option<DetectedCheck> {
    let (because, text) = ["GNUmakefile", "Makefile", "makefile"]
        .into_iter()
        .find_map(|name| Some((name, content(root, name)?)))?;
    let has = |target: &str| {
        text.lines().any(|line| {
            let rest = line.strip_prefix(target).map(str::trim_start);
            rest.is_some_and(|rest| {
                rest.starts_with(':') && !rest.starts_with(":=") && !rest.starts_with("::=")
            })
        })
    };
    let make = |name, run| DetectedCheck::new(CheckFamily::Make, name, run, because);
    if has("test") {
        Some(make("make-test", "make test"))
    } else {
        has("check").then(|| make("make-check", "make check"))
    }
}
