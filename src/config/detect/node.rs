//! Node: the test script of package.json, by the package manager whose lock file is there.

use std::path::Path;

use crate::config::detect::found::{CheckFamily, DetectedCheck, content};

/// The check, where package.json has a test script that tests.
pub(super) fn checks(root: &Path) -> Option<DetectedCheck> {
    let package = package(root)?;
    let script = package.get("scripts")?.get("test")?.as_str()?;
    // The script that `npm init` writes only says that there is none.
    if script.contains("no test specified") {
        return None;
    }
    const RUNNERS: [(&str, &str); 4] = [
        ("pnpm-lock.yaml", "pnpm test"),
        ("yarn.lock", "yarn test"),
        ("bun.lock", "bun run test"),
        ("bun.lockb", "bun run test"),
    ];
    let run = RUNNERS.iter().find(|(name, _)| root.join(name).is_file());
    let run = run.map_or("npm test", |(_, run)| run);
    let mut check = DetectedCheck::new(CheckFamily::Node, "npm-test", run, "package.json");
    check.setup = setup(root).map(Into::into);
    Some(check)
}

/// Exactly what the lock file says, where there is one.
pub(super) fn setup(root: &Path) -> Option<&'static str> {
    const LOCKS: [(&str, &str); 6] = [
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn install --frozen-lockfile"),
        ("bun.lock", "bun install --frozen-lockfile"),
        ("bun.lockb", "bun install --frozen-lockfile"),
        ("package-lock.json", "npm ci"),
        ("npm-shrinkwrap.json", "npm ci"),
    ];
    let package = package(root)?;
    if let Some((_, command)) = LOCKS.iter().find(|(name, _)| root.join(name).is_file()) {
        return Some(command);
    }
    let names_any = |key: &str| {
        package
            .get(key)
            .and_then(serde_json::Value::as_object)
            .is_some_and(|all| !all.is_empty())
    };
    // A lock file that it wrote would become a part of the work.
    (names_any("dependencies") || names_any("devDependencies"))
        .then_some("npm install --no-package-lock")
}

fn package(root: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&content(root, "package.json")?).ok()
}
