use crate::base::rules::rules;
use crate::domain::mode::AgentMode;

fn read(word: &str) -> Result<AgentMode, String> {
    word.parse::<AgentMode>().map_err(|error| error.to_string())
}

fn written(mode: AgentMode) -> (String, String) {
    (serde_json::to_string(&mode).unwrap(), mode.to_string())
}

rules! {
    a_mode_is_read_by_its_word: read("analysis_only") => Ok(AgentMode::AnalysisOnly);
    a_slip_of_the_pen_is_told:
        read("analysis-only") => Err("`analysis-only` is no mode; did you mean `analysis_only`?".into());
    another_word_names_those_that_there_are:
        read("root") => Err("`root` is no mode; known are normal, safe and analysis_only".into());
    nothing_is_no_mode: read("") => Err("`` is no mode; known are normal, safe and analysis_only".into());
    files_and_people_read_one_word:
        AgentMode::ALL.map(written)
        => AgentMode::ALL.map(|mode| (format!("\"{}\"", mode.as_str()), mode.as_str().to_owned()));
    the_narrowest_is_the_greatest: AgentMode::ALL.into_iter().max() => Some(AgentMode::AnalysisOnly);
    safe_lies_between: AgentMode::Normal < AgentMode::Safe && AgentMode::Safe < AgentMode::AnalysisOnly => true;
    without_a_word_it_is_normal: AgentMode::default() => AgentMode::Normal;
}
