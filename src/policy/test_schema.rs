//! The shape of a file of tests as JSON Schema, beside the [shape of a policy](super::file_schema).
//!
//! Fields stand here once more, since each has its text for a reader; a test holds them against what the
//! [loader](super::test_file) knows.

use crate::domain::decision::{Effect, Judgement};
use crate::domain::facts::RefChange;
use crate::domain::path_pattern::CaseMode;
use crate::domain::tool_kind::ToolKind;
use crate::policy::file_schema::{OneAction, OneOrMore, needs, version};
use schemars::JsonSchema;

/// Tests of a policy: questions, each with the answer that is expected. `ai policy test` runs them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = needs(&["version", "tests"]))]
#[expect(dead_code, reason = "only its shape is used")]
pub struct PolicyTestFile {
    /// The version of the format.
    #[schemars(schema_with = "version")]
    version: u32,
    /// The tests.
    tests: Vec<TestShape>,
}

/// One test.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Test", transform = needs(&["name", "ask", "expect"]))]
#[expect(dead_code, reason = "only its shape is used")]
struct TestShape {
    /// A name, unique in the file.
    name: String,
    /// The question.
    ask: QuestionShape,
    /// The answer that is expected.
    expect: Effect,
    /// The rule that is expected to decide; any without it.
    rule: String,
}

/// A question to the policy; what is not stated is not known.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Question", transform = needs(&["action", "actor"]))]
#[expect(dead_code, reason = "only its shape is used")]
struct QuestionShape {
    /// The action.
    action: OneAction,
    /// The actor, as `agent:codex` or `human:ann@example.com`.
    actor: String,
    /// Paths that are touched.
    paths: OneOrMore<String>,
    /// In place of `paths`: paths that are added.
    added: OneOrMore<String>,
    /// In place of `paths`: paths that are changed.
    modified: OneOrMore<String>,
    /// In place of `paths`: paths that are removed.
    deleted: OneOrMore<String>,
    /// In place of `paths`: paths that become something else, such as a link.
    retyped: OneOrMore<String>,
    /// Globs, as a claim or a lock names them.
    globs: OneOrMore<String>,
    /// The task that the question is about.
    task: TaskShape,
    /// The run.
    run: String,
    /// The branch or reference that is written.
    branch: String,
    /// The change of that reference.
    ref_change: RefChange,
    /// The credential that a run is given.
    secret: String,
    /// The agent whose work is judged.
    worker: String,
    /// The judgement of that work.
    judgement: Judgement,
    /// The actor for whom a message is.
    to: String,
    /// The name of the tool.
    tool: String,
    /// The kind of tool.
    kind: ToolKind,
    /// The command that an agent wants to run.
    command: String,
    /// The message of the commit, for `commit.message`.
    message: String,
    /// The number of changed lines.
    lines: u32,
    /// The number of changed files; that of the paths without it.
    files: u32,
    /// Runs that are alive now.
    runs_alive: u32,
    /// Changed paths beyond those of the task; none without it.
    outside_paths: OneOrMore<String>,
    /// Names of credentials whose value the change adds.
    credentials: OneOrMore<String>,
    /// The comparison of names in the repository; `sensitive` without it.
    case: CaseMode,
}

/// A task, as far as policy looks at one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "TestTask", transform = needs(&[]))]
#[expect(dead_code, reason = "only its shape is used")]
struct TaskShape {
    /// Its id.
    id: String,
    /// Its type.
    r#type: String,
    /// Its labels.
    labels: OneOrMore<String>,
    /// Its priority.
    #[schemars(range(max = 4))]
    priority: u32,
    /// The attempts that it has used up.
    attempts: u32,
}

#[cfg(test)]
#[path = "test_schema_tests.rs"]
mod tests;
