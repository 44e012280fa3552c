//! The one kit for scenes with agents: a project, its configuration and policy, who works in it,
//! and what has been done so far.
//!
//! ```text
//! let sandbox = Scene::new()                       // `ai init`, [`CONFIG`]
//!     .check("test -f work.txt")                   // or .config(TEXT), .more("budgets: ...")
//!     .policy("version: 1\ndefault: allow\n")
//!     .file(".gitignore", "target/\n")
//!     .agent(Agent::new("fake", GOOD))             // a shell script, by the connector `command`
//!     .agent(Agent::of_a_cli("cli", "codex-json", SCRIPT))  // with a connector of its own
//!     .build();                                    // trusted and committed
//! let id = sandbox.reviewed("One");                // a task that was run well
//! ```
//!
//! Shorter: [`Sandbox::with_script`] and [`Sandbox::with_agent`] for one agent `fake`. Scripts
//! stand outside of the repository as `$BASE/NAME.sh`; `$BASE` in them is the sandbox, and
//! [`Sandbox::set_script`] replaces one later. What agents do step by step, and looks at what runs
//! leave, is in [`runs`](super::runs).
//!
//! [`refused`] is for what must be refused and change nothing.

use std::fmt::Debug;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::runs::CONFIG;
use super::{Outcome, Sandbox, cmd};

/// A project that is set up by [`Scene::build`].
pub struct Scene {
    config: String,
    files: Vec<(String, Vec<u8>)>,
    agents: Vec<Agent>,
}

impl Scene {
    /// A project with one commit, [`CONFIG`], and nobody who works in it.
    pub fn new() -> Scene {
        Scene {
            config: CONFIG.to_owned(),
            files: Vec::new(),
            agents: Vec::new(),
        }
    }

    /// Another configuration than [`CONFIG`].
    pub fn config(mut self, text: &str) -> Scene {
        self.config = text.to_owned();
        self
    }

    /// Further lines of the configuration.
    pub fn more(mut self, lines: &str) -> Scene {
        self.config.push_str(lines);
        self
    }

    /// A configuration whose one check `unit` is this command.
    pub fn check(self, command: &str) -> Scene {
        self.config(&config_with_check(command))
    }

    /// A policy in place of that of `ai init`.
    pub fn policy(self, text: &str) -> Scene {
        self.file(".ai/policy.yaml", text)
    }

    /// A file that is committed with the configuration.
    pub fn file(mut self, path: &str, text: impl AsRef<[u8]>) -> Scene {
        self.files.push((path.to_owned(), text.as_ref().to_owned()));
        self
    }

    /// Somebody who works there.
    pub fn agent(mut self, agent: Agent) -> Scene {
        self.agents.push(agent);
        self
    }

    /// Sets all of it up, trusts it and commits it.
    #[track_caller]
    pub fn build(self) -> Sandbox {
        let sandbox = Sandbox::project();
        for (path, text) in self.files {
            sandbox.write(path, text);
        }
        for agent in self.agents {
            sandbox.add(agent);
        }
        sandbox.configure(&self.config);
        sandbox
    }
}

/// A configuration with short limits whose one check `unit` is this command.
pub fn config_with_check(command: &str) -> String {
    // JSON is YAML.
    let command = serde_json::to_string(command).unwrap();
    format!("version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: {command}}}}}\n")
}

/// An agent that is a shell script.
pub struct Agent {
    name: String,
    script: String,
    registration: Vec<String>,
    manifest: Option<String>,
    file: String,
}

impl Agent {
    /// By the connector `command`: the script gets the prompt on its standard input and the file
    /// with it as `$1`.
    pub fn new(name: &str, script: &str) -> Agent {
        Agent {
            name: name.to_owned(),
            script: script.to_owned(),
            registration: Vec::new(),
            manifest: None,
            file: String::new(),
        }
    }

    /// By a connector of its own that bears its name: a CLI whose output is read as `output`.
    pub fn of_a_cli(name: &str, output: &str, script: &str) -> Agent {
        let manifest = format!(
            "version: 1\nname: {name}\ntitle: {name}\nargv: [/bin/sh, 'BASE/{name}.sh']\n\
             prompt: stdin\noutput: {output}\n"
        );
        Agent {
            manifest: Some(manifest),
            ..Agent::new(name, script)
        }
    }

    /// Further arguments of `ai agent register`.
    pub fn registered(mut self, args: &[&str]) -> Agent {
        self.registration
            .extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Further lines of the manifest of its connector; `BASE` stands for the sandbox.
    pub fn manifest(mut self, lines: &str) -> Agent {
        self.manifest.as_mut().unwrap().push_str(lines);
        self
    }

    /// Further lines of its file below `.ai/agents/`.
    pub fn file(mut self, lines: &str) -> Agent {
        self.file.push_str(lines);
        self
    }
}

impl Default for Scene {
    fn default() -> Scene {
        Scene::new()
    }
}

impl Sandbox {
    /// A project with this configuration and one agent `fake` that runs `script` with `sh`, trusted
    /// and committed.
    pub fn with_agent(config: &str, script: &str) -> Sandbox {
        let fake = Agent::new("fake", script);
        Scene::new().config(config).agent(fake).build()
    }

    /// The usual scene: [`CONFIG`], and an agent that runs `script`.
    pub fn with_script(script: &str) -> Sandbox {
        Sandbox::with_agent(CONFIG, script)
    }

    /// A project in which `ai init` finds a check that passes (`make test`), under the policy `pack`,
    /// with an agent `bot` that runs `script`.
    pub fn with_a_found_check(pack: &str, script: &str) -> Sandbox {
        let sandbox = Sandbox::repository();
        sandbox.write("Makefile", "test:\n\ttrue\n");
        sandbox.commit("a check");
        sandbox.ai_ok(&["init", "--yes", "--policy", pack]);
        sandbox.add_agent("bot", script);
        sandbox.commit("set up");
        sandbox
    }

    /// Registers an agent; where it brings a connector or lines of its own, everything is trusted
    /// first. Nothing is committed.
    #[track_caller]
    pub fn add(&self, agent: Agent) {
        let Agent {
            name,
            script,
            registration,
            manifest,
            file,
        } = agent;
        self.set_script(&name, &script);
        let path = self.base().join(format!("{name}.sh"));
        let mut args = vec!["agent", "register", &name, "--connector"];
        if let Some(text) = &manifest {
            let text = text.replace("BASE", self.base().to_str().unwrap());
            self.write(format!(".ai/connectors/{name}.yaml"), text);
            self.ai_ok(&["trust"]);
            args.push(&name);
        } else {
            args.push("command");
        }
        args.extend(registration.iter().map(String::as_str));
        if manifest.is_none() {
            args.extend(["--", "/bin/sh", path.to_str().unwrap(), "{prompt_file}"]);
        }
        self.ai_ok(&args);
        if !file.is_empty() {
            let place = format!(".ai/agents/{name}.yaml");
            self.write(&place, self.read(&place) + &file);
        }
    }

    /// Registers an agent that runs `script`.
    #[track_caller]
    pub fn add_agent(&self, name: &str, script: &str) {
        self.add(Agent::new(name, script));
    }

    /// Replaces what an agent does; the command line stays as it was trusted.
    pub fn set_script(&self, name: &str, script: &str) {
        let text = format!("BASE='{}'\n{script}\n", self.base().display());
        std::fs::write(self.base().join(format!("{name}.sh")), text).unwrap();
    }

    /// Writes the configuration, trusts and commits everything.
    #[track_caller]
    pub fn configure(&self, config: &str) {
        self.write(".ai/config.yaml", config);
        self.ai_ok(&["trust"]);
        self.commit("configure");
    }

    /// Writes a program below the sandbox: an executable shell script in which `$BASE` is the
    /// sandbox. Those in `bin/` are found by [`Sandbox::ai_with_bin`].
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.base().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = format!("#!/bin/sh\nBASE='{}'\n{script}\n", self.base().display());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Puts `ai` where an agent within any sandbox finds it, and returns its path.
    pub fn ai_in_sight(&self) -> PathBuf {
        let (program, place) = (
            env!("CARGO_BIN_EXE_ai"),
            self.root().join(".git/ai-program"),
        );
        if std::fs::hard_link(program, &place).is_err() {
            std::fs::copy(program, &place).unwrap();
        }
        place
    }

    /// Runs `ai` with the programs in `bin/` of the sandbox before what is installed on this
    /// machine.
    pub fn ai_with_bin(&self, args: &[&str]) -> Outcome {
        let machine = std::env::var_os("PATH").unwrap();
        let dirs = std::iter::once(self.base().join("bin")).chain(std::env::split_paths(&machine));
        let path = std::env::join_paths(dirs).unwrap();
        cmd::run(self.ai_command(args).env("PATH", path))
    }

    /// Creates a task and runs it well, so that it waits for its review; returns its id.
    #[track_caller]
    pub fn reviewed(&self, title: &str) -> String {
        let id = self.task(title, &[]);
        let outcome = self.run(&id);
        assert_eq!(self.status(&id), "review", "{outcome}");
        id
    }
}

/// Runs `ai`, which must refuse and leave what `watched` sees as it was.
#[track_caller]
pub fn refused<T: PartialEq + Debug>(
    sandbox: &Sandbox,
    args: &[&str],
    watched: impl Fn() -> T,
) -> Outcome {
    let before = watched();
    let outcome = sandbox.ai(args);
    assert_ne!(outcome.code, Some(0), "ai {args:?}\n{outcome}");
    assert_eq!(
        watched(),
        before,
        "ai {args:?} changed something\n{outcome}"
    );
    outcome
}
