//! A repository of its own for a directory that a shadow has filled: commands that call `git` there
//! work, and can reach nothing else.
//!
//! It reads the objects of the main repository, writes its own, and knows the tags; branches,
//! remotes, configuration and hooks of the main repository do not exist in it. It is made anew each
//! time, so what an earlier command did to it is gone.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::Repo;
use crate::git::shadow::ShadowRepo;

/// The branch that HEAD names where nothing was committed yet.
const UNBORN: &[u8] = b"ref: refs/heads/main\n";
/// Rule files and settings are small.
const CAP: u64 = 4 << 20;

impl ShadowRepo {
    /// Makes `dir` the git directory of the tree at `root`, which this shadow has just checked out
    /// or reset, with HEAD at `head`.
    pub fn make_private_repository(
        &self,
        repo: &Repo,
        root: &Path,
        dir: &Path,
        head: Option<&Oid>,
    ) -> Result<(), GitError> {
        let link = root.join(".git");
        if std::fs::symlink_metadata(&link).is_ok_and(|meta| meta.is_dir()) {
            fs::remove_dir_all(&link)?;
        }
        fs::remove_dir_all(dir)?;
        for part in ["objects/info", "refs/heads", "refs/tags", "info"] {
            fs::create_dir_all(&dir.join(part))?;
        }
        let own = fs::read_text(&self.dir.join("config"), CAP)?;
        let settings =
            "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[advice]\n\tdetachedHead = false\n";
        fs::write_atomic(
            &dir.join("config"),
            format!("{}{settings}", own.replace("bare = true", "bare = false")).as_bytes(),
        )?;
        for name in ["exclude", "attributes", "sparse-checkout"] {
            fs::copy_if_there(
                &self.dir.join("info").join(name),
                &dir.join("info").join(name),
            )?;
        }
        fs::copy_if_there(&repo.common_dir().join("shallow"), &dir.join("shallow"))?;
        fs::write_atomic(
            &dir.join("objects/info/alternates"),
            &line(b"", &self.objects_dir),
        )?;
        fs::write_atomic(&dir.join("packed-refs"), &tags(repo)?)?;
        self.copy_index(&self.index_path(), &dir.join("index"))?;
        let head = head.map_or_else(|| UNBORN.to_vec(), |oid| format!("{oid}\n").into_bytes());
        fs::write_atomic(&dir.join("HEAD"), &head)?;
        let leads = line(b"gitdir: ", dir);
        // Where it leads there already, the directory stays as the index has seen it.
        let is_file = std::fs::symlink_metadata(&link).is_ok_and(|meta| meta.is_file());
        if is_file && fs::read_capped(&link, CAP).is_ok_and(|found| found == leads) {
            return Ok(());
        }
        Ok(fs::write_atomic(&link, &leads)?)
    }
}

/// Every tag as a line of `packed-refs`. What annotated ones lead to is left for Git to find.
fn tags(repo: &Repo) -> Result<Vec<u8>, GitError> {
    let lines = repo
        .list_refs("refs/tags/")?
        .into_iter()
        .map(|(name, oid)| format!("{oid} {name}\n"));
    Ok(lines.collect::<String>().into_bytes())
}

fn line(prefix: &[u8], path: &Path) -> Vec<u8> {
    [prefix, path.as_os_str().as_bytes(), b"\n"].concat()
}
