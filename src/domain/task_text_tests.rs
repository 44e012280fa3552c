use crate::base::rules::rules;

use super::*;

fn title(text: &str) -> Result<(), BadText> {
    check_text(Some(text), None)
}

fn body(text: &str) -> Result<(), BadText> {
    check_text(None, Some(text))
}

rules! {
    a_task_may_stay_without_new_texts: check_text(None, None) => Ok(());
    an_empty_title_says_nothing: title("") => Err(BadText::NoTitle);
    a_title_of_blanks_says_nothing: title(" \t\n") => Err(BadText::NoTitle);
    a_title_of_the_full_length_fits: title(&"x".repeat(2_000)) => Ok(());
    a_longer_title_belongs_into_the_body: title(&"x".repeat(2_001)) => Err(BadText::LongTitle);
    a_title_is_measured_in_bytes: title(&"é".repeat(1_001)) => Err(BadText::LongTitle);
    an_empty_body_is_one: body("") => Ok(());
    a_body_of_the_full_length_fits: body(&"x".repeat(1 << 20)) => Ok(());
    a_longer_body_belongs_into_a_file: body(&"x".repeat((1 << 20) + 1)) => Err(BadText::LongBody);
    no_priority_is_none: check_priority(None) => Ok(());
    the_most_urgent_priority_is_zero: check_priority(Some(0)) => Ok(());
    the_least_urgent_priority_is_four: check_priority(Some(4)) => Ok(());
    there_is_no_priority_beyond_four: check_priority(Some(5)) => Err(BadText::Priority);
    a_word_may_hold_dots_dashes_and_colons: check_word("needs:rust-1.80") => Ok(());
    a_word_may_be_of_any_language: check_word("größe") => Ok(());
    an_empty_word_is_none: check_word("") => Err(BadText::Word(String::new()));
    a_word_of_the_full_length_fits: check_word(&"x".repeat(64)) => Ok(());
    a_longer_word_is_none: check_word(&"x".repeat(65)).is_err() => true;
    two_words_are_no_word: check_word("a b").is_err() => true;
    a_list_is_no_word: check_word("a,b").is_err() => true;
    a_word_holds_no_control_character: check_word("a\u{7}").is_err() => true;
    a_bad_word_is_shown_safely:
        BadText::Word("a\u{1b}b".into()).to_string()
        => "`a\\eb` is not a word of 1 to 64 characters without spaces and commas";
}
