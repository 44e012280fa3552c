//! XML with the rest of its long texts left out, so that a report is read in bounded memory however
//! much output a test has printed into it.
//!
//! The parser behind it holds one piece of a document at a time: a tag, a text, a comment. Only
//! texts, comments and the like are cut; a tag of such a length is an error. What is well-formed
//! stays well-formed.

use std::io::{self, BufRead, Read};

/// What is let through of one text; more than a failure ever shows.
pub(super) const MAX_TEXT: usize = 64 << 10;
/// The longest tag.
const MAX_TAG: usize = 1 << 20;

/// The piece of a document in which the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Text,
    /// Behind a `<` whose kind is not yet known.
    Opening,
    /// A tag or a declaration, with the quote that is open in it.
    Tag(Option<u8>),
    /// What ends with the two bytes and a `>`: character data, a comment, an instruction.
    Enclosed([u8; 2]),
}

/// Reads XML and cuts its long texts.
pub(super) struct ClippedXml<R> {
    source: R,
    piece: Piece,
    /// Bytes of the piece, let through or not.
    length: usize,
    /// The bytes that have opened the piece, or the last two of it.
    seen: Vec<u8>,
    ready: Vec<u8>,
    handed: usize,
}

impl<R: BufRead> ClippedXml<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            piece: Piece::Text,
            length: 0,
            seen: Vec::new(),
            ready: Vec::new(),
            handed: 0,
        }
    }

    fn enter(&mut self, piece: Piece) {
        self.piece = piece;
        self.length = 0;
        self.seen.clear();
    }

    /// Takes the bytes up to the next one that may end the piece; returns how many.
    fn take(&mut self, block: &[u8]) -> io::Result<usize> {
        match self.piece {
            Piece::Text => Ok(self.text(block)),
            Piece::Opening => {
                self.opening(block[0]);
                Ok(1)
            }
            Piece::Tag(quote) => self.tag(block, quote),
            Piece::Enclosed(end) => Ok(self.enclosed(block, end)),
        }
    }

    fn text(&mut self, block: &[u8]) -> usize {
        let (len, is_end) = up_to(block, b'<');
        self.pass(&block[..len]);
        if is_end {
            self.ready.push(b'<');
            self.enter(Piece::Opening);
            return len + 1;
        }
        len
    }

    fn opening(&mut self, byte: u8) {
        const CDATA: &[u8] = b"![CDATA[";
        const COMMENT: &[u8] = b"!--";
        self.ready.push(byte);
        self.seen.push(byte);
        match self.seen.as_slice() {
            b"?" => self.enter(Piece::Enclosed([0, b'?'])),
            COMMENT => self.enter(Piece::Enclosed(*b"--")),
            CDATA => self.enter(Piece::Enclosed(*b"]]")),
            seen if CDATA.starts_with(seen) || COMMENT.starts_with(seen) => {}
            _ if byte == b'>' => self.enter(Piece::Text),
            _ => self.enter(Piece::Tag(None)),
        }
    }

    fn tag(&mut self, block: &[u8], mut quote: Option<u8>) -> io::Result<usize> {
        for (at, byte) in block.iter().enumerate() {
            self.length += 1;
            match (quote, byte) {
                (None, b'>') => {
                    self.ready.extend_from_slice(&block[..=at]);
                    self.enter(Piece::Text);
                    return Ok(at + 1);
                }
                (None, b'"' | b'\'') => quote = Some(*byte),
                (Some(open), byte) if open == *byte => quote = None,
                _ => {}
            }
        }
        if self.length > MAX_TAG {
            return Err(io::Error::other(format!(
                "a tag of more than {MAX_TAG} bytes"
            )));
        }
        self.ready.extend_from_slice(block);
        self.piece = Piece::Tag(quote);
        Ok(block.len())
    }

    fn enclosed(&mut self, block: &[u8], end: [u8; 2]) -> usize {
        let (len, is_end) = up_to(block, b'>');
        self.pass(&block[..len]);
        self.seen
            .extend_from_slice(&block[len.saturating_sub(2)..len]);
        self.seen.drain(..self.seen.len().saturating_sub(2));
        if !is_end {
            return len;
        }
        // An instruction ends with one byte and the `>`.
        let wanted = if end[0] == 0 { &end[1..] } else { &end[..] };
        if self.seen.ends_with(wanted) {
            if self.length > MAX_TEXT {
                self.ready.extend_from_slice(wanted);
            }
            self.ready.push(b'>');
            self.enter(Piece::Text);
        } else {
            self.pass(b">");
            self.seen.push(b'>');
        }
        len + 1
    }

    /// Lets through what the piece has left of its share.
    fn pass(&mut self, bytes: &[u8]) {
        let left = MAX_TEXT.saturating_sub(self.length).min(bytes.len());
        self.ready.extend_from_slice(&bytes[..left]);
        self.length = self.length.saturating_add(bytes.len());
    }
}

/// The length up to the byte, and true if it is there.
fn up_to(block: &[u8], byte: u8) -> (usize, bool) {
    let at = block.iter().position(|other| *other == byte);
    (at.unwrap_or(block.len()), at.is_some())
}

impl<R: BufRead> Read for ClippedXml<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.handed == self.ready.len() {
            self.ready.clear();
            self.handed = 0;
            let block = self.source.fill_buf()?.to_vec();
            if block.is_empty() {
                return Ok(0);
            }
            let mut at = 0;
            while at < block.len() {
                at += self.take(&block[at..])?;
            }
            self.source.consume(block.len());
        }
        let n = out.len().min(self.ready.len() - self.handed);
        out[..n].copy_from_slice(&self.ready[self.handed..self.handed + n]);
        self.handed += n;
        Ok(n)
    }
}
