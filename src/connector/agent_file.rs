//! Agents as files: `.ai/agents/<name>.yaml`, one agent each, under version control.
//!
//! A file that cannot be read is reported by name and never hides the others. Folders beside the
//! files (an agent's own policy and skills) are left alone.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::base::yaml::{self, YamlNode, YamlProblem, YamlValue};
use crate::config::resource_fields;
use crate::connector::yaml_out::to_yaml;
use crate::domain::agent::{Agent, BadField, Name};

/// The largest agent or connector file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// An agent file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AgentFileError {
    /// The file system refused.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// No agent has this name.
    #[error(
        "no agent named `{name}`; see `ai agent list`, or register it: ai agent register {name} --connector C"
    )]
    NotFound {
        /// The name asked for.
        name: Name,
    },
    /// Not YAML, or not the shape of an agent.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reader's words, with the field and the line where known.
        why: String,
    },
    /// A value breaks a rule.
    #[error("{}: {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Field and rule.
        #[source]
        source: BadField,
    },
}

/// All agents of a project, with the files that could not be used.
#[derive(Debug, Default)]
pub struct AgentFiles {
    /// Usable agents, by name.
    pub agents: Vec<Agent>,
    /// Files that were not usable, with the reason.
    pub broken: Vec<AgentFileError>,
}

/// Returns the path of the agent `name` below `dir` (usually `.ai/agents`).
pub fn path_of(dir: &Path, name: &Name) -> PathBuf {
    dir.join(format!("{name}.yaml"))
}

/// Reads one agent.
pub fn load(dir: &Path, name: &Name) -> Result<Agent, AgentFileError> {
    let path = path_of(dir, name);
    match fs::read_text_if_there(&path, MAX_FILE)? {
        Some(text) => parse(&path, &text),
        None => Err(AgentFileError::NotFound { name: name.clone() }),
    }
}

/// Reads every agent below `dir`; a directory that is not there holds none.
pub fn load_all(dir: &Path) -> Result<AgentFiles, FsError> {
    let mut found = AgentFiles::default();
    for path in fs::list_dir(dir)? {
        if path.extension().is_none_or(|e| e != "yaml") || path.is_dir() {
            continue;
        }
        match fs::read_text(&path, MAX_FILE)
            .map_err(AgentFileError::from)
            .and_then(|text| parse(&path, &text))
        {
            Ok(agent) => found.agents.push(agent),
            Err(error) => found.broken.push(error),
        }
    }
    found.agents.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Writes an agent, replacing the one of the same name.
pub fn save(dir: &Path, agent: &Agent) -> Result<PathBuf, AgentFileError> {
    let path = path_of(dir, &agent.name);
    agent.validate().map_err(|source| AgentFileError::Invalid {
        path: path.clone(),
        source,
    })?;
    let text = to_yaml(agent).map_err(|e| AgentFileError::Malformed {
        path: path.clone(),
        why: e.to_string(),
    })?;
    fs::write_atomic(&path, text.as_bytes())?;
    Ok(path)
}

/// Removes an agent's file, also one that cannot be read. Its folder stays.
pub fn remove(dir: &Path, name: &Name) -> Result<(), AgentFileError> {
    let path = path_of(dir, name);
    if path
        .symlink_metadata()
        .is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    {
        return Err(AgentFileError::NotFound { name: name.clone() });
    }
    Ok(fs::remove_file(&path)?)
}

fn parse(path: &Path, text: &str) -> Result<Agent, AgentFileError> {
    let malformed = |why: String| AgentFileError::Malformed {
        path: path.to_owned(),
        why,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    yaml::check_bounds(text).map_err(|problem| malformed(problem.to_string()))?;
    refuse_strange_numbers(text).map_err(|problem| malformed(problem.to_string()))?;
    let agent: Agent = serde_yaml::from_str(text).map_err(|e| malformed(e.to_string()))?;
    agent.validate().map_err(|source| AgentFileError::Invalid {
        path: path.to_owned(),
        source,
    })?;
    if path
        .file_stem()
        .is_none_or(|stem| stem != agent.name.as_str())
    {
        return Err(malformed(format!(
            "name: `{}` does not match the file's name",
            agent.name
        )));
    }
    Ok(agent)
}

/// Refuses amounts that YAML takes for another number than a person reads: `0x10` is 16 there, and `+2` is 2. A file that
/// only the other reader understands has been read by that one.
fn refuse_strange_numbers(text: &str) -> Result<(), YamlProblem> {
    let Ok(root) = yaml::parse(text.as_bytes()) else {
        return Ok(());
    };
    let YamlValue::Map(fields) = &root.value else {
        return Ok(());
    };
    let mut problems = Vec::new();
    for (key, _, node) in fields {
        match &**key {
            "resources" => drop(resource_fields::amounts(node, &mut problems)),
            "limits" => problems.extend(strange_limits(node)),
            _ => {}
        }
    }
    problems.into_iter().next().map_or(Ok(()), Err)
}

fn strange_limits(node: &YamlNode<'_>) -> Option<YamlProblem> {
    let YamlValue::Map(fields) = &node.value else {
        return None;
    };
    fields.iter().find_map(|(key, _, node)| match &node.value {
        YamlValue::Plain(text) if !is_plain_number(text) => Some(YamlProblem::new(
            node.place,
            format!("limits.{key}: `{text}` is no plain decimal number, such as 16"),
        )),
        _ => None,
    })
}

/// True for a decimal number as a person writes it, without sign, exponent, or zeros in front.
fn is_plain_number(text: &str) -> bool {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    is_digits(whole) && is_digits(rest) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn sample() -> Agent {
        let mut agent = Agent::new(name("no"), name("command"));
        agent.model = Some("1.10".into());
        agent.argv = vec!["./run.sh".into(), "{prompt_file}".into(), "off".into()];
        agent.labels = ["fast".to_owned(), "cheap".to_owned()].into();
        agent.env_pass = vec!["API_KEY".into()];
        agent
    }

    #[test]
    fn a_saved_agent_reads_back_and_the_text_is_stable() {
        let dir = tempfile::tempdir().unwrap();
        let path = save(dir.path(), &sample()).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r"
        version: 1
        name: 'no'
        connector: command
        model: '1.10'
        argv:
        - ./run.sh
        - '{prompt_file}'
        - 'off'
        labels:
        - cheap
        - fast
        limits:
          minutes: 60
          silence_minutes: 10
          parallel: 1
          attempts: 3
          output_mb: 256
        env_pass:
        - API_KEY
        enabled: true
        ");
        assert_eq!(load(dir.path(), &name("no")).unwrap(), sample());
    }

    #[test]
    fn a_bad_file_is_named_and_hides_nobody() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), &sample()).unwrap();
        std::fs::create_dir(dir.path().join("no")).unwrap();
        std::fs::write(
            dir.path().join("typo.yaml"),
            "name: typo\nconnector: command\nmodle: x\n",
        )
        .unwrap();
        std::fs::write(
            dir.path().join("other.yaml"),
            "name: typo\nconnector: command\n",
        )
        .unwrap();
        std::fs::write(
            dir.path().join("twice.yaml"),
            "name: twice\nname: twice\nconnector: command\n",
        )
        .unwrap();
        std::fs::write(
            dir.path().join("zero.yaml"),
            "name: zero\nconnector: x\nlimits: {minutes: 0}\n",
        )
        .unwrap();
        std::fs::write(
            dir.path().join("big.yaml"),
            "x".repeat(MAX_FILE as usize + 1),
        )
        .unwrap();
        std::fs::write(dir.path().join("bytes.yaml"), b"\xff\xfe").unwrap();
        std::fs::write(dir.path().join("deep.yaml"), "[".repeat(100_000)).unwrap();
        std::fs::write(dir.path().join("README.md"), "not an agent").unwrap();
        let found = load_all(dir.path()).unwrap();
        assert_eq!(found.agents, [sample()]);
        let errors: Vec<String> = found.broken.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 7, "{errors:#?}");
        for (file, words) in [
            ("typo.yaml", "unknown field `modle`"),
            ("other.yaml", "does not match the file's name"),
            ("twice.yaml", "duplicate"),
            ("zero.yaml", "limits.minutes: 0"),
            ("big.yaml", "larger than"),
            ("bytes.yaml", "utf-8"),
            ("deep.yaml", "deep.yaml: "),
        ] {
            assert!(
                errors.iter().any(|e| e.contains(file) && e.contains(words)),
                "{file}: {errors:#?}"
            );
        }
    }

    #[test]
    fn numbers_that_yaml_reads_in_its_own_way_are_refused_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        let told = |fields: &str| {
            std::fs::write(&file, format!("name: a\nconnector: command\n{fields}\n")).unwrap();
            match load(dir.path(), &name("a")) {
                Ok(_) => "read".to_owned(),
                Err(error) => {
                    let told = error.to_string();
                    let (_, why) = told.split_once("a.yaml: ").unwrap();
                    why.to_owned()
                }
            }
        };
        let decimal =
            "is no plain decimal number with at most two digits behind the point, such as 2 or 0.5";
        for written in ["0x10", "0o17", "+2", "1e3", "010"] {
            assert_eq!(
                told(&format!("resources:\n  cpu: {written}")),
                format!("line 4, column 8: `cpu`: `{written}` {decimal}")
            );
        }
        for written in ["0x10", "+16", "1e1"] {
            let told = told(&format!("limits: {{minutes: 5, parallel: {written}}}"));
            let limit =
                format!("limits.parallel: `{written}` is no plain decimal number, such as 16");
            assert_eq!(told.split_once(": ").unwrap().1, limit);
        }
        assert_eq!(
            told("resources: {memory: 010GiB}"),
            "line 3, column 21: `memory`: `010GiB` is no size; write a whole number with KiB, MiB, GiB or TiB, such as 4GiB"
        );
        for fine in [
            "resources: {cpu: 0.5, memory: 4GiB}",
            "resources: {cpu: '2', scratch: '1 GiB'}",
            "limits: {parallel: 3, money: 0.25, tokens: 1000000}",
        ] {
            assert_eq!(told(fine), "read", "{fine}");
        }
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_are_fine() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("a.yaml"),
            "\u{feff}name: a\r\nconnector: command\r\n",
        )
        .unwrap();
        assert_eq!(
            load(dir.path(), &name("a")).unwrap(),
            Agent::new(name("a"), name("command"))
        );
    }

    #[test]
    fn removing_tells_a_missing_agent_from_a_removed_one() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), "broken: [").unwrap();
        remove(dir.path(), &name("a")).unwrap();
        assert!(matches!(
            remove(dir.path(), &name("a")),
            Err(AgentFileError::NotFound { .. })
        ));
        assert!(matches!(
            load(dir.path(), &name("a")),
            Err(AgentFileError::NotFound { .. })
        ));
        assert!(
            load_all(&dir.path().join("none"))
                .unwrap()
                .agents
                .is_empty()
        );
    }
}
