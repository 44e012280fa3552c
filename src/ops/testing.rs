//! A store with a clock that tests turn, for operations.

use std::sync::Arc;

use crate::base::id;
use crate::config::Config;
use crate::domain::actor::Actor;
use crate::domain::event::Event;
use crate::domain::time::Now;
use crate::git::RepoLocation;
use crate::ops::cx::{Cx, HeadAtHand, Rules, commit};
use crate::ops::error::OpError;
use crate::policy::PolicyState;
use crate::process::redact::Redactor;
use crate::store::memory::MemoryPlace;
use crate::store::testing::{ann, at, turn};
use crate::store::{Store, Tx};

/// A store of its own, and the surroundings of operations on it.
pub(crate) struct World {
    pub(crate) store: Box<dyn Store>,
    pub(crate) cx: Cx,
}

impl World {
    /// A world with a new store in memory.
    pub(crate) fn new() -> World {
        World::over(Box::new(MemoryPlace::new(&id::random_text(8)).open()))
    }

    /// A world over a new store.
    pub(crate) fn over(store: Box<dyn Store>) -> World {
        let mut config = Config::default();
        config.defaults.max_lapses = 2;
        let place = RepoLocation {
            top: None,
            git_dir: "/nowhere".into(),
            common_dir: "/nowhere".into(),
            main_root: None,
            is_bare: true,
            is_linked: false,
            ignore_case: false,
            sharing: None,
        };
        let rules = Arc::new(Rules::of(&config, &place).unwrap());
        let policy = PolicyState::Absent.into();
        let scrub = Redactor::new(&[]).into();
        let mut world = World {
            store,
            cx: Cx {
                now: at(0),
                actor: ann(),
                policy,
                rules,
                scrub,
                head: HeadAtHand::default(),
            },
        };
        world.turn(at(1_000_000));
        world
            .run(|tx, cx| {
                let store = tx.meta("store")?.unwrap();
                cx.record(tx, &Event::StoreCreated { store })
            })
            .unwrap();
        world
    }

    /// Turns both clocks.
    pub(crate) fn turn(&mut self, now: Now) {
        turn(&now);
        self.cx.now = now;
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, ms: i64) {
        let mut now = self.cx.now.clone();
        now.wall_ms += ms;
        now.lease.ms += ms;
        self.turn(now);
    }

    pub(crate) fn run<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Tx, &Cx) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        commit(&mut *self.store, &self.cx, work)
    }

    /// The same in somebody else's name.
    pub(crate) fn run_as<T>(
        &mut self,
        actor: &Actor,
        work: impl FnOnce(&mut dyn Tx, &Cx) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        let cx = Cx {
            actor: actor.clone(),
            ..self.cx.clone()
        };
        commit(&mut *self.store, &cx, work)
    }

    pub(crate) fn read<T>(&mut self, work: impl FnOnce(&mut dyn Tx) -> Result<T, OpError>) -> T {
        self.store.read(work).unwrap()
    }
}
