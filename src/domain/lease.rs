//! Leases: who may work on a subject until when, and the token that proves it.
//!
//! A lease is judged when it is read; nothing has to run for it to lapse. The epoch grows with
//! every grant of a subject, so a token of an earlier grant can never pass, however long its holder
//! slept.

use serde::{Deserialize, Serialize};

use crate::base::hash;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::ids::Subject;
use crate::domain::time::{Elapsed, LeaseInstant, Now, WallMs};

/// The right to work on a subject until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Lease {
    /// The subject.
    pub subject: Subject,
    /// Epoch: the number of this grant of the subject, from 1.
    pub epoch: u64,
    /// The holder.
    pub holder: Actor,
    /// SHA-256 of the token's secret; the secret itself is never stored.
    pub secret_hash: String,
    /// Time of the grant by the wall clock.
    pub granted_ms: WallMs,
    /// The commit at which HEAD of the claimant's checkout was at the grant of a task: what is done
    /// under the lease comes after it, whatever date its commits bear. All zeros where its branch had no
    /// commit yet, nothing where no checkout was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Duration of a grant or renewal, in milliseconds.
    pub ttl_ms: i64,
    /// Time of expiry on the lease clock.
    pub expires: LeaseInstant,
    /// The same instant for people.
    pub expires_ms: WallMs,
}

/// The liveness of a lease: whether it binds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseLiveness {
    /// The lease binds for so many more milliseconds.
    Live(i64),
    /// The lease is over.
    Lapsed,
    /// The lease was made under another time namespace of this boot; nobody may guess.
    Unknown,
}

impl Lease {
    /// Judges whether the lease binds at `now`.
    pub fn liveness(&self, now: &Now) -> LeaseLiveness {
        match now.lease.since(&self.expires) {
            Elapsed::Ms(past) if past < 0 => LeaseLiveness::Live(-past),
            Elapsed::Ms(_) | Elapsed::OtherBoot => LeaseLiveness::Lapsed,
            Elapsed::OtherNamespace => LeaseLiveness::Unknown,
        }
    }

    /// True unless the lease has certainly lapsed: what cannot be compared is treated as held.
    pub fn binds(&self, now: &Now) -> bool {
        self.liveness(now) != LeaseLiveness::Lapsed
    }

    /// True where the lease, which nobody proves by its token, may be given back by `actor` all the
    /// same: the session that holds it, or anybody once it has lapsed.
    pub fn may_be_given_back_by(&self, actor: &Actor, now: &Now) -> bool {
        !self.binds(now) || actor.goes_on_for(&self.holder)
    }

    /// True where a token of the lease speaks for `actor`. Two who share a checkout share its
    /// files, not their leases.
    pub fn answers_to(&self, actor: &Actor, reach: TokenReach) -> bool {
        reach.lets(actor, &self.holder)
    }

    /// True where what the lease locks is locked for `actor`: it binds, its subject is none of the
    /// actor's `own`, and it is not held by the very session. Without a session nobody can be told
    /// from another of the same name.
    pub fn stands_against(&self, actor: &Actor, own: &[Subject], now: &Now) -> bool {
        let is_own = own.contains(&self.subject)
            || actor.incarnation.is_some() && actor.goes_on_for(&self.holder);
        !is_own && self.binds(now)
    }

    /// The lease as renewed at `now` for `ttl_ms`.
    pub fn renewed_for(&self, now: &Now, ttl_ms: i64) -> Lease {
        Lease {
            ttl_ms,
            expires: now.lease.plus(ttl_ms),
            expires_ms: now.wall_ms.saturating_add(ttl_ms),
            ..self.clone()
        }
    }
}

/// A lease token: `<subject>.<epoch>.<secret>`. Its `Debug` form hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The subject of the lease.
    pub subject: Subject,
    /// Epoch of the grant.
    pub epoch: u64,
    secret: String,
}

/// The text is not a lease token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a lease token: it has the form <task>.<epoch>.<secret>, as `ai task claim` printed it"
)]
pub struct NotAToken;

impl Token {
    /// A token from its parts.
    pub fn new(subject: Subject, epoch: u64, secret: String) -> Token {
        Token {
            subject,
            epoch,
            secret,
        }
    }

    /// Reads a token's text.
    pub fn parse(text: &str) -> Result<Token, NotAToken> {
        let mut parts = text.trim().splitn(3, '.');
        let (Some(subject), Some(epoch), Some(secret)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAToken);
        };
        let epoch = epoch.parse().map_err(|_| NotAToken)?;
        if subject.is_empty() || secret.is_empty() {
            return Err(NotAToken);
        }
        Ok(Token {
            subject: Subject(subject.to_owned()),
            epoch,
            secret: secret.to_owned(),
        })
    }

    /// The full text, for the holder's eyes only.
    pub fn reveal(&self) -> String {
        format!("{}.{}.{}", self.subject, self.epoch, self.secret)
    }

    /// The digest that the store keeps.
    pub fn secret_hash(&self) -> String {
        hash::sha256_hex(self.secret.as_bytes())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.…", self.subject, self.epoch)
    }
}

/// The word that records keep where a token was shown by somebody who is not its holder.
pub const OTHER_HOLDER: &str = "OtherHolder";

/// The reach of a token: for whom it counts, by the way in which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenReach {
    /// It counts for the session that got it: the token was found where others work too, or is
    /// shown by somebody who says who they are.
    Holder,
    /// It counts for its holder, and where that is a person, for one who gives no name: they may
    /// have claimed by another name than they go by now. Never is an agent's theirs.
    Person,
    /// It counts for whoever shows it: it was handed over by hand, and its bearer names nobody.
    Bearer,
}

impl TokenReach {
    /// True where `actor` may show a token that `holder` got.
    fn lets(self, actor: &Actor, holder: &Actor) -> bool {
        let is_person = |actor: &Actor| actor.kind == ActorKind::Human;
        let stands_in = match self {
            TokenReach::Holder => false,
            TokenReach::Person => is_person(actor) && is_person(holder),
            TokenReach::Bearer => true,
        };
        stands_in || actor.goes_on_for(holder)
    }
}

/// A token as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownToken {
    /// The token.
    pub token: Token,
    /// Its reach.
    pub reach: TokenReach,
}

impl ShownToken {
    /// The holder of the very grant that the token is for, where that is not `actor` and the token
    /// does not count for them. A token of any other grant is stale, which [`fence`] judges.
    pub fn foreign_to<'a>(&self, actor: &Actor, lease: Option<&'a Lease>) -> Option<&'a Actor> {
        let lease = lease.filter(|lease| lease.epoch == self.token.epoch)?;
        (!lease.answers_to(actor, self.reach)).then_some(&lease.holder)
    }

    /// True where the token opens the lease for `actor`, lapsed or not.
    pub fn opens(&self, actor: &Actor, lease: &Lease) -> bool {
        lease.epoch == self.token.epoch
            && lease.secret_hash == self.token.secret_hash()
            && lease.answers_to(actor, self.reach)
    }
}

/// A token as a checkout keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptToken {
    /// The token.
    pub token: Token,
    /// The session that got it; absent where it was kept before that was written down.
    pub holder: Option<Actor>,
}

impl KeptToken {
    /// The token as `actor` may show it; nothing where it is somebody else's. What was kept without
    /// a name is judged by the lease alone, which always has one.
    pub fn shown_by(
        self,
        actor: &Actor,
        reach: TokenReach,
        lease: Option<&Lease>,
    ) -> Option<ShownToken> {
        if self
            .holder
            .is_some_and(|holder| !reach.lets(actor, &holder))
        {
            return None;
        }
        let shown = ShownToken {
            token: self.token,
            reach,
        };
        shown.foreign_to(actor, lease).is_none().then_some(shown)
    }
}

/// The reason why a token does not open a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Nobody holds the subject now.
    NoLease,
    /// A later grant has taken over.
    Superseded,
    /// The lease is this one, but it has lapsed.
    Lapsed,
    /// Epoch matches, secret does not.
    WrongSecret,
}

impl Stale {
    /// The word that records keep.
    pub fn word(&self) -> &'static str {
        match self {
            Stale::NoLease => "NoLease",
            Stale::Superseded => "Superseded",
            Stale::Lapsed => "Lapsed",
            Stale::WrongSecret => "WrongSecret",
        }
    }
}

/// Checks a presented token against the lease that stands in the store. The one place where fencing
/// is decided.
pub fn fence(lease: Option<&Lease>, token: &Token, now: &Now) -> Result<(), Stale> {
    let Some(lease) = lease else {
        return Err(Stale::NoLease);
    };
    if lease.epoch != token.epoch {
        return Err(Stale::Superseded);
    }
    if lease.secret_hash != token.secret_hash() {
        return Err(Stale::WrongSecret);
    }
    if !lease.binds(now) {
        return Err(Stale::Lapsed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::ActorKind;

    fn now(ms: i64) -> Now {
        Now {
            wall_ms: 1_000_000 + ms,
            lease: LeaseInstant {
                epoch: "b/t".into(),
                ms,
            },
        }
    }

    fn granted(token: &Token) -> Lease {
        let holder = Actor::new(ActorKind::Human, "ann").unwrap();
        Lease {
            subject: token.subject.clone(),
            epoch: token.epoch,
            holder,
            secret_hash: token.secret_hash(),
            granted_ms: 0,
            head: None,
            ttl_ms: 100,
            expires: now(0).lease.plus(100),
            expires_ms: 100,
        }
    }

    #[test]
    fn a_token_passes_only_while_its_own_grant_lives() {
        let token = Token::parse("t-1.3.abc").unwrap();
        let lease = granted(&token);
        assert_eq!(fence(Some(&lease), &token, &now(99)), Ok(()));
        assert_eq!(fence(Some(&lease), &token, &now(100)), Err(Stale::Lapsed));
        assert_eq!(fence(None, &token, &now(1)), Err(Stale::NoLease));
        let old = Token::parse("t-1.2.abc").unwrap();
        assert_eq!(fence(Some(&lease), &old, &now(1)), Err(Stale::Superseded));
        let forged = Token::parse("t-1.3.abd").unwrap();
        assert_eq!(
            fence(Some(&lease), &forged, &now(1)),
            Err(Stale::WrongSecret)
        );
    }

    #[test]
    fn a_boot_ends_a_lease_and_a_foreign_namespace_does_not() {
        let token = Token::parse("t-1.3.abc").unwrap();
        let lease = granted(&token);
        let other = |epoch: &str| Now {
            wall_ms: 0,
            lease: LeaseInstant {
                epoch: epoch.into(),
                ms: 1,
            },
        };
        assert_eq!(lease.liveness(&other("c/t")), LeaseLiveness::Lapsed);
        assert_eq!(lease.liveness(&other("b/u")), LeaseLiveness::Unknown);
        assert!(lease.binds(&other("b/u")));
    }

    #[test]
    fn a_wall_clock_step_moves_nothing() {
        let token = Token::parse("t-1.3.abc").unwrap();
        let lease = granted(&token);
        let mut stepped = now(50);
        stepped.wall_ms += 86_400_000;
        assert_eq!(lease.liveness(&stepped), LeaseLiveness::Live(50));
    }

    #[test]
    fn tokens_read_back_and_hide_their_secret() {
        let token = Token::parse("t-1.3.a.b").unwrap();
        assert_eq!(Token::parse(&token.reveal()).unwrap(), token);
        assert!(!format!("{token:?}").contains("a.b"));
        for bad in ["", "t-1", "t-1.x.s", "t-1.1.", ".1.s"] {
            assert_eq!(Token::parse(bad), Err(NotAToken), "{bad}");
        }
    }
}

#[cfg(test)]
#[path = "lease_tables.rs"]
mod tables;
