//! The text by which the service manager of a user starts a daemon: a unit of systemd, or a property list of launchd, each
//! with a mark by which `ai` knows its own.
//!
//! Each has its own rules of quoting. What none of them can bear (a control character in a path, a blank at the end of a
//! directory) is refused and not bent.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::hash::sha256_hex;
use crate::base::text::shell_words;

/// The word in front of the mark.
const MARK: &str = "ai-daemon ";
/// Digits of the digest of a repository in the name of its service.
const DIGITS: usize = 8;
/// Longest part of a name that is taken from a directory, in characters.
const SLUG: usize = 32;

/// A service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceManager {
    /// `systemd --user`.
    Systemd,
    /// launchd.
    Launchd,
}

/// Everything that the text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceOrder<'a> {
    /// The program, by an absolute path.
    pub program: &'a Path,
    /// The directory in which the daemon is started.
    pub directory: &'a Path,
    /// The git directory of the repository.
    pub repository: &'a Path,
    /// The name under which it acts, where one was given.
    pub named: Option<&'a str>,
    /// Runs at a time, where that was said.
    pub parallel: Option<u16>,
    /// The places of programs, where they can be written down.
    pub search_path: Option<&'a str>,
    /// The time that it may take to end, in seconds.
    pub stop_seconds: u64,
}

/// A path or a word that cannot stand in such a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot stand in a file of {manager}: {why}")]
pub struct UnfitForService {
    what: &'static str,
    manager: &'static str,
    why: &'static str,
}

/// The mark of a file that `ai` has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceMark {
    /// The program that it starts.
    pub program: String,
    /// The directory in which it starts it.
    pub directory: String,
    /// The git directory of the repository.
    pub repository: String,
    /// The digest of the rest of the file, and of the words above.
    digest: String,
}

impl ServiceMark {
    /// The digest of the file with this mark and this text below it.
    fn digest_with(&self, body: &str) -> String {
        let words = [&self.program, &self.directory, &self.repository];
        let above: String = words.iter().map(|word| format!("{word}\n")).collect();
        sha256_hex(format!("{above}{body}").as_bytes())
    }
}

/// A file at the place of a service, as far as it is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceAuthor {
    /// `ai` wrote it, and nobody has changed it.
    Ours(ServiceMark),
    /// `ai` wrote it, and somebody has changed it since.
    Changed(ServiceMark),
    /// Somebody else wrote it.
    Foreign,
}

impl ServiceManager {
    /// The name of the service manager.
    pub fn as_str(self) -> &'static str {
        match self {
            ServiceManager::Systemd => "systemd",
            ServiceManager::Launchd => "launchd",
        }
    }

    /// The name of a repository's service, by its git directory: readable for people, and that of no other one.
    pub fn service_name(self, repository: &Path) -> String {
        let own = repository.file_name().unwrap_or_default();
        let above = repository.parent().and_then(Path::file_name);
        let name = match own.to_str() {
            Some(".git") => above.unwrap_or(own),
            _ => own,
        };
        let slug: String = name
            .to_string_lossy()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(SLUG)
            .collect();
        let slug = match slug.trim_matches('-') {
            "" => "repository",
            slug => slug,
        };
        let digest = sha256_hex(repository.as_os_str().as_encoded_bytes());
        let digest = &digest[..DIGITS];
        match self {
            ServiceManager::Systemd => format!("ai-daemon-{slug}-{digest}.service"),
            ServiceManager::Launchd => format!("ai.daemon.{slug}-{digest}"),
        }
    }

    /// The name of the file.
    pub fn file_name(self, service: &str) -> String {
        match self {
            ServiceManager::Systemd => service.to_owned(),
            ServiceManager::Launchd => format!("{service}.plist"),
        }
    }

    /// True for the name of a file that may be one of ours.
    pub fn may_be_ours(self, file_name: &str) -> bool {
        let (begins, ends) = match self {
            ServiceManager::Systemd => ("ai-daemon-", ".service"),
            ServiceManager::Launchd => ("ai.daemon.", ".plist"),
        };
        file_name.starts_with(begins) && file_name.ends_with(ends)
    }

    /// The commands that put the file in force, and those that take it out of force before it goes.
    pub fn commands(self, service: &str, path: &Path) -> [Vec<String>; 2] {
        let path = path.to_string_lossy();
        match self {
            ServiceManager::Systemd => [
                vec![
                    "systemctl --user daemon-reload".to_owned(),
                    format!("systemctl --user enable --now {service}"),
                ],
                vec![format!("systemctl --user disable --now {service}")],
            ],
            ServiceManager::Launchd => {
                let path = shell_words([&*path]);
                [
                    vec![format!("launchctl load -w {path}")],
                    vec![format!("launchctl unload -w {path}")],
                ]
            }
        }
    }

    /// Writes the text, mark and all.
    pub fn text(self, order: &ServiceOrder<'_>) -> Result<String, UnfitForService> {
        let program = self.plain(order.program, "the path of `ai`")?;
        let directory = self.plain(order.directory, "the path of the worktree")?;
        let repository = self.plain(order.repository, "the path of the git directory")?;
        let mut words = vec![program, "daemon", "run"];
        let parallel = order.parallel.map(|n| n.to_string());
        words.extend(parallel.iter().flat_map(|n| ["--parallel", n]));
        words.extend(order.named.iter().flat_map(|name| ["--as", name]));
        for word in &words {
            self.plain(Path::new(word), "a word of the command")?;
        }
        // What cannot be written down is left out: the manager has a path of its own.
        let search = order.search_path;
        let search = search.filter(|path| !path.is_empty() && !path.contains(char::is_control));
        let body = match self {
            ServiceManager::Systemd => {
                self.fits_a_line(directory)?;
                systemd(&words, directory, search, order.stop_seconds)
            }
            ServiceManager::Launchd => {
                let label = self.service_name(order.repository);
                launchd(&label, &words, (directory, search), order.stop_seconds)
            }
        };
        let mark = ServiceMark {
            program: program.to_owned(),
            directory: directory.to_owned(),
            repository: repository.to_owned(),
            digest: String::new(),
        };
        let digest = mark.digest_with(&body);
        let mark = ServiceMark { digest, ..mark };
        Ok(self.marked(&mark, &body))
    }

    /// A path as text that is one line of plain letters.
    fn plain<'a>(self, path: &'a Path, what: &'static str) -> Result<&'a str, UnfitForService> {
        let unfit = |why| UnfitForService {
            what,
            manager: self.as_str(),
            why,
        };
        let text = path.to_str().ok_or_else(|| unfit("it is not UTF-8"))?;
        if text.contains(char::is_control) {
            return Err(unfit("it has a control character"));
        }
        Ok(text)
    }

    /// A value that stands unquoted: what ends in a blank would lose it, and a backslash would go on in the next line.
    fn fits_a_line(self, directory: &str) -> Result<(), UnfitForService> {
        if directory.ends_with('\\') || directory.ends_with(char::is_whitespace) {
            return Err(UnfitForService {
                what: "the path of the worktree",
                manager: self.as_str(),
                why: "it ends with a blank or a backslash",
            });
        }
        Ok(())
    }

    fn marked(self, mark: &ServiceMark, body: &str) -> String {
        // In a comment of XML there are no two hyphens.
        let mark = serde_json::to_string(mark).unwrap_or_default();
        let mark = mark.replace("--", "-\\u002d");
        match self {
            ServiceManager::Systemd => format!("# {MARK}{mark}\n{body}"),
            ServiceManager::Launchd => format!("{XML}<!-- {MARK}{mark} -->\n{body}"),
        }
    }

    /// Reads who wrote a file.
    pub fn author(self, text: &str) -> ServiceAuthor {
        let text = match self {
            ServiceManager::Systemd => text.strip_prefix("# "),
            ServiceManager::Launchd => text
                .strip_prefix(XML)
                .and_then(|text| text.strip_prefix("<!-- ")),
        };
        let marked = text
            .and_then(|text| text.strip_prefix(MARK))
            .and_then(|text| text.split_once('\n'));
        let Some((mark, body)) = marked else {
            return ServiceAuthor::Foreign;
        };
        let Ok(mark) = serde_json::from_str::<ServiceMark>(mark.trim_end_matches(" -->")) else {
            return ServiceAuthor::Foreign;
        };
        if mark.digest == mark.digest_with(body) {
            ServiceAuthor::Ours(mark)
        } else {
            ServiceAuthor::Changed(mark)
        }
    }
}

/// The first line of a property list, before which nothing may stand.
const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
/// For whoever opens the file.
const ABOUT: &str = "Written by `ai daemon install`, taken away by `ai daemon uninstall`; once it was changed by hand, both leave it alone.";

fn systemd(words: &[&str], directory: &str, search: Option<&str>, stop_seconds: u64) -> String {
    let percent = |text: &str| text.replace('%', "%%");
    let quoted = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{}\"", percent(&text))
    };
    // The program is taken as it stands there; in the words behind it `$` begins a variable.
    let command = words.iter().enumerate().map(|(n, word)| match n {
        0 => quoted(word),
        _ => quoted(&word.replace('$', "$$")),
    });
    let command: Vec<String> = command.collect();
    let environment = search.map(|path| {
        let path = quoted(&format!("PATH={path}"));
        format!("Environment={path}\n")
    });
    format!(
        "# {ABOUT}
[Unit]
Description=ai daemon of {}
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=exec
WorkingDirectory={}
{}ExecStart={}
Restart=on-failure
RestartSec=10
# Bad words, a worktree that is gone, another daemon at work: time mends none of them.
RestartPreventExitStatus=2 3 4
# Runs end in their own time, and outlive the daemon.
KillMode=process
TimeoutStopSec={stop_seconds}

[Install]
WantedBy=default.target
",
        percent(directory),
        percent(directory),
        environment.unwrap_or_default(),
        command.join(" "),
    )
}

fn launchd(
    label: &str,
    words: &[&str],
    (directory, search): (&str, Option<&str>),
    stop_seconds: u64,
) -> String {
    let string = |text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        format!("<string>{}</string>", text.replace('>', "&gt;"))
    };
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("    {}\n", string(word)))
        .collect();
    let environment = search.map(|path| {
        let path = string(path);
        format!("  <key>EnvironmentVariables</key>\n  <dict><key>PATH</key>{path}</dict>\n")
    });
    format!(
        "<!-- {ABOUT} -->
<plist version=\"1.0\">
<dict>
  <key>Label</key>
  {}
  <key>ProgramArguments</key>
  <array>
{}  </array>
  <key>WorkingDirectory</key>
  {}
{}  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict><key>SuccessfulExit</key><false/></dict>
  <key>ThrottleInterval</key>
  <integer>60</integer>
  <key>AbandonProcessGroup</key>
  <true/>
  <key>ExitTimeOut</key>
  <integer>{stop_seconds}</integer>
</dict>
</plist>
",
        string(label),
        words.concat(),
        string(directory),
        environment.unwrap_or_default(),
    )
}

/// The places of programs in a search path that are the same wherever a process is started, and those that are not: a
/// relative one, or an empty one, which is the directory in which it works.
pub fn lasting_places(search_path: &str) -> (String, Vec<&str>) {
    let all = search_path.split(':');
    let (lasting, relative): (Vec<&str>, Vec<&str>) = all.partition(|place| place.starts_with('/'));
    (lasting.join(":"), relative)
}

#[cfg(test)]
#[path = "unit_tests.rs"]
mod tests;
