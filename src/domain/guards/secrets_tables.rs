use super::*;
use crate::base::rules::rules;

/// The kinds that a text has more than the one before, with their lines.
fn found(old: &str, new: &str) -> Vec<String> {
    let mut look = SecretLook::default();
    look.old(old.as_bytes(), &[]);
    look.new_side(&"a".into(), new.as_bytes(), &[]);
    let found = look.finish().into_iter();
    found
        .map(|one| format!("{}:{}", one.what, one.line.unwrap_or_default()))
        .collect()
}

/// True where a text of this kind is taken for a secret.
fn is_taken(kind: &str, value: &str) -> bool {
    is_meant(value.as_bytes(), kind)
}

const NONE: [&str; 0] = [];

rules! {
    a_random_text_behind_a_name: found("", "x = 1\napi_key = \"q8Zt3LmVx91PbRw7\"\n") => ["named-secret:2"];
    json: found("", "{\"client_secret\": \"q8Zt3LmVx91PbRw7\"}") => ["named-secret:1"];
    yaml_without_quotes: found("", "password: q8Zt3LmVx91PbRw7sK2d\n") => ["named-secret:1"];
    a_file_of_variables: found("", "DB_PASSWORD=q8Zt3LmVx91PbRw7sK2d\r\n") => ["named-secret:1"];
    a_word_is_none: found("", "password = \"correct horse battery\"\ntoken = \"session_token_header\"\n") => NONE;
    an_example_is_none: found("", "api_key = \"your-api-key-0123456789\"\nsecret: ${SECRET_FROM_ENV_01234}\n") => NONE;
    a_name_of_code_is_none: found("", "token = settings.OAUTH2_TOKEN_VALUE\nkey_token = \"app.session.token.v2.long\"\npassword = config.oauth2.client.password\n") => NONE;
    an_address_is_none: found("", "token_url = \"https://localhost/oauth2/v2/tokenEndpointNumber1\"\n") => NONE;
    the_number_of_a_thing_is_none: found("", "token_id: 3f2b9c1e-7a4d-4c8e-9b1f-0d5e6a7b8c9d\n") => NONE;
    a_name_that_is_no_secret: found("", "checksum = \"q8Zt3LmVx91PbRw7\"\n") => NONE;
    a_call_is_none: found("", "token = read_token(path_1234567890abc)\n") => NONE;
    what_was_there_is_none: found("api_key = \"q8Zt3LmVx91PbRw7\"\n", "\n\napi_key = \"q8Zt3LmVx91PbRw7\"\n") => NONE;
    another_value_is_one: found("api_key = \"q8Zt3LmVx91PbRw7\"\n", "api_key = \"Zq8t3LmVx91PbRw7\"\n") => ["named-secret:1"];
    a_shape_counts: is_taken("github-token", "ghp_0123456789") => true;
    one_of_the_manual_does_not: is_taken("aws-access-key", "AKIAIOSFODNN7EXAMPLE") => false;
    an_address_with_a_word: is_taken("url-login", "://postgres:postgres@") => false;
    an_address_with_a_random_text: is_taken("url-login", "://app:q8Zt3LmVx91PbRw7@") => true;
    a_bearer_of_a_word: is_taken("bearer", "Bearer aaaaaaaaaaaaaaaa1") => false;
}

#[test]
fn no_finding_holds_the_value() {
    let mut look = SecretLook::default();
    let text = "api_key = \"q8Zt3LmVx91PbRw7\"";
    let shape = SecretSpan {
        kind: "shape".into(),
        from: 0,
        to: 5,
    };
    look.new_side(&"a".into(), text.as_bytes(), &[shape]);
    let found = format!("{:?}", look.finish());
    assert!(
        found.contains("named-secret") && found.contains("shape"),
        "{found}"
    );
    assert!(!found.contains("q8Zt"), "{found}");
}
