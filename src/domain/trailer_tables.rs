use crate::base::rules::rules;
use crate::domain::trailer::*;

fn body(text: &str) -> String {
    sanitized_body(text)
}

fn with(task: Option<&str>, agent: Option<&str>) -> String {
    let trailers = Trailers {
        task: task.map(str::to_owned),
        run: None,
        agent: agent.map(str::to_owned),
    };
    message("s", "", &trailers)
}

rules! {
    a_subject_without_words_says_so: sanitized_subject(" \n\t ") => "(no subject)";
    a_subject_of_hidden_characters_says_so: sanitized_subject("\u{200b}\u{202e}") => "(no subject)";
    lines_of_a_subject_become_one: sanitized_subject("a\nb\r\nc") => "a b c";
    blanks_of_a_subject_become_single: sanitized_subject("a \u{a0}  b") => "a b";
    a_subject_of_full_length_stays: sanitized_subject(&"x".repeat(72)) => "x".repeat(72);
    a_longer_subject_is_cut: sanitized_subject(&"x".repeat(73)) => format!("{}…", "x".repeat(71));
    a_cut_leaves_no_blank_before_its_mark:
        sanitized_subject(&format!("{} yz", "x".repeat(70))) => format!("{}…", "x".repeat(70));
    blank_lines_of_a_body_become_one: body("a\n\n\nb") => "a\n\nb";
    blank_lines_around_a_body_go: body("\n\na\n\n") => "a";
    tabs_of_a_body_become_blanks: body("a\tb") => "a b";
    control_characters_of_a_body_go: body("a\u{1b}[2Jb") => "a[2Jb";
    a_cut_line_of_a_body_is_indented: body("---") => " ---";
    a_trailer_of_ours_in_a_body_is_indented: body("AI-Task: t-9") => " AI-Task: t-9";
    a_trailer_in_any_case_is_indented: body("ai-Run: t-9.1") => " ai-Run: t-9.1";
    a_trailer_of_others_stays: body("Signed-off-by: x") => "Signed-off-by: x";
    without_a_trailer_there_is_no_block: with(None, None) => "s\n";
    a_trailer_stands_in_a_block_of_its_own: with(Some("t-1"), None) => "s\n\nAI-Task: t-1\n";
    a_trailer_of_blanks_is_left_out: with(Some("t-1"), Some(" \n")) => "s\n\nAI-Task: t-1\n";
    a_trailer_is_one_line: with(None, Some("a\nAI-Task: t-9")) => "s\n\nAI-Agent: a AI-Task: t-9\n";
}
