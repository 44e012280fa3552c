//! The dependency check that needs nothing but cargo: licences, banned crates, sources, number of
//! packages, and the version of the bundled SQLite. The lists stand in `deny.toml`, where `cargo
//! deny` reads them too.
//!
//! Deliberately absent: advisories, which need a database that is not always at hand. Licences are
//! read for the packages of the host's platform; `cargo deny`, where installed, sees those of every
//! platform.
#![expect(clippy::disallowed_methods, reason = "asks cargo about this package")]
#![expect(
    clippy::expect_used,
    reason = "an unreadable manifest must fail the test loudly"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Packages in `Cargo.lock`, all platforms, this one included. To raise it: say in the commit
/// message which crate is added, what it replaces writing, and how many packages it brings (`cargo
/// tree -e normal -i NAME`), and give the crate a comment in `Cargo.toml` unless everybody knows
/// it.
const MAX_PACKAGES: usize = 275;

/// Older ones can corrupt a WAL database that several processes write.
const MIN_SQLITE: i32 = 3_051_003;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A package of a lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).expect("a file of this repository")
}

fn locked(text: &str) -> Vec<Locked> {
    let field = |block: &str, key: &str| {
        let value = block
            .lines()
            .find_map(|l| l.strip_prefix(key)?.trim().strip_prefix('=').map(str::trim))?;
        Some(value.trim_matches('"').to_owned())
    };
    let blocks = text.split("[[package]]").skip(1);
    blocks
        .map(|b| Locked {
            name: field(b, "name").expect("a name"),
            version: field(b, "version").expect("a version"),
            source: field(b, "source"),
        })
        .collect()
}

/// The first string of every line of the array `key = [` in `deny.toml`.
fn listed(deny: &str, key: &str) -> BTreeSet<String> {
    let start = format!("{key} = [");
    let lines = deny
        .lines()
        .skip_while(|l| !l.starts_with(&start))
        .skip(1)
        .take_while(|l| !l.starts_with(']'));
    lines
        .filter_map(|l| l.split('"').nth(1))
        .map(str::to_owned)
        .collect()
}

/// Whether a licence expression can be met with the allowed licences: some side of each OR, every
/// side of an AND.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&tokens, &mut at, allowed);
    met && at == tokens.len()
}

fn either(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = both(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(tokens, at, allowed);
    }
    met
}

fn both(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = single(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= single(tokens, at, allowed);
    }
    met
}

fn single(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(token) = tokens.get(*at) else {
        return false;
    };
    *at += 1;
    if *token == "(" {
        let met = either(tokens, at, allowed);
        *at += 1;
        return met;
    }
    let mut name = (*token).to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", tokens.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&name)
}

/// The crates that may bring the banned crate `name` in, by its line in `deny.toml`.
fn wrappers(deny: &str, name: &str) -> BTreeSet<String> {
    let own = format!("crate = \"{name}\"");
    let line = deny.lines().find(|line| line.contains(&own));
    let listed = line
        .and_then(|line| line.split_once("wrappers = ["))
        .map_or("", |(_, rest)| rest);
    listed
        .split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The packages of a lock file that depend on `name`.
fn dependants(lock: &str, name: &str) -> BTreeSet<String> {
    let blocks = lock.split("[[package]]").skip(1);
    let on_it = blocks.filter(|block| block.contains(&format!("\n \"{name}\"")));
    let names = on_it.filter_map(|block| block.split('"').nth(1));
    names.map(str::to_owned).collect()
}

fn strange_sources(packages: &[Locked]) -> Vec<&Locked> {
    let own = ["ai", "ai-fuzz", "floor"];
    let fine = |p: &Locked| match &p.source {
        Some(source) => source == REGISTRY,
        None => own.contains(&p.name.as_str()),
    };
    packages.iter().filter(|p| !fine(p)).collect()
}

fn run(command: &mut Command) -> String {
    let out = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(
        out.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("UTF-8")
}

fn metadata() -> serde_json::Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let version = run(Command::new(&cargo).arg("-vV"));
    let host = version
        .lines()
        .find_map(|l| l.strip_prefix("host: "))
        .expect("cargo names its host");
    let mut command = Command::new(&cargo);
    command.args([
        "metadata",
        "--locked",
        "--offline",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ]);
    serde_json::from_str(&run(&mut command)).expect("JSON")
}

#[test]
fn every_licence_is_allowed() {
    let allowed = listed(&read("deny.toml"), "allow");
    assert!(
        allowed.contains("MIT"),
        "deny.toml was not understood: {allowed:?}"
    );
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 50, "only {} packages seen", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .map(|p| {
            (
                p["name"].to_string(),
                p["license"].as_str().unwrap_or("none stated"),
            )
        })
        .filter(|(_, licence)| !is_allowed(licence, &allowed))
        .map(|(name, licence)| format!("{name}: {licence}"))
        .collect();
    assert!(
        refused.is_empty(),
        "licences that deny.toml does not allow: {refused:#?}"
    );
}

#[test]
fn no_banned_crate_is_locked() {
    let banned = listed(&read("deny.toml"), "deny");
    assert!(
        banned.contains("openssl-sys"),
        "deny.toml was not understood: {banned:?}"
    );
    let (lock, deny) = (read("Cargo.lock"), read("deny.toml"));
    let is_let_in = |name: &str| {
        let by = dependants(&lock, name);
        !by.is_empty() && by.is_subset(&wrappers(&deny, name))
    };
    let found: Vec<Locked> = locked(&lock)
        .into_iter()
        .filter(|p| banned.contains(&p.name) && !is_let_in(&p.name))
        .collect();
    assert!(
        found.is_empty(),
        "banned by deny.toml, with the reason there: {found:#?}"
    );
}

#[test]
fn every_package_comes_from_the_one_registry() {
    for lock in ["Cargo.lock", "benches/floor/Cargo.lock", "fuzz/Cargo.lock"] {
        let packages = locked(&read(lock));
        assert!(!packages.is_empty(), "{lock} was not understood");
        assert_eq!(strange_sources(&packages), Vec::<&Locked>::new(), "{lock}");
    }
}

/// The fuzzers are built by hand, with a lock file of their own, which nobody else would find to be an older one.
#[test]
fn the_lock_file_of_the_fuzzers_knows_every_dependency() {
    let lock = read("fuzz/Cargo.lock");
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.lines().any(|line| line == "name = \"ai\""))
        .expect("the crate");
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let of_ai = packages.iter().find(|p| p["name"] == "ai").expect("ai");
    let all = of_ai["dependencies"].as_array().expect("dependencies");
    let missing: Vec<&str> = all
        .iter()
        .filter(|one| one["kind"] != "dev" && one["optional"] == false)
        .filter_map(|one| one["name"].as_str())
        .filter(|name| {
            let line = format!(" \"{name}");
            !entry.lines().any(|one| one.starts_with(&line))
        })
        .collect();
    assert_eq!(
        missing,
        Vec::<&str>::new(),
        "run `cargo metadata --manifest-path fuzz/Cargo.toml`"
    );
}

#[test]
fn the_number_of_packages_is_bounded() {
    let count = locked(&read("Cargo.lock")).len();
    assert!(
        count <= MAX_PACKAGES,
        "{count} packages, at most {MAX_PACKAGES}; the constant says how to raise it"
    );
}

#[test]
fn sqlite_is_bundled_and_new_enough() {
    let version = rusqlite::version_number();
    assert!(
        version >= MIN_SQLITE,
        "SQLite {} can corrupt a database that many processes write",
        rusqlite::version()
    );
    let manifest = read("Cargo.toml");
    let line = manifest
        .lines()
        .find(|l| l.starts_with("rusqlite"))
        .expect("rusqlite is a dependency");
    assert!(
        line.contains("\"bundled\""),
        "the system's SQLite may be any version: {line}"
    );
}

/// The floor is a measure only while it is built like what it measures.
#[test]
fn the_benchmark_floor_is_built_like_the_binary() {
    let versions = |lock: &str| -> BTreeMap<String, String> {
        let sqlite = ["rusqlite", "libsqlite3-sys"];
        let packages = locked(&read(lock))
            .into_iter()
            .filter(|p| sqlite.contains(&p.name.as_str()));
        packages.map(|p| (p.name, p.version)).collect()
    };
    assert_eq!(versions("benches/floor/Cargo.lock"), versions("Cargo.lock"));
    let profile = |manifest: &str| {
        let text = read(manifest);
        let lines = text
            .lines()
            .skip_while(|l| *l != "[profile.release]")
            .take_while(|l| !l.is_empty());
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(profile("benches/floor/Cargo.toml"), profile("Cargo.toml"));
}

/// What is linked the usual way and finds the archives meant for `ai` crashes before its first
/// line: tests of a release build did. A fixed address is for all.
#[test]
fn the_build_script_speaks_of_the_program_alone() {
    let script = read("build.rs");
    let said: Vec<&str> = script
        .lines()
        .filter(|line| line.contains("cargo::rustc-"))
        .collect();
    assert!(
        said.len() >= 3,
        "the build script no longer says how to link: {said:?}"
    );
    let wider: Vec<&&str> = said
        .iter()
        .filter(|line| !line.contains("cargo::rustc-link-arg-bin=ai="))
        .filter(|line| !line.contains("cargo::rustc-link-arg=-no-pie"))
        .collect();
    assert!(wider.is_empty(), "meant for every target: {wider:?}");
}

/// Failpoints and clock offsets could forge a lease.
#[test]
fn test_fakes_are_in_no_default_build() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let features = &packages
        .iter()
        .find(|p| p["name"] == "ai")
        .expect("this package")["features"];
    assert!(
        features["test-fakes"].is_array(),
        "the feature is gone: {features}"
    );
    let with = |name: &str| features[name].to_string().contains("test-fakes");
    let enabling: Vec<&String> = features
        .as_object()
        .expect("a table")
        .keys()
        .filter(|name| *name != "test-fakes" && with(name))
        .collect();
    assert!(
        enabling.is_empty(),
        "features that switch test-fakes on: {enabling:?}"
    );
}

#[test]
fn licence_expressions_are_judged_as_written() {
    let allowed: BTreeSet<String> = ["MIT", "Apache-2.0", "Unicode-3.0"]
        .map(str::to_owned)
        .into();
    for good in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0/MIT",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "X WITH Y OR MIT",
    ] {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "MIT AND",
        "Apache-2.0 WITH Y",
        "(GPL-3.0 OR X) AND MIT",
        "MIT MIT",
    ] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}

#[test]
fn a_package_from_elsewhere_is_found() {
    let text = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+ssh\"\n\n\
        [[package]]\nname = \"vendored\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"ai\"\nversion = \"1.0.0\"\n";
    let packages = locked(text);
    let names: Vec<&str> = strange_sources(&packages)
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(names, ["a", "vendored"]);
}
