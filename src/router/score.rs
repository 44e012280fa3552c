//! The score of an agent for a task, in whole numbers so that it is the same everywhere.

use crate::router::model::{Candidate, History, RouteRequest, Score};

/// A whole, in thousandths.
const ONE: u64 = 1000;
/// So many failures in a row weigh in full.
const STREAK: u64 = 5;

/// The average price of a run, where one is known.
pub(super) fn price(history: &History) -> Option<u64> {
    history.cost.checked_div(history.priced)
}

/// The score of a candidate among others, the dearest of which costs `dearest` a run.
pub(super) fn score(ask: &RouteRequest, candidate: &Candidate, dearest: u64) -> Score {
    let w = &ask.weights;
    let history = &candidate.history;
    // One good and one bad run are lent to everybody: a single success does not make an agent
    // perfect, nor a single failure useless.
    let success = (history.good + 1) * ONE / (history.good + history.bad + 2);
    let shared = ask.labels.intersection(&candidate.labels).count() as u64;
    let labels = if ask.labels.is_empty() {
        0
    } else {
        shared * ONE / ask.labels.len() as u64
    };
    let health = u64::from(candidate.streak).min(STREAK) * ONE / STREAK;
    let load = u64::from(candidate.load) * ONE / u64::from(candidate.parallel.max(1));
    // Where prices are known of others only, an unknown one is taken for middling.
    let cost = match (dearest, price(history)) {
        (0, _) => 0,
        (_, None) => ONE / 2,
        (dearest, Some(price)) => {
            u64::try_from(u128::from(price) * u128::from(ONE) / u128::from(dearest)).unwrap_or(ONE)
        }
    };
    let weigh = |part: u64, weight: u32| {
        i64::try_from(part.saturating_mul(u64::from(weight))).unwrap_or(i64::MAX / 16)
    };
    let mut score = Score {
        total: 0,
        success: weigh(success, w.success),
        labels: weigh(labels, w.labels),
        prefer: weigh(preferred(ask, &candidate.name), w.prefer),
        health: -weigh(health, w.health),
        load: -weigh(load, w.load),
        cost: -weigh(cost, w.cost),
    };
    score.total =
        score.success + score.labels + score.prefer + score.health + score.load + score.cost;
    score
}

/// The first of the preferred gets everything, the last a share, whoever is not named nothing.
fn preferred(ask: &RouteRequest, name: &str) -> u64 {
    let all = ask.prefer.len() as u64;
    let place = ask.prefer.iter().position(|wanted| wanted == name);
    place.map_or(0, |place| (all - place as u64) * ONE / all)
}
