//! The shape of a policy file as JSON Schema, which editors complete and check by.
//!
//! Words come from the tables by which the [loader](super::load) reads them: actions and their groups,
//! effects, kinds of tools, limits. Fields stand here once more, since each has its text for a
//! reader; a test holds them against what the loader knows, in both directions.
//!
//! The loader knows more than a schema can say: that ids are unique, that examples behave, that a
//! pattern can be read. So a file that an editor likes may still be refused, and none that is in
//! order is disliked, but for scalars that YAML takes for numbers where text is wanted.

use crate::domain::action::Action;
use crate::domain::decision::Effect;
use crate::domain::guards::Guard;
use crate::domain::mode::AgentMode;
use crate::domain::tool_kind::ToolKind;
use crate::policy::guards::{GUARD_EFFECTS, LEAST_BYTES, options};
use crate::policy::limits::PolicyLimits;
use crate::policy::load::{EFFECTS, OBSERVE};
use crate::policy::message_shape::BODY_WORDS;
use crate::policy::packs::PACKS;
use crate::policy::pattern_list::MAX_PATTERN;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::marker::PhantomData;

/// An own pack, as it is written below `extends`.
const OWN_PATTERN: &str = r"^\./policies/[A-Za-z0-9_-][A-Za-z0-9._-]*\.yaml$";

/// The policy of a repository: what agents and people may do in it. The strictest rule that matches
/// answers: deny, require_approval, warn, allow; the order of rules has no meaning.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = needs(&["version"]))]
#[expect(dead_code, reason = "only its shape is used")]
pub struct PolicyFile {
    /// The version of the format.
    #[schemars(schema_with = "version")]
    version: u32,
    /// Packs whose rules count, too: such as ship with `ai` by their names, own ones as
    /// `./policies/NAME.yaml`.
    extends: OneOrMore<ExtendedText>,
    /// The answer where no rule matches. The project's policy needs it, or what it extends has it;
    /// other layers may be silent.
    default: Effect,
    /// The answer to a change beyond the paths that its task names; `warn` where it is absent.
    outside_paths: Effect,
    /// The rules.
    rules: Vec<RuleShape>,
    /// Guards: what is looked for in a change when a run ends, at accept, and before a commit.
    #[schemars(schema_with = "guards")]
    guards: Value,
    /// The upper bound on all that an agent may do; the narrowest of all layers counts.
    mode: ModeText,
    /// The tools that agents may call, and those that they may not.
    tools: ToolListsShape,
    /// Limits on attempts, time, size and parallel runs; each is at least 1.
    #[schemars(schema_with = "limits")]
    limits: PolicyLimits,
}

/// Lists of tools: globs over their names, as the CLI calls them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ToolLists", transform = needs(&[]), extend("minProperties" = 1))]
#[expect(dead_code, reason = "only its shape is used")]
struct ToolListsShape {
    /// The only tools that may be called; every list of every layer has to name a tool.
    allow: AnyNumber<NameText>,
    /// Tools that are never called.
    deny: AnyNumber<NameText>,
}

/// One rule: to whom and what it applies, and what it says.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Rule", transform = needs(&["id", "on", "effect"]), transform = reason_unless_it_allows)]
#[expect(dead_code, reason = "only its shape is used")]
struct RuleShape {
    /// A name for messages and records.
    #[schemars(regex(pattern = r"^[a-z0-9._-]{1,64}$"))]
    id: String,
    /// The actions: one such as `run.finish`, a group such as `task.*`, or `*`.
    on: OneOrMore<ActionText>,
    /// Globs over paths, from the root of the repository; one without a wildcard covers what is
    /// beneath it, too. Without it the rule is about the action as a whole.
    paths: OneOrMore<PathText>,
    /// True where the rule is also about every file that instructions of agents import (`@docs/rules.md` in `AGENTS.md`), in the
    /// tree before a change or after it, five levels deep. Only with `paths`.
    agent_imports: bool,
    /// Globs over actors, as `agent:*` or `human:ann@example.com`.
    actors: OneOrMore<NameText>,
    /// Globs over the labels of the task.
    labels: OneOrMore<NameText>,
    /// Globs over the type of the task.
    types: OneOrMore<NameText>,
    /// Kinds of tools; only for `tool.call`, `edit` and `command.exec`.
    kinds: OneOrMore<ToolKind>,
    /// Globs over the names of tools; only for `tool.call`, `edit` and `command.exec`.
    tools: OneOrMore<NameText>,
    /// The condition under which it matches, in CEL over the facts of the question.
    #[schemars(length(min = 1, max = 4096))]
    when: String,
    /// The answer where the rule matches.
    effect: EffectText,
    /// The answer that a rule that only observes would give; `deny` without it.
    would: Effect,
    /// The number of different people who have to say yes; one without it.
    #[schemars(range(min = 1))]
    approvals: u32,
    /// Globs over the people whose yes counts; anybody's without it.
    approvers: OneOrMore<PersonText>,
    /// The time for which a yes or a no holds, as `12h` or `30d`; seven days without it.
    #[schemars(
        regex(pattern = r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$"),
        length(min = 2)
    )]
    expires: String,
    /// The reason, shown to whoever meets the rule; only one that allows may leave it out.
    reason: String,
    /// True where a lower layer may answer in its place, by a rule of the same id, where that matches.
    overridable: bool,
    /// True where nothing may weaken it.
    locked: bool,
    /// Examples that are tried whenever the file is read.
    examples: ExamplesShape,
}

/// Questions that the rule must match, and that it must not match.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Examples", transform = needs(&[]))]
#[expect(dead_code, reason = "only its shape is used")]
struct ExamplesShape {
    /// Examples that the rule must match.
    r#match: Vec<ExampleShape>,
    /// Examples that the rule must not match.
    no_match: Vec<ExampleShape>,
}

/// A path for a rule about paths, an action for another; or what of a question is stated.
#[derive(JsonSchema)]
#[schemars(rename = "Example", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum ExampleShape {
    /// A path, or an action.
    Text(String),
    /// The parts of a question.
    Parts(PartsShape),
}

/// The stated parts of a question; what is not stated matches.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ExampleParts", transform = needs(&[]), extend("minProperties" = 1))]
#[expect(dead_code, reason = "only its shape is used")]
struct PartsShape {
    /// The action.
    action: OneAction,
    /// The actor, as `agent:codex`.
    actor: String,
    /// The path.
    path: String,
    /// A label of the task.
    label: String,
    /// The type of the task.
    r#type: String,
    /// The kind of tool.
    kind: ToolKind,
    /// The name of the tool.
    tool: String,
}

/// A list of at least one, or one alone.
pub(super) struct OneOrMore<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}List", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// A list, which may be empty, or one alone.
pub(super) struct AnyNumber<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for AnyNumber<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}s", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// Declares a type by the schema of what is written for it.
macro_rules! written {
    ($($name:ident as $title:literal = $schema:expr;)*) => {$(
        #[doc = concat!("The text of a field: ", $title, ".")]
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

written! {
    ActionText as "ActionPattern" = words(action_patterns());
    OneAction as "Action" = words(Action::ALL.iter().map(|action| (action.as_str(), action.about())));
    ModeText as "Mode" = words(AgentMode::ALL.iter().map(|mode| (mode.as_str(), mode.about())));
    EffectText as "RuleEffect" = words(rule_effects());
    ExtendedText as "Extended" = extended();
    PathText as "PathPattern" = pattern(r"^(\./)?[^/~!@\\][^\\]*$");
    NameText as "NamePattern" = pattern(r"^[^\[\]{}\\]*$");
    PersonText as "PersonPattern" = pattern(r"^((human|\*):[^\[\]{}\\]*|[^:\[\]{}\\]*)$");
}

/// One of a few words, each with what it says.
fn words<W: Into<Value>, A: Into<Value>>(words: impl Iterator<Item = (W, A)>) -> Schema {
    let cases: Vec<Value> = words
        .map(|(word, about)| json!({ "const": word.into(), "description": about.into() }))
        .collect();
    json_schema!({ "type": "string", "oneOf": cases })
}

/// The words that can stand behind `effect` of a rule.
fn rule_effects() -> impl Iterator<Item = (&'static str, &'static str)> {
    let binding = EFFECTS.iter().map(|(word, effect)| {
        let about = match effect {
            Effect::Allow => "Go on.",
            Effect::Warn => "Go on, and say why somebody may not like it.",
            Effect::RequireApproval => "Wait for a person's yes.",
            Effect::Deny => "Do not.",
        };
        (*word, about)
    });
    let observe = "Decide nothing, and record what the rule would have said.";
    binding.chain([(OBSERVE, observe)])
}

fn pattern(regex: &str) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_PATTERN, "pattern": regex })
}

/// All that can stand below `on`: everything, the groups, and each action.
fn action_patterns() -> impl Iterator<Item = (String, String)> {
    let names = || Action::ALL.iter().map(|action| action.as_str());
    let groups: BTreeSet<&str> = names()
        .filter_map(|name| name.rsplit_once('.'))
        .map(|(group, _)| group)
        .collect();
    let all = ("*".to_owned(), "Every action.".to_owned());
    let groups = groups.into_iter().map(|group| {
        let about = format!("Every action that begins with `{group}.`.");
        (format!("{group}.*"), about)
    });
    let each = Action::ALL
        .iter()
        .map(|action| (action.as_str().to_owned(), action.about().to_owned()));
    std::iter::once(all).chain(groups).chain(each)
}

/// Everything that can be extended: the packs that ship, and own ones by their path.
fn extended() -> Schema {
    let packs = PACKS.iter().map(|pack| (pack.name, pack.summary));
    let packs = words(packs);
    json_schema!({ "anyOf": [packs, { "type": "string", "pattern": OWN_PATTERN }] })
}

/// The version of every file that people write.
pub(super) fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": 1 })
}

/// The limits as they may be written: whole numbers of at least one, and no others.
fn limits(_: &mut SchemaGenerator) -> Schema {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<PolicyLimits>();
    for name in ["$schema", "title"] {
        schema.remove(name);
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, field) in fields.into_iter().flatten() {
        if let Some(field) = field.as_object_mut() {
            field.insert("type".to_owned(), json!("integer"));
            field.insert("minimum".to_owned(), json!(1));
        }
    }
    schema
}

/// The guards as they may be written: an effect, or a mapping with one and the options of that guard.
fn guards(generator: &mut SchemaGenerator) -> Schema {
    let paths = generator.subschema_for::<OneOrMore<PathText>>();
    let each = Guard::ALL.iter().map(|guard| {
        let (effect, whole) = (guard_effects(), guard_mapping(*guard, &paths));
        let schema = if matches!(
            guard,
            Guard::AllowedPaths | Guard::ChangeRadius | Guard::CommitMessage
        ) {
            json!({ "description": guard.about(), "anyOf": [whole] })
        } else {
            json!({ "description": guard.about(), "anyOf": [effect, whole] })
        };
        (guard.word().to_owned(), schema)
    });
    let each: Map<String, Value> = each.collect();
    json_schema!({ "type": "object", "additionalProperties": false, "properties": each })
}

/// The mapping that can stand behind a guard.
fn guard_mapping(guard: Guard, paths: &Schema) -> Value {
    let mut fields = Map::new();
    fields.insert("effect".to_owned(), guard_effects().to_value());
    fields.insert(
        "would".to_owned(),
        json!({ "enum": ["warn", "require_approval", "deny"], "description": "The effect that a guard that only observes would have; `deny` without it." }),
    );
    for option in options(guard) {
        let schema = match option {
            "paths" | "except" => paths.clone().to_value(),
            "subject" => {
                json!({ "type": "string", "minLength": 1, "description": "A regular expression that is found in the subject." })
            }
            "body" => {
                json!({ "enum": BODY_WORDS.map(|(word, _)| word), "description": "Whether a message needs more than a subject and trailers; `optional` without it." })
            }
            "trailers" => {
                json!({ "anyOf": [{ "type": "string", "minLength": 1 }, { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 }] })
            }
            "bytes" => json!({ "type": "integer", "minimum": LEAST_BYTES }),
            _ => json!({ "type": "integer", "minimum": 1 }),
        };
        fields.insert(option.to_owned(), schema);
    }
    let mut whole = json!({
        "type": "object", "additionalProperties": false, "required": ["effect"], "properties": fields,
    });
    match guard {
        Guard::AllowedPaths => whole["required"] = json!(["effect", "paths"]),
        Guard::ChangeRadius => {
            whole["anyOf"] = json!([{ "required": ["files"] }, { "required": ["lines"] }])
        }
        Guard::CommitMessage => {
            whole["anyOf"] = json!([
                { "required": ["subject_length"] },
                { "required": ["subject"] },
                { "required": ["body"], "properties": { "body": { "const": "required" } } },
                { "required": ["trailers"] },
            ])
        }
        _ => {}
    }
    whole
}

/// The words that can stand behind `effect` of a guard.
fn guard_effects() -> Schema {
    words(rule_effects().filter(|(word, _)| GUARD_EFFECTS.iter().any(|(known, _)| known == word)))
}

/// Names the fields that must be there; all others may be absent.
pub(super) fn needs(fields: &'static [&'static str]) -> impl Fn(&mut Schema) {
    move |schema| {
        schema.insert("required".to_owned(), json!(fields));
    }
}

/// A rule says why, unless it allows.
fn reason_unless_it_allows(schema: &mut Schema) {
    let allows = json!({ "properties": { "effect": { "const": "allow" } } });
    schema.insert(
        "anyOf".to_owned(),
        json!([allows, { "required": ["reason"] }]),
    );
}

#[cfg(test)]
#[path = "file_schema_tests.rs"]
mod tests;
