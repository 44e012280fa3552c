//! The filters that are configured: those of the user, which may run, and those of the repository,
//! which an agent could have written.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::shadow::ShadowRepo;

/// The filters that are configured, by who did so.
#[derive(Debug, Default)]
pub(in crate::git) struct FilterDrivers {
    /// The filters of the user and the system.
    pub(in crate::git) users: BTreeSet<String>,
    /// The filters of the repository.
    others: BTreeSet<String>,
}

impl FilterDrivers {
    /// True where somebody has configured the filter; without that, Git passes content through.
    pub(in crate::git) fn is_known(&self, filter: &str) -> bool {
        self.users.contains(filter) || self.others.contains(filter)
    }
}

impl ShadowRepo {
    /// No filter at all.
    pub(in crate::git) fn no_drivers(&self) -> FilterDrivers {
        FilterDrivers::default()
    }

    /// Lists the filters that are configured. Listing configuration runs nothing.
    pub(in crate::git) fn filter_drivers(&self) -> Result<FilterDrivers, GitError> {
        let common = self.objects_dir.parent().unwrap_or(&self.objects_dir);
        let out = self
            .git
            .command(["config", "--list", "-z", "--show-scope"])
            .git_dir(common)
            .run()?;
        let mut fields = NulFields::of(&out);
        let mut found = FilterDrivers::default();
        while let Some(scope) = fields.next() {
            let entry = String::from_utf8_lossy(fields.expect("a setting")?);
            let (key, value) = entry.split_once('\n').unwrap_or((&entry, ""));
            let driver = key.strip_prefix("filter.").and_then(|rest| {
                rest.strip_suffix(".clean")
                    .or_else(|| rest.strip_suffix(".process"))
            });
            let Some(driver) = driver.filter(|_| !value.is_empty()) else {
                continue;
            };
            let is_users = matches!(scope, b"system" | b"global") && self.reads_users_settings()?;
            let of = if is_users {
                &mut found.users
            } else {
                &mut found.others
            };
            of.insert(driver.to_owned());
        }
        Ok(found)
    }

    /// The places in which the user's own attributes can stand.
    pub(in crate::git) fn users_attributes(&self) -> Vec<PathBuf> {
        self.git
            .users_file("attributes")
            .into_iter()
            .chain([PathBuf::from("/etc/gitattributes")])
            .collect()
    }
}
