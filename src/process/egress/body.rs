//! The end of the body of a plain request: what comes behind it on the same connection is no part of what was asked
//! about. Pure, and strict: a body whose end could be seen in two places is none.

/// The longest line of a chunked body: a size with its extensions, or a trailer.
const LONGEST_LINE: usize = 4 << 10;
/// Digits of a size; more would be no number of bytes that anybody has.
const DIGITS: usize = 15;

/// The way in which the length of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// So many bytes; none where the head says nothing.
    Sized(u64),
    /// In pieces, each with its size.
    Chunked,
}

/// A body that is not what its head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadBody;

/// A body, as far as it has been read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestBody(Reading);

#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// So many bytes are to come.
    Sized(u64),
    /// The line with the size of the next piece, as far as it has come.
    SizeLine(Vec<u8>),
    /// So many bytes of a piece are to come.
    Piece(u64),
    /// The line end behind a piece, as far as it has come.
    PieceEnd(Vec<u8>),
    /// A line behind the last piece.
    Trailer(Vec<u8>),
    Over,
}

impl RequestBody {
    /// A body of which nothing has been read.
    pub(super) fn of(length: BodyLength) -> RequestBody {
        RequestBody(match length {
            BodyLength::Sized(0) => Reading::Over,
            BodyLength::Sized(bytes) => Reading::Sized(bytes),
            BodyLength::Chunked => Reading::SizeLine(Vec::new()),
        })
    }

    /// The number of these bytes that belong to it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, BadBody> {
        let mut used = 0;
        while used < bytes.len() && self.0 != Reading::Over {
            used += self.step(&bytes[used..])?;
        }
        Ok(used)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, BadBody> {
        match &mut self.0 {
            Reading::Over => Ok(0),
            Reading::Sized(left) | Reading::Piece(left) => {
                let used = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= used as u64;
                if *left == 0 {
                    self.0 = match self.0 {
                        Reading::Piece(_) => Reading::PieceEnd(Vec::new()),
                        _ => Reading::Over,
                    };
                }
                Ok(used)
            }
            Reading::SizeLine(line) | Reading::PieceEnd(line) | Reading::Trailer(line) => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let used = end.map_or(bytes.len(), |end| end + 1);
                if line.len() + used > LONGEST_LINE {
                    return Err(BadBody);
                }
                line.extend_from_slice(&bytes[..used]);
                if end.is_some() {
                    let text = line.strip_suffix(b"\r\n").ok_or(BadBody)?.to_vec();
                    self.0 = self.behind(&text)?;
                }
                Ok(used)
            }
        }
    }

    /// The part behind a whole line.
    fn behind(&self, line: &[u8]) -> Result<Reading, BadBody> {
        // A carriage return by itself ends a line for some and not for others.
        if line.contains(&b'\r') {
            return Err(BadBody);
        }
        match self.0 {
            Reading::SizeLine(_) => match size_of(line)? {
                0 => Ok(Reading::Trailer(Vec::new())),
                size => Ok(Reading::Piece(size)),
            },
            Reading::PieceEnd(_) if line.is_empty() => Ok(Reading::SizeLine(Vec::new())),
            Reading::PieceEnd(_) => Err(BadBody),
            Reading::Trailer(_) if line.is_empty() => Ok(Reading::Over),
            Reading::Trailer(_) => Ok(Reading::Trailer(Vec::new())),
            Reading::Sized(_) | Reading::Piece(_) | Reading::Over => Err(BadBody),
        }
    }
}

/// The size at the beginning of a line; what stands behind a semicolon says nothing of it.
fn size_of(line: &[u8]) -> Result<u64, BadBody> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let is_number =
        !digits.is_empty() && digits.len() <= DIGITS && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).map_err(|_| BadBody)?;
    let size = is_number.then(|| u64::from_str_radix(text, 16).ok());
    size.flatten().ok_or(BadBody)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that belong to a body, whatever the pieces in which it comes; `bad` where it is none.
    fn taken(length: BodyLength, text: &str) -> String {
        let whole = in_pieces(length, text, text.len().max(1));
        for piece in [1, 2, 3] {
            assert_eq!(in_pieces(length, text, piece), whole, "{piece}: {text:?}");
        }
        whole
    }

    fn in_pieces(length: BodyLength, text: &str, piece: usize) -> String {
        let (mut body, mut own) = (RequestBody::of(length), 0);
        for bytes in text.as_bytes().chunks(piece) {
            match body.take(bytes) {
                Ok(used) => own += used,
                Err(BadBody) => return "bad".to_owned(),
            }
        }
        let state = if body.0 == Reading::Over { "" } else { " …" };
        format!("{own}{state}")
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        for (length, text, expected) in [
            (0, "", "0"),
            (0, "GET", "0"),
            (3, "ab", "2 …"),
            (3, "abc", "3"),
            (3, "abcGET", "3"),
            (u64::MAX, "abc", "3 …"),
        ] {
            assert_eq!(taken(BodyLength::Sized(length), text), expected, "{text:?}");
        }
        for (text, expected) in [
            ("", "0 …"),
            ("0\r\n\r\n", "5"),
            ("0\r\n\r\nGET", "5"),
            ("3\r\nabc\r\n0\r\n\r\nGET", "13"),
            (
                "A;x=\"y\"\r\n0123456789\r\n00\r\nTrailer: 1\r\n\r\nGET",
                "39",
            ),
            ("3\r\nabc", "6 …"),
            ("3\nabc\r\n", "bad"),
            ("3\r\nabcd\r\n", "bad"),
            ("+3\r\nabc\r\n", "bad"),
            (" 3\r\nabc\r\n", "bad"),
            ("\r\n", "bad"),
            ("3\r;x\r\nabc\r\n", "bad"),
            ("1234567890abcdef\r\n", "bad"),
        ] {
            assert_eq!(taken(BodyLength::Chunked, text), expected, "{text:?}");
        }
        let long = format!("1;{}", "x".repeat(LONGEST_LINE));
        assert_eq!(taken(BodyLength::Chunked, &long), "bad");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_reading(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            let mut body = RequestBody::of(BodyLength::Chunked);
            let used = body.take(&bytes).unwrap_or_default();
            proptest::prop_assert!(used <= bytes.len());
        }
    }
}
