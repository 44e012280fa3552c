//! One output on its way from the command to the observer and the file.

use std::io;

use crate::process::capture::kept::KeptOutput;
use crate::process::capture::lines::{LineBounds, LineSplitter, OutputLine};
use crate::process::redact::{RedactStream, Redactor};
use crate::process::supervise::{CaptureStats, OutputTo};

/// One output on its way.
#[derive(Debug)]
pub(in crate::process) struct OutputCapture {
    redact: RedactStream,
    lines: LineSplitter,
    kept: KeptOutput,
    seen: u64,
    abandoned: bool,
    clean: Vec<u8>,
}

impl OutputCapture {
    /// Opens the place to which the output goes, of which at most `cap` bytes are kept.
    pub fn create(to: &OutputTo, cap: u64, redactor: &Redactor) -> io::Result<Self> {
        let kept = match to {
            OutputTo::File(path) => KeptOutput::in_file(path, cap)?,
            OutputTo::Memory => KeptOutput::in_memory(cap),
        };
        let (redact, lines) = (redactor.stream(), LineSplitter::new(LineBounds::LISTENER));
        Ok(Self {
            redact,
            lines,
            kept,
            seen: 0,
            abandoned: false,
            clean: Vec::new(),
        })
    }

    /// Takes what was read; whole lines go to `line` at once.
    pub fn feed(&mut self, bytes: &[u8], line: &mut dyn FnMut(OutputLine<'_>)) {
        self.seen += bytes.len() as u64;
        self.redact.feed(bytes, &mut self.clean);
        self.pass_on(line);
    }

    /// Takes the end: what was held back goes out, and a last line without an end is a line too.
    pub fn finish(&mut self, line: &mut dyn FnMut(OutputLine<'_>)) {
        self.redact.finish(&mut self.clean);
        self.pass_on(line);
        self.lines.finish(line);
        self.kept.finish();
    }

    /// Notes that the output was given up before its end.
    pub fn mark_truncated(&mut self) {
        self.abandoned = true;
    }

    /// The numbers, after [`Self::finish`].
    pub fn into_stats(self) -> CaptureStats {
        let (bytes_seen, redactions) = (self.seen, self.redact.count());
        let kept = self.kept.into_summary();
        CaptureStats {
            bytes_seen,
            bytes_kept: kept.bytes,
            redactions,
            truncated: self.abandoned || kept.cut > 0 || kept.error.is_some(),
            write_error: kept.error,
            memory: kept.memory,
        }
    }

    fn pass_on(&mut self, line: &mut dyn FnMut(OutputLine<'_>)) {
        self.kept.write(&self.clean);
        self.lines.feed(&self.clean, line);
        self.clean.clear();
    }
}
