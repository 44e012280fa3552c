//! The words by which CLIs, and the libraries below them, tell that a service is down, where they
//! tell no status. Looked for in a CLI's own error messages only, never in what a model says.

use std::sync::OnceLock;

use regex::Regex;

use crate::domain::agent_event::FailureClass;

/// Words of the CLIs themselves, and of the libraries below them, for a service that is down,
/// overloaded or out of reach.
const DOWN: &str = r"(?ix)
    \b ( overloaded (_error)? | internal \ ? (server \ ?)? error | bad \ gateway | gateway \ time-?out
    | service \ ? (is \ )? (temporarily \ )? unavailable | server_error | experiencing \ high \ demand | temporary \ errors | api_error | server \ had \ an \ error
    | stream \ (disconnected|ended|closed|error) | empty \ (stream|response|reply) | no \ finish \ reason
    | failed \ to \ get \ response \ from | (could \ not|unable \ to|cannot) \ connect | fetch \ failed | socket \ hang \ up | connection \ ? (error|failed|reset|refused|closed|timed \ out)
    | api \ ? connection \ ? error | ECONNRESET | ECONNREFUSED | ETIMEDOUT | ENOTFOUND | EAI_AGAIN
    | (status|http|code|error) (\ code)? [\ :=\x22]* 5\d\d ) \b
    | ^ 5\d\d \b | \b 5\d\d \ (server|status|internal|service|bad|gateway)";

/// The class of a failure that is known by the CLI's words only. What they do not tell of the
/// service is held against the attempt: taken for a service that is down, it would come back for
/// ever without being counted.
pub(super) fn class_of_words(message: &str) -> FailureClass {
    static WORDS: OnceLock<Option<Regex>> = OnceLock::new();
    let words = WORDS.get_or_init(|| Regex::new(DOWN).ok());
    if words.as_ref().is_some_and(|words| words.is_match(message)) {
        FailureClass::Provider
    } else {
        FailureClass::Agent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_is_down_is_told_from_a_failure_of_another_kind() {
        for down in [
            "Overloaded",
            "overloaded_error",
            "API Error: 529 {\"type\":\"overloaded_error\"}",
            "500 scripted: internal error",
            "Internal Server Error",
            "503 Service Unavailable",
            "Service is temporarily unavailable",
            "litellm.InternalServerError: x",
            "status code 502",
            "http status: 504",
            "fetch failed",
            "read ECONNRESET",
            "Connection failed: error sending request",
            "Unable to connect to API (ConnectionRefused)",
            "stream disconnected before completion",
            "Could not connect to local model provider at http://localhost/v1.",
            "Failed to get response from the AI model; Last error: Failed to parse",
            "We’re currently experiencing high demand, which may cause temporary errors.",
            "The server had an error while processing your request",
        ] {
            assert_eq!(class_of_words(down), FailureClass::Provider, "{down}");
        }
        for other in [
            "",
            "boom",
            "Failed to parse",
            "unknown model gpt-500",
            "cannot read line 500 of src/a.rs",
            "the prompt is too long: 500123 tokens",
            "port 5000 is taken",
            "permission denied",
        ] {
            assert_eq!(class_of_words(other), FailureClass::Agent, "{other}");
        }
    }
}
