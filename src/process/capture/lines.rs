//! Lines out of a stream of bytes, with a bound on what one line may cost.
//!
//! Agent CLIs print whole answers, whole files and whole outputs of commands as one string within
//! one line of JSON. Nobody reads more than the beginning of such a string, so that the rest of it
//! is left out while the line is put together: the line stays good JSON, and what it costs does not
//! grow with what the agent says. The output as it is kept on disk is not touched.

use crate::process::capture::shorten::LineShortener;

/// The longest line that is kept whole, in bytes, once its strings have been shortened.
pub(crate) const MAX_LINE: usize = 16 << 20;
/// The longest line that is kept whole where it is not JSON.
pub(in crate::process) const MAX_TEXT: usize = 1 << 20;

/// A line of output without its `\n`. Not necessarily UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLine<'a> {
    /// The bytes of the line; the first of them where it is longer than the bound. What begins with
    /// `{` has long strings shortened where a [`LineSplitter`] was told so.
    pub bytes: &'a [u8],
    /// The extent: whole or cut.
    pub extent: LineExtent,
}

/// The extent of a line: whole or cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineExtent {
    /// The line is whole, but for what was left out of its strings.
    Whole,
    /// The line was longer than the bound; the rest was dropped.
    Cut,
}

/// Limits of a line, and a string within a line of JSON, may get. In bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::process) struct LineBounds {
    /// A line of JSON.
    pub json: usize,
    /// Any other line.
    pub text: usize,
    /// A string in a line of JSON.
    pub string: usize,
}

impl LineBounds {
    /// For those who want to know what is going on.
    pub const LISTENER: LineBounds = LineBounds {
        json: MAX_LINE,
        text: MAX_TEXT,
        string: MAX_STRING,
    };
    /// For those who decide about what a line says, so that nothing of it may be missing.
    pub const JUDGE: LineBounds = LineBounds {
        json: MAX_LINE,
        text: MAX_LINE,
        string: MAX_LINE,
    };
}

/// The longest string within a line of JSON, in bytes as they are written there.
pub(crate) const MAX_STRING: usize = 256 << 10;

/// Cuts a stream into lines.
#[derive(Debug)]
pub(in crate::process) struct LineSplitter {
    bounds: LineBounds,
    partial: Vec<u8>,
    extent: LineExtent,
    /// The shortener of a line of JSON.
    shortener: Option<LineShortener>,
}

impl LineSplitter {
    /// A splitter at the beginning of a stream.
    pub fn new(bounds: LineBounds) -> Self {
        Self {
            bounds,
            partial: Vec::new(),
            extent: LineExtent::Whole,
            shortener: None,
        }
    }

    /// Takes bytes; every line that they complete goes to `sink`.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(OutputLine<'_>)) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let Some(mut piece) = pieces.next() else {
            return;
        };
        for next in pieces {
            self.complete(piece, sink);
            piece = next;
        }
        self.append(piece);
    }

    /// Takes the end of the stream; a line without an end goes out as it is.
    pub fn finish(&mut self, sink: &mut dyn FnMut(OutputLine<'_>)) {
        if !self.partial.is_empty() {
            self.complete(b"", sink);
        }
    }

    fn complete(&mut self, last: &[u8], sink: &mut dyn FnMut(OutputLine<'_>)) {
        let LineBounds { json, text, string } = self.bounds;
        if self.partial.is_empty() && last.len() <= json.min(text).min(string) {
            return sink(OutputLine {
                bytes: last,
                extent: LineExtent::Whole,
            });
        }
        self.append(last);
        sink(OutputLine {
            bytes: &self.partial,
            extent: self.extent,
        });
        self.extent = LineExtent::Whole;
        self.shortener = None;
        // A huge line must not hold its memory for the rest of the run.
        self.partial.clear();
        self.partial.shrink_to(64 << 10);
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.partial.is_empty() && bytes.starts_with(b"{") {
            self.shortener = Some(LineShortener::new(self.bounds.string));
        }
        let most = if self.shortener.is_some() {
            self.bounds.json
        } else {
            self.bounds.text
        };
        let Self {
            partial,
            extent,
            shortener,
            ..
        } = self;
        let mut keep = |part: &[u8]| {
            let room = most.saturating_sub(partial.len());
            if part.len() > room {
                *extent = LineExtent::Cut;
            }
            partial.extend_from_slice(&part[..part.len().min(room)]);
        };
        match shortener {
            Some(shortener) => shortener.feed(bytes, &mut keep),
            None => keep(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]], most: usize) -> Vec<(Vec<u8>, LineExtent)> {
        let mut found = Vec::new();
        let mut splitter = LineSplitter::new(LineBounds {
            json: most,
            text: most,
            string: 2,
        });
        let mut sink = |line: OutputLine<'_>| found.push((line.bytes.to_vec(), line.extent));
        chunks
            .iter()
            .for_each(|chunk| splitter.feed(chunk, &mut sink));
        splitter.finish(&mut sink);
        found
    }

    #[test]
    fn a_long_line_is_cut_and_flagged_and_the_next_is_whole() {
        let found = lines(&[b"abc", b"def\n12", b"34\n", b"end"], 4);
        let expected = [
            ("abcd", LineExtent::Cut),
            ("1234", LineExtent::Whole),
            ("end", LineExtent::Whole),
        ];
        assert_eq!(
            found,
            expected.map(|(text, extent)| (text.as_bytes().to_vec(), extent))
        );
    }

    #[test]
    fn empty_lines_count_and_an_empty_end_does_not() {
        assert_eq!(lines(&[b"\n\nx\n"], 9).len(), 3);
        assert_eq!(lines(&[b""], 9).len(), 0);
    }

    #[test]
    fn a_long_string_costs_nothing_and_the_line_stays_good() {
        let long = "x".repeat(50 << 20);
        let mut splitter = LineSplitter::new(LineBounds::LISTENER);
        let mut found = Vec::new();
        let mut sink = |line: OutputLine<'_>| found.push((line.bytes.to_vec(), line.extent));
        splitter.feed(b"{\"text\":\"", &mut sink);
        for chunk in long.as_bytes().chunks(64 << 10) {
            splitter.feed(chunk, &mut sink);
            assert!(
                splitter.partial.capacity() < 1 << 20,
                "{}",
                splitter.partial.capacity()
            );
        }
        splitter.feed(b"\",\"last\":1}\n", &mut sink);
        assert_eq!((found.len(), found[0].1), (1, LineExtent::Whole));
        let value: serde_json::Value = serde_json::from_slice(&found[0].0).unwrap();
        assert_eq!(
            (value["text"].as_str().unwrap().len(), &value["last"]),
            (MAX_STRING, &1.into())
        );
    }

    #[test]
    fn text_is_cut_sooner_than_json_and_has_no_strings() {
        let text = format!("\"{}\"", "y".repeat(MAX_STRING + 5));
        let json = format!("{{\"list\":[{}0]}}", "0,".repeat(MAX_TEXT));
        let long = "z".repeat(MAX_TEXT + 1);
        let all = format!("{text}\n{json}\n{long}\n");
        let mut found = Vec::new();
        let mut splitter = LineSplitter::new(LineBounds::LISTENER);
        splitter.feed(all.as_bytes(), &mut |line: OutputLine<'_>| {
            found.push((line.bytes.len(), line.extent))
        });
        assert_eq!(
            found,
            [
                (text.len(), LineExtent::Whole),
                (json.len(), LineExtent::Whole),
                (MAX_TEXT, LineExtent::Cut)
            ]
        );
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(text in "[{ab\"\\\\\n]{0,40}", cut in 0usize..41) {
            let (left, right) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(lines(&[left, right], 6), lines(&[text.as_bytes()], 6));
        }
    }
}
