//! `.ai/credentials.yaml`: where the secrets of connectors are found. It holds names of variables
//! and files, never a secret.

use std::path::Path;

use crate::base::fs;
use crate::base::yaml::{self, MappingFields, YamlNode, YamlProblem, YamlProblems, YamlValue};

use crate::config::error::ConfigError;

/// Path of the file, relative to the repository root.
pub const FILE: &str = ".ai/credentials.yaml";
/// The variable in which the programs of a provider look for their key.
const PROVIDERS: [(&str, &str); 12] = [
    ("anthropic", "ANTHROPIC_API_KEY"),
    ("openai", "OPENAI_API_KEY"),
    ("google", "GEMINI_API_KEY"),
    ("gemini", "GEMINI_API_KEY"),
    ("openrouter", "OPENROUTER_API_KEY"),
    ("deepseek", "DEEPSEEK_API_KEY"),
    ("mistral", "MISTRAL_API_KEY"),
    ("groq", "GROQ_API_KEY"),
    ("xai", "XAI_API_KEY"),
    ("dashscope", "DASHSCOPE_API_KEY"),
    ("github", "GITHUB_TOKEN"),
    ("copilot", "COPILOT_GITHUB_TOKEN"),
];

/// One credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// By this agents and connectors name it.
    pub id: String,
    /// The issuer of the credential.
    pub provider: String,
    /// The variable in which a connector gets it.
    pub variable: String,
    /// The source of the secret.
    pub source: Source,
}

/// The source of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In this variable of the user's environment.
    Env(String),
    /// In this file of the user, which nobody else may read.
    File {
        /// Absolute, or below `~/`.
        path: String,
        /// Position in the file, as names joined by dots; absent where the file holds nothing else.
        key: Option<String>,
    },
}

/// Reads the file of the repository at `root`; no file means no credentials.
pub fn load(root: &Path) -> Result<Vec<Credential>, ConfigError> {
    match fs::read_capped(&root.join(FILE), yaml::MAX_BYTES) {
        Ok(bytes) => parse(&bytes).map_err(ConfigError::Content),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Reads it from bytes.
pub fn parse(bytes: &[u8]) -> Result<Vec<Credential>, YamlProblems> {
    let refused = |problems| YamlProblems::new(FILE, problems).within(bytes);
    let root = yaml::parse(bytes).map_err(|problem| refused(vec![problem]))?;
    let mut problems = Vec::new();
    let found = file(&root, &mut problems);
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(refused(problems))
    }
}

fn file(root: &YamlNode, problems: &mut Vec<YamlProblem>) -> Vec<Credential> {
    let Some(mut fields) = MappingFields::of(root, "the file", problems) else {
        return Vec::new();
    };
    if let Some(node) = fields.need("version", problems)
        && let Some(version) = yaml::count_of(node, "`version`", 1, problems)
        && version != 1
    {
        problems.push(YamlProblem::new(
            node.place,
            format!("version {version} needs a newer version of ai"),
        ));
    }
    let mut found = Vec::new();
    if let Some(node) = fields.take("credentials") {
        match &node.value {
            YamlValue::Map(entries) => {
                found.extend(
                    entries
                        .iter()
                        .filter_map(|(id, _, value)| credential(id, value, problems)),
                );
            }
            other => problems.push(YamlProblem::new(
                node.place,
                format!(
                    "`credentials` must be a mapping of ids, not {}",
                    other.kind()
                ),
            )),
        }
    }
    fields.finish(problems);
    found
}

fn credential(id: &str, node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<Credential> {
    let mut fields = MappingFields::of(node, "a credential", problems)?;
    let mut text = |name: &'static str, problems: &mut Vec<YamlProblem>| {
        fields
            .take(name)
            .and_then(|node| yaml::text_of(node, &format!("`{name}`"), problems))
    };
    let provider = text("provider", problems);
    let (env, file, key) = (
        text("env", problems),
        text("file", problems),
        text("key", problems),
    );
    let variable = text("as", problems);
    fields.finish(problems);
    let mut bad = |why: String| {
        problems.push(YamlProblem::new(
            node.place,
            format!("credential `{id}` {why}"),
        ))
    };
    let Some(provider) = provider else {
        bad("needs `provider`".to_owned());
        return None;
    };
    let source = match (env, file, key) {
        (Some(name), None, None) => Source::Env(name),
        (None, Some(path), key) if path.starts_with('/') || path.starts_with("~/") => {
            Source::File { path, key }
        }
        (None, Some(path), _) => {
            bad(format!(
                "names the file `{path}`, which must begin with `/` or `~/`"
            ));
            return None;
        }
        _ => {
            bad("needs either `env` with the name of a variable, or `file` with a path and perhaps `key`".to_owned());
            return None;
        }
    };
    let usual = PROVIDERS
        .iter()
        .find(|(name, _)| *name == provider)
        .map(|(_, variable)| (*variable).to_owned());
    let own = match &source {
        Source::Env(name) => Some(name.clone()),
        Source::File { .. } => None,
    };
    let Some(variable) = variable.or(usual).or(own) else {
        bad(format!(
            "is of provider `{provider}`, whose variable is not known; say `as: NAME`"
        ));
        return None;
    };
    let named = [
        Some(&variable),
        match &source {
            Source::Env(name) => Some(name),
            Source::File { .. } => None,
        },
    ];
    if let Some(name) = named.into_iter().flatten().find(|name| !is_variable(name)) {
        bad(format!(
            "names `{name}`, which is no name of an environment variable that could be given"
        ));
        return None;
    }
    Some(Credential {
        id: id.to_owned(),
        provider,
        variable,
        source,
    })
}

/// A name that could be a variable, and none by which a program is made to run another.
fn is_variable(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let steering = ["LD_", "DYLD_", "GIT_", "AI_", "BASH_"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    let other = [
        "PATH",
        "HOME",
        "SHELL",
        "TMPDIR",
        "NODE_OPTIONS",
        "PYTHONPATH",
        "ENV",
    ]
    .contains(&name);
    !name.is_empty()
        && name.chars().all(plain)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !steering
        && !other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_variables_are_read() {
        let text = "version: 1\ncredentials:\n  work: {provider: anthropic, env: WORK_KEY}\n  own: {provider: local, env: LOCAL_KEY}\n  file: {provider: openai, file: ~/.keys.json, key: openai.key}\n  plain: {provider: x, file: /k, as: X_KEY}\n";
        let found = parse(text.as_bytes()).unwrap();
        let variables: Vec<&str> = found.iter().map(|c| c.variable.as_str()).collect();
        assert_eq!(
            variables,
            ["ANTHROPIC_API_KEY", "LOCAL_KEY", "OPENAI_API_KEY", "X_KEY"]
        );
        assert_eq!(found[0].source, Source::Env("WORK_KEY".into()));
        assert_eq!(
            found[2].source,
            Source::File {
                path: "~/.keys.json".into(),
                key: Some("openai.key".into())
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said_by_id() {
        for (entry, why) in [
            ("{env: A}", "needs `provider`"),
            ("{provider: openai}", "needs either `env`"),
            ("{provider: openai, env: A, file: /b}", "needs either `env`"),
            (
                "{provider: openai, file: keys/a}",
                "must begin with `/` or `~/`",
            ),
            ("{provider: x, file: /a}", "say `as: NAME`"),
            (
                "{provider: x, env: A, as: LD_PRELOAD}",
                "no name of an environment variable",
            ),
            ("{provider: x, env: A, secret: hunter2}", "secret"),
        ] {
            let text = format!("version: 1\ncredentials:\n  a: {entry}\n");
            let said = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(why), "{entry}: {said}");
        }
    }
}
