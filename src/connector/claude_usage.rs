//! The numbers that claude's results tell of tokens and money: of one turn, and of all models
//! together.
//!
//! Deliberately absent: which of them count; that depends on what the stream has shown.

use serde_json::Value;

use crate::connector::json::{count_at, text_at};
use crate::domain::agent_event::Usage;

/// Tokens of both; the price of what a result has told.
pub(super) fn plus(one: Usage, two: Usage) -> Usage {
    Usage {
        input_tokens: one.input_tokens.saturating_add(two.input_tokens),
        output_tokens: one.output_tokens.saturating_add(two.output_tokens),
        cache_read: one.cache_read.saturating_add(two.cache_read),
        cache_write: one.cache_write.saturating_add(two.cache_write),
        cost_usd: one.cost_usd,
        at_least: false,
    }
}

/// Tokens of one without those of the other.
pub(super) fn minus(one: Usage, other: Usage) -> Usage {
    Usage {
        input_tokens: one.input_tokens.saturating_sub(other.input_tokens),
        output_tokens: one.output_tokens.saturating_sub(other.output_tokens),
        cache_read: one.cache_read.saturating_sub(other.cache_read),
        cache_write: one.cache_write.saturating_sub(other.cache_write),
        cost_usd: one.cost_usd,
        at_least: false,
    }
}

/// The larger of two counts, each by itself: sums that leave something out are not believed.
pub(super) fn at_least(one: Usage, other: Usage) -> Usage {
    Usage {
        input_tokens: one.input_tokens.max(other.input_tokens),
        output_tokens: one.output_tokens.max(other.output_tokens),
        cache_read: one.cache_read.max(other.cache_read),
        cache_write: one.cache_write.max(other.cache_write),
        cost_usd: one.cost_usd,
        at_least: false,
    }
}

/// The tokens of all models together, where a result tells them.
pub(super) fn of_all_models(event: &Value) -> Option<Usage> {
    let models = event.get("modelUsage")?.as_object()?;
    let of = |model: &Value| Usage {
        input_tokens: count_at(model, "inputTokens"),
        output_tokens: count_at(model, "outputTokens"),
        cache_read: count_at(model, "cacheReadInputTokens"),
        cache_write: count_at(model, "cacheCreationInputTokens"),
        cost_usd: None,
        at_least: false,
    };
    models.values().map(of).reduce(plus)
}

/// The price; for a model without a known price the CLI makes one up, which is worse than none.
pub(super) fn price(event: &Value) -> Option<f64> {
    let models = event.get("modelUsage").and_then(Value::as_object);
    let made_up = models.is_some_and(|m| {
        m.values()
            .any(|model| text_at(model, "costBasis") == Some("unknown"))
    });
    let cost = event.get("total_cost_usd")?.as_f64()?;
    (!made_up && cost.is_finite() && cost >= 0.0).then_some(cost)
}
