use super::*;
use crate::base::rules::rules;

/// The answer about a change, where these files were there before it.
fn said(before: &[&str], files: &[(&str, &str, &str)]) -> Vec<String> {
    let mut look = DependencyLook::default();
    for (path, old, new) in files {
        look.add(&(*path).into(), Some(old.as_bytes()), Some(new.as_bytes()));
    }
    let has = |path: &RepoPath| {
        before
            .iter()
            .any(|known| known.as_bytes() == path.as_bytes())
    };
    let found = look.finish(&has).into_iter();
    found
        .map(|one| format!("{} {}: {}", one.guard.word(), one.path, one.what))
        .collect()
}

const CARGO: &str = "[package]\nversion = \"1.0\"\n[dependencies]\nserde = \"1\"\n";
const NPM: &str = "{\"version\": \"1\", \"dependencies\": {\"a\": \"1\"}}";
const NONE: [&str; 0] = [];

rules! {
    a_lock_file_alone: said(&[], &[("Cargo.lock", "a", "b")]) => [
        "dependencies Cargo.lock: a lock file changes",
        "lock_files Cargo.lock: the lock file changes, and no manifest of it"];
    with_its_manifest: said(&[], &[("Cargo.lock", "a", "b"), ("crates/x/Cargo.toml", CARGO, CARGO)]) => ["dependencies Cargo.lock: a lock file changes"];
    with_the_manifest_of_another_tree: said(&[], &[("a/package-lock.json", "a", "b"), ("b/package.json", NPM, NPM)]) => [
        "dependencies a/package-lock.json: a lock file changes",
        "lock_files a/package-lock.json: the lock file changes, and no manifest of it"];
    a_manifest_alone: said(&["Cargo.lock"], &[("crates/x/Cargo.toml", CARGO, &CARGO.replace("\"1\"\n", "\"2\"\n"))]) => [
        "dependencies crates/x/Cargo.toml: declared dependencies change",
        "lock_files crates/x/Cargo.toml: declared dependencies change, and Cargo.lock does not"];
    where_nothing_is_locked: said(&[], &[("Cargo.toml", CARGO, &CARGO.replace("serde", "serve"))]) => ["dependencies Cargo.toml: declared dependencies change"];
    a_version_of_its_own_is_no_dependency: said(&["Cargo.lock"], &[("Cargo.toml", CARGO, &CARGO.replace("1.0", "1.1"))]) => NONE;
    nor_is_a_script: said(&["package-lock.json"], &[("package.json", NPM, &NPM.replace("\"1\",", "\"2\", \"scripts\": {},"))]) => NONE;
    npm: said(&["yarn.lock"], &[("package.json", NPM, &NPM.replace("{\"a\"", "{\"b\""))]) => [
        "dependencies package.json: declared dependencies change",
        "lock_files package.json: declared dependencies change, and yarn.lock does not"];
    what_cannot_be_read_counts_as_a_whole: said(&[], &[("package.json", "{", "{{")]) => ["dependencies package.json: declared dependencies change"];
    python: said(&["uv.lock"], &[("pyproject.toml", "[project]\nname = 'a'\ndependencies = ['a']\n", "[project]\nname = 'b'\ndependencies = ['a']\n")]) => NONE;
    python_of_more: said(&["uv.lock"], &[("pyproject.toml", "[project]\ndependencies = [\n'a',\n]\n", "[project]\ndependencies = [\n'b',\n]\n")]) => [
        "dependencies pyproject.toml: declared dependencies change",
        "lock_files pyproject.toml: declared dependencies change, and uv.lock does not"];
    sums_of_go_grow_alone: said(&[], &[("go.sum", "a", "b")]) => ["dependencies go.sum: a lock file changes"];
    requirements: said(&[], &[("requirements.txt", "a==1\n", "# more\na==1\n")]) => NONE;
    another_file: said(&[], &[("src/Cargo.rs", "a", "b")]) => NONE;
}
