//! One project, several trees, every sandbox: what each tree must come to.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::ecosystems::tools;
use crate::support::{Sandbox, run};

/// How a check says that something installed leads it to the main checkout.
const SENTENCE: &str = "points into the main checkout";
/// The name of the one check.
const CHECK: &str = "unit";

/// What the check of a tree must come to.
#[derive(Debug, Clone, Copy)]
pub enum Comes {
    /// It passes.
    Passed,
    /// It fails, or is broken: anything but a pass.
    NotPassed,
    /// It is broken, and says that it would judge the main checkout.
    Elsewhere,
}

/// A tree as an agent leaves it: its name, what the agent does (a shell script), and what its check
/// must come to.
pub type Tree<'a> = (&'a str, &'a str, Comes);

/// A project in a repository of its own, with the programs it is built with.
pub struct Project {
    scene: Sandbox,
    path: OsString,
    variables: Vec<(String, PathBuf)>,
}

impl Project {
    /// A repository with these files and an agent; the programs must be on the machine.
    pub fn new(programs: &[&str], files: &[(&str, &str)]) -> Project {
        let project = Project {
            scene: Sandbox::project(),
            path: tools::path_with(programs),
            variables: Vec::new(),
        };
        project.scene.add_agent("fake", "true");
        files
            .iter()
            .for_each(|(path, text)| project.scene.write(path, text));
        project
    }

    /// The main checkout.
    pub fn root(&self) -> PathBuf {
        self.scene.root()
    }

    /// A directory outside of the repository; what stands there can be read by agents and checks
    /// once it is on `PATH`.
    pub fn outside(&self, name: &str) -> PathBuf {
        self.scene.base().join("home").join(name)
    }

    /// Puts a directory of programs in front of all others, as a person does who activates an
    /// environment.
    pub fn activate(&mut self, bin: &Path) {
        let dirs: Vec<PathBuf> = std::iter::once(bin.to_owned())
            .chain(std::env::split_paths(&self.path))
            .collect();
        self.path = std::env::join_paths(dirs).unwrap();
    }

    /// A variable of the owner's, which checks get, too.
    pub fn variable(&mut self, name: &str, value: &Path) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// What the owner does in the main checkout, by a shell; must succeed.
    #[track_caller]
    pub fn shell(&self, line: &str) {
        let outcome = run(self
            .scene
            .command("/bin/sh")
            .env("PATH", &self.path)
            .envs(self.environment())
            .args(["-ec", line]));
        assert_eq!(outcome.code, Some(0), "{line}\n{outcome}");
    }

    /// Sets the setup command and the check up, and commits everything. The check must pass in the
    /// main checkout: what it finds there has to be good enough to let a broken tree pass.
    #[track_caller]
    pub fn checked_by(&self, setup: Option<&str>, check: &str) {
        self.shell(check);
        let mut runs = json!({"grace": "1s", "allow_read": [tools::installed()]});
        runs["env_pass"] = self
            .variables
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        if let Some(setup) = setup {
            runs["setup"] = setup.into();
        }
        // JSON is YAML.
        let config = json!({"version": 1, "runs": runs, "checks": {CHECK: {"run": check}}});
        self.scene.configure(&config.to_string());
    }

    /// Lets an agent make each tree, one after the other, in each sandbox that works here, and
    /// compares what comes of them.
    #[track_caller]
    pub fn judges(&self, trees: &[Tree<'_>]) {
        let modes = crate::sandbox::modes().into_iter();
        let judged = modes.flat_map(|mode| trees.iter().map(move |tree| (mode, tree)));
        let wrong: Vec<String> = judged
            .filter_map(|(mode, tree)| self.judge(mode, tree).err())
            .collect();
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    fn environment(&self) -> impl Iterator<Item = (&String, &PathBuf)> {
        self.variables.iter().map(|(name, value)| (name, value))
    }

    fn judge(&self, mode: &str, (name, script, comes): &Tree<'_>) -> Result<(), String> {
        self.scene.set_script(
            "fake",
            &format!("set -e\ncat >/dev/null\necho {name} > tree.txt\n{script}"),
        );
        let id = self.scene.task(&format!("{name} in {mode}"), &[]);
        let mut command = self.scene.ai_command(&["run", &id, "--json"]);
        let outcome = run(command
            .env("PATH", &self.path)
            .envs(self.environment())
            .env("AI_SANDBOX", mode));
        let number = format!("{id}.1");
        let setup = std::fs::read_to_string(
            self.scene
                .root()
                .join(".git/ai/runs")
                .join(&number)
                .join("setup.log"),
        );
        let setup = setup.unwrap_or_default();
        let report: Value = serde_json::from_str(&outcome.stdout)
            .map_err(|_| format!("{mode}, {name}: {outcome}{setup}"))?;
        assert_eq!(
            self.scene.last_run(&id)["worktree"],
            "w1",
            "every tree is judged in the same place"
        );
        let checks: Value =
            serde_json::from_str(&self.scene.run_file(&number, "checks.json")).unwrap_or_default();
        let changed = self
            .scene
            .git(&["diff", "--name-only", "main", &format!("ai/{id}/1")]);
        assert!(
            !script.is_empty() || changed == "tree.txt",
            "{mode}: an agent or a tool has left more: {changed}"
        );
        assert_eq!(
            report["verdict"]["lifecycle"], "finished",
            "{mode}, {name}: {outcome}"
        );
        let (check, verification) = (&checks[0], &report["verdict"]["verification"]);
        let is_passed = check["status"] == "passed";
        assert_eq!(
            is_passed,
            verification == "passed",
            "the verdict follows the check\n{outcome}"
        );
        let why = check["status"]["broken"]["why"]
            .as_str()
            .unwrap_or_default();
        let is_right = match comes {
            Comes::Passed => is_passed,
            Comes::NotPassed => check["name"] == CHECK && !is_passed,
            Comes::Elsewhere => why.contains(SENTENCE),
        };
        if is_right {
            return Ok(());
        }
        let status = check["status"].as_str().unwrap_or(why);
        let log = self.scene.run_file(&number, &format!("checks/{CHECK}.log"));
        Err(format!(
            "{mode}: `{name}` should come to {comes:?}, but: {status}\n----- log -----\n{log}-----"
        ))
    }
}
