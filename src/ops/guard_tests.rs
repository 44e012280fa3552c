//! The guard in tables: each call, who asks, and the whole refusal.

use tempfile::TempDir;

use super::*;
use crate::connector::dialogue::GoneFile;
use crate::domain::lease::{Token, TokenReach};
use crate::domain::path_lock::LockMode;
use crate::ops::approve;
use crate::ops::called_files::MOST_BENEATH;
use crate::ops::claim::{self, Which};
use crate::ops::testing::World;
use crate::policy::{self, PolicyState};
use crate::store::testing::{created, record, task};
use crate::store::{EventFilter, Flow};

const POLICY: &str = "version: 1
default: deny
outside_paths: deny
rules:
  - {id: people, on: ['*'], actors: ['human:*'], effect: allow}
  - {id: keys, on: [edit, file.read], paths: [keys/], effect: deny, reason: keys are a person's}
  - {id: ci, on: [edit], paths: [ci/], effect: require_approval, reason: somebody looks at it}
  - {id: no-push, on: [command.exec], when: 'tool.command.contains(\"git push\")', effect: deny, reason: work leaves by accept}
  - {id: no-net, on: [tool.call], kinds: [fetch], effect: deny, reason: no net}
";

/// A worktree; `t-a` of `agent:claude` has the paths `a/` and `ci/`, and `agent:ben` has locked `held/`.
struct Scene {
    world: World,
    dir: TempDir,
    token: Token,
}

fn agent(name: &str) -> Actor {
    name.parse().unwrap()
}

fn scene(policy: &str) -> Scene {
    let mut world = World::new();
    let state = PolicyState::from_bytes(Some(b"version: 1\ndefault: allow\n"), policy::FILE);
    world.cx.policy = state.into();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("w/a")).unwrap();
    let mut own = task("a");
    own.paths = ["a/", "ci/", "keys/"]
        .map(|pattern| LockRequest {
            pattern: pattern.into(),
            mode: LockMode::Exclusive,
        })
        .into();
    world
        .run(|tx, _| Ok(record(tx, &[created(own, &[])])?))
        .unwrap();
    let cx = Cx {
        actor: agent("agent:claude"),
        ..world.cx.clone()
    };
    let claimed = claim::run(&mut *world.store, &cx, &Which::Task("t-a".into()), 60_000).unwrap();
    let held = ["held/".to_owned()];
    world
        .run_as(&agent("agent:ben"), |tx, cx| {
            lock::acquire(tx, cx, &held, LockMode::Exclusive, 60_000)
        })
        .unwrap();
    let state = PolicyState::from_bytes(Some(policy.as_bytes()), policy::FILE);
    world.cx.policy = state.into();
    Scene {
        world,
        dir,
        token: claimed.token,
    }
}

impl Scene {
    /// What comes of a call: nothing, or the refusal with the ids masked; and the rule in its record.
    fn says(&mut self, within: Within, call: &AskedCall) -> String {
        let tree = self.dir.path().canonicalize().unwrap().join("w");
        let (run, place) = (RunId("t-a.1".to_owned()), SessionPlace::of_tree(tree));
        let (holder, kept) = match within {
            Within::Stranger => (agent("agent:codex"), Vec::new()),
            Within::Run | Within::Holder => (
                agent("agent:claude"),
                vec![ShownToken {
                    token: self.token.clone(),
                    reach: TokenReach::Bearer,
                }],
            ),
        };
        let cx = Cx {
            actor: holder.clone(),
            ..self.world.cx.clone()
        };
        let asked = GuardAsked {
            call,
            place: &place,
            holder: &holder,
            kept: &kept,
            run: matches!(within, Within::Run).then_some(&run),
            imports: None,
        };
        let before = self.rules();
        let said = judge(&mut *self.world.store, &cx, asked, RefusalRecord::Kept);
        let new = self.rules().split_off(before.len()).join(" ");
        match said {
            Ok(()) => format!("yes{new}"),
            Err(error) => format!("[{new}] {error}"),
        }
    }

    /// The rules of all refusals in the log.
    fn rules(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        self.world.read(|tx| {
            Ok(tx.events(&EventFilter::default(), &mut |stored| {
                if let Ok(Event::Decided { record }) = serde_json::from_str(&stored.body)
                    && !record.effect.lets_through()
                {
                    all.push(record.rule);
                }
                Ok(Flow::More)
            })?)
        });
        all
    }
}

#[derive(Clone, Copy, Debug)]
enum Within {
    /// The run of `t-a`.
    Run,
    /// A session that holds `t-a`.
    Holder,
    /// A session of another agent.
    Stranger,
}

fn call(kind: ToolKind, path: &str) -> AskedCall {
    AskedCall {
        kind,
        title: "Tool".into(),
        paths: (!path.is_empty())
            .then(|| path.to_owned())
            .into_iter()
            .collect(),
        digest: None,
        command: None,
        gone: Vec::new(),
    }
}

fn command(text: Option<&str>) -> AskedCall {
    AskedCall {
        command: text.map(str::to_owned),
        ..call(ToolKind::Execute, "")
    }
}

#[test]
fn each_call_has_its_answer_and_each_refusal_its_record() {
    use ToolKind::{Edit, Fetch, Other, Read, Search};
    use Within::{Holder, Run, Stranger};
    let mut scene = scene(POLICY);
    let held = "[built-in.locked-paths] the call of `Tool` changes held/x, locked exclusively by agent:ben";
    let gits = "[built-in.git-files] policy denies edit: `.git/config` is Git's own";
    let beyond = "[built-in.inside-worktree] policy denies edit: `/etc/x` is not in the worktree of the run; work below";
    let table = [
        (Run, call(Edit, "a/x"), "yes"),
        (Holder, call(Edit, "a/x"), "yes"),
        (
            Stranger,
            call(Edit, "a/x"),
            "[built-in.locked-paths] the call of `Tool` changes a/x, locked exclusively by agent:claude",
        ),
        (Stranger, call(Edit, "free"), "yes"),
        (Run, call(Edit, "held/x"), held),
        (Holder, call(Edit, "held/x"), held),
        (Run, call(Read, "held/x"), "yes"),
        (
            Run,
            call(Edit, "b"),
            "[built-in.outside-paths] policy denies edit: the change goes beyond the task's own paths: b",
        ),
        (
            Holder,
            call(Edit, "b"),
            "[built-in.outside-paths] policy denies edit: the change goes beyond the task's own paths: b",
        ),
        (
            Run,
            call(Edit, "keys/k"),
            "[keys] policy denies edit: keys are a person's (keys/k)",
        ),
        (
            Run,
            call(Read, "keys/k"),
            "[keys] policy denies file.read: keys are a person's (keys/k)",
        ),
        (Run, call(Search, "keys/k"), "yes"),
        (
            Run,
            call(Edit, "ci/y"),
            "[ci] policy wants a person's yes for edit: somebody looks at it (ci/y)",
        ),
        (
            Stranger,
            call(Edit, ".ai/policy.yaml"),
            "[built-in.protect-ai] policy wants a person's yes for edit",
        ),
        (Run, call(Edit, ".git/config"), gits),
        (Stranger, call(Edit, ".git/config"), gits),
        (
            Stranger,
            call(Edit, ".ai/worktrees/w/x"),
            "[built-in.inside-worktree] policy denies edit: `.ai/worktrees/w/x` lies in the worktree of a run",
        ),
        (Run, call(Edit, "/etc/x"), beyond),
        (Stranger, call(Edit, "/etc/x"), "yes"),
        (Run, call(Read, "/etc/x"), "yes"),
        (Run, command(Some("cargo test")), "yes"),
        (
            Run,
            command(Some("git push")),
            "[no-push] policy denies command.exec: work leaves by accept",
        ),
        // What is too long to be told.
        (
            Run,
            command(None),
            "[no-push] policy denies command.exec: the condition of the rule has no value",
        ),
        (
            Run,
            AskedCall {
                paths: vec!["held/x".into()],
                ..command(Some("apply_patch"))
            },
            held,
        ),
        (
            Run,
            call(Fetch, ""),
            "[no-net] policy denies tool.call: no net",
        ),
        (Run, call(Other, ""), "yes"),
        (Run, call(Edit, ""), "yes"),
    ];
    for (within, call, expected) in table {
        let said = scene.says(within, &call);
        let is = if expected == "yes" {
            said == "yes"
        } else {
            said.starts_with(expected)
        };
        assert!(is, "{within:?} {call:?}\n{said}\n{expected}");
    }
}

#[test]
fn what_lies_in_a_directory_goes_with_it() {
    use ToolKind::{Delete, Edit, Move, Other};
    let mut scene = scene(POLICY);
    let tree = scene.dir.path().join("w");
    for file in ["held/deep/x", "a/y", "a/keys", "n/.git", "keys/deep/k"] {
        std::fs::create_dir_all(tree.join(file).parent().unwrap()).unwrap();
        std::fs::write(tree.join(file), "").unwrap();
    }
    let held = "[built-in.locked-paths] the call of `Tool` changes held";
    let table = [
        (Delete, "held", held),
        (Move, "held/deep/", held),
        (Other, "held/deep", held),
        (Delete, ".", "[built-in.git-files] "),
        (Delete, "n", "[built-in.git-files] "),
        (Delete, "keys/deep", "[keys] "),
        (Delete, "a", "yes"),
        // A directory that is made again changes nothing in it.
        (Edit, "a", "yes"),
    ];
    for (kind, path, expected) in table {
        let said = scene.says(Within::Holder, &call(kind, path));
        assert!(said.starts_with(expected), "{kind} {path}: {said}");
    }
    for n in 0..=MOST_BENEATH {
        std::fs::write(tree.join(format!("a/{n}")), "").unwrap();
    }
    assert_eq!(
        scene.says(Within::Holder, &call(Delete, "a")),
        "[] `a` holds more than 10000 files, more than are looked at for one call"
    );
}

/// A call that takes files away: `a -> b`, and `a` alone where it is gone.
fn taking(kind: ToolKind, files: &[&str]) -> AskedCall {
    let mut asked = call(kind, "");
    for file in files {
        let (from, to) = match file.split_once(" -> ") {
            Some((from, to)) => (from, Some(to.to_owned())),
            None => (*file, None),
        };
        asked.paths.push(from.to_owned());
        asked.paths.extend(to.clone());
        let from = from.to_owned();
        asked.gone.push(GoneFile { from, to });
    }
    asked
}

#[test]
fn what_a_safe_agent_takes_away_is_told_file_by_file() {
    use ToolKind::{Delete, Edit, Execute, Move};
    let mut scene = scene(&POLICY.replace("default: deny", "default: deny\nmode: safe"));
    let tree = scene.dir.path().join("w");
    for file in ["a/x", "a/y", "a/dir/z", "a/full/q", "other/o"] {
        std::fs::create_dir_all(tree.join(file).parent().unwrap()).unwrap();
        std::fs::write(tree.join(file), "").unwrap();
    }
    let says = |what: &str| {
        format!("[built-in.mode-safe] policy denies edit: {what}, which the mode `safe` bars")
    };
    let away = says("it would take a file away");
    let table = [
        (taking(Edit, &["a/x"]), away.clone()),
        (taking(Execute, &["a/x"]), away.clone()),
        (taking(Delete, &["a/x"]), away),
        (taking(Edit, &["a/x -> a/new"]), "yes".into()),
        (taking(Move, &["a/x -> a/new"]), "yes".into()),
        (taking(Move, &["a/dir -> a/new"]), "yes".into()),
        (taking(Move, &["a/x -> a/full"]), "yes".into()),
        (taking(Move, &["a/x"]), says("it would delete a/x")),
        (
            taking(Move, &["a/x -> /elsewhere"]),
            "[built-in.inside-worktree]".into(),
        ),
        // The one place that is left has the last content alone.
        (
            taking(Move, &["a/x -> a/new", "a/y -> a/new"]),
            says("it would delete a/y"),
        ),
        (
            taking(Edit, &["a/x -> a/new", "a/x"]),
            says("it would take a file away"),
        ),
        // Beyond the paths of the task.
        (
            taking(Move, &["a/x -> other/new"]),
            says("it would delete a/x"),
        ),
        (
            taking(Move, &["other/o -> a/new"]),
            says("it would delete other/o"),
        ),
        // A lock of what would stand there.
        (
            taking(Move, &["a/dir -> held/new"]),
            "[built-in.locked-paths] the call of `Tool` changes held/new".into(),
        ),
    ];
    for (call, expected) in table {
        let said = scene.says(Within::Run, &call);
        assert!(said.starts_with(&expected), "{call:?}\n{said}\n{expected}");
    }
}

/// A rule about one kind holds for the files of which that kind is true.
#[test]
fn a_rule_about_deletions_holds_within_a_patch() {
    let rules = "version: 1\ndefault: allow\nrules:\n  - {id: no-rm, on: [edit], kinds: [delete], effect: deny, reason: no}\n  - {id: no-mv, on: [edit], kinds: [move], paths: [b/], effect: deny, reason: no}\n";
    let mut scene = scene(rules);
    let mut patch = taking(ToolKind::Edit, &["a/x -> b/x"]);
    patch.paths.push("a/z".into());
    assert!(scene.says(Within::Run, &patch).starts_with("[no-mv] "));
    let mut patch = taking(ToolKind::Edit, &["a/y"]);
    patch.paths.push("a/z".into());
    assert!(scene.says(Within::Run, &patch).starts_with("[no-rm] "));
    patch.gone.clear();
    assert_eq!(scene.says(Within::Run, &patch), "yes");
}

#[test]
fn a_policy_that_cannot_be_read_stops_what_changes_something_and_leaves_its_reader_eyes() {
    let mut scene = scene("version: 1\nrules: {}\n");
    for (kind, path, passes) in [
        (ToolKind::Edit, "a/x", false),
        (ToolKind::Execute, "", false),
        (ToolKind::Other, "", false),
        (ToolKind::Read, ".ai/policy.yaml", true),
        (ToolKind::Search, "", true),
        (ToolKind::Think, "", true),
        // A file elsewhere is nothing that a person needs to mend the policy.
        (ToolKind::Read, "/etc/x", false),
        (ToolKind::Fetch, "", false),
    ] {
        let said = scene.says(Within::Run, &call(kind, path));
        assert_eq!(said == "yes", passes, "{kind}: {said}");
        assert_eq!(
            said.starts_with("[policy.unreadable]"),
            !passes,
            "{kind}: {said}"
        );
    }
}

#[test]
fn a_yes_lets_the_same_call_through() {
    let mut scene = scene(POLICY);
    let asked = call(ToolKind::Edit, "ci/y");
    assert!(scene.says(Within::Run, &asked).starts_with("[ci]"));
    let mut id = None;
    scene.world.read(|tx| {
        Ok(tx.events(&EventFilter::default(), &mut |stored| {
            if let Ok(Event::Decided { record }) = serde_json::from_str(&stored.body)
                && record.rule == "ci"
            {
                id = Some(record.id);
            }
            Ok(Flow::More)
        })?)
    });
    let id = id.unwrap();
    scene
        .world
        .run_as(&agent("human:ann"), |tx, cx| {
            approve::approve(tx, cx, &id, "seen")
        })
        .unwrap();
    assert_eq!(scene.says(Within::Run, &asked), "yes");
}
