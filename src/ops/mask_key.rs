//! The key of the pseudonyms in exports without names: made once for a store, in a file of its own beside it.
//!
//! No export, backup or message has it, so that whoever has an export cannot try names. Where it is gone, the next
//! export has other pseudonyms.

use std::path::Path;

use crate::base::{fs, id};
use crate::ops::error::OpError;
use crate::ops::masked::MaskKey;
use crate::ops::refusal::Refusal;

/// The file in the state directory.
const FILE: &str = "mask-key";
/// Letters of a key, five bits each.
const LETTERS: usize = 64;

/// The key of the store in this directory; the first call makes it. Of two at once both have the same.
pub fn of(state_dir: &Path) -> Result<MaskKey, OpError> {
    let path = state_dir.join(FILE);
    if fs::is_missing(&path) {
        let draft = state_dir.join(format!("{FILE}-{}", id::random_text(8)));
        fs::write_private(&draft, id::random_text(LETTERS).as_bytes())?;
        fs::publish(&draft, &path)?;
    }
    let key = fs::read_capped(&path, LETTERS as u64)?;
    // With a key that others can guess, names could be tried.
    if key.len() != LETTERS || !key.iter().all(u8::is_ascii_alphanumeric) {
        return Err(Refusal::Unclear {
            why: format!("{} is no key of {LETTERS} letters", path.display()),
            hint: "remove the file; the next export makes another key, and has other pseudonyms"
                .to_owned(),
        }
        .into());
    }
    Ok(MaskKey::new(&key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for text in [String::new(), "a".repeat(63), "-".repeat(64)] {
            std::fs::write(dir.path().join(FILE), &text).unwrap();
            assert!(of(dir.path()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = of(one.path()).unwrap().name();
        assert_eq!(of(one.path()).unwrap().name(), first);
        assert_ne!(of(other.path()).unwrap().name(), first);
        let files = fs::list_dir(one.path()).unwrap();
        let modes = files
            .iter()
            .map(|file| std::fs::metadata(file).unwrap().permissions().mode() & 0o777);
        assert_eq!(modes.collect::<Vec<_>>(), [0o600]);
    }
}
