//! Text from elsewhere, read a piece at a time and within bounds: of the whole, and of each line.

use std::io::{self, BufRead, Cursor, Read};

/// The mark that some programs write before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Input that fails beyond `cap` bytes instead of ending there, without a byte order mark.
pub fn text_reader<R: Read>(mut input: R, cap: u64) -> io::Result<impl BufRead + use<R>> {
    let mut head = Vec::new();
    (&mut input)
        .take(BYTE_ORDER_MARK.len() as u64)
        .read_to_end(&mut head)?;
    if head == BYTE_ORDER_MARK {
        head.clear();
    }
    let whole = CappedInput {
        input: Cursor::new(head).chain(input),
        left: cap,
        cap,
    };
    Ok(io::BufReader::with_capacity(64 << 10, whole))
}

struct CappedInput<R> {
    input: R,
    left: u64,
    cap: u64,
}

impl<R: Read> Read for CappedInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(io::Error::other(format!("larger than {} bytes", self.cap))),
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// The system failed, or the whole is too large.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It does not fit into memory kept for a line.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
    /// Its bytes are no text.
    #[error("it is not UTF-8 text")]
    NotText,
}

/// The next line of at most `most` bytes, with whether it has an end; nothing at the end of the
/// input.
pub fn read_line(input: &mut dyn BufRead, most: u64) -> Result<Option<(String, LineEnd)>, BadLine> {
    let mut bytes = Vec::new();
    let read = input.take(most).read_until(b'\n', &mut bytes);
    read.map_err(BadLine::Unreadable)?;
    let end = match bytes.last() {
        None => return Ok(None),
        Some(b'\n') => LineEnd::There,
        Some(_) if bytes.len() as u64 == most => return Err(BadLine::TooLong(most)),
        Some(_) => LineEnd::Missing,
    };
    if end == LineEnd::There {
        bytes.pop();
    }
    let text = String::from_utf8(bytes).map_err(|_| BadLine::NotText)?;
    Ok(Some((text, end)))
}

/// The presence of the line's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// A whole line.
    There,
    /// The input ended within it.
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], cap: u64, most: u64) -> Vec<String> {
        let mut input = text_reader(bytes, cap).unwrap();
        let mut lines = Vec::new();
        loop {
            match read_line(&mut input, most) {
                Ok(None) => return lines,
                Ok(Some((text, end))) => lines.push(format!("{text} {end:?}")),
                Err(error) => {
                    lines.push(error.to_string());
                    return lines;
                }
            }
        }
    }

    #[test]
    fn the_mark_goes_and_each_bound_is_an_error() {
        assert_eq!(all(b"", 9, 9), [""; 0]);
        assert_eq!(all(b"\xef\xbb\xbfa\nb", 9, 9), ["a There", "b Missing"]);
        assert_eq!(all(b"\xef\xbb\xbf", 9, 9), [""; 0]);
        assert_eq!(all(b"\xef\xbb", 9, 9), ["it is not UTF-8 text"]);
        assert_eq!(all(b"abc\n", 4, 4), ["abc There"]);
        assert_eq!(all(b"abcd\n", 9, 4), ["it is longer than 4 bytes"]);
        let large = "it cannot be read: larger than 4 bytes";
        assert_eq!(all(b"abcd\n", 4, 9), [large]);
    }
}
