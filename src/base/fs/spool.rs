//! Lines on their way, kept beside the process's memory: what is read before it can be used, and
//! what is written down before it may be shown.
//!
//! The first megabyte stays in memory, the rest goes into a file without a name in the system's
//! temporary folder, which is gone with the process however that ends.

use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::PathBuf;

use tempfile::SpooledTempFile;

use crate::base::fs::error::FsError;

/// Bytes that stay in memory.
const IN_MEMORY: usize = 1 << 20;

/// Lines that are written once and then read, in their order.
pub struct Spool {
    file: BufWriter<SpooledTempFile>,
}

impl Default for Spool {
    fn default() -> Spool {
        Spool {
            file: BufWriter::new(SpooledTempFile::new(IN_MEMORY)),
        }
    }
}

impl Spool {
    /// Adds a line, which holds no end of a line itself.
    pub fn write_line(&mut self, line: &str) -> Result<(), FsError> {
        let written = self.file.write_all(line.as_bytes());
        kept("write", written.and_then(|()| self.file.write_all(b"\n")))
    }

    /// Gives each line to `each` until that says no or fails. Can be called again.
    pub fn read_lines<E: From<FsError>>(
        &mut self,
        each: &mut dyn FnMut(&str) -> Result<bool, E>,
    ) -> Result<(), E> {
        kept("write", self.file.flush())?;
        let file = self.file.get_mut();
        kept("read", file.rewind())?;
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        while kept("read", lines.read_line(&mut line))? > 0 {
            if !each(line.strip_suffix('\n').unwrap_or(&line))? {
                break;
            }
            line.clear();
        }
        Ok(())
    }
}

fn kept<T>(action: &'static str, done: io::Result<T>) -> Result<T, FsError> {
    done.map_err(|source| FsError {
        action,
        path: PathBuf::from("a temporary file"),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_in_order_and_more_than_once() {
        for many in [3, 100_000] {
            let mut spool = Spool::default();
            for n in 0..many {
                spool.write_line(&format!("line {n}")).unwrap();
            }
            for _ in 0..2 {
                let mut next = 0;
                let read = spool.read_lines::<FsError>(&mut |line| {
                    assert_eq!(line, format!("line {next}"));
                    next += 1;
                    Ok(true)
                });
                read.unwrap();
                assert_eq!(next, many);
            }
        }
    }
}
