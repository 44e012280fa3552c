//! Many texts beside the memory of the process, each found again by its place.
//!
//! They go into a file without a name in the system's temporary folder, which is gone with the
//! process however that ends. A text that is written again gets another place; the old one is
//! waste until the end.

use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::base::fs::error::FsError;

/// Bytes that are gathered before they are written, and that are read at once.
const WINDOW: usize = 256 << 10;

/// The place of a text.
#[derive(Clone, Copy, Debug)]
pub struct TextPlace {
    at: u64,
    length: u32,
}

/// The texts.
#[derive(Default)]
pub struct TextHeap {
    file: Option<File>,
    /// The newest texts, which follow those in the file.
    newest: Vec<u8>,
    written: u64,
    /// Some part of the file, from `window_at` on.
    window: Vec<u8>,
    window_at: u64,
}

impl TextHeap {
    /// Keeps a text. One that fills the window is written as it is, and read back alone.
    pub fn add(&mut self, text: &str) -> Result<TextPlace, FsError> {
        let length = u32::try_from(text.len()).map_err(|_| failed(too_large()))?;
        let at = self.written + self.newest.len() as u64;
        if text.len() >= WINDOW {
            self.flush()
                .and_then(|()| self.write(text.as_bytes()))
                .map_err(failed)?;
            return Ok(TextPlace { at, length });
        }
        self.newest.extend_from_slice(text.as_bytes());
        if self.newest.len() >= WINDOW {
            self.flush().map_err(failed)?;
        }
        Ok(TextPlace { at, length })
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut newest = mem::take(&mut self.newest);
        let written = self.write(&newest);
        if written.is_ok() {
            newest.clear();
        }
        self.newest = newest;
        written
    }

    /// Adds bytes to the file.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        file.write_all_at(bytes, self.written)?;
        self.file = Some(file);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Gives a text back. Texts that were kept one after the other are read together.
    pub fn get(&mut self, place: TextPlace) -> Result<&str, FsError> {
        let length = place.length as usize;
        let bytes = match place.at.checked_sub(self.written) {
            Some(after) => part(&self.newest, after, length),
            None => {
                self.look_at(place).map_err(failed)?;
                part(&self.window, place.at - self.window_at, length)
            }
        };
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .ok_or_else(|| failed(io::Error::from(io::ErrorKind::UnexpectedEof)))
    }

    /// Brings the window over a place in the file.
    fn look_at(&mut self, place: TextPlace) -> io::Result<()> {
        let end = place.at + u64::from(place.length);
        let window_end = self.window_at + self.window.len() as u64;
        if place.at >= self.window_at && end <= window_end {
            return Ok(());
        }
        let left = usize::try_from(self.written - place.at).unwrap_or(WINDOW);
        self.window
            .resize(left.min(WINDOW).max(place.length as usize), 0);
        self.window_at = place.at;
        match &self.file {
            Some(file) => file.read_exact_at(&mut self.window, place.at),
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }
}

fn part(bytes: &[u8], from: u64, length: usize) -> Option<&[u8]> {
    bytes.get(usize::try_from(from).ok()?..)?.get(..length)
}

fn too_large() -> io::Error {
    io::Error::from(io::ErrorKind::FileTooLarge)
}

fn failed(source: io::Error) -> FsError {
    FsError {
        action: "keep texts in",
        path: PathBuf::from("a temporary file"),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_text_comes_back(
            lengths in proptest::collection::vec(proptest::prop_oneof![9 => 0..60_000_usize, 1 => 250_000..280_000_usize], 1..30),
            order in proptest::collection::vec(0..30_usize, 60),
        ) {
            let mut heap = TextHeap::default();
            let text = |n: usize, length: usize| format!("{n}:").repeat(length / 2 + 1);
            let mut places = Vec::new();
            for (n, length) in lengths.iter().enumerate() {
                places.push(heap.add(&text(n, *length)).unwrap());
                let again = order[n] % places.len();
                proptest::prop_assert_eq!(heap.get(places[again]).unwrap(), text(again, lengths[again]));
            }
            for n in order {
                let n = n % places.len();
                proptest::prop_assert_eq!(heap.get(places[n]).unwrap(), text(n, lengths[n]));
            }
        }
    }
}
