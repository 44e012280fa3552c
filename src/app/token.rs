//! Which lease token a command acts under: the flag's, the environment's, or the one that this
//! worktree keeps.

use crate::app::error::AppError;
use crate::app::workspace::Workspace;
use crate::base::env;
use crate::domain::ids::Subject;
use crate::domain::lease::Token;
use crate::ops::refusal::Refusal;
use crate::ops::tokens;

/// Keeps a token for later commands in this worktree.
pub fn keep(workspace: &Workspace, token: &Token) -> Result<(), AppError> {
    Ok(tokens::keep(&workspace.place()?.git_dir, token)?)
}

/// Forgets a token that has served.
pub fn forget(workspace: &Workspace, token: &Token) -> Result<(), AppError> {
    Ok(tokens::forget(&workspace.place()?.git_dir, token)?)
}

/// Forgets the token of a lock that was given back. A lock is granted once, so no later grant can
/// be meant.
pub fn forget_lock(workspace: &Workspace, lock: &Subject) -> Result<(), AppError> {
    Ok(tokens::forget_subject(&workspace.place()?.git_dir, lock)?)
}

/// The token for `subject`: the flag, else `AI_LEASE`, else the one kept here.
pub fn find(
    workspace: &Workspace,
    subject: &Subject,
    flag: Option<&str>,
) -> Result<Token, AppError> {
    match look(workspace, subject, flag)? {
        Some(token) => Ok(token),
        None => Err(Refusal::NoToken(subject.to_string()).into()),
    }
}

/// Like [`find`], with `None` where there is none.
pub fn look(
    workspace: &Workspace,
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
    Ok(tokens::find(&workspace.place()?.git_dir, subject)?)
}

/// The subjects whose tokens are kept here.
pub fn own_subjects(workspace: &Workspace) -> Result<Vec<Subject>, AppError> {
    let kept = tokens::kept(&workspace.place()?.git_dir)?;
    let mut own: Vec<Subject> = kept.into_iter().map(|token| token.subject).collect();
    if let Some(token) = env::text(env::AI_LEASE).and_then(|text| Token::parse(&text).ok()) {
        own.push(token.subject);
    }
    Ok(own)
}
