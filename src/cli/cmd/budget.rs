//! `ai budget`

use crate::base::text::counted;
use clap::Args;

use crate::app::exit;
use crate::base::shown_time::time;
use crate::cli::answer::BudgetLine;
use crate::cli::context::{Context, Outcome};
use crate::domain::budget::{BudgetLevel, Unit, day_ends_ms};
use crate::ops::agents;
use crate::ops::budget::{self, BudgetStanding};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct BudgetArgs {}

pub(super) fn run(_args: &BudgetArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let files = agents::list(context.workspace.root()?)?;
    let config = context.workspace.config()?.clone();
    let store = context.store(Access::Read)?;
    let all = store.read(|tx| budget::overview(tx, &cx, &config, &files.agents))?;
    let filled_ms = day_ends_ms(cx.now.wall_ms);
    for standing in &all {
        if context.ui.json() {
            context.ui.object(&line(standing, filled_ms));
        } else {
            context.ui.line(&text(standing, filled_ms));
        }
    }
    if all.is_empty() {
        context
            .ui
            .say("no budget is set; `budgets` in .ai/config.yaml sets them");
    }
    Ok(exit::OK)
}

fn text(standing: &BudgetStanding, filled_ms: i64) -> String {
    let level = &standing.level;
    let of = standing.of.as_deref().unwrap_or("");
    let up = match (level.is_used_up(), level.scope.is_daily()) {
        (false, _) => String::new(),
        (true, true) => format!("  used up until {}", time(filled_ms)),
        (true, false) => "  used up".to_owned(),
    };
    let at_least = match (level.unit, standing.bounded) {
        (Unit::Tokens | Unit::Money, n) if n > 0 => {
            format!("  (at least: {} left something out)", counted(n, "run"))
        }
        _ => String::new(),
    };
    let unknown = match (level.unit, standing.unpriced) {
        (Unit::Money, n) if n > 0 => format!("  (and {} of unknown price)", counted(n, "run")),
        _ => String::new(),
    };
    format!(
        "{:<22} {of:<16} {level}{at_least}{unknown}{up}",
        level.name()
    )
}

fn line(standing: &BudgetStanding, filled_ms: i64) -> BudgetLine<'_> {
    let level = &standing.level;
    BudgetLine {
        budget: level.name(),
        of: standing.of.as_deref(),
        scope: level.scope,
        unit: level.unit,
        spent: amount(level, level.spent),
        limit: amount(level, level.limit),
        left: amount(level, level.left()),
        unpriced_runs: standing.unpriced,
        lower_bound_runs: standing.bounded,
        filled_ms: level.scope.is_daily().then_some(filled_ms),
    }
}

/// In tokens, dollars, minutes or runs.
fn amount(level: &BudgetLevel, n: u64) -> f64 {
    let one = match level.unit {
        Unit::Tokens | Unit::Attempts => 1.0,
        Unit::Money => 1e6,
        Unit::Minutes => 6e4,
    };
    n as f64 / one
}
