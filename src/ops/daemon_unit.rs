//! The file by which a service manager starts the daemon of a repository: where it stands, whose it is, and which ones
//! start something that is gone.
//!
//! Writes and removes files that `ai` has written alone, and nothing through a link. Absent: any command of the service manager.

use std::path::{Path, PathBuf};

use crate::base::{env, fs};
use crate::domain::daemon::{ServiceAuthor, ServiceManager, ServiceMark};
use crate::ops::error::OpError;

/// Longest file that is read, in bytes.
const CAP: u64 = 1 << 20;

/// The place of a repository's service.
#[derive(Debug, Clone)]
pub struct ServicePlace {
    /// The service manager.
    pub manager: ServiceManager,
    /// The name of the service.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

/// Everything that may stand at such a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceStanding {
    /// Nothing.
    Absent,
    /// A file that `ai` wrote, with its text.
    Ours(String),
    /// One that was changed since.
    Changed,
    /// Somebody else's file, or something else than a file.
    Foreign,
}

/// A service that starts something that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostService {
    /// The file of the service.
    pub path: PathBuf,
    /// The git directory of its repository.
    pub repository: String,
    /// The path that is gone.
    pub gone: String,
    /// Presence of its repository.
    pub repository_is: RepositoryIs,
}

/// Presence of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryIs {
    /// Present.
    There,
    /// Gone.
    Gone,
}

/// The service manager of this system.
const HERE: ServiceManager = if cfg!(target_os = "macos") {
    ServiceManager::Launchd
} else {
    ServiceManager::Systemd
};

/// The directory of the user's services; nothing where no home is known.
fn dir(manager: ServiceManager) -> Option<PathBuf> {
    match manager {
        ServiceManager::Systemd => Some(env::user_config_dir()?.parent()?.join("systemd/user")),
        ServiceManager::Launchd => {
            let home = env::os("HOME").filter(|home| !home.is_empty())?;
            Some(PathBuf::from(home).join("Library/LaunchAgents"))
        }
    }
}

/// Finds the place of a repository's service; nothing where no home is known.
pub fn place(repository: &Path) -> Option<ServicePlace> {
    let name = HERE.service_name(repository);
    Some(ServicePlace {
        manager: HERE,
        path: dir(HERE)?.join(HERE.file_name(&name)),
        name,
    })
}

impl ServicePlace {
    /// Looks what stands there.
    pub fn standing(&self) -> Result<ServiceStanding, OpError> {
        if fs::is_link(&self.path) {
            return Ok(ServiceStanding::Foreign);
        }
        match fs::stat(&self.path)? {
            None => return Ok(ServiceStanding::Absent),
            Some(there) if !there.is_file => return Ok(ServiceStanding::Foreign),
            Some(_) => {}
        }
        let bytes = fs::read_capped(&self.path, CAP)?;
        let Ok(text) = String::from_utf8(bytes) else {
            return Ok(ServiceStanding::Foreign);
        };
        Ok(match self.manager.author(&text) {
            ServiceAuthor::Ours(_) => ServiceStanding::Ours(text),
            ServiceAuthor::Changed(_) => ServiceStanding::Changed,
            ServiceAuthor::Foreign => ServiceStanding::Foreign,
        })
    }

    /// Writes it. Whoever calls this has seen that what stands there may go.
    pub fn write(&self, text: &str) -> Result<(), OpError> {
        Ok(fs::write_own(&self.path, text.as_bytes())?)
    }

    /// Takes it away, with the link by which systemd starts it.
    pub fn remove(&self) -> Result<(), OpError> {
        fs::remove_file(&self.path)?;
        let wants = self.path.with_file_name("default.target.wants");
        let link = wants.join(&self.name);
        if self.manager == ServiceManager::Systemd && fs::is_link(&link) && fs::leads_nowhere(&link)
        {
            fs::remove_file(&link)?;
        }
        Ok(())
    }
}

/// The services of this user that `ai` has written, as far as they can be read, with their files.
fn all() -> Vec<(PathBuf, ServiceMark)> {
    let Some(files) = dir(HERE).and_then(|dir| fs::list_dir(&dir).ok()) else {
        return Vec::new();
    };
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        HERE.may_be_ours(&name)
    };
    let read = |path: PathBuf| {
        let text = fs::read_text(&path, CAP).ok()?;
        match HERE.author(&text) {
            ServiceAuthor::Ours(mark) | ServiceAuthor::Changed(mark) => Some((path, mark)),
            ServiceAuthor::Foreign => None,
        }
    };
    files.into_iter().filter(is_ours).filter_map(read).collect()
}

/// The services whose program, worktree or repository is gone.
pub fn lost() -> Vec<LostService> {
    let gone = |(path, mark): (PathBuf, ServiceMark)| {
        let is_gone = |path: &str| fs::is_missing(Path::new(path));
        let gone = [&mark.repository, &mark.directory, &mark.program];
        let gone = gone.into_iter().find(|path| is_gone(path))?.clone();
        let repository_is = if is_gone(&mark.repository) {
            RepositoryIs::Gone
        } else {
            RepositoryIs::There
        };
        Some(LostService {
            path,
            repository: mark.repository,
            gone,
            repository_is,
        })
    };
    all().into_iter().filter_map(gone).collect()
}
