//! Which lease token a command acts under: the flag's, the environment's, or the one that this
//! worktree keeps.

use crate::app::error::AppError;
use crate::base::env;
use crate::cli::context::Context;
use crate::domain::ids::Subject;
use crate::domain::lease::Token;
use crate::ops::refusal::Refusal;
use crate::ops::tokens;

/// Keeps a token for later commands in this worktree.
pub(super) fn keep(context: &Context, token: &Token) -> Result<(), AppError> {
    Ok(tokens::keep(&context.place()?.git_dir, token)?)
}

/// Forgets a token that has served.
pub(super) fn forget(context: &Context, token: &Token) -> Result<(), AppError> {
    Ok(tokens::forget(&context.place()?.git_dir, token)?)
}

/// Forgets the token of a lock that was given back. A lock is granted once, so no later grant can
/// be meant.
pub(super) fn forget_lock(context: &Context, lock: &Subject) -> Result<(), AppError> {
    Ok(tokens::forget_subject(&context.place()?.git_dir, lock)?)
}

/// The token for `subject`: the flag, else `AI_LEASE`, else the one kept here.
pub(super) fn find(
    context: &Context,
    subject: &Subject,
    flag: Option<&str>,
) -> Result<Token, AppError> {
    match look(context, subject, flag)? {
        Some(token) => Ok(token),
        None => Err(Refusal::NoToken(subject.to_string()).into()),
    }
}

/// Like [`find`], with `None` where there is none.
pub(super) fn look(
    context: &Context,
    subject: &Subject,
    flag: Option<&str>,
) -> Result<Option<Token>, AppError> {
    let given = flag.map(str::to_owned).or_else(|| env::text(env::AI_LEASE));
    if let Some(text) = given {
        let token = Token::parse(&text).map_err(|e| AppError::usage(e.to_string()))?;
        // A token in the environment of an agent's session is for its own task; other subjects look
        // further.
        if &token.subject == subject {
            return Ok(Some(token));
        }
        if flag.is_some() {
            let message = format!("the token is for {}, not for {subject}", token.subject);
            return Err(AppError::usage(message));
        }
    }
    Ok(tokens::find(&context.place()?.git_dir, subject)?)
}

/// The subjects whose tokens are kept here.
pub(super) fn own_subjects(context: &Context) -> Result<Vec<Subject>, AppError> {
    let kept = tokens::kept(&context.place()?.git_dir)?;
    let mut own: Vec<Subject> = kept.into_iter().map(|token| token.subject).collect();
    if let Some(token) = env::text(env::AI_LEASE).and_then(|text| Token::parse(&text).ok()) {
        own.push(token.subject);
    }
    Ok(own)
}
