use crate::base::rules::rules;
use crate::domain::agent::*;

fn why_no_name(text: &str) -> Option<&'static str> {
    Name::new(text).err().map(|bad| bad.why)
}

/// The field of an agent that is refused after a change; empty where none is.
fn refused(change: impl FnOnce(&mut Agent)) -> String {
    let mut agent = Agent::new(Name::new("a").unwrap(), Name::new("command").unwrap());
    change(&mut agent);
    agent
        .validate()
        .err()
        .map(|bad| bad.field)
        .unwrap_or_default()
}

fn why_no_variable(name: &str) -> Option<String> {
    check_env_names("env", [&name.to_owned()])
        .err()
        .map(|bad| bad.why)
}

const CHARACTERS: &str = "only lower-case letters, digits, `-`, `_` and `.` are allowed";
const FIRST: &str = "it must start with a lower-case letter or a digit";
const END: &str = "it must not end with `.` or `.lock`";

rules! {
    a_word_is_a_name: why_no_name("claude-code") => None;
    digits_may_come_first: why_no_name("0day") => None;
    dots_may_stand_within: why_no_name("gpt_5.5") => None;
    nothing_is_no_name: why_no_name("") => Some("it is empty");
    a_name_has_at_most_64_bytes:
        why_no_name(&"x".repeat(65)) => Some("it is longer than 64 bytes");
    a_name_starts_with_no_dash: why_no_name("-rf") => Some(FIRST);
    a_name_is_no_hidden_file: why_no_name(".hid") => Some(FIRST);
    a_name_starts_with_no_capital: why_no_name("Codex") => Some(FIRST);
    a_name_holds_no_capital: why_no_name("coDex") => Some(CHARACTERS);
    a_name_holds_no_slash: why_no_name("a/b") => Some(CHARACTERS);
    a_name_leads_to_no_parent: why_no_name("a..b") => Some("two dots in a row are not allowed");
    a_name_ends_with_no_dot: why_no_name("a.") => Some(END);
    a_name_is_no_lock_file: why_no_name("x.lock") => Some(END);
}

rules! {
    a_new_agent_is_sound: refused(|_| ()) => "";
    a_file_of_a_newer_format_is_refused: refused(|a| a.version = 2) => "version";
    no_minute_is_too_few: refused(|a| a.limits.minutes = 0) => "limits.minutes";
    a_week_is_the_longest_run: refused(|a| a.limits.minutes = 7 * 24 * 60) => "";
    more_than_a_week_is_too_long:
        refused(|a| a.limits.minutes = 7 * 24 * 60 + 1) => "limits.minutes";
    silence_has_its_limits: refused(|a| a.limits.silence_minutes = 0) => "limits.silence_minutes";
    nobody_works_on_nothing: refused(|a| a.limits.parallel = 0) => "limits.parallel";
    a_thousand_runs_at_once_are_the_most: refused(|a| a.limits.parallel = 1000) => "";
    more_than_a_thousand_are_too_many:
        refused(|a| a.limits.parallel = 1001) => "limits.parallel";
    somebody_has_to_try: refused(|a| a.limits.attempts = 0) => "limits.attempts";
    output_has_its_limits: refused(|a| a.limits.output_mb = 0) => "limits.output_mb";
    a_ceiling_of_no_tokens_is_none: refused(|a| a.limits.tokens = Some(0)) => "limits.tokens";
    a_ceiling_of_no_money_is_none: refused(|a| a.limits.money = Some(Usd(0))) => "limits.money";
    a_model_is_no_flag: refused(|a| a.model = Some("--x".into())) => "model";
    a_model_is_one_word: refused(|a| a.model = Some("a b".into())) => "model";
    a_model_is_not_empty: refused(|a| a.model = Some(String::new())) => "model";
    a_model_may_hold_a_slash: refused(|a| a.model = Some("openai/gpt".into())) => "";
    a_label_is_one_word: refused(|a| a.labels = ["a b".to_owned()].into()) => "labels";
    a_capability_is_one_word:
        refused(|a| a.capabilities = ["a\n".to_owned()].into()) => "capabilities";
    nobody_stands_in_for_itself: refused(|a| a.fallback = vec![a.name.clone()]) => "fallback";
    a_program_has_a_name: refused(|a| a.argv = vec![String::new()]) => "argv[0]";
    an_argument_may_be_empty: refused(|a| a.argv = vec!["x".into(), String::new()]) => "";
    an_argument_holds_no_nul: refused(|a| a.argv = vec!["x".into(), "\0".into()]) => "argv[1]";
    a_variable_of_git_is_not_handed_on:
        refused(|a| a.env_pass = vec!["GIT_DIR".into()]) => "env_pass";
}

const RESERVED: &str = "is reserved: it would steer `git`, `ai` or the dynamic loader";

rules! {
    a_key_is_handed_on: why_no_variable("OPENAI_API_KEY") => None;
    a_variable_may_start_with_a_line: why_no_variable("_x") => None;
    a_variable_of_ours_is_reserved: why_no_variable("AI_RUN") => Some(format!("`AI_RUN` {RESERVED}"));
    the_loader_is_reserved:
        why_no_variable("LD_PRELOAD") => Some(format!("`LD_PRELOAD` {RESERVED}"));
    the_loader_of_macos_is_reserved:
        why_no_variable("DYLD_X") => Some(format!("`DYLD_X` {RESERVED}"));
    a_variable_starts_with_no_digit:
        why_no_variable("1A") => Some("`1A` is not the name of an environment variable".to_owned());
    a_value_is_no_variable:
        why_no_variable("A=B")
        => Some("`A=B` is not the name of an environment variable".to_owned());
    nothing_is_no_variable:
        why_no_variable("") => Some("`` is not the name of an environment variable".to_owned());
}
