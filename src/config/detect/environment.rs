//! A virtual environment in the checkout: what it would take to make it anew in another directory.
//!
//! An environment into which the project is installed by a link (`pip install -e .`) leads back to
//! the checkout, so that a check by it would judge the wrong tree. What its owner has put into it
//! can be put into another one: the distributions that no other one asks for, in the same versions.
//! Nothing is guessed where something came from elsewhere than an index.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::text::distribution_name;

/// The largest description of a distribution that is read, in bytes.
const LOOK: u64 = 1 << 20;
/// What every environment has, or its build brings along.
const TOOLS: [&str; 3] = ["pip", "setuptools", "wheel"];

/// A distribution that is installed in an environment.
struct Distribution {
    /// As its author writes it.
    name: String,
    /// Its version.
    version: String,
    /// The distributions that it asks for, but for those of its extras; by their normal names.
    needs: Vec<String>,
    /// Where it came from.
    source: Source,
}

/// Where a distribution came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// An index of packages.
    Index,
    /// This very project, used by a link.
    Project,
    /// A directory, an archive, a repository.
    Elsewhere,
}

/// The shell line that makes the environment `name` of the project at `root` anew where it is
/// started. Nothing for an environment that does not lead back, or holds what no index has.
pub(super) fn made_anew(root: &Path, name: &str) -> Option<String> {
    let mut all = Vec::new();
    for info in descriptions(&root.join(name)) {
        all.push(read(&info, root)?);
    }
    let leads_back = all.iter().any(|one| one.source == Source::Project);
    if !leads_back || all.iter().any(|one| one.source == Source::Elsewhere) {
        return None;
    }
    let needed: BTreeSet<&String> = all.iter().flat_map(|one| &one.needs).collect();
    let is_wanted = |one: &&Distribution| {
        let normal = distribution_name(&one.name);
        one.source == Source::Index
            && !needed.contains(&normal)
            && !TOOLS.contains(&normal.as_str())
    };
    let mut wanted: Vec<String> = all
        .iter()
        .filter(is_wanted)
        .map(|one| format!(" {}=={}", one.name, one.version))
        .collect();
    wanted.sort();
    let wanted = wanted.concat();
    Some(format!(
        "python3 -m venv {name} && {name}/bin/python -m pip install -q -e .{wanted}"
    ))
}

/// The directories that describe what is installed.
fn descriptions(environment: &Path) -> Vec<PathBuf> {
    let lib = fs::list_dir(&environment.join("lib")).unwrap_or_default();
    let modules = lib.iter().map(|dir| dir.join("site-packages"));
    let mut found: Vec<PathBuf> = modules
        .flat_map(|dir| fs::list_dir(&dir).unwrap_or_default())
        .filter(|path| path.extension().is_some_and(|end| end == "dist-info"))
        .collect();
    found.sort();
    found
}

/// Reads one description; nothing where a word of it is not plain enough for a shell line.
fn read(info: &Path, root: &Path) -> Option<Distribution> {
    let text = fs::read_text(&info.join("METADATA"), LOOK).ok()?;
    let head = text.split("\n\n").next().unwrap_or_default();
    let values = |field: &'static str| {
        head.lines()
            .filter_map(move |line| line.strip_prefix(field))
            .map(str::trim)
    };
    let is_plain = |word: &&str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.+!".contains(c))
    };
    let plain = |field| values(field).next().filter(is_plain).map(str::to_owned);
    let needs = values("Requires-Dist:").filter(|need| !need.contains("extra =="));
    let until = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    Some(Distribution {
        name: plain("Name:")?,
        version: plain("Version:")?,
        needs: needs
            .map(|need| distribution_name(need.split(until).next().unwrap_or_default()))
            .collect(),
        source: source(info, root),
    })
}

fn source(info: &Path, root: &Path) -> Source {
    let Ok(text) = fs::read_text(&info.join("direct_url.json"), LOOK) else {
        return Source::Index;
    };
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let dir = value["url"]
        .as_str()
        .and_then(|url| url.strip_prefix("file://"));
    let is_here = dir.is_some_and(|dir| std::fs::canonicalize(dir).ok().as_deref() == Some(root));
    if is_here && value["dir_info"]["editable"] == true {
        Source::Project
    } else {
        Source::Elsewhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An environment with these distributions: name, further lines of the description, and the
    /// record of where it came from.
    fn environment(all: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        for (name, lines, from) in all {
            let info = format!(".venv/lib/python3.11/site-packages/{name}-1.0.dist-info");
            std::fs::create_dir_all(root.join(&info)).unwrap();
            let text =
                format!("Name: {name}\nVersion: 1.0\n{lines}\n\nRequires-Dist: of the text\n");
            std::fs::write(root.join(&info).join("METADATA"), text).unwrap();
            if !from.is_empty() {
                let text = from.replace("/ROOT", root.to_str().unwrap());
                std::fs::write(root.join(&info).join("direct_url.json"), text).unwrap();
            }
        }
        temp
    }

    #[test]
    fn an_environment_that_leads_back_is_made_anew_with_what_its_owner_put_in() {
        const HERE: &str = r#"{"url": "file:///ROOT", "dir_info": {"editable": true}}"#;
        const COPY: &str = r#"{"url": "file:///ROOT", "dir_info": {}}"#;
        const OTHER: &str = r#"{"url": "file:///else", "dir_info": {"editable": true}}"#;
        let line = |more: &str| {
            let install = ".venv/bin/python -m pip install -q -e .";
            Some(format!("python3 -m venv .venv && {install}{more}"))
        };
        let project = ("calc", "Requires-Dist: Attrs>=20", HERE);
        let table = [
            (vec![], None),
            (vec![("pytest", "", "")], None),
            (vec![project], line("")),
            (
                vec![
                    project,
                    ("attrs", "", ""),
                    ("pip", "", ""),
                    ("pytest", "Requires-Dist: plug_gy (<2,>=1)", ""),
                    ("plug.gy", "", ""),
                    ("coverage", "Requires-Dist: tomli; extra == 'toml'", ""),
                    ("tomli", "", ""),
                ],
                line(" coverage==1.0 pytest==1.0 tomli==1.0"),
            ),
            (vec![("calc", "", COPY)], None),
            (vec![project, ("other", "", OTHER)], None),
            (vec![project, ("odd; name", "", "")], None),
        ];
        for (all, wanted) in table {
            let temp = environment(&all);
            let root = temp.path().canonicalize().unwrap();
            assert_eq!(made_anew(&root, ".venv"), wanted, "{all:?}");
        }
    }
}
