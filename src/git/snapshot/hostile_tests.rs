//! Every planted program that plain Git would run in an agent's tree, against every operation of
//! this layer. A marker file tells.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::git::repo::CommitIdentity;
use crate::git::testing::{Run, TestRepo, pool, shadow, write};
use crate::git::worktree::{SlotStart, WorktreeError};

struct Evil {
    marker: PathBuf,
    program: PathBuf,
}

impl Evil {
    fn new(test: &TestRepo) -> Self {
        let (marker, program) = (test.base().join("marker"), test.base().join("evil"));
        // It copies its input, so that as a filter it would even work.
        write(
            &program,
            format!(
                "#!/bin/sh\necho ran >> {}\ncat 2>/dev/null\n",
                marker.display()
            ),
        );
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { marker, program }
    }

    fn config(&self) -> String {
        let p = self.program.display();
        format!(
            "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = {p}\n\thooksPath = {hooks}\n\tpager = {p}\n\teditor = {p}\n\
             [diff]\n\texternal = {p}\n[diff \"evil\"]\n\ttextconv = {p}\n\tcommand = {p}\n\
             [filter \"evil\"]\n\tclean = {p}\n\tsmudge = {p}\n\trequired = true\n[merge \"evil\"]\n\tdriver = {p}\n\
             [gpg]\n\tprogram = {p}\n[commit]\n\tgpgSign = true\n[log]\n\tshowSignature = true\n\
             [core]\n\tsshCommand = {p}\n\talternateRefsCommand = {p}\n",
            hooks = self.program.with_file_name("hooks").display(),
        )
    }

    fn hooks(&self, dir: &Path) {
        for name in [
            "reference-transaction",
            "post-checkout",
            "post-index-change",
            "pre-commit",
            "post-commit",
            "post-merge",
        ] {
            write(&dir.join(name), fs::read(&self.program).unwrap());
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn has_run(&self) -> bool {
        self.marker.exists()
    }
}

fn common_dir_is_redirected(run: &Run, evil: &Evil) {
    let fake = run.test.base().join("fake");
    write(&fake.join("config"), evil.config());
    for part in ["objects/info", "refs"] {
        fs::create_dir_all(fake.join(part)).unwrap();
    }
    let objects = run.repo.common_dir().join("objects");
    write(
        &fake.join("objects/info/alternates"),
        objects.as_os_str().as_encoded_bytes(),
    );
    write(&fake.join("refs/heads/ai/t-1/1"), format!("{}\n", run.base));
    write(
        &run.slot.admin.join("commondir"),
        fake.as_os_str().as_encoded_bytes(),
    );
}

fn dot_git_is_a_repository(run: &Run, evil: &Evil) {
    fs::remove_file(run.slot.path.join(".git")).unwrap();
    run.agent_git(&["init", "-q"]);
    let config = run.slot.path.join(".git/config");
    write(&config, evil.config());
}

fn a_repository_is_nested(run: &Run, evil: &Evil) {
    let nested = run.slot.path.join("nested");
    fs::create_dir(&nested).unwrap();
    run.test.git_in(&nested, &["init", "-q"]);
    run.test
        .git_in(&nested, &["commit", "-q", "--allow-empty", "-m", "x"]);
    run.agent_git(&["add", "nested"]);
    write(&nested.join(".git/config"), evil.config());
}

fn the_worktree_has_a_config(run: &Run, evil: &Evil) {
    run.test
        .git(&["config", "extensions.worktreeConfig", "true"]);
    write(&run.slot.admin.join("config.worktree"), evil.config());
}

fn the_main_config_was_written(run: &Run, evil: &Evil) {
    let config = run.repo.common_dir().join("config");
    let text = fs::read_to_string(&config).unwrap() + &evil.config();
    write(&config, text);
    evil.hooks(&run.repo.common_dir().join("hooks"));
}

type Plant = fn(&Run, &Evil);
const PLANTS: [(&str, Plant); 5] = [
    ("commondir", common_dir_is_redirected),
    ("dot git", dot_git_is_a_repository),
    ("nested", a_repository_is_nested),
    ("config.worktree", the_worktree_has_a_config),
    ("main config", the_main_config_was_written),
];

fn planted(plant: Plant) -> (Run, Evil) {
    let run = Run::new();
    let evil = Evil::new(&run.test);
    evil.hooks(&run.test.base().join("hooks"));
    run.write(".gitattributes", "* filter=evil diff=evil merge=evil\n");
    run.write("README", "hullo\n");
    run.write("new", "x\n");
    plant(&run, &evil);
    let _ = fs::remove_file(&evil.marker);
    (run, evil)
}

/// Were the plants dead, the tests below would prove nothing.
#[test]
fn plain_git_runs_every_plant() {
    for (name, plant) in PLANTS {
        let (run, evil) = planted(plant);
        let _ = run.test.try_git(&run.slot.path, &["status"]);
        let _ = run.test.try_git(&run.slot.path, &["diff"]);
        assert!(evil.has_run(), "{name}");
    }
}

#[test]
fn nothing_of_ours_runs_any_plant() {
    for (name, plant) in PLANTS {
        let (run, evil) = planted(plant);
        everything(&run);
        assert!(
            !evil.has_run(),
            "{name}: {}",
            fs::read_to_string(&evil.marker).unwrap_or_default()
        );
    }
}

fn everything(run: &Run) {
    let who = CommitIdentity::new("ai", "ai@localhost").unwrap();
    let _ = super::super::discover::discover(&run.slot.path);
    let repo = run.test.open();
    let snapshot = run.snapshot();
    // A filter that the repository configures is not run; what goes through it is told instead.
    let told = snapshot
        .reports
        .iter()
        .filter(|report| matches!(report, TreeReport::Filtered { .. }))
        .filter_map(TreeReport::path);
    let paths: Vec<String> = snapshot
        .changed
        .iter()
        .map(|c| &c.path)
        .chain(told)
        .map(ToString::to_string)
        // One plant stages a repository as a submodule.
        .filter(|path| path != "nested")
        .collect();
    assert_eq!(paths, [".gitattributes", "README", "new"]);
    let head = run
        .slot
        .head(&repo)
        .ok()
        .and_then(|head| head.commit().cloned());
    let work = SealRequest {
        snapshot: &snapshot,
        base: Some(&run.base),
        head: head.as_ref(),
        message: "work",
        who: &who,
        when_ms: 0,
    };
    let sealed = seal(&repo, &run.shadow, &work).unwrap();
    let commit = sealed.commit.unwrap_or_else(|| run.base.clone());
    run.shadow
        .patch(&run.base_tree, &snapshot.tree, 1 << 20)
        .unwrap();
    run.shadow.stats(&run.base_tree, &snapshot.tree).unwrap();
    run.shadow
        .commits_between(Some(&run.base), &commit)
        .unwrap();
    repo.identity().unwrap();
    let fallback = crate::git::Repo::open_spawned(repo.location(), run.test.git_program()).unwrap();
    fallback
        .create_ref("refs/ai/spawned", &commit, "x")
        .unwrap();
    repo.create_ref("refs/ai/native", &commit, "x").unwrap();
    run.pool().list().unwrap();
    let other = shadow(&repo, "t-9.1");
    pool(&repo)
        .create("two", "ai/t-9/1", &SlotStart::Commit(commit), &other)
        .unwrap();
    match run.rescue().cleared {
        Some(cleared) => {
            run.reuse(cleared, "ai/t-2/1").unwrap();
            run.pool().remove(run.rescue().cleared.unwrap()).unwrap();
        }
        // A repository of its own, or a nested one, is kept for a person.
        None => assert!(matches!(
            run.pool().plan_removal("one"),
            Ok::<_, WorktreeError>(Some(_))
        )),
    }
}

#[test]
fn an_agent_cannot_choose_a_filter_of_the_user() {
    let run = Run::new();
    let evil = Evil::new(&run.test);
    run.test.git(&[
        "config",
        "--global",
        "filter.own.clean",
        evil.program.to_str().unwrap(),
    ]);
    run.test.git(&[
        "config",
        "--global",
        "filter.own.smudge",
        evil.program.to_str().unwrap(),
    ]);
    run.write(".gitattributes", "* filter=own\n");
    run.write("README", "hullo\n");
    let snapshot = run.snapshot();
    let left: Vec<String> = snapshot.left_behind().map(ToString::to_string).collect();
    let told = |path: &str| {
        format!(
            "{path} goes through filter own, which ai does not run; it is not taken (commit it with git)"
        )
    };
    assert_eq!(
        (snapshot.changed, left),
        (vec![], vec![told(".gitattributes"), told("README")])
    );
    assert!(run.rescue().cleared.is_none() && !evil.has_run());
    fs::remove_file(run.slot.path.join(".gitattributes")).unwrap();
    let cleared = run.rescue().cleared.unwrap();
    run.reuse(cleared, "ai/t-2/1").unwrap();
    assert!(!evil.has_run());
}

#[test]
fn a_filter_that_the_user_configured_serves_the_base() {
    let test = TestRepo::new();
    test.git(&["config", "--global", "filter.rot.clean", "tr a-z b-za"]);
    test.git(&["config", "--global", "filter.rot.smudge", "tr b-za a-z"]);
    test.write(".gitattributes", "*.secret filter=rot\n");
    test.write("x.secret", "hello\n");
    test.commit("filtered");
    assert_eq!(test.git(&["show", "HEAD:x.secret"]), "ifmmp");
    let run = Run::of(test);
    assert_eq!(
        fs::read_to_string(run.slot.path.join("x.secret")).unwrap(),
        "hello\n"
    );
    assert_eq!(run.snapshot().changed, []);
    run.write("x.secret", "jello\n");
    let tree = run.snapshot().tree;
    assert_eq!(
        run.test.git(&["show", &format!("{tree}:x.secret")]),
        "kfmmp"
    );
}

#[test]
fn a_filter_of_the_repository_itself_does_not_run() {
    let test = TestRepo::new();
    let evil = Evil::new(&test);
    test.write(".gitattributes", "*.secret filter=evil\n");
    test.write("x.secret", "hello\n");
    test.commit("filtered");
    let text = fs::read_to_string(test.root.join(".git/config")).unwrap() + &evil.config();
    test.write(".git/config", text);
    let run = Run::of(test);
    assert_eq!(
        fs::read_to_string(run.slot.path.join("x.secret")).unwrap(),
        "hello\n"
    );
    assert_eq!(run.snapshot().changed, []);
    assert!(!evil.has_run());
}
