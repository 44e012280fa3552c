//! The decision: gates, then score, then a stable order.

use crate::base::text::counted;
use crate::domain::eligibility::{UnmetDemand, stand_ins};
use crate::domain::run::RoutedBy;
use crate::domain::schedule::Circuit;
use crate::router::model::{
    Candidate, Considered, Lost, Pin, RouteGate, RouteRequest, RouteStanding, Score, Trace,
};
use crate::router::score::{price, score};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

/// Chooses an agent for a task. The same input gives the same answer, whatever the order of the
/// candidates.
///
/// # Examples
///
/// ```text
/// nobody is named                      the best score of those that pass every gate
/// the task names a, which may          a
/// the task names a, out of quota       the first of a's fallbacks that may
/// the task names a, denied by policy   nobody
/// ```
pub fn route(ask: &RouteRequest, candidates: &[Candidate]) -> Trace {
    let known: HashMap<&str, &Candidate> =
        candidates.iter().map(|c| (c.name.as_str(), c)).collect();
    let known = KnownAgents(known);
    match &ask.pin {
        Pin::Nobody => by_score(ask, &known, candidates),
        Pin::Override(name) => overridden(ask, &known, name),
        Pin::Task(name) => pinned(ask, &known, candidates, name, RoutedBy::Task),
        Pin::Default(name) => pinned(ask, &known, candidates, name, RoutedBy::Default),
        Pin::Interrupted(name) => pinned(ask, &known, candidates, name, RoutedBy::Fallback),
    }
}

struct KnownAgents<'a>(HashMap<&'a str, &'a Candidate>);

impl<'a> KnownAgents<'a> {
    fn get(&self, name: &str) -> Option<&'a Candidate> {
        self.0.get(name).copied()
    }

    /// An agent and all that may stand in for it, nearest first.
    fn chain(&self, first: &str) -> Vec<String> {
        stand_ins(first, |name| {
            self.get(name).map_or(&[], |c| c.fallback.as_slice())
        })
    }

    /// Lists the agents that could take over from `chosen`: room is a matter of the moment and does
    /// not count here.
    fn fallbacks(&self, ask: &RouteRequest, chain: &[String]) -> Vec<String> {
        let able = |name: &&String| {
            let lost = self.get(name).map(|c| turned_away(ask, c));
            lost.is_some_and(|lost| lost.is_none_or(|lost| lost.gate == RouteGate::Room))
        };
        chain.iter().filter(able).cloned().collect()
    }
}

/// The first gate that a candidate does not pass.
fn turned_away(ask: &RouteRequest, c: &Candidate) -> Option<Lost> {
    let lost = |gate, why: String| {
        Some(Lost {
            gate,
            why,
            until_ms: None,
        })
    };
    let later = |gate, why: String, until| {
        Some(Lost {
            gate,
            why,
            until_ms: Some(until),
        })
    };
    if let Some(why) = &c.unusable {
        return lost(RouteGate::Usable, why.clone());
    }
    if let Some(unfit) = ask.demands.unmet_by_words(&c.capabilities, &c.labels) {
        let gate = match unfit {
            UnmetDemand::Unmarked(_) => RouteGate::Label,
            _ => RouteGate::Capability,
        };
        return lost(gate, unfit.to_string());
    }
    if let Some(why) = &c.denied {
        return lost(RouteGate::Policy, why.clone());
    }
    if let Some(until) = c.quota_until_ms.filter(|until| *until > ask.now_ms) {
        return later(
            RouteGate::Quota,
            format!(
                "out of quota, or its provider down, for another {}",
                span(until - ask.now_ms)
            ),
            until,
        );
    }
    if let Some(until) = c.login_until_ms.filter(|until| *until > ask.now_ms) {
        let why = format!(
            "its login was refused; left alone for another {}",
            span(until - ask.now_ms)
        );
        return later(RouteGate::Login, why, until);
    }
    match c.circuit {
        Circuit::Open { until_ms } => {
            let why = format!(
                "rests for another {}: its provider or program failed too often in a row",
                span(until_ms - ask.now_ms)
            );
            return later(RouteGate::Breaker, why, until_ms);
        }
        Circuit::HalfOpen if c.load > 0 => {
            let why = "is tried by one run after its rest".to_owned();
            return lost(RouteGate::Breaker, why);
        }
        Circuit::HalfOpen | Circuit::Closed => {}
    }
    if let Some((why, until)) = &c.budget {
        return later(RouteGate::Budget, why.clone(), *until);
    }
    if c.attempts >= c.max_attempts {
        return lost(
            RouteGate::Attempts,
            format!(
                "has made its {} at this task",
                counted(c.attempts, "attempt")
            ),
        );
    }
    (c.load >= c.parallel).then(|| Lost {
        gate: RouteGate::Room,
        why: format!("at work on {} of {}", c.load, counted(c.parallel, "run")),
        until_ms: None,
    })
}

/// Milliseconds as people say them.
fn span(ms: i64) -> String {
    let s = (ms + 999) / 1000;
    match s {
        0..=99 => format!("{s}s"),
        100..=5999 => format!("{}m", s / 60),
        _ => format!("{}h {}m", s / 3600, s % 3600 / 60),
    }
}

/// A person's word: whether the agent can be started, and what the task itself demands, is all that counts; what
/// else speaks against it is said.
fn overridden(ask: &RouteRequest, known: &KnownAgents<'_>, name: &str) -> Trace {
    let candidate = known.get(name);
    let unusable = candidate.is_none_or(|c| c.unusable.is_some());
    let lost = named_another(ask, known, name)
        .filter(|_| !unusable)
        .or_else(|| candidate.map_or_else(|| Some(unknown(name)), |c| turned_away(ask, c)));
    let stops = lost.as_ref().is_some_and(|lost| {
        matches!(
            lost.gate,
            RouteGate::Usable | RouteGate::Capability | RouteGate::Label | RouteGate::Asked
        )
    });
    let considered = Considered {
        agent: name.to_owned(),
        model: candidate.and_then(|c| c.model.clone()),
        standing: if stops {
            RouteStanding::Out
        } else {
            RouteStanding::Chosen
        },
        why: lost
            .as_ref()
            .map_or("named by a person".into(), |lost| lost.why.clone()),
        lost: lost.clone().filter(|_| stops),
        score: None,
    };
    let chain = known.chain(name);
    let said = lost
        .filter(|lost| !stops && lost.gate != RouteGate::Policy && lost.gate != RouteGate::Room);
    Trace {
        chosen: (!stops).then(|| name.to_owned()),
        by: RoutedBy::Override,
        why: format!("a person named {name}"),
        fallback_of: None,
        fallbacks: known.fallbacks(ask, &chain[1..]),
        warnings: said
            .into_iter()
            .map(|lost| format!("{name} was named all the same: {}", lost.why))
            .collect(),
        considered: vec![considered],
    }
}

/// The gate at which a task that names another agent stops this one; a fallback of that one, while its provider
/// or login refuses it, is stopped by none.
fn named_another(ask: &RouteRequest, known: &KnownAgents<'_>, name: &str) -> Option<Lost> {
    let first = ask
        .demands
        .named
        .as_deref()
        .filter(|first| *first != name)?;
    let is_refused = known
        .get(first)
        .and_then(|c| turned_away(ask, c))
        .is_some_and(|lost| matches!(lost.gate, RouteGate::Quota | RouteGate::Login));
    let stands_in = known.chain(first).iter().skip(1).any(|one| one == name);
    (!(is_refused && stands_in)).then(|| Lost {
        gate: RouteGate::Asked,
        why: UnmetDemand::Named(first.to_owned()).to_string(),
        until_ms: None,
    })
}

fn unknown(name: &str) -> Lost {
    Lost {
        gate: RouteGate::Usable,
        why: format!("there is no agent `{name}`"),
        until_ms: None,
    }
}

/// One agent was named for the task: it, or who is configured to stand in for it where quota or
/// login is in the way.
fn pinned(
    ask: &RouteRequest,
    known: &KnownAgents<'_>,
    candidates: &[Candidate],
    first: &str,
    by: RoutedBy,
) -> Trace {
    let chain = known.chain(first);
    let (mut considered, mut chosen) = (Vec::new(), None);
    let mut open = true;
    for (place, name) in chain.iter().enumerate() {
        let candidate = known.get(name);
        let lost = candidate.map_or_else(|| Some(unknown(name)), |c| turned_away(ask, c));
        let takes = open && chosen.is_none() && lost.is_none();
        if takes {
            chosen = Some(place);
        }
        let entry = stand_in(name, candidate, lost, (place, takes, open));
        if place == 0 {
            open = entry
                .lost
                .as_ref()
                .is_none_or(|lost| matches!(lost.gate, RouteGate::Quota | RouteGate::Login));
        }
        considered.push(entry);
    }
    let fallbacks = known.fallbacks(ask, &chain[chosen.map_or(1, |place| place + 1)..]);
    for entry in &mut considered {
        if entry.lost.is_none()
            && entry.standing == RouteStanding::Out
            && fallbacks.contains(&entry.agent)
        {
            entry.standing = RouteStanding::Fallback;
        }
    }
    let told = considered
        .first()
        .map(|c| c.why.clone())
        .unwrap_or_default();
    considered.extend(others(candidates, &chain, first));
    let (by, why) = match (chosen, by) {
        (Some(0), RoutedBy::Fallback) => (
            RoutedBy::Fallback,
            format!("{first} had the task and can go on"),
        ),
        (Some(0), by) => (by, named(first, by)),
        (Some(place), _) => (
            RoutedBy::Fallback,
            format!("{} stands in for {first}: {told}", chain[place]),
        ),
        (None, by) => (
            by,
            format!("{}, which cannot have it now: {told}", named(first, by)),
        ),
    };
    Trace {
        fallback_of: chosen.filter(|place| *place > 0).map(|_| first.to_owned()),
        chosen: chosen.map(|place| chain[place].clone()),
        by,
        why,
        fallbacks,
        warnings: Vec::new(),
        considered,
    }
}

fn named(first: &str, by: RoutedBy) -> String {
    match by {
        RoutedBy::Task => format!("the task asks for {first}"),
        RoutedBy::Default => format!("the project's default is {first}"),
        _ => format!("{first} has the task"),
    }
}

/// One member of a chain in the trace: its place, whether it takes the task, and whether those
/// behind the first come into question.
fn stand_in(
    name: &str,
    candidate: Option<&Candidate>,
    lost: Option<Lost>,
    at: (usize, bool, bool),
) -> Considered {
    let (place, takes, open) = at;
    let why = match (&lost, takes, place) {
        (Some(lost), ..) => lost.why.clone(),
        (None, true, 0) => "it was named".to_owned(),
        (None, true, _) => "the first of the configured fallbacks that can".to_owned(),
        (None, false, _) if open => "a fallback, should quota or login end".to_owned(),
        (None, false, _) => "a fallback stands in for quota and login only".to_owned(),
    };
    Considered {
        agent: name.to_owned(),
        model: candidate.and_then(|c| c.model.clone()),
        standing: if takes {
            RouteStanding::Chosen
        } else {
            RouteStanding::Out
        },
        why,
        lost,
        score: None,
    }
}

/// Everybody who was not asked, with the reason.
fn others(candidates: &[Candidate], chain: &[String], first: &str) -> Vec<Considered> {
    let asked: BTreeSet<&str> = chain.iter().map(String::as_str).collect();
    let mut rest: Vec<&Candidate> = candidates
        .iter()
        .filter(|c| !asked.contains(c.name.as_str()))
        .collect();
    rest.sort_by(|a, b| a.name.cmp(&b.name));
    let why = format!("not asked: {first} was named, and this is none of its fallbacks");
    let entry = |c: &Candidate| Considered {
        agent: c.name.clone(),
        model: c.model.clone(),
        standing: RouteStanding::Out,
        why: why.clone(),
        lost: Some(Lost {
            gate: RouteGate::Asked,
            why: why.clone(),
            until_ms: None,
        }),
        score: None,
    };
    rest.into_iter().map(entry).collect()
}

/// Nobody was named: whoever passes every gate and scores best.
fn by_score(ask: &RouteRequest, known: &KnownAgents<'_>, candidates: &[Candidate]) -> Trace {
    let mut able: Vec<(&Candidate, Score)> = Vec::new();
    let mut out: Vec<(&Candidate, Lost)> = Vec::new();
    let asked: Vec<(&Candidate, Option<Lost>)> = candidates
        .iter()
        .map(|c| (c, turned_away(ask, c)))
        .collect();
    let prices = asked
        .iter()
        .filter(|(_, lost)| lost.is_none())
        .filter_map(|(c, _)| price(&c.history));
    let dearest = prices.max().unwrap_or(0);
    for (candidate, lost) in asked {
        match lost {
            None => able.push((candidate, score(ask, candidate, dearest))),
            Some(lost) => out.push((candidate, lost)),
        }
    }
    able.sort_by_key(|(c, score)| (Reverse(score.total), c.name.as_str()));
    out.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let chosen = able.first().map(|(c, score)| (c.name.clone(), score.total));
    let fallbacks = chosen.as_ref().map_or_else(Vec::new, |(name, _)| {
        known.fallbacks(ask, &known.chain(name)[1..])
    });
    let second = able.get(1).map(|(c, score)| (c.name.clone(), score.total));
    let mut considered = Vec::with_capacity(candidates.len());
    for (place, (candidate, score)) in able.into_iter().enumerate() {
        considered.push(scored(candidate, score, place, chosen.as_ref(), &fallbacks));
    }
    considered.extend(out.into_iter().map(|(c, lost)| Considered {
        agent: c.name.clone(),
        model: c.model.clone(),
        standing: RouteStanding::Out,
        why: lost.why.clone(),
        lost: Some(lost),
        score: None,
    }));
    let why = match (&chosen, second) {
        (None, _) => "nobody can have it now".to_owned(),
        (Some((name, _)), None) => format!("{name} is the only one that can"),
        (Some((name, best)), Some((other, next))) if *best == next => {
            format!("{name} and {other} score the same; the name decides")
        }
        (Some((name, best)), Some((other, next))) => {
            format!("{name} scores {best}, the next is {other} with {next}")
        }
    };
    let chosen = chosen.map(|(name, _)| name);
    Trace {
        chosen,
        by: RoutedBy::Score,
        why,
        fallback_of: None,
        fallbacks,
        warnings: Vec::new(),
        considered,
    }
}

fn scored(
    candidate: &Candidate,
    score: Score,
    place: usize,
    chosen: Option<&(String, i64)>,
    fallbacks: &[String],
) -> Considered {
    let best = chosen.map_or(0, |(_, total)| *total);
    let standing = match place {
        0 => RouteStanding::Chosen,
        _ if fallbacks.contains(&candidate.name) => RouteStanding::Fallback,
        _ => RouteStanding::Outscored,
    };
    let why = match (place, best - score.total) {
        (0, _) => format!("scores {}", score.total),
        (_, 0) => format!("scores {}, the same; the name decides", score.total),
        (_, less) => format!("scores {}, {less} less", score.total),
    };
    Considered {
        agent: candidate.name.clone(),
        model: candidate.model.clone(),
        standing,
        why,
        lost: None,
        score: Some(score),
    }
}
