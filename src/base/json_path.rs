//! Paths in JSON.
//!
//! A path is any bytes and JSON is text: what is not UTF-8 is written as `\xNN`, as everywhere else where a
//! path is shown. So an answer is never lost for the name of a directory. Not for paths that are read back.

use std::path::{Path, PathBuf};

use serde::Serializer;
use serde::ser::SerializeSeq as _;

use crate::base::text::path_bytes;

fn text(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => path_bytes(path.as_os_str().as_encoded_bytes()),
    }
}

/// Writes one path.
pub fn one<S: Serializer>(path: &Path, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&text(path))
}

/// Writes a path, or null.
pub fn if_any<S: Serializer>(path: &Option<PathBuf>, out: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => out.serialize_some(&text(path)),
        None => out.serialize_none(),
    }
}

/// Writes a list of paths.
pub fn all<S: Serializer>(paths: &[PathBuf], out: S) -> Result<S::Ok, S::Error> {
    let mut list = out.serialize_seq(Some(paths.len()))?;
    for path in paths {
        list.serialize_element(&text(path))?;
    }
    list.end()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Paths {
        #[serde(serialize_with = "one")]
        plain: PathBuf,
        #[serde(serialize_with = "if_any")]
        odd: Option<PathBuf>,
        #[serde(serialize_with = "all")]
        list: Vec<PathBuf>,
    }

    #[test]
    fn a_path_that_is_no_text_is_shown_and_not_lost() {
        let odd = PathBuf::from(OsStr::from_bytes(b"/r/\xff\"x"));
        let paths = Paths {
            plain: "/r/a\\b c".into(),
            odd: Some(odd.clone()),
            list: vec![odd, "b".into()],
        };
        insta::assert_snapshot!(serde_json::to_string(&paths).unwrap(), @r#"{"plain":"/r/a\\b c","odd":"/r/\\xff\"x","list":["/r/\\xff\"x","b"]}"#);
    }
}
