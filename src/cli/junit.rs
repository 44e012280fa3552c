//! A report as JUnit XML, as CI systems read it.
//!
//! Deliberately absent: times, since nothing here is measured, and properties. What XML cannot hold is
//! replaced: names of files and reasons come from the repository.

use quick_xml::escape::escape;

/// A report that grows case by case.
pub(super) struct JunitReport {
    suite: &'static str,
    cases: String,
    count: usize,
    failed: usize,
}

/// One case of a report.
pub(super) struct ReportedCase<'a> {
    /// The group of cases: a file, or a commit.
    pub(super) class: &'a str,
    /// The name.
    pub(super) name: &'a str,
    /// The reason why it failed.
    pub(super) failure: Option<&'a str>,
}

impl JunitReport {
    /// A report without cases, of the suite of that name.
    pub(super) fn new(suite: &'static str) -> JunitReport {
        JunitReport {
            suite,
            cases: String::new(),
            count: 0,
            failed: 0,
        }
    }

    /// Adds a case.
    pub(super) fn add(&mut self, case: &ReportedCase<'_>) {
        let (class, name) = (attribute(case.class), attribute(case.name));
        self.count += 1;
        self.cases.push_str(&format!(
            "    <testcase classname=\"{class}\" name=\"{name}\""
        ));
        match case.failure {
            None => self.cases.push_str("/>\n"),
            Some(why) => {
                self.failed += 1;
                let why = attribute(why);
                self.cases.push_str(&format!(
                    ">\n      <failure message=\"{why}\">{why}</failure>\n    </testcase>\n"
                ));
            }
        }
    }

    /// The whole document.
    pub(super) fn finish(self) -> String {
        let (suite, count, failed) = (attribute(self.suite), self.count, self.failed);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{count}\" failures=\"{failed}\">\n  \
             <testsuite name=\"{suite}\" tests=\"{count}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">\n{}  \
             </testsuite>\n</testsuites>\n",
            self.cases
        )
    }
}

/// A text as it may stand in an attribute and between elements, on one line.
fn attribute(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect();
    escape(plain.as_str()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quick_xml::Reader;
    use quick_xml::escape::unescape;
    use quick_xml::events::Event;

    /// The failures of a document, read by a reader of XML that knows nothing of the writer.
    fn read_back(text: &str) -> Vec<(String, Option<String>)> {
        let mut reader = Reader::from_str(text);
        let mut found: Vec<(String, Option<String>)> = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => return found,
                Event::Start(at) | Event::Empty(at) if at.name().as_ref() == b"testcase" => {
                    let name = at.try_get_attribute("name").unwrap().unwrap();
                    let name = unescape(std::str::from_utf8(&name.value).unwrap())
                        .unwrap()
                        .into_owned();
                    found.push((name, None));
                }
                Event::Start(at) if at.name().as_ref() == b"failure" => {
                    let why = at.try_get_attribute("message").unwrap().unwrap();
                    let why = unescape(std::str::from_utf8(&why.value).unwrap())
                        .unwrap()
                        .into_owned();
                    found.last_mut().unwrap().1 = Some(why);
                }
                _ => {}
            }
        }
    }

    fn held(text: &str) -> String {
        text.chars()
            .map(|c| match c {
                '\n' | '\r' | '\t' => ' ',
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
                c => c,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_far_as_xml_can_hold_it(name in any::<String>(), why in any::<Option<String>>()) {
            let mut report = JunitReport::new("a suite");
            report.add(&ReportedCase { class: &name, name: &name, failure: why.as_deref() });
            let text = report.finish();
            let failure = why.as_deref().map(held);
            let failed = format!("failures=\"{}\"", usize::from(failure.is_some()));
            prop_assert_eq!(text.matches(&failed).count(), 2);
            prop_assert_eq!(read_back(&text), vec![(held(&name), failure)]);
        }
    }
}
