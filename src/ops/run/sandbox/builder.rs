//! The fence around an agent and around checks: everything readable but the user's home, the other
//! worktrees and the sockets of the machine; nothing writable but the worktree, a private temporary
//! directory, and the caches of build tools. From a check, every checkout of the project is hidden,
//! too: it could be found by an absolute path, and would be judged instead of the tree that is to
//! be.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::{env, fs};
use crate::connector::manifest::Manifest;
use crate::domain::action::Action;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::sandbox::{Demand, Network, SandboxMode, SandboxUsed, SandboxWish};
use crate::domain::task::Task;
use crate::git::quarantine::Quarantine;
use crate::git::worktree::registered;
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::run::sandbox::home;
use crate::ops::world::World;
use crate::policy::DEFAULT_RULE;
use crate::process::sandbox::{
    PathAccess, ResourceLimits, SandboxLayer, SandboxNesting, SandboxPolicy, SandboxProbe, known,
    probe,
};

/// The file below the state directory in which the result of the probe is kept.
const CACHE: &str = "sandbox.json";
/// The private temporary directory inside.
const TMP: &str = "/tmp";
/// Parts of `/run` that programs need: name services, and the system itself on some distributions.
/// The rest are sockets, and whoever may talk to the one of a container engine is root.
const RUN: [&str; 7] = [
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
    "/run/current-system",
    "/run/wrappers",
    "/run/opengl-driver",
];

/// Caches without which a tool does nothing: the variable that moves it, and where it usually lies.
const NEEDED_CACHES: [(&str, &str); 2] = [
    ("GOCACHE", ".cache/go-build"),
    ("UV_CACHE_DIR", ".cache/uv"),
];

/// A fence that is being put together for one child.
pub struct Ground {
    /// The fence.
    fence: SandboxPolicy,
    /// The user's home, links followed.
    home: Option<PathBuf>,
    /// A temporary directory to make before the start and to remove after the end.
    tmp: Option<PathBuf>,
    /// Variables for caches that cannot be made in the home.
    caches: Vec<(OsString, OsString)>,
    /// Settings of its own that a program may only read, and what is not there: no layer can keep a
    /// name from being made.
    unmade: Vec<PathBuf>,
}

/// Who works inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inmate<'a> {
    /// An agent, or what prepares its worktree: the project can be read.
    Agent,
    /// A check, which can read of the project nothing but the objects of Git, and these installed
    /// environments.
    Check(&'a [PathBuf]),
}

/// What comes of a directory of a program's sessions that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is made, as the program itself would do outside of a sandbox.
    IsMade,
    /// The program has its sessions elsewhere.
    StaysOut,
}

/// What works on this machine; looked at once, and kept for later commands.
pub fn probed(world: &World) -> &SandboxProbe {
    world.probed.get_or_init(|| {
        let (cache, path) = (world.state().join(CACHE), program_path(&world.env));
        known(&cache, &path).unwrap_or_else(|| {
            let found = probe(&path);
            let text = serde_json::to_string(&found).unwrap_or_default();
            // The next command tries again.
            let _kept = fs::write_private(&cache, text.as_bytes());
            found
        })
    })
}

/// What is known without trying anything, or what trying says; for looks that write nothing.
pub fn look(state: &Path, env: &[(OsString, OsString)]) -> SandboxProbe {
    let path = program_path(env);
    known(&state.join(CACHE), &path).unwrap_or_else(|| probe(&path))
}

/// The layer for this project, or for an agent that demands one; refuses where there is none and
/// nobody has said that none is wanted.
pub fn layer(world: &World, demand: Option<Demand>) -> Result<SandboxLayer, OpError> {
    // What was said at the terminal is the user's own last word.
    let wish = world
        .sandbox
        .unwrap_or_else(|| world.config.runs.sandbox.tightened(demand));
    if wish == SandboxWish::None {
        return Ok(SandboxLayer::None);
    }
    probed(world).layer(wish).map_err(|why| {
        let next = "install bubblewrap; or, if you accept that agents and checks may do whatever you may: \
                    `ai run --no-sandbox`, AI_SANDBOX=none, or `runs: {sandbox: none}` in .ai/config.yaml";
        Refusal::Missing { why: format!("there is no sandbox: {why}"), hint: next.into() }.into()
    })
}

/// What the policy says of the network, where a rule speaks of it.
pub fn network_rule(cx: &Cx, task: &Task) -> Option<DecisionRecord> {
    let mut question = Question::on_task(Action::RunNetwork, task);
    question.resource.patterns.clear();
    let record = ask::answer(cx, &question);
    (record.rule != DEFAULT_RULE).then_some(record)
}

/// The network under that answer.
pub fn under(rule: Option<&DecisionRecord>) -> Network {
    match rule.map(|record| record.effect) {
        None | Some(Effect::Allow | Effect::Warn) => Network::On,
        // Nobody is there to be asked.
        Some(Effect::RequireApproval | Effect::Deny) => Network::Off,
    }
}

impl Ground {
    /// The part that everybody in it has in common. `tmp` is a directory for temporary files, for
    /// layers that have none of their own.
    pub fn new(
        world: &World,
        inmate: Inmate<'_>,
        layer: SandboxLayer,
        network: Network,
        tmp: &Path,
    ) -> Result<Ground, OpError> {
        let runs = &world.config.runs;
        let limits = ResourceLimits {
            memory_mb: runs.memory_mb,
            processes: runs.processes,
            file_mb: runs.file_mb,
        };
        let network = if layer == SandboxLayer::None {
            Network::On
        } else {
            runs.network.and(network)
        };
        if !probed_for(world, &layer, network) {
            let why = "the Landlock of this kernel cannot take the network away".to_owned();
            return Err(Refusal::Missing {
                why,
                hint: "install bubblewrap, or allow the network".into(),
            }
            .into());
        }
        let home = variable(&world.env, "HOME")
            .map(PathBuf::from)
            .and_then(|home| real(&home));
        let home = home.filter(|home| home != Path::new("/"));
        let mut ground = Ground {
            fence: SandboxPolicy::new(layer, network, limits),
            home,
            tmp: None,
            caches: Vec::new(),
            unmade: Vec::new(),
        };
        if ground.fence.layer != SandboxLayer::None {
            ground.hide_places(world);
            ground.open_home(world, inmate)?;
            ground.temporary(world, tmp)?;
            match inmate {
                Inmate::Agent => ground.show_project(world),
                Inmate::Check(environments) => ground.hide_project(world, environments)?,
            }
        }
        Ok(ground)
    }

    /// The fence for the process, and what has to be set in its environment.
    pub fn fence(&self) -> Option<SandboxPolicy> {
        let nothing = self.fence.layer == SandboxLayer::None
            && self.fence.limits == ResourceLimits::default();
        (!nothing).then(|| self.fence.clone())
    }

    /// Variables that are different inside.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        match self.fence.layer {
            SandboxLayer::None => Vec::new(),
            SandboxLayer::Bubblewrap(_) => vec![("TMPDIR".into(), TMP.into())],
            _ => self
                .tmp
                .iter()
                .map(|dir| ("TMPDIR".into(), dir.clone().into()))
                .chain(self.caches.iter().cloned())
                .collect(),
        }
    }

    /// Returns the record of it.
    pub fn used(&self) -> SandboxUsed {
        SandboxUsed {
            mode: self.fence.layer.mode(),
            network: self.fence.network,
        }
    }

    /// Lets a place be written.
    pub fn write(&mut self, path: &Path) {
        self.say(path, PathAccess::Write);
    }

    /// Lets a place be read.
    pub fn read(&mut self, path: &Path) {
        self.say(path, PathAccess::Read);
    }

    /// Takes a place out of sight.
    pub fn hide(&mut self, path: &Path) {
        self.say(path, PathAccess::Hidden);
    }

    /// Lets the program of a command line be found and started, and the files that stand in it be
    /// read.
    pub fn programs(&mut self, argv: &[OsString], env: &[(OsString, OsString)]) {
        let named = argv
            .iter()
            .map(Path::new)
            .filter(|path| path.is_absolute())
            .map(Path::to_owned);
        let found = argv
            .first()
            .filter(|word| !word.to_string_lossy().contains('/'));
        let found = found
            .into_iter()
            .flat_map(|word| program_path(env).into_iter().map(move |dir| dir.join(word)));
        for path in named
            .chain(found.filter(|path| path.is_file()).take(1))
            .collect::<Vec<_>>()
        {
            let Some(real) = real(&path) else { continue };
            if self.fence.access(&real) == Some(&PathAccess::Hidden)
                || self.fence.access(&path) == Some(&PathAccess::Hidden)
            {
                self.read(&path);
                home::around(&real, self.home.as_deref())
                    .iter()
                    .for_each(|dir| self.read(dir));
            }
        }
    }

    /// Leaves an agent's program its login and its sessions.
    pub fn login(&mut self, manifest: &Manifest, env: &[(OsString, OsString)], missing: Missing) {
        let moved = manifest
            .home
            .as_ref()
            .and_then(|switch| variable(env, switch.env.as_deref()?));
        let moved = moved.map(PathBuf::from).filter(|dir| dir.is_absolute());
        let makes = missing == Missing::IsMade && self.fence.layer != SandboxLayer::None;
        if let Some(dir) = &moved {
            self.write(dir);
        }
        let Some(home) = self.home.clone() else {
            return;
        };
        for entry in &manifest.login {
            let settings = entry.strip_suffix(":ro");
            let name = settings.unwrap_or(entry);
            let place = home.join(name.trim_end_matches('/'));
            if makes && moved.is_none() && name.ends_with('/') && !place.exists() {
                // Where it cannot be made, the program works without what it would have kept there.
                let _made = fs::create_private_dir(&place);
            }
            match settings {
                Some(_) => self.settings(place),
                None => self.write(&place),
            }
        }
    }

    fn settings(&mut self, path: PathBuf) {
        if self.fence.layer != SandboxLayer::None && path.symlink_metadata().is_err() {
            self.unmade.push(path);
        } else {
            self.read(&path);
        }
    }

    /// What was made meanwhile of what a program may only read: it could run something outside of
    /// any sandbox, later. Each gets another name, which no program looks for. Returns old and new
    /// names.
    pub fn take_away(&self, run: &str) -> Vec<(PathBuf, Result<PathBuf, OpError>)> {
        let made = self
            .unmade
            .iter()
            .filter(|path| path.symlink_metadata().is_ok());
        let away = made.map(|path| {
            let mut name = path.clone().into_os_string();
            name.push(format!(".from-{run}"));
            let name = PathBuf::from(name);
            (
                path.clone(),
                fs::rename(path, &name)
                    .map(|()| name)
                    .map_err(OpError::from),
            )
        });
        away.collect()
    }

    /// Lets an agent work in its worktree, and commit there where the layer can show it a store of
    /// its own.
    pub fn worktree(
        &mut self,
        slot: &Path,
        admin: &Path,
        own: Option<&Quarantine>,
    ) -> Result<(), OpError> {
        self.write(slot);
        self.write(admin);
        // What is not there cannot be protected, and could be made.
        let own_settings = admin.join("config.worktree");
        if self.fence.layer != SandboxLayer::None && fs::is_missing(&own_settings) {
            fs::write_atomic(&own_settings, b"")?;
        }
        // By these Git finds the repository; whoever can change them has every later `git` run a
        // program of his.
        for steering in [
            slot.join(".git"),
            admin.join("commondir"),
            admin.join("gitdir"),
            admin.join("config.worktree"),
        ] {
            self.read(&steering);
        }
        let Some(own) = own.filter(|_| self.fence.layer.mode() == SandboxMode::Bubblewrap) else {
            return Ok(());
        };
        own.prepare()?;
        for stand_in in own.stand_ins() {
            self.fence
                .set_access(&stand_in.place, PathAccess::BindWrite(stand_in.with));
        }
        let objects = own.real_objects();
        self.fence
            .set_access(&objects.place, PathAccess::BindRead(objects.with));
        Ok(())
    }

    /// Lets an agent work in the main checkout itself: all of it but Git's own directory and the
    /// project's settings.
    pub fn checkout(&mut self, root: &Path, common_dir: &Path) -> Result<(), OpError> {
        if self.fence.layer == SandboxLayer::Landlock {
            let why = "Landlock cannot keep an agent out of the .git of the checkout in which it works (isolation: none)";
            let hint = "install bubblewrap, or accept it with `ai run --no-sandbox`".to_owned();
            return Err(Refusal::Missing {
                why: why.into(),
                hint,
            }
            .into());
        }
        self.write(root);
        for kept in [common_dir.to_owned(), root.join(".git"), root.join(".ai")] {
            self.read(&kept);
        }
        Ok(())
    }

    /// Removes what was made for the child.
    pub fn clear(&self) -> Result<(), OpError> {
        if let Some(tmp) = &self.tmp {
            fs::remove_dir_all(tmp)?;
        }
        Ok(())
    }

    fn hide_places(&mut self, world: &World) {
        let runtime = variable(&world.env, "XDG_RUNTIME_DIR").map(PathBuf::from);
        let hidden = [
            self.home.clone(),
            runtime,
            env::user_config_dir(),
            Some("/run".into()),
            Some("/var/tmp".into()),
        ];
        for path in hidden.into_iter().flatten() {
            self.say(&path, PathAccess::Hidden);
        }
        for path in RUN {
            self.read(Path::new(path));
        }
    }

    fn open_home(&mut self, world: &World, inmate: Inmate<'_>) -> Result<(), OpError> {
        let Some(home) = self.home.clone() else {
            return Ok(());
        };
        let of_project = match inmate {
            Inmate::Agent => Vec::new(),
            Inmate::Check(_) => checkouts(world)?,
        };
        for (path, access) in home::places(&home, &|name| variable(&world.env, name)) {
            self.say(&path, access);
        }
        for dir in program_path(&world.env) {
            if dir.starts_with(&home) && !is_below(&of_project, &dir) {
                home::around(&dir, Some(&home))
                    .iter()
                    .for_each(|dir| self.read(dir));
            }
        }
        let runs = &world.config.runs;
        for (list, access) in [
            (&runs.allow_read, PathAccess::Read),
            (&runs.allow_write, PathAccess::Write),
        ] {
            for text in list {
                let path = text
                    .strip_prefix("~/")
                    .map_or_else(|| PathBuf::from(text), |rest| home.join(rest));
                if !is_below(&of_project, &path) {
                    self.say(&path, access.clone());
                }
            }
        }
        Ok(())
    }

    fn temporary(&mut self, world: &World, tmp: &Path) -> Result<(), OpError> {
        if self.fence.layer.mode() == SandboxMode::Bubblewrap {
            self.fence.set_access(Path::new(TMP), PathAccess::Hidden);
            return Ok(());
        }
        fs::create_private_dir(tmp)?;
        self.write(tmp);
        self.tmp = Some(tmp.to_owned());
        // Where the home has no such cache yet, none can be made there, and nothing works without
        // one.
        for (variable_name, usual) in NEEDED_CACHES {
            let is_there = self
                .home
                .as_ref()
                .is_some_and(|home| home.join(usual).is_dir());
            if !is_there && variable(&world.env, variable_name).is_none() {
                self.caches
                    .push((variable_name.into(), tmp.join(variable_name).into()));
            }
        }
        // Rights on a directory are rights on everything below it, so it is shared only where
        // nothing that counts lies there.
        let places = world.places.dir();
        let counts = [
            Some(world.root.as_path()),
            self.home.as_deref(),
            Some(&world.location.common_dir),
            places,
        ];
        if !counts
            .into_iter()
            .flatten()
            .any(|path| path.starts_with(TMP))
        {
            self.write(Path::new(TMP));
        }
        Ok(())
    }

    /// The project's own places outrank whatever was allowed around them.
    fn show_project(&mut self, world: &World) {
        let location = &world.location;
        for path in [
            Some(&world.root),
            location.main_root.as_ref(),
            Some(&location.common_dir),
        ]
        .into_iter()
        .flatten()
        {
            self.read(path);
        }
        self.hide_pools(world);
    }

    /// Other runs work there, and those of other projects.
    fn hide_pools(&mut self, world: &World) {
        for dir in world
            .places
            .of_all()
            .into_iter()
            .chain(world.places.older())
        {
            self.say(&dir, PathAccess::Hidden);
        }
    }

    /// A check sees no tree of the project but the one in its place, whatever was allowed around
    /// it. What it gets of the history are Git's objects, which nothing finds by looking for a
    /// file.
    fn hide_project(&mut self, world: &World, environments: &[PathBuf]) -> Result<(), OpError> {
        self.hide_pools(world);
        for dir in checkouts(world)? {
            // Hiding it in something hidden would make a directory of its name there.
            if self.fence.access(&dir) != Some(&PathAccess::Hidden) {
                self.say(&dir, PathAccess::Hidden);
            }
        }
        self.read(&world.location.common_dir.join("objects"));
        environments.iter().for_each(|dir| self.read(dir));
        Ok(())
    }

    /// Speaks of a place that is there, under its real name.
    fn say(&mut self, path: &Path, access: PathAccess) {
        let Some(real) = real(path).filter(|real| real != Path::new("/")) else {
            return;
        };
        // A link inside of something hidden is not there itself.
        if real != path && self.fence.access(path) == Some(&PathAccess::Hidden) {
            match access {
                PathAccess::Read => self
                    .fence
                    .set_access(path, PathAccess::BindRead(real.clone())),
                PathAccess::Write => self
                    .fence
                    .set_access(path, PathAccess::BindWrite(real.clone())),
                _ => {}
            }
        }
        self.fence.set_access(&real, access);
    }
}

/// Every checkout of the project, and the git directory that they share.
pub fn checkouts(world: &World) -> Result<Vec<PathBuf>, OpError> {
    let location = &world.location;
    let linked = registered(&location.common_dir)?
        .into_iter()
        .map(|(_, root)| root);
    let own = [
        Some(world.root.clone()),
        location.main_root.clone(),
        Some(location.common_dir.clone()),
    ];
    Ok(own
        .into_iter()
        .flatten()
        .chain(linked)
        .filter_map(|dir| real(&dir))
        .collect())
}

fn is_below(dirs: &[PathBuf], path: &Path) -> bool {
    real(path).is_some_and(|path| dirs.iter().any(|dir| path.starts_with(dir)))
}

/// True where an agent's program cannot make a sandbox of its own inside of this one.
pub fn leaves_no_room(world: &World, used: SandboxUsed) -> bool {
    match used.mode {
        SandboxMode::None => false,
        SandboxMode::Bubblewrap => probed(world).nesting == SandboxNesting::Fails,
        SandboxMode::Landlock | SandboxMode::Seatbelt => true,
    }
}

fn probed_for(world: &World, layer: &SandboxLayer, network: Network) -> bool {
    network == Network::On || *layer == SandboxLayer::None || probed(world).can_cut_network(layer)
}

fn real(path: &Path) -> Option<PathBuf> {
    path.is_absolute()
        .then(|| std::fs::canonicalize(path).ok())
        .flatten()
}

fn variable(env: &[(OsString, OsString)], name: &str) -> Option<OsString> {
    env.iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.clone())
}

/// The absolute directories of `PATH`.
fn program_path(env: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let path = variable(env, "PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .collect()
}
