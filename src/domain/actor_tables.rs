use crate::base::rules::rules;
use crate::domain::actor::*;

fn read(text: &str) -> Result<Actor, ActorError> {
    text.parse()
}

fn session(text: &str) -> Option<String> {
    read(text)
        .ok()?
        .incarnation
        .map(|session| session.as_str().to_owned())
}

fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

/// The person of this address, logged in as `annlee`.
fn by_git(email: &str) -> Option<Actor> {
    Actor::by_git(email, ActorName::new("annlee").ok())
}

fn goes_on_for(holder: &str) -> bool {
    let ann = by_git("ann@example.com").unwrap();
    ann.goes_on_for(&read(holder).unwrap())
}

rules! {
    a_person_is_read: read("human:ann") => Actor::new(ActorKind::Human, "ann");
    an_agent_is_read: read("agent:codex") => Actor::new(ActorKind::Agent, "codex");
    the_daemon_is_read: read("daemon:d") => Actor::new(ActorKind::Daemon, "d");
    a_hook_is_read: read("hook:pre-commit") => Actor::new(ActorKind::Hook, "pre-commit");
    a_name_may_hold_colons: read("agent:a:b").map(|actor| actor.label())
        => Ok("agent:a:b".to_owned());
    a_name_may_be_of_any_language: read("human:Zoë").map(|actor| actor.name.as_str().to_owned())
        => Ok("Zoë".to_owned());
    a_session_stands_behind_a_hash: session("agent:codex#k3f9") => Some("k3f9".to_owned());
    without_a_hash_there_is_no_session: session("agent:codex") => None;
    a_session_is_no_part_of_the_label:
        read("agent:codex#k3f9").map(|actor| actor.label()) => Ok("agent:codex".to_owned());
    an_empty_session_is_none: read("agent:codex#") => Err(ActorError::Empty);
    a_second_hash_is_no_session: read("agent:codex#a#b").is_err() => true;
    a_session_holds_no_space: read("agent:codex#a b").is_err() => true;
    a_session_has_at_most_64_bytes: read(&format!("agent:c#{}", "x".repeat(65))).is_err() => true;
    an_empty_name_is_none: read("agent:") => Err(ActorError::Empty);
    a_name_alone_says_not_who_acts: read("codex") => Err(ActorError::NoKind("codex".into()));
    nothing_says_not_who_acts: read("") => Err(ActorError::NoKind(String::new()));
    a_kind_is_written_in_small_letters:
        read("Agent:codex") => Err(ActorError::UnknownKind("Agent".into()));
    a_kind_far_from_all_others_gets_no_suggestion:
        refusal("zzzzzzzz:x")
        => "`zzzzzzzz` is no kind of actor; known are human, agent, daemon and hook";
    a_dash_in_front_would_be_a_flag: read("agent:-rf") => Err(ActorError::LeadingDash("-rf".into()));
    a_space_is_told_as_one:
        refusal("agent:a b") => "`a b` contains a space, which a name cannot have";
    a_space_of_another_kind_is_told_by_its_number:
        refusal("agent:a\u{a0}b")
        => "`a\u{a0}b` contains the space character U+00A0, which a name cannot have";
    a_person_is_named_by_the_address: by_git("Ann@Example.com").map(|ann| ann.label())
        => Some("human:ann@example.com".to_owned());
    the_login_is_no_part_of_what_is_written: by_git("ann@example.com").map(|ann| ann.to_string())
        => Some("human:ann@example.com".to_owned());
    what_holds_no_at_is_no_address: by_git("ann") => None;
    an_address_has_two_sides: (by_git("@x"), by_git("x@"), by_git("")) => (None, None, None);
    an_address_that_is_no_name_is_left: (by_git("a b@x"), by_git("-rf@x"), by_git("a#b@x"))
        => (None, None, None);
    a_long_address_is_left: by_git(&format!("{}@x", "a".repeat(64))) => None;
    what_the_login_took_goes_on: goes_on_for("human:annlee") => true;
    what_the_address_took_goes_on: goes_on_for("human:ann@example.com") => true;
    another_login_is_another_person: goes_on_for("human:ann") => false;
    another_address_is_another_person: goes_on_for("human:ann@example.org") => false;
    an_agent_of_the_login_is_no_person: goes_on_for("agent:annlee") => false;
    an_agent_of_the_address_is_no_person: goes_on_for("agent:ann@example.com") => false;
    a_hook_of_the_login_is_no_person: goes_on_for("hook:annlee") => false;
    a_session_of_the_login_is_another: goes_on_for("human:annlee#s1") => false;
    a_named_person_is_nobody_else:
        (read("human:ann@example.com").unwrap().goes_on_for(&read("human:annlee").unwrap()),
         read("human:annlee").unwrap().goes_on_for(&read("human:ann@example.com").unwrap()))
        => (false, false);
    an_agent_with_a_login_is_no_person: {
        let agent = Actor { kind: ActorKind::Agent, ..by_git("ann@example.com").unwrap() };
        agent.goes_on_for(&read("human:annlee").unwrap())
    } => false;
    a_login_that_looks_like_an_address_stands_for_nobody: {
        let login = ActorName::new("bob@example.com").ok();
        Actor::by_git("ann@example.com", login).unwrap().by_login()
    } => None;
    a_control_character_is_told_safely:
        refusal("agent:a\u{7}") => "`a\\u{7}` contains `\\u{7}`, which a name cannot have";
}
