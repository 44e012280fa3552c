//! Real repositories in temporary directories, with nothing of the machine's configuration in them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cmd::Git;
use super::discover::discover;
use super::oid::Oid;
use super::repo::{CommitIdentity, Head, Repo};
use super::shadow::ShadowRepo;
use super::snapshot::{OwnState, Snapshot, SnapshotError, SnapshotLimits, TreeLook};
use super::worktree::{
    ClearedSlot, FreshSlot, KnownRescue, PoolLimits, RescueAs, RescueResult, Slot, SlotStart,
    WorktreeError, WorktreePool,
};

pub(crate) struct TestRepo {
    /// Removed with this.
    _temp: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

impl TestRepo {
    /// A repository with one commit: `README`, `src/lib.rs`, `.gitignore` (ignores `target/`).
    pub(crate) fn new() -> Self {
        let repo = Self::unborn(&[]);
        repo.fill();
        repo
    }

    pub(crate) fn sha256() -> Self {
        let repo = Self::unborn(&["--object-format=sha256"]);
        repo.fill();
        repo
    }

    pub(crate) fn unborn(args: &[&str]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("home")).unwrap();
        // A path that no quoting mistake survives.
        let root = base.join("a repo 'ü'");
        let repo = Self {
            _temp: temp,
            root: root.clone(),
        };
        std::fs::create_dir(&root).unwrap();
        repo.git_in(&root, &[&["init", "-q", "-b", "main"], args].concat());
        repo
    }

    fn fill(&self) {
        self.write("README", "hello\n");
        self.write("src/lib.rs", "fn one() {}\n");
        self.write(".gitignore", "target/\n*.log\n");
        self.commit("first");
    }

    pub(crate) fn base(&self) -> &Path {
        self.root.parent().unwrap()
    }

    pub(crate) fn env(&self) -> Vec<(OsString, OsString)> {
        let mut env: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap()),
            ("HOME".into(), self.base().join("home").into()),
            ("GIT_CONFIG_SYSTEM".into(), "/dev/null".into()),
        ];
        env.push((
            "GIT_CONFIG_GLOBAL".into(),
            self.base().join("home/.gitconfig").into(),
        ));
        env
    }

    pub(crate) fn git_program(&self) -> Git {
        Git::with_env(self.env()).unwrap()
    }

    pub(crate) fn open(&self) -> Repo {
        Repo::open(&discover(&self.root).unwrap(), self.git_program()).unwrap()
    }

    /// Plain `git`, as a person would run it, with a fixed identity.
    pub(crate) fn git_in(&self, dir: &Path, args: &[impl AsRef<OsStr>]) -> String {
        let out = self.try_git(dir, args);
        let shown: Vec<_> = args
            .iter()
            .map(|a| a.as_ref().to_string_lossy().into_owned())
            .collect();
        assert!(
            out.status.success(),
            "git {shown:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    }

    pub(crate) fn try_git(&self, dir: &Path, args: &[impl AsRef<OsStr>]) -> std::process::Output {
        let mut command = Command::new("git");
        command.current_dir(dir).env_clear().envs(self.env());
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Tester")
                .env(format!("GIT_{role}_EMAIL"), "t@example.com");
            command.env(format!("GIT_{role}_DATE"), "1700000000 +0000");
        }
        command.args(args).output().unwrap()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root, args)
    }

    pub(crate) fn oid(&self, rev: &str) -> Oid {
        Oid::parse(&self.git(&["rev-parse", rev])).unwrap()
    }

    pub(crate) fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        write(&self.root.join(path), text);
    }

    pub(crate) fn commit(&self, message: &str) -> Oid {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.oid("HEAD")
    }
}

pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A repository with one agent's worktree in its pool, right after creation.
pub(crate) struct Run {
    pub(crate) test: TestRepo,
    pub(crate) repo: Repo,
    pub(crate) shadow: ShadowRepo,
    pub(crate) slot: Slot,
    pub(crate) base: Oid,
    pub(crate) base_tree: Oid,
}

pub(crate) const BRANCH: &str = "ai/t-1/1";

impl Run {
    pub(crate) fn new() -> Self {
        Self::of(TestRepo::new())
    }

    pub(crate) fn of(test: TestRepo) -> Self {
        let repo = test.open();
        let base = repo.resolve_commit("HEAD").unwrap();
        let base_tree = repo.tree_of(&base).unwrap();
        let shadow = shadow(&repo, "t-1.1");
        let slot = pool(&repo)
            .create("one", BRANCH, &SlotStart::Commit(base.clone()), &shadow)
            .unwrap();
        Self {
            test,
            repo,
            shadow,
            slot,
            base,
            base_tree,
        }
    }

    pub(crate) fn pool(&self) -> WorktreePool<'_> {
        pool(&self.repo)
    }

    pub(crate) fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        write(&self.slot.path.join(path), text);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot_by(&self.shadow, SnapshotLimits::default())
            .unwrap()
    }

    pub(crate) fn snapshot_by(
        &self,
        shadow: &ShadowRepo,
        limits: SnapshotLimits,
    ) -> Result<Snapshot, SnapshotError> {
        look(&self.repo, (shadow, &self.slot), &self.base_tree, limits)
    }

    /// Runs Git in the worktree as the agent itself would.
    pub(crate) fn agent_git(&self, args: &[&str]) -> String {
        self.test.git_in(&self.slot.path, args)
    }

    pub(crate) fn rescue(&self) -> RescueResult {
        let who = CommitIdentity::new("ai", "ai@localhost").unwrap();
        let save = RescueAs {
            reference: "refs/ai/rescue/t-1/1",
            message: "rescue",
            who: &who,
            when_ms: 0,
            known: KnownRescue::UnderItsName,
        };
        self.pool()
            .rescue("one", Some(&self.base), &self.shadow, &save)
            .unwrap()
    }

    pub(crate) fn reuse(&self, cleared: ClearedSlot, branch: &str) -> Result<Slot, WorktreeError> {
        let shadow = shadow(&self.repo, branch);
        let start = SlotStart::Commit(self.repo.resolve_commit("main").unwrap());
        let fresh = FreshSlot {
            branch,
            start: &start,
            shadow: &shadow,
            kept: &["target".to_owned()],
        };
        self.pool().reuse(cleared, &fresh)
    }
}

/// Looks at a slot as a run does.
pub(crate) fn look(
    repo: &Repo,
    (shadow, slot): (&ShadowRepo, &Slot),
    base: &Oid,
    limits: SnapshotLimits,
) -> Result<Snapshot, SnapshotError> {
    let head = slot.head(repo).ok();
    shadow.snapshot(&TreeLook {
        root: &slot.path,
        base,
        attributes: base,
        own: Some(OwnState {
            index: &slot.admin.join("index"),
            head: head.as_ref().and_then(Head::commit),
        }),
        limits,
    })
}

pub(crate) fn pool(repo: &Repo) -> WorktreePool<'_> {
    let home = repo
        .location()
        .main_root
        .as_deref()
        .unwrap_or(repo.common_dir());
    WorktreePool::new(
        repo,
        home.join(".ai/worktrees"),
        PoolLimits {
            reserve_bytes: 1,
            patience: Duration::from_secs(20),
        },
    )
}

pub(crate) fn shadow(repo: &Repo, run: &str) -> ShadowRepo {
    ShadowRepo::create(
        repo,
        &repo
            .common_dir()
            .join("ai/runs")
            .join(run)
            .join("snapshot.git"),
    )
    .unwrap()
}
