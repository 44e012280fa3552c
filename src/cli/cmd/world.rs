//! The surroundings of commands that start processes or look at trees.

use std::io::Write;
use std::sync::OnceLock;

use crate::app::error::AppError;
use crate::base::env;
use crate::base::text::multi_line;
use crate::cli::context::{Context, now};
use crate::domain::sandbox::SandboxWish;
use crate::ops::places::Places;
use crate::ops::world::World;

/// The world as this command sees it.
pub(super) fn world(context: &Context) -> Result<World, AppError> {
    let all = env::all();
    let talkative = context.is_talkative();
    let sandbox = env::text(env::AI_SANDBOX)
        .map(|text| text.parse::<SandboxWish>())
        .transpose();
    let sandbox = sandbox.map_err(|why| AppError::usage(format!("{}: {why}", env::AI_SANDBOX)))?;
    let (location, root) = (context.place()?.clone(), context.root()?.to_owned());
    Ok(World {
        places: Places::of(&location.common_dir, &root),
        sandbox,
        probed: OnceLock::new(),
        location,
        root,
        config: context.config()?.clone(),
        actor: context.actor()?,
        clock: now,
        env: all,
        scrub: context.scrub()?.clone(),
        progress: Box::new(move |text| {
            if talkative {
                // Nobody is left to tell when stderr is closed.
                let _ = writeln!(std::io::stderr(), "{}", multi_line(text));
            }
        }),
    })
}
