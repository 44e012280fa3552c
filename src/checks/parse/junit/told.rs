//! All reports of one check together.

use std::io::BufRead;

use crate::base::text::one_line;
use crate::checks::parse::junit::document::JunitDocument;
use crate::checks::parse::parsed::ParsedTests;

/// Collects what the reports of a check tell. Files that are no reports, such as those of coverage,
/// lie beside them and count for nothing.
#[derive(Debug, Default)]
pub struct ReportsTold {
    parsed: ParsedTests,
    reports: usize,
    others: usize,
}

impl ReportsTold {
    /// Reads one file; `path` is for people.
    pub fn read(&mut self, path: &str, source: impl BufRead) {
        let mut document = JunitDocument::default();
        let read = document.read(source);
        if document.is_other_xml() {
            self.others += 1;
            return;
        }
        self.reports += 1;
        let mut parsed = document.finish();
        parsed.trouble = read
            .err()
            .map(|why| format!("report {}: {why}", one_line(path)));
        self.add(parsed);
    }

    /// Notes that something could not be read, or not all was.
    pub fn trouble(&mut self, why: String) {
        self.add(ParsedTests {
            trouble: Some(why),
            ..ParsedTests::default()
        });
    }

    fn add(&mut self, parsed: ParsedTests) {
        self.parsed = std::mem::take(&mut self.parsed).plus(parsed);
    }

    /// All together; `glob` is what the reports were looked for with.
    pub fn finish(mut self, glob: &str) -> ParsedTests {
        if self.reports == 0 {
            let beside = match self.others {
                0 => String::new(),
                n => format!("; {n} of other XML"),
            };
            self.trouble(format!("no new report matches {glob}{beside}"));
        }
        self.parsed
    }
}
