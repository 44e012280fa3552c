//! The places at which the CLIs look for hooks and for servers.
//!
//! Deliberately absent: where such a place lies on this machine, and whether it may be written, which is for the
//! operations.

use crate::connector::announced::HookCli;

/// The thing of which a CLI is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CliSetup {
    /// The hook that is asked before a tool is called.
    Guard,
    /// The server of the Model Context Protocol, by which an agent uses `ai`.
    Server,
}

impl CliSetup {
    /// All of them.
    pub const ALL: [CliSetup; 2] = [CliSetup::Guard, CliSetup::Server];
}

/// The settings that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsScope {
    /// The settings of this checkout.
    Project,
    /// The settings of the user, for every project.
    User,
}

/// A settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingsFile {
    /// Path below the checkout, or below the home.
    pub path: &'static str,
    /// A variable that names another directory, and the path below that.
    pub moved: Option<(&'static str, &'static str)>,
}

/// The file in which a CLI looks for what is set up.
pub fn file(setup: CliSetup, cli: HookCli, scope: SettingsScope) -> SettingsFile {
    match setup {
        CliSetup::Guard => hooks_file(cli, scope),
        CliSetup::Server => servers_file(cli, scope),
    }
}

pub(super) const fn of(
    path: &'static str,
    moved: Option<(&'static str, &'static str)>,
) -> SettingsFile {
    SettingsFile { path, moved }
}

fn hooks_file(cli: HookCli, scope: SettingsScope) -> SettingsFile {
    match (cli, scope) {
        // The one that names programs of this machine is kept out of commits.
        (HookCli::Claude, SettingsScope::Project) => of(".claude/settings.local.json", None),
        (HookCli::Claude, SettingsScope::User) => of(
            ".claude/settings.json",
            Some(("CLAUDE_CONFIG_DIR", "settings.json")),
        ),
        (HookCli::Codex, SettingsScope::Project) => of(".codex/hooks.json", None),
        (HookCli::Codex, SettingsScope::User) => {
            of(".codex/hooks.json", Some(("CODEX_HOME", "hooks.json")))
        }
        (HookCli::Gemini, SettingsScope::Project) => of(".gemini/settings.json", None),
        (HookCli::Gemini, SettingsScope::User) => of(
            ".gemini/settings.json",
            Some(("GEMINI_CLI_HOME", ".gemini/settings.json")),
        ),
        (HookCli::Qwen, _) => of(".qwen/settings.json", None),
        (HookCli::Opencode, SettingsScope::Project) => of(".opencode/plugin/ai-guard.js", None),
        (HookCli::Opencode, SettingsScope::User) => of(
            ".config/opencode/plugin/ai-guard.js",
            Some(("XDG_CONFIG_HOME", "opencode/plugin/ai-guard.js")),
        ),
        (HookCli::Copilot, SettingsScope::Project) => of(".github/hooks/ai-guard.json", None),
        (HookCli::Copilot, SettingsScope::User) => of(
            ".copilot/hooks/ai-guard.json",
            Some(("COPILOT_HOME", "hooks/ai-guard.json")),
        ),
    }
}

fn servers_file(cli: HookCli, scope: SettingsScope) -> SettingsFile {
    match (cli, scope) {
        (HookCli::Claude, SettingsScope::Project) => of(".mcp.json", None),
        (HookCli::Claude, SettingsScope::User) => {
            of(".claude.json", Some(("CLAUDE_CONFIG_DIR", ".claude.json")))
        }
        (HookCli::Codex, SettingsScope::Project) => of(".codex/config.toml", None),
        (HookCli::Codex, SettingsScope::User) => {
            of(".codex/config.toml", Some(("CODEX_HOME", "config.toml")))
        }
        // The same files as those of hooks.
        (HookCli::Gemini | HookCli::Qwen, _) => hooks_file(cli, scope),
        (HookCli::Opencode, SettingsScope::Project) => of("opencode.json", None),
        (HookCli::Opencode, SettingsScope::User) => of(
            ".config/opencode/opencode.json",
            Some(("XDG_CONFIG_HOME", "opencode/opencode.json")),
        ),
        (HookCli::Copilot, SettingsScope::Project) => of(".github/mcp.json", None),
        (HookCli::Copilot, SettingsScope::User) => of(
            ".copilot/mcp-config.json",
            Some(("COPILOT_HOME", "mcp-config.json")),
        ),
    }
}
