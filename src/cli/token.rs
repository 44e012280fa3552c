//! Where lease tokens are kept: in the git directory of the worktree that claimed, readable by its owner alone, so that later commands
//! there need no flag. Another worktree has another git directory, and so never acts under a lease that is not its own.

use std::path::PathBuf;

use crate::base::{env, fs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::domain::ids::Subject;
use crate::domain::lease::Token;
use crate::ops::refusal::Refusal;

/// Longest token file.
const CAP: u64 = 4_096;

fn file(context: &Context, subject: &Subject) -> Result<PathBuf, CliError> {
    Ok(context.place()?.git_dir.join("ai-lease").join(subject.as_str()))
}

/// Keeps a token for later commands in this worktree.
pub(super) fn keep(context: &Context, token: &Token) -> Result<(), CliError> {
    Ok(fs::write_private(&file(context, &token.subject)?, token.reveal().as_bytes())?)
}

/// Forgets a token that has served. Where a later grant is kept by now, that one stays: between the end of a lease and this call,
/// somebody in the same worktree may have claimed the subject anew.
pub(super) fn forget(context: &Context, token: &Token) -> Result<(), CliError> {
    let file = file(context, &token.subject)?;
    let kept = fs::read_text_if_there(&file, CAP)?;
    if kept.is_some_and(|text| Token::parse(&text).ok().as_ref() == Some(token)) {
        fs::remove_file(&file)?;
    }
    Ok(())
}

/// Forgets the token of a lock that was given back. A lock is granted once, so no later grant can be meant.
pub(super) fn forget_lock(context: &Context, lock: &Subject) -> Result<(), CliError> {
    Ok(fs::remove_file(&file(context, lock)?)?)
}

/// The token for `subject`: the flag, else `AI_LEASE`, else the one kept here.
pub(super) fn find(context: &Context, subject: &Subject, flag: Option<&str>) -> Result<Token, CliError> {
    match look(context, subject, flag)? {
        Some(token) => Ok(token),
        None => Err(Refusal::NoToken(subject.to_string()).into()),
    }
}

/// Like [`find`], with `None` where there is none.
pub(super) fn look(context: &Context, subject: &Subject, flag: Option<&str>) -> Result<Option<Token>, CliError> {
    let given = flag.map(str::to_owned).or_else(|| env::text(env::AI_LEASE));
    if let Some(text) = given {
        let token = Token::parse(&text).map_err(|e| CliError::usage(e.to_string()))?;
        // A token in the environment of an agent's session is for its own task; other subjects look further.
        if &token.subject == subject {
            return Ok(Some(token));
        }
        if flag.is_some() {
            let message = format!("the token is for {}, not for {subject}", token.subject);
            return Err(CliError::usage(message));
        }
    }
    match fs::read_text_if_there(&file(context, subject)?, CAP)? {
        Some(text) => Token::parse(&text).map(Some).map_err(|e| CliError::usage(e.to_string())),
        None => Ok(None),
    }
}

/// The subjects whose tokens are kept here.
pub(super) fn own_subjects(context: &Context) -> Result<Vec<Subject>, CliError> {
    let dir = context.place()?.git_dir.join("ai-lease");
    let files = fs::list_dir(&dir)?;
    let mut own: Vec<Subject> =
        files.iter().filter_map(|path| path.file_name()?.to_str().map(|name| Subject(name.to_owned()))).collect();
    if let Some(token) = env::text(env::AI_LEASE).and_then(|text| Token::parse(&text).ok()) {
        own.push(token.subject);
    }
    Ok(own)
}
