//! Secrets for connectors: read where `.ai/credentials.yaml` says, at the moment they are needed,
//! and given to the connector that names them and to nobody else. Nothing of them is stored; every
//! redactor knows them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::{fs, yaml};
use crate::config::credentials::{self, Credential, Source};
use crate::ops::credential_fault::{CredentialError, CredentialFault};
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::trust;
use crate::process::environment::EnvVariable;
use crate::process::redact::Secret;

/// A file with keys is small.
const CAP: u64 = 1 << 20;

/// All credentials of the checkout at `root`.
pub fn load(root: &Path) -> Result<Vec<Credential>, OpError> {
    Ok(credentials::load(root).map_err(Refusal::Credentials)?)
}

/// The variables for somebody who names these ids. `env` is the user's environment.
pub fn variables<'a>(
    root: &Path,
    ids: impl Iterator<Item = &'a str>,
    env: &[EnvVariable],
) -> Result<Vec<EnvVariable>, OpError> {
    let mut ids = ids.peekable();
    if ids.peek().is_none() {
        return Ok(Vec::new());
    }
    let all = load(root)?;
    let mut found = Vec::new();
    for id in ids {
        let credential = all.iter().find(|credential| credential.id == id).ok_or_else(|| Refusal::Missing {
            why: format!("credential `{id}` is not in {}", credentials::FILE),
            hint: format!("write it there, with its provider and `env` or `file`; or take it out of the agent ({id})"),
        })?;
        let value = secret(credential, env)?;
        found.push((OsString::from(&credential.variable), value));
    }
    Ok(found)
}

/// Every value that can be read now, for redaction; what cannot be read cannot leak from here.
/// Nothing before `ai trust`: a repository must not have files of the user read.
pub fn known(root: &Path, common_dir: &Path, env: &[EnvVariable]) -> Vec<Secret> {
    let Ok(all) = credentials::load(root) else {
        return Vec::new();
    };
    if all.is_empty() || !trust::missing(root, common_dir).is_ok_and(|missing| missing.is_empty()) {
        return Vec::new();
    }
    let values = all
        .iter()
        .filter_map(|c| Some(Secret::new(&c.id, secret(c, env).ok()?.as_bytes())));
    values.collect()
}

/// The value of one credential.
pub fn secret(credential: &Credential, env: &[EnvVariable]) -> Result<OsString, CredentialError> {
    read(&credential.source, env).map_err(|why| CredentialError {
        id: credential.id.clone(),
        why,
    })
}

fn read(source: &Source, env: &[EnvVariable]) -> Result<OsString, CredentialFault> {
    let value = match source {
        Source::Env(name) => env
            .iter()
            .find(|(key, _)| key == name.as_str())
            .map(|(_, value)| value.clone()),
        Source::File { path, key } => Some(in_file(&absolute(path, env)?, key.as_deref())?),
    };
    let value = value.filter(|value| !value.as_bytes().trim_ascii().is_empty());
    let value = value.ok_or_else(|| match source {
        Source::Env(name) => CredentialFault::NotSet(name.clone()),
        Source::File { path, .. } => CredentialFault::Nothing(path.clone()),
    })?;
    if value.as_bytes().trim_ascii().len() < Secret::SHORTEST {
        return Err(CredentialFault::Short);
    }
    if value.as_bytes().contains(&0) || value.as_bytes().contains(&b'\n') {
        return Err(CredentialFault::ManyLines);
    }
    Ok(value)
}

fn absolute(path: &str, env: &[EnvVariable]) -> Result<PathBuf, CredentialFault> {
    let Some(rest) = path.strip_prefix("~/") else {
        return Ok(PathBuf::from(path));
    };
    let home = env
        .iter()
        .find(|(name, value)| name == "HOME" && !value.is_empty());
    home.map(|(_, home)| Path::new(home).join(rest))
        .ok_or_else(|| CredentialFault::NoHome(path.to_owned()))
}

/// Reads a secret file that nobody but its owner may read, and who is us.
fn in_file(path: &Path, key: Option<&str>) -> Result<OsString, CredentialFault> {
    let own = || path.to_owned();
    let meta = std::fs::metadata(path).map_err(|source| CredentialFault::OutOfSight {
        path: own(),
        source,
    })?;
    if !meta.is_file() {
        return Err(CredentialFault::NotAFile(own()));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(CredentialFault::Open {
            path: own(),
            mode: meta.mode() & 0o7777,
        });
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(CredentialFault::NotOurs(own()));
    }
    let text = fs::read_text(path, CAP)?;
    match key {
        None => Ok(text.trim().into()),
        Some(key) => {
            at_key(&text, key)
                .map(OsString::from)
                .ok_or_else(|| CredentialFault::NoText {
                    path: own(),
                    key: key.to_owned(),
                })
        }
    }
}

/// The text at a path of names in JSON or YAML. What the reader complains of is not passed on: it
/// would quote the file.
fn at_key(text: &str, key: &str) -> Option<String> {
    let root: serde_json::Value = serde_json::from_str(text)
        .ok()
        .or_else(|| yaml::parse(text.as_bytes()).ok().map(yaml::to_json))?;
    let found = root
        .get(key)
        .or_else(|| key.split('.').try_fold(&root, |node, name| node.get(name)))?;
    found.as_str().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn at(path: &Path, key: Option<&str>) -> Credential {
        let source = Source::File {
            path: path.to_str().unwrap().into(),
            key: key.map(str::to_owned),
        };
        Credential {
            id: "a".into(),
            provider: "x".into(),
            variable: "X".into(),
            source,
        }
    }

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_secret_is_read_whole_or_by_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("k");
        write(&file, "hunter22\n", 0o600);
        assert_eq!(secret(&at(&file, None), &[]).unwrap(), "hunter22");
        write(
            &file,
            r#"{"a": {"b": "hunter22"}, "a.c": "hunter33"}"#,
            0o600,
        );
        assert_eq!(secret(&at(&file, Some("a.b")), &[]).unwrap(), "hunter22");
        assert_eq!(secret(&at(&file, Some("a.c")), &[]).unwrap(), "hunter33");
        write(&file, "a:\n  b: hunter44\n", 0o400);
        assert_eq!(secret(&at(&file, Some("a.b")), &[]).unwrap(), "hunter44");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_no_error_quotes_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("k");
        let said = |text: &str, mode: u32, key: Option<&str>| {
            write(&file, text, mode);
            let said = secret(&at(&file, key), &[]).unwrap_err().to_string();
            assert!(!said.contains("hunter"), "{said}");
            said
        };
        assert!(said("hunter22", 0o640, None).contains("chmod 600"));
        assert!(said("hunter22", 0o604, None).contains("others may read"));
        assert!(said("{ hunter22: [", 0o600, Some("a")).contains("no text at `a`"));
        assert!(said("hunter22\nhunter33", 0o600, None).contains("more than one line"));
        assert!(said("hunt", 0o600, None).contains("shorter than 6"));
        assert!(said("", 0o600, None).contains("holds nothing"));
    }

    #[test]
    fn a_variable_that_is_not_set_is_no_empty_secret() {
        let credential = Credential {
            id: "a".into(),
            provider: "x".into(),
            variable: "X".into(),
            source: Source::Env("FROM".into()),
        };
        assert_eq!(
            secret(&credential, &[]).unwrap_err().to_string(),
            "credential `a`: the variable FROM is not set"
        );
        let env = [("FROM".into(), "hunter22".into())];
        assert_eq!(secret(&credential, &env).unwrap(), "hunter22");
    }
}
