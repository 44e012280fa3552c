//! References that the agent of a run had moved whose supervisor died: its Git has written them down (ADR 0089), and
//! nobody was left to put them back.
//!
//! Told is what stands where the agent left it; the file goes. Deliberately absent: putting back, for which one would
//! have to know what stood before the run, and who stood there.

use crate::base::fs;
use crate::base::text::{one_line, shell_words};
use crate::domain::run::Run;
use crate::git::Repo;
use crate::git::ref_trace::{RefTrace, StandingMove};
use crate::ops::error::OpError;
use crate::ops::run::files::RunDir;

/// So many are told.
const SHOWN: usize = 5;

/// The moves as the end of a sentence, empty where there are none; what they were read from is gone then.
pub(super) fn clause(repo: &Repo, run: &Run, dir: &RunDir) -> Result<String, OpError> {
    let file = dir.ref_trace();
    let trace = RefTrace::read(&file);
    let own = format!("refs/heads/{}", run.branch);
    let mut moves = trace.standing(repo)?;
    // A run writes its branch, and what Git keeps of other repositories is theirs.
    moves.retain(|one| one.name != own && !one.name.starts_with("refs/remotes/"));
    fs::remove_file(&file)?;
    let shown: Vec<String> = moves.iter().take(SHOWN).map(in_words).collect();
    if shown.is_empty() {
        return Ok(String::new());
    }
    let more = match moves.len() - shown.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Ok(format!(
        "; its agent moved what is not its own, and nobody put it back: {}{more}",
        shown.join("; ")
    ))
}

/// One move, with the command that looks after it: a name may hold what a shell would act on.
fn in_words(one: &StandingMove) -> String {
    let name = one_line(&one.name);
    let update = |objects: &[&str]| {
        let words = ["git", "update-ref", &one.name];
        shell_words(words.iter().chain(objects))
    };
    match (&one.from, &one.to) {
        (Some(from), Some(to)) => format!(
            "{name} from {} to {} (`{}` puts it back)",
            from.short(),
            to.short(),
            update(&[from.as_str(), to.as_str()])
        ),
        (None, Some(to)) => format!(
            "{name} to {} (`{}` tells where it stood)",
            to.short(),
            shell_words(["git", "reflog", &one.name])
        ),
        (Some(from), None) => format!(
            "{name} at {} was deleted (`{}` makes it anew)",
            from.short(),
            update(&[from.as_str()])
        ),
        (None, None) => format!("{name} was deleted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Oid;

    #[test]
    fn a_name_that_a_shell_would_act_on_is_one_word_of_the_command() {
        let at = |digit: &str| Oid::parse(&digit.repeat(40)).unwrap();
        let told = in_words(&StandingMove {
            name: "refs/heads/a;b$(c)'d".into(),
            from: Some(at("1")),
            to: Some(at("2")),
        });
        let quoted = r"'refs/heads/a;b$(c)'\''d'";
        let command = format!(
            "`git update-ref {quoted} {} {}`",
            "1".repeat(40),
            "2".repeat(40)
        );
        assert!(told.contains(&command), "{told}");
    }
}
