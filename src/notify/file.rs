//! Notices as lines of JSON in a file.

use std::path::PathBuf;

use crate::base::fs;
use crate::domain::notice::{FileSink, Notice, SinkEnd};
use crate::notify::teller::Teller;

/// The file where none is named.
const OWN: &str = "notices.jsonl";

/// Adds a line.
pub(super) fn append(teller: &Teller, sink: &FileSink, notice: &Notice) -> SinkEnd {
    let path = match path(teller, sink) {
        Ok(path) => path,
        Err(why) => return SinkEnd::Failed(why),
    };
    let line = notice.to_json() + "\n";
    let most = u64::from(sink.max_kb) << 10;
    match fs::append_rotated(&path, line.as_bytes(), most) {
        Ok(()) => SinkEnd::Taken,
        Err(error) => SinkEnd::Failed(error.to_string()),
    }
}

fn path(teller: &Teller, sink: &FileSink) -> Result<PathBuf, String> {
    let Some(named) = &sink.path else {
        return Ok(teller.dir.join(OWN));
    };
    match (named.strip_prefix("~/"), &teller.home) {
        (None, _) => Ok(PathBuf::from(named)),
        (Some(rest), Some(home)) => Ok(home.join(rest)),
        (Some(_), None) => Err(format!("HOME is not set, so `{named}` cannot be found")),
    }
}
