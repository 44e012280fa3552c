//! Lines out of a stream of bytes, with a bound on what one line may cost.

/// The longest line that is kept whole, in bytes. Agent CLIs have been seen to print lines of 9 MB.
pub const MAX_LINE: usize = 16 << 20;

/// A line of output without its `\n`. Not necessarily UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its bytes; the first [`MAX_LINE`] of them where it is longer.
    pub bytes: &'a [u8],
    /// Whether it is whole.
    pub extent: Extent,
}

/// Whether a line was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The line is whole.
    Whole,
    /// The line was longer than the bound; the rest was dropped.
    Cut,
}

/// Cuts a stream into lines.
#[derive(Debug)]
pub(in crate::process) struct Splitter {
    most: usize,
    partial: Vec<u8>,
    extent: Extent,
}

impl Splitter {
    pub fn new(most: usize) -> Self {
        Self { most, partial: Vec::new(), extent: Extent::Whole }
    }

    /// Takes bytes; every line that they complete goes to `sink`.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Line<'_>)) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let Some(mut piece) = pieces.next() else { return };
        for next in pieces {
            self.complete(piece, sink);
            piece = next;
        }
        self.append(piece);
    }

    /// Takes the end of the stream; a line without an end goes out as it is.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Line<'_>)) {
        if !self.partial.is_empty() {
            self.complete(b"", sink);
        }
    }

    fn complete(&mut self, last: &[u8], sink: &mut dyn FnMut(Line<'_>)) {
        if self.partial.is_empty() && last.len() <= self.most {
            return sink(Line { bytes: last, extent: Extent::Whole });
        }
        self.append(last);
        sink(Line { bytes: &self.partial, extent: self.extent });
        self.extent = Extent::Whole;
        // A huge line must not hold its memory for the rest of the run.
        self.partial.clear();
        self.partial.shrink_to(64 << 10);
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = self.most - self.partial.len();
        if bytes.len() > room {
            self.extent = Extent::Cut;
        }
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]], most: usize) -> Vec<(Vec<u8>, Extent)> {
        let mut found = Vec::new();
        let mut splitter = Splitter::new(most);
        let mut sink = |line: Line<'_>| found.push((line.bytes.to_vec(), line.extent));
        chunks.iter().for_each(|chunk| splitter.feed(chunk, &mut sink));
        splitter.finish(&mut sink);
        found
    }

    #[test]
    fn a_long_line_is_cut_and_flagged_and_the_next_is_whole() {
        let found = lines(&[b"abc", b"def\n12", b"34\n", b"end"], 4);
        let expected = [("abcd", Extent::Cut), ("1234", Extent::Whole), ("end", Extent::Whole)];
        assert_eq!(found, expected.map(|(text, extent)| (text.as_bytes().to_vec(), extent)));
    }

    #[test]
    fn empty_lines_count_and_an_empty_end_does_not() {
        assert_eq!(lines(&[b"\n\nx\n"], 9).len(), 3);
        assert_eq!(lines(&[b""], 9).len(), 0);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(text in "[ab\n]{0,40}", cut in 0usize..41) {
            let (left, right) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(lines(&[left, right], 3), lines(&[text.as_bytes()], 3));
        }
    }
}
