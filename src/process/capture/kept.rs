//! Output with a cap: the first half and the last half stay, the middle goes.
//!
//! The first half is written as it comes, so that a file can be followed while the command runs.
//! What comes after goes round in a second file beside it, which is appended at the end behind a
//! line that says how much is missing. A failed write is remembered and ends the writing, never the
//! command.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::base::fs::{private_mode, remove_file};

/// Something that can be written and read back.
trait Medium: Read + Write + Seek + Send {}
impl<T: Read + Write + Seek + Send> Medium for T {}

/// Output that is being kept.
pub(super) struct KeptOutput {
    head: Box<dyn Medium>,
    head_room: u64,
    head_bytes: u64,
    ring: TailRing,
    place: KeptPlace,
    error: Option<io::Error>,
}

/// The part of an output that was kept in the end.
pub(super) struct KeptSummary {
    /// The bytes that were written, those that were cut included.
    pub bytes: u64,
    /// The bytes that were cut from the middle.
    pub cut: u64,
    /// The error that ended the keeping, if one did.
    pub error: Option<String>,
    /// The bytes that were kept in memory.
    pub memory: Vec<u8>,
}

enum KeptPlace {
    File { tail: PathBuf },
    Memory,
}

impl KeptOutput {
    /// Keeps in a new file of mode 0600; what stood there before is gone.
    pub fn in_file(path: &Path, cap: u64) -> io::Result<Self> {
        let mut tail = path.as_os_str().to_owned();
        tail.push(".tail");
        Ok(Self::new(
            Box::new(create(path)?),
            KeptPlace::File { tail: tail.into() },
            cap,
        ))
    }

    /// Keeps in memory.
    pub fn in_memory(cap: u64) -> Self {
        Self::new(Box::new(Cursor::new(Vec::new())), KeptPlace::Memory, cap)
    }

    fn new(head: Box<dyn Medium>, place: KeptPlace, cap: u64) -> Self {
        let ring = TailRing {
            medium: None,
            size: cap / 2,
            at: 0,
            seen: 0,
        };
        Self {
            head,
            head_room: cap - cap / 2,
            head_bytes: 0,
            ring,
            place,
            error: None,
        }
    }

    /// Takes more output.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.try_write(bytes).err();
        }
    }

    /// Puts the last part behind the first.
    pub fn finish(&mut self) {
        if self.error.is_none() {
            self.error = self.append_tail().err();
        }
        if let KeptPlace::File { tail } = &self.place
            && self.ring.medium.take().is_some()
        {
            // The name is ours; if it stays behind it only costs space.
            let _removed = remove_file(tail);
        }
    }

    /// Ends the keeping and joins both halves.
    pub fn into_summary(mut self) -> KeptSummary {
        let memory = match self.place {
            KeptPlace::Memory => self.read_back().unwrap_or_default(),
            KeptPlace::File { .. } => Vec::new(),
        };
        let bytes = self.head_bytes + self.ring.len();
        KeptSummary {
            bytes,
            cut: self.ring.cut(),
            error: self.error.map(|e| e.to_string()),
            memory,
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.head_room - self.head_bytes).unwrap_or(usize::MAX);
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        self.head.write_all(first)?;
        self.head_bytes += first.len() as u64;
        if rest.is_empty() {
            Ok(())
        } else {
            self.ring.write(rest, &self.place)
        }
    }

    fn append_tail(&mut self) -> io::Result<()> {
        if self.ring.cut() > 0 {
            write!(
                self.head,
                "\n[{} bytes were cut out here]\n",
                self.ring.cut()
            )?;
        }
        self.ring.copy_to(&mut self.head)?;
        self.head.flush()
    }

    fn read_back(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.head.seek(SeekFrom::Start(0))?;
        self.head.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for KeptOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("head_bytes", &self.head_bytes)
            .field("tail_bytes", &self.ring.len())
            .finish()
    }
}

/// The last `size` bytes of what was written to it.
struct TailRing {
    /// Made with the first byte, since most outputs need none.
    medium: Option<Box<dyn Medium>>,
    size: u64,
    at: u64,
    seen: u64,
}

impl TailRing {
    fn len(&self) -> u64 {
        self.seen.min(self.size)
    }

    fn cut(&self) -> u64 {
        self.seen - self.len()
    }

    fn write(&mut self, bytes: &[u8], place: &KeptPlace) -> io::Result<()> {
        // Counted first: what could not be written is missing as well.
        self.seen += bytes.len() as u64;
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let mut rest = &bytes[bytes.len().saturating_sub(size)..];
        let medium = match &mut self.medium {
            Some(medium) => medium,
            none => none.insert(place.open_tail()?),
        };
        while !rest.is_empty() {
            let room = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(rest.len().min(room));
            medium.write_all(now)?;
            self.at += now.len() as u64;
            if self.at == self.size {
                self.at = 0;
                medium.seek(SeekFrom::Start(0))?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Copies the kept bytes in their order.
    fn copy_to(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let (length, at) = (self.len(), self.at);
        let Some(medium) = &mut self.medium else {
            return Ok(());
        };
        let parts = if self.seen > self.size {
            [(at, length - at), (0, at)]
        } else {
            [(0, length), (0, 0)]
        };
        for (from, count) in parts {
            medium.seek(SeekFrom::Start(from))?;
            io::copy(&mut medium.take(count), out)?;
        }
        Ok(())
    }
}

impl KeptPlace {
    fn open_tail(&self) -> io::Result<Box<dyn Medium>> {
        Ok(match self {
            Self::File { tail } => Box::new(create(tail)?),
            Self::Memory => Box::new(Cursor::new(Vec::new())),
        })
    }
}

/// Makes a new file, never writing through a link or into a pipe that somebody has put in its
/// place.
fn create(path: &Path) -> io::Result<File> {
    remove_file(path).map_err(|e| e.source)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(private_mode(path))
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keep(kept: KeptOutput, chunks: &[&[u8]]) -> KeptSummary {
        let mut kept = kept;
        chunks.iter().for_each(|chunk| kept.write(chunk));
        kept.finish();
        kept.into_summary()
    }

    /// The definition, on the whole.
    fn expected(bytes: &[u8], cap: usize) -> Vec<u8> {
        if bytes.len() <= cap {
            return bytes.to_vec();
        }
        let (head, tail) = (cap - cap / 2, cap / 2);
        let mut out = bytes[..head].to_vec();
        out.extend(format!("\n[{} bytes were cut out here]\n", bytes.len() - cap).bytes());
        out.extend(&bytes[bytes.len() - tail..]);
        out
    }

    #[test]
    fn a_file_keeps_its_head_and_its_tail_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        std::fs::write(&path, "old and long content, of which nothing may stay").unwrap();
        let summary = keep(
            KeptOutput::in_file(&path, 8).unwrap(),
            &[b"0123", b"456789ab", b"cdef"],
        );
        assert_eq!(
            std::fs::read(&path).unwrap(),
            b"0123\n[8 bytes were cut out here]\ncdef"
        );
        assert_eq!((summary.bytes, summary.cut), (8, 8));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_failed_write_is_told_and_counts_as_missing() {
        let full = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/full")
            .unwrap();
        let summary = keep(
            KeptOutput::new(
                Box::new(full),
                KeptPlace::File {
                    tail: "/no/such".into(),
                },
                100,
            ),
            &[b"abc", b"def"],
        );
        assert!(summary.error.unwrap().contains("No space"));
        assert_eq!(summary.bytes, 0);
    }

    #[test]
    fn a_planted_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (precious, path) = (dir.path().join("precious"), dir.path().join("out"));
        std::fs::write(&precious, "keep me").unwrap();
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        keep(KeptOutput::in_file(&path, 8).unwrap(), &[b"x"]);
        assert_eq!(std::fs::read(&precious).unwrap(), b"keep me");
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
    }

    proptest! {
        #[test]
        fn memory_keeps_what_the_definition_says(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..12),
            cap in 0u64..30,
        ) {
            let whole = chunks.concat();
            let slices: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let summary = keep(KeptOutput::in_memory(cap), &slices);
            prop_assert_eq!(&summary.memory, &expected(&whole, usize::try_from(cap).unwrap()));
            prop_assert_eq!(summary.bytes + summary.cut, whole.len() as u64);
        }
    }
}
