//! The project's own files: the link to the store, configuration, policy, agents, and what of them
//! is trusted.

use std::path::Path;

use crate::base::env;
use crate::base::text::{counted, one_line};
use crate::base::yaml::YamlProblems;
use crate::config::Trees;
use crate::domain::agent::Agent;
use crate::ops::doctor::{Finding, Patient, instructions, notices, recurring};
use crate::ops::unready::unready;
use crate::ops::{agents, check, credentials, project, prove, standing_policy, trust};
use crate::policy::{self, PolicyState};

pub(super) fn look(patient: &Patient<'_>, findings: &mut Vec<Finding>) {
    let Some(root) = patient.root else {
        findings.push(Finding::ok(
            "project",
            "a bare repository has no .ai/; the defaults and the built-in rules count",
        ));
        return;
    };
    findings.push(link(patient, root));
    findings.push(config(root));
    findings.extend(no_checks(root));
    findings.push(policy(root));
    findings.extend(instructions::look(root));
    agents(root, findings);
    findings.push(trusted(patient, root));
    credentials(patient, root, findings);
    notices::look(patient, root, findings);
    recurring::look(patient, root, findings);
}

fn link(patient: &Patient<'_>, root: &Path) -> Finding {
    let state = project::state_dir(&patient.place.common_dir);
    let link = root.join(".ai/state");
    match std::fs::read_link(&link) {
        Ok(target) if leads_to(root, &target, &state) => {
            Finding::ok("link", ".ai/state leads to the store")
        }
        Ok(target) => {
            let text = format!(".ai/state leads to {}, not to the store", target.display());
            Finding::warn("link", text).next("ai init")
        }
        Err(_) if std::fs::symlink_metadata(&link).is_ok() => {
            let text = ".ai/state should be a link to the store, and is something else";
            Finding::warn("link", text).next("move .ai/state away, then `ai init`")
        }
        Err(_) => Finding::warn(
            "link",
            ".ai/state is missing; it is for people alone, `ai` needs it not",
        )
        .next("ai init"),
    }
}

fn leads_to(root: &Path, target: &Path, state: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    real(&root.join(".ai").join(target)) == real(state)
}

fn config(root: &Path) -> Finding {
    match project::config(root, &Trees::none()) {
        Ok(config) => Finding::ok(
            "config",
            format!(
                "{}, {}",
                counted(config.checks.len(), "check"),
                counted(config.modules.len(), "module")
            ),
        ),
        Err(error) => {
            let next = error.hint().unwrap_or_default();
            Finding::bad("config", error.to_string()).next(next)
        }
    }
}

/// Warns where a configuration that is otherwise right names no check. One that cannot be read has
/// been told of.
fn no_checks(root: &Path) -> Option<Finding> {
    let config = project::config(root, &Trees::none()).ok()?;
    let none = config.checks.is_empty();
    none.then(|| Finding::warn("checks", check::NONE).next(prove::ADD_ONE))
}

fn policy(root: &Path) -> Finding {
    match project::policy(root, &Trees::none()) {
        PolicyState::Unreadable(unreadable) => {
            let text = format!(
                "the policy cannot be read, so everything is denied: {}",
                unreadable.problems
            );
            Finding::bad("policy", text).next(mending(&unreadable.problems))
        }
        PolicyState::Absent => {
            Finding::ok("policy", "no policy file; the built-in rules alone count")
        }
        state => match standing_policy::commit_in_force(root) {
            None => in_force(&state),
            Some(commit) => {
                let text = format!(
                    "{} is not in this checkout; that of commit {} is in force",
                    policy::FILE,
                    commit.short()
                );
                Finding::warn("policy", text).next(format!(
                    "git checkout {} -- {}, or commit that it goes",
                    commit.short(),
                    policy::FILE
                ))
            }
        },
    }
}

/// The next step where a file of a policy cannot be read: what a commit has is mended by another one.
fn mending(problems: &YamlProblems) -> &'static str {
    match problems.version() {
        Some(_) => "commit the mended file",
        None => "ai policy validate",
    }
}

/// A policy that was read. The layer of an agent may be broken all the same.
fn in_force(state: &PolicyState) -> Finding {
    if let Some(problems) = state.bad_files().first() {
        let text =
            format!("the layer of an agent cannot be read, so it is denied everything: {problems}");
        return Finding::bad("policy", text).next(mending(problems));
    }
    if let Some(problems) = state.bad_files_beneath().first() {
        let text = format!(
            "the committed policy cannot be read, so agents are denied everything: {problems}"
        );
        return Finding::bad("policy", text).next(mending(problems));
    }
    let shown = policy::show(state, None);
    let from = match shown.files.len() {
        0 | 1 => String::new(),
        files => format!(" from {}", counted(files, "file")),
    };
    let rules = counted(shown.rules.len(), "rule");
    Finding::ok("policy", format!("{rules} in force{from}"))
}

fn agents(root: &Path, findings: &mut Vec<Finding>) {
    let found = agents::list(root);
    let known = found.as_ref().map_or(&[][..], |files| &files.agents);
    cannot_start(root, known, findings);
    match found {
        Ok(files) => {
            findings.extend(
                files
                    .broken
                    .iter()
                    .map(|broken| Finding::bad("agents", broken.to_string())),
            );
            findings.extend(idle_fallbacks(root, &files.agents));
            findings.push(Finding::ok(
                "agents",
                format!("{} registered", files.agents.len()),
            ));
        }
        Err(error) => findings.push(Finding::bad("agents", error.to_string())),
    }
}

/// Warns of agents that cannot be started on this machine, as far as that is seen without starting
/// them.
fn cannot_start(root: &Path, agents: &[Agent], findings: &mut Vec<Finding>) {
    let connectors = match agents::connectors(root) {
        Ok(connectors) => connectors,
        Err(error) => {
            return findings.push(Finding::bad("connectors", error.to_string()));
        }
    };
    for (name, why) in unready(root, &env::all(), &connectors, agents) {
        let text = format!("{name} cannot start here: {}", one_line(&why));
        findings.push(Finding::warn("agents", text).next(format!("ai agent doctor {name}")));
    }
}

/// Fallbacks that name nobody: without a word here they would be found out when a quota ends, at
/// night.
fn idle_fallbacks(root: &Path, agents: &[Agent]) -> Vec<Finding> {
    let known = |name: &str| agents.iter().any(|agent| agent.name.as_str() == name);
    let configured = project::config(root, &Trees::none())
        .map(|config| config.router.fallback)
        .unwrap_or_default();
    let of_agents = agents
        .iter()
        .flat_map(|agent| agent.fallback.iter().map(ToString::to_string));
    let of_config = configured
        .into_iter()
        .flat_map(|(name, others)| [name].into_iter().chain(others));
    let mut nobody: Vec<String> = of_agents
        .chain(of_config)
        .filter(|name| !known(name))
        .collect();
    nobody.sort();
    nobody.dedup();
    let warning = |name: &String| {
        Finding::warn(
            "agents",
            format!("a fallback names `{name}`, and no agent has that name"),
        )
        .next("ai agent list")
    };
    nobody.iter().map(warning).collect()
}

/// Reports credentials that cannot be had. Files are looked into only after `ai trust`, as for a
/// run.
fn credentials(patient: &Patient<'_>, root: &Path, findings: &mut Vec<Finding>) {
    let all = match credentials::load(root) {
        Ok(all) if all.is_empty() => return,
        Ok(all) => all,
        Err(error) => {
            findings.push(
                Finding::bad("credentials", error.to_string()).next("correct .ai/credentials.yaml"),
            );
            return;
        }
    };
    if !trust::missing(root, &patient.place.common_dir).is_ok_and(|missing| missing.is_empty()) {
        findings.push(
            Finding::warn("credentials", "not looked at before you trust them")
                .next("ai trust --show"),
        );
        return;
    }
    let env = env::all();
    let broken: Vec<_> = all
        .iter()
        .filter_map(|credential| credentials::secret(credential, &env).err())
        .collect();
    findings.extend(
        broken
            .iter()
            .map(|error| Finding::bad("credentials", error.to_string())),
    );
    if broken.is_empty() {
        findings.push(Finding::ok(
            "credentials",
            format!("{} can be had", all.len()),
        ));
    }
}

fn trusted(patient: &Patient<'_>, root: &Path) -> Finding {
    match trust::untrusted(root, &patient.place.common_dir) {
        Ok(missing) => match missing.first() {
            None => Finding::ok("trust", "nothing waits for your trust"),
            Some(first) => {
                let more = if missing.len() > 1 {
                    format!(" and {} more", missing.len() - 1)
                } else {
                    String::new()
                };
                let text = format!(
                    ".ai/{} was {}{more}: nothing of it runs on this machine yet",
                    one_line(&first.path),
                    first.how
                );
                Finding::warn("trust", text).next("ai trust --show")
            }
        },
        Err(error) => Finding::warn("trust", error.to_string()),
    }
}
