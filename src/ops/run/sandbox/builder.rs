//! The sandbox around an agent, a setup and checks: everything readable but the user's home, the other
//! worktrees and the sockets of the machine; nothing writable but the worktree, a private temporary
//! directory, and the caches of build tools. From a check, every checkout of the project is hidden,
//! too: it could be found by an absolute path, and would be judged instead of the tree that is to
//! be.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::{env, fs, id};
use crate::connector::manifest::Manifest;
use crate::domain::sandbox::{Network, SandboxUsed};
use crate::git::WorktreeOwner;
use crate::git::quarantine::Quarantine;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::run::files::PROXY_SOCKET;
use crate::ops::run::sandbox::home;
use crate::ops::run::sandbox::layer::{program_path, variable};
use crate::ops::run::sandbox::network::{NetworkLeave, leave_within};
use crate::ops::run::sandbox::project::{checkouts, is_below, of_others, real};
use crate::ops::world::World;
use crate::process::environment::EnvVariable;
use crate::process::sandbox::{PathAccess, ResourceLimits, SandboxLayer, SandboxPolicy};

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

/// Builds the [sandbox policy](SandboxPolicy) of one child process.
#[derive(Debug, Clone)]
pub struct SandboxBuilder {
    /// The policy as it stands.
    pub(super) policy: SandboxPolicy,
    /// The network behind the policy's word.
    pub(super) leave: NetworkLeave,
    /// The user's home, links followed.
    pub(super) home: Option<PathBuf>,
    /// A temporary directory to make before the start and to remove after the end.
    tmp: Option<PathBuf>,
    /// Variables for caches that cannot be made in the home.
    caches: Vec<(OsString, OsString)>,
    /// Settings of its own that a program may only read, and what is not there: no layer can keep a
    /// name from being made.
    unmade: Vec<PathBuf>,
    /// What no tree of a program may hold: the home, the project, the worktrees of all.
    pub(super) kept: Vec<PathBuf>,
}

/// The child in a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupant<'a> {
    /// An agent, or what prepares its worktree: the project can be read.
    Agent,
    /// A check, which can read of the project nothing but the objects of Git, and these installed
    /// environments.
    Check(&'a [PathBuf]),
}

/// The fate of a directory for a program's sessions that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingSessions {
    /// The directory is made, as the program itself would do outside of a sandbox.
    AreMade,
    /// The program has its sessions elsewhere.
    StayOut,
}

impl SandboxBuilder {
    /// The part that everybody in it has in common. `tmp` is a directory for temporary files, for
    /// layers that have none of their own.
    pub fn new(
        world: &World,
        occupant: Occupant<'_>,
        layer: SandboxLayer,
        leave: NetworkLeave,
        tmp: &Path,
    ) -> Result<SandboxBuilder, OpError> {
        let runs = &world.config.runs;
        let limits = ResourceLimits {
            memory_mb: runs.memory_mb,
            processes: runs.processes,
            file_mb: runs.file_mb,
        };
        let leave = leave_within(world, &layer, leave)?;
        let home = variable(&world.env, "HOME")
            .map(PathBuf::from)
            .and_then(|home| real(&home));
        let home = home.filter(|home| home != Path::new("/"));
        let mut sandbox = SandboxBuilder {
            policy: SandboxPolicy::new(layer, leave.word, limits),
            home,
            leave,
            tmp: None,
            caches: Vec::new(),
            unmade: Vec::new(),
            kept: Vec::new(),
        };
        if sandbox.policy.network == Network::Listed {
            // Two commands with one directory have a proxy each.
            let name = format!("{PROXY_SOCKET}{}", id::random_text(8));
            sandbox.policy.egress = Some(tmp.with_file_name(name));
        }
        sandbox.keep(world);
        if sandbox.confines() {
            sandbox.hide_places(world);
            sandbox.open_home(world, occupant)?;
            sandbox.temporary(world, tmp)?;
            match occupant {
                Occupant::Agent => sandbox.show_project(world)?,
                Occupant::Check(environments) => sandbox.hide_project(world, environments)?,
            }
        }
        Ok(sandbox)
    }

    /// A sandbox that knows of no place.
    #[cfg(test)]
    pub fn bare(layer: SandboxLayer, network: Network) -> SandboxBuilder {
        SandboxBuilder {
            policy: SandboxPolicy::new(layer, network, ResourceLimits::default()),
            leave: NetworkLeave::from(network),
            home: None,
            tmp: None,
            caches: Vec::new(),
            unmade: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// The policy for the process; nothing where it would forbid nothing.
    pub fn policy(&self) -> Option<SandboxPolicy> {
        let nothing = !self.confines() && self.policy.limits == ResourceLimits::default();
        (!nothing).then(|| self.policy.clone())
    }

    /// Variables that are different inside.
    pub fn variables(&self) -> Vec<EnvVariable> {
        if self.policy.layer.mode().has_private_tmp() {
            return vec![("TMPDIR".into(), TMP.into())];
        }
        let tmp = self.tmp.iter();
        tmp.map(|dir| ("TMPDIR".into(), dir.clone().into()))
            .chain(self.caches.iter().cloned())
            .collect()
    }

    pub(super) fn confines(&self) -> bool {
        self.policy.layer.mode().confines()
    }

    /// Returns the record of it.
    pub fn used(&self) -> SandboxUsed {
        SandboxUsed {
            mode: self.policy.layer.mode(),
            network: self.policy.network,
        }
    }

    /// Lets a place be written.
    pub fn write(&mut self, path: &Path) {
        self.set_access(path, PathAccess::Write);
    }

    /// Lets a place be read.
    pub fn read(&mut self, path: &Path) {
        self.set_access(path, PathAccess::Read);
    }

    /// Takes a place out of sight.
    pub fn hide(&mut self, path: &Path) {
        self.set_access(path, PathAccess::Hidden);
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
            if self.policy.access(&real) == Some(&PathAccess::Hidden)
                || self.policy.access(&path) == Some(&PathAccess::Hidden)
            {
                self.read(&path);
                home::around(&real, self.home.as_deref())
                    .iter()
                    .for_each(|dir| self.read(dir));
            }
        }
    }

    /// Leaves an agent's program its login and its sessions.
    pub fn login(
        &mut self,
        manifest: &Manifest,
        env: &[(OsString, OsString)],
        missing: MissingSessions,
    ) {
        let moved = manifest
            .home
            .as_ref()
            .and_then(|switch| variable(env, switch.env.as_deref()?));
        let moved = moved.map(PathBuf::from).filter(|dir| dir.is_absolute());
        let makes = missing == MissingSessions::AreMade && self.confines();
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
        if self.confines() && path.symlink_metadata().is_err() {
            self.unmade.push(path);
        } else {
            self.read(&path);
        }
    }

    /// Gives another name, which no program looks for, to what was made meanwhile of what a program
    /// may only read: it could run something outside of any sandbox, later. Says what it has done.
    pub fn take_away(&self, run: &str) -> Vec<String> {
        let mut planted = Vec::new();
        for path in &self.unmade {
            if path.symlink_metadata().is_err() {
                continue;
            }
            let mut name = path.clone().into_os_string();
            name.push(format!(".from-{run}"));
            let name = PathBuf::from(name);
            let now = match fs::rename(path, &name) {
                Ok(()) => name.display().to_string(),
                Err(why) => format!("still there: {}", why),
            };
            planted.push(format!(
                "{} was made, which the agent's program may only read; it is now {now}",
                path.display()
            ));
        }
        planted
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
        if self.confines() && fs::is_missing(&own_settings) {
            fs::write_atomic(&own_settings, b"")?;
        }
        // By these Git finds the repository; whoever can change them has every later `git` run a
        // program of his.
        let steering = [
            slot.join(".git"),
            admin.join("commondir"),
            admin.join("gitdir"),
            admin.join("config.worktree"),
        ];
        // By this a Git hook knows the worktree of a run.
        let owner = slot.parent().and_then(WorktreeOwner::file_of_pool);
        for path in steering.iter().chain(&owner) {
            self.read(path);
        }
        let Some(own) = own.filter(|_| self.policy.layer.mode().can_stand_in()) else {
            return Ok(());
        };
        own.prepare()?;
        for stand_in in own.stand_ins() {
            self.policy
                .set_access(&stand_in.place, PathAccess::BindWrite(stand_in.with));
        }
        let objects = own.real_objects();
        self.policy
            .set_access(&objects.place, PathAccess::BindRead(objects.with));
        Ok(())
    }

    /// Lets an agent work in the main checkout itself: all of it but Git's own directory and the
    /// project's settings.
    pub fn checkout(&mut self, root: &Path, common_dir: &Path) -> Result<(), OpError> {
        if !self.policy.layer.mode().protects_parts() {
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
        self.tmp
            .as_deref()
            .map_or(Ok(()), fs::remove_dir_all)
            .map_err(OpError::from)
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
            self.set_access(&path, PathAccess::Hidden);
        }
        for path in RUN {
            self.read(Path::new(path));
        }
    }

    fn open_home(&mut self, world: &World, occupant: Occupant<'_>) -> Result<(), OpError> {
        let Some(home) = self.home.clone() else {
            return Ok(());
        };
        let of_project = match occupant {
            Occupant::Agent => Vec::new(),
            Occupant::Check(_) => checkouts(world)?,
        };
        for (path, access) in home::places(&home, &|name| variable(&world.env, name)) {
            self.set_access(&path, access);
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
                    self.set_access(&path, access.clone());
                }
            }
        }
        Ok(())
    }

    fn temporary(&mut self, world: &World, tmp: &Path) -> Result<(), OpError> {
        if self.policy.layer.mode().has_private_tmp() {
            self.policy.set_access(Path::new(TMP), PathAccess::Hidden);
            return Ok(());
        }
        fs::create_private_dir(tmp)?;
        self.write(tmp);
        self.tmp = Some(tmp.to_owned());
        // Where the home has no such cache yet, none can be made there, and nothing works without
        // one.
        for (variable_name, usual) in NEEDED_CACHES {
            let is_there = self.home.as_ref().is_some_and(|home| {
                home::place_of(home, usual, &|name| variable(&world.env, name)).is_dir()
            });
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
    fn show_project(&mut self, world: &World) -> Result<(), OpError> {
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
        for (path, access) in of_others(world, self.policy.layer.mode())? {
            self.set_access(&path, access);
        }
        Ok(())
    }

    /// Other runs work there, and those of other projects.
    fn hide_pools(&mut self, world: &World) {
        for dir in world
            .places
            .of_all()
            .into_iter()
            .chain(world.places.older())
        {
            self.set_access(&dir, PathAccess::Hidden);
        }
    }

    /// A check sees no tree of the project but the one in its place, whatever was allowed around
    /// it. What it gets of the history are Git's objects, which nothing finds by looking for a
    /// file.
    fn hide_project(&mut self, world: &World, environments: &[PathBuf]) -> Result<(), OpError> {
        self.hide_pools(world);
        for dir in checkouts(world)? {
            // Hiding it in something hidden would make a directory of its name there.
            if self.policy.access(&dir) != Some(&PathAccess::Hidden) {
                self.set_access(&dir, PathAccess::Hidden);
            }
        }
        self.read(&world.location.common_dir.join("objects"));
        environments.iter().for_each(|dir| self.read(dir));
        Ok(())
    }

    /// Speaks of a place that is there, under its real name.
    fn set_access(&mut self, path: &Path, access: PathAccess) {
        let Some(real) = real(path).filter(|real| real != Path::new("/")) else {
            return;
        };
        // A link inside of something hidden is not there itself.
        if real != path && self.policy.access(path) == Some(&PathAccess::Hidden) {
            match access {
                PathAccess::Read => self
                    .policy
                    .set_access(path, PathAccess::BindRead(real.clone())),
                PathAccess::Write => self
                    .policy
                    .set_access(path, PathAccess::BindWrite(real.clone())),
                _ => {}
            }
        }
        self.policy.set_access(&real, access);
    }
}
