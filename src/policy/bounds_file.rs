//! The bounds that one file sets for agents, as they are written: its mode, and its lists of tools.

use crate::base::yaml::{self, MappingFields, SourcePlace, YamlNode, YamlProblem};
use crate::domain::mode::AgentMode;
use crate::policy::name_globs::NameGlobs;
use std::sync::Arc;

/// The key of the mode in a policy file, and in the file of an agent.
const MODE_KEY: &str = "mode";
/// The key of the lists of tools.
const TOOLS_KEY: &str = "tools";

/// The words for modes in files.
const MODES: [(&str, AgentMode); 3] = [
    (AgentMode::Normal.as_str(), AgentMode::Normal),
    (AgentMode::Safe.as_str(), AgentMode::Safe),
    (AgentMode::AnalysisOnly.as_str(), AgentMode::AnalysisOnly),
];

/// The bounds that one file sets.
#[derive(Debug, Clone, Default)]
pub(super) struct AgentBounds {
    /// The mode, with its place.
    pub(super) mode: Option<(AgentMode, SourcePlace)>,
    /// The lists of tools, with their place.
    pub(super) tools: Option<(ToolGlobs, SourcePlace)>,
    /// The file; set when the files of a layer are put together.
    pub(super) file: Arc<str>,
}

/// The tools that an agent may call, and those that it may not.
#[derive(Debug, Clone, Default)]
pub(super) struct ToolGlobs {
    /// The only ones; all where it is absent.
    pub(super) allow: Option<NameGlobs>,
    /// The ones that are never called.
    pub(super) deny: Option<NameGlobs>,
}

impl AgentBounds {
    /// Reads the bounds among the fields of a file.
    pub(super) fn take(fields: &mut MappingFields<'_>, problems: &mut Vec<YamlProblem>) -> Self {
        let mode = fields.take(MODE_KEY).and_then(|node| {
            yaml::one_of(node, "`mode`", &MODES, problems).map(|mode| (mode, node.place))
        });
        let tools = fields
            .take(TOOLS_KEY)
            .and_then(|node| tools_of(node, problems).map(|tools| (tools, node.place)));
        AgentBounds {
            mode,
            tools,
            file: "".into(),
        }
    }

    /// True where the file sets none.
    pub(super) fn is_empty(&self) -> bool {
        self.mode.is_none() && self.tools.is_none()
    }
}

/// False where a file certainly sets no bounds: neither key is written in it, nor anything by which it could
/// be spelt otherwise.
pub(super) fn may_set_bounds(bytes: &[u8]) -> bool {
    let is_there = |word: &[u8]| bytes.windows(word.len()).any(|found| found == word);
    let mode = MODE_KEY.as_bytes();
    let is_mode =
        |at: usize| bytes[at..].starts_with(mode) && bytes.get(at + mode.len()) != Some(&b'l');
    is_there(TOOLS_KEY.as_bytes()) || bytes.contains(&b'\\') || (0..bytes.len()).any(is_mode)
}

fn tools_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<ToolGlobs> {
    let before = problems.len();
    let mut fields = MappingFields::of(node, "`tools`", problems)?;
    let mut list = |key: &'static str| {
        let node = fields.take(key)?;
        let texts = yaml::texts_of(node, &format!("`tools.{key}`"), problems);
        let words: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
        match NameGlobs::new(words) {
            Ok(globs) => Some(globs),
            Err(bad) => {
                let bad = bad.into_iter();
                problems.extend(bad.map(|(i, why)| YamlProblem::new(texts[i].1, why)));
                None
            }
        }
    };
    let tools = ToolGlobs {
        allow: list("allow"),
        deny: list("deny"),
    };
    fields.finish(problems);
    if tools.allow.is_none() && tools.deny.is_none() && problems.len() == before {
        let problem = YamlProblem::new(node.place, "`tools` names no tool");
        problems.push(problem.hint("write `allow: [NAME, …]`, or `deny: [NAME, …]`"));
    }
    Some(tools)
}
