//! The lease token under which a command acts: the flag's, the environment's, or the one that this
//! worktree keeps for whoever acts.
//!
//! A token counts for the session that got it, for everybody who says who they are: one that lies in
//! the worktree is nobody else's, whoever works there too, and one that is given by hand is refused.
//! Who says no name is taken for the bearer of a token that they give by hand, since a script need
//! not know for whom it was made; and of those that lie there they may act under a person's, whom
//! they may be by another name, never under an agent's. What is locked for whom is asked more
//! strictly: for that only the very holder counts.

use crate::app::error::AppError;
use crate::app::workspace::Workspace;
use crate::base::env;
use crate::domain::actor::Actor;
use crate::domain::ids::Subject;
use crate::domain::lease::{KeptToken, Lease, ShownToken, Token, TokenReach};
use crate::ops::error::OpError;
use crate::ops::lease;
use crate::ops::refusal::Refusal;
use crate::ops::tokens;
use crate::store::{Store, StoreError};

/// What a token is wanted for.
#[derive(Clone, Copy)]
pub struct TokenAsk<'a> {
    /// Task or lock.
    pub subject: &'a Subject,
    /// The token as it was given by hand.
    pub flag: Option<&'a str>,
    /// The act, in the word that records keep.
    pub tried: &'a str,
}

/// Keeps the token of a lease for later commands of its holder in this worktree.
pub fn keep(workspace: &Workspace, lease: &Lease, token: &Token) -> Result<(), AppError> {
    let git_dir = &workspace.place()?.git_dir;
    Ok(tokens::keep(git_dir, token, &lease.holder)?)
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

/// The token for a subject: the flag, else `AI_LEASE`, else the one kept here for whoever acts.
pub fn find(
    workspace: &Workspace,
    store: &mut dyn Store,
    ask: TokenAsk<'_>,
) -> Result<Token, AppError> {
    if let Some(token) = look(workspace, store, ask)? {
        return Ok(token);
    }
    let actor = workspace.actor()?;
    let lease = lease_of(store, ask.subject)?;
    let kept = tokens::find(&workspace.place()?.git_dir, ask.subject)?;
    let others = lease.filter(|lease| {
        kept.is_some_and(|kept| kept.token.epoch == lease.epoch)
            && !lease.answers_to(&actor, reach_of_kept(workspace))
    });
    let subject = ask.subject.to_string();
    Err(match others {
        Some(lease) => Refusal::OtherHolder {
            subject,
            holder: lease.holder.to_string(),
            actor: actor.to_string(),
        },
        None => Refusal::NoToken(subject),
    }
    .into())
}

/// Like [`find`], with `None` where there is none.
pub fn look(
    workspace: &Workspace,
    store: &mut dyn Store,
    ask: TokenAsk<'_>,
) -> Result<Option<Token>, AppError> {
    if let Some(shown) = by_hand(workspace, ask.flag)? {
        // A token in the environment of an agent's session is for its own task; other subjects look
        // further.
        if shown.token.subject == *ask.subject {
            lease::refuse_foreign(store, &workspace.cx_for_reading()?, &shown, ask.tried)?;
            return Ok(Some(shown.token));
        }
        if ask.flag.is_some() {
            let (subject, other) = (ask.subject, shown.token.subject);
            return Err(AppError::usage(format!(
                "the token is for {other}, not for {subject}"
            )));
        }
    }
    let Some(kept) = tokens::find(&workspace.place()?.git_dir, ask.subject)? else {
        return Ok(None);
    };
    let (actor, lease) = (workspace.actor()?, lease_of(store, ask.subject)?);
    let shown = kept.shown_by(&actor, reach_of_kept(workspace), lease.as_ref());
    Ok(shown.map(|shown| shown.token))
}

/// The token that was given by hand: the flag's, else that of `AI_LEASE`.
pub fn by_hand(workspace: &Workspace, flag: Option<&str>) -> Result<Option<ShownToken>, AppError> {
    let Some(text) = flag.map(str::to_owned).or_else(|| env::text(env::AI_LEASE)) else {
        return Ok(None);
    };
    let token = Token::parse(&text).map_err(|e| AppError::usage(e.to_string()))?;
    let reach = reach_by_hand(workspace);
    Ok(Some(ShownToken { token, reach }))
}

/// The tokens at hand in this worktree. Whether each is the actor's is for the operation to judge,
/// which sees the leases.
pub fn at_hand(workspace: &Workspace) -> Result<Vec<ShownToken>, AppError> {
    let actor = workspace.actor()?;
    let kept = tokens::kept(&workspace.place()?.git_dir)?.into_iter();
    let mut all: Vec<ShownToken> = kept
        .filter_map(|kept| KeptToken::shown_by(kept, &actor, TokenReach::Holder, None))
        .collect();
    if let Some(token) = env::text(env::AI_LEASE).and_then(|text| Token::parse(&text).ok()) {
        let reach = reach_by_hand(workspace);
        all.push(ShownToken { token, reach });
    }
    Ok(all)
}

/// The tokens of a session of an agent's CLI in this worktree: those at hand, and those that were kept here
/// for another session of whoever holds them. The hook of a CLI is called in no session of `ai`, and a lease
/// that was taken by `ai mcp` beside it is the same agent's.
pub fn of_session(workspace: &Workspace, holder: &Actor) -> Result<Vec<ShownToken>, AppError> {
    let mut all = at_hand(workspace)?;
    for kept in tokens::kept(&workspace.place()?.git_dir)? {
        if kept
            .holder
            .is_some_and(|other| other.label() == holder.label())
        {
            let reach = TokenReach::Bearer;
            all.push(ShownToken {
                token: kept.token,
                reach,
            });
        }
    }
    Ok(all)
}

/// The reach of a token that lies in the worktree, for an act on its subject.
fn reach_of_kept(workspace: &Workspace) -> TokenReach {
    if workspace.says_who_acts() {
        TokenReach::Holder
    } else {
        TokenReach::Person
    }
}

/// The reach of a token that is given by hand.
fn reach_by_hand(workspace: &Workspace) -> TokenReach {
    if workspace.says_who_acts() {
        TokenReach::Holder
    } else {
        TokenReach::Bearer
    }
}

fn lease_of(store: &mut dyn Store, subject: &Subject) -> Result<Option<Lease>, AppError> {
    let lease = store.read(|tx| -> Result<_, StoreError> { tx.lease(subject) });
    Ok(lease.map_err(OpError::from)?)
}
