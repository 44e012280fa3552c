//! Redaction of a stream: what is decided goes out, what is not yet decided is held back.

use std::fmt;
use std::sync::Arc;

use crate::process::redact::rules::{PositionJudgement, RedactRules, RuleScope};
use crate::process::redact::shapes::TextRest;

/// A stream on its way through the redactor.
pub struct RedactStream {
    rules: Arc<RedactRules>,
    /// From the first position that is not yet decided.
    held: Vec<u8>,
    /// The three bytes before `held`.
    before: [u8; 3],
    /// Number of bytes of `held` that belong to a secret that has been replaced already.
    swallow: usize,
    count: u64,
}

impl RedactStream {
    /// A stream at its beginning.
    pub(super) fn new(rules: Arc<RedactRules>) -> Self {
        Self {
            rules,
            held: Vec::new(),
            before: [0; 3],
            swallow: 0,
            count: 0,
        }
    }

    /// Takes bytes; what is decided with them is appended to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        self.scan(TextRest::MayCome, out);
    }

    /// Takes the end of the stream; everything that was held back goes out.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.scan(TextRest::IsOver, out);
    }

    /// Returns the number of secrets that were replaced so far; overlapping ones count once.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn scan(&mut self, rest: TextRest, out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut self.held);
        let mut writer = RedactWriter {
            text: &held,
            out,
            done: 0,
            swallow_to: self.swallow,
        };
        let mut from = 0;
        let decided = loop {
            let Some(at) = self.rules.next_candidate(&held, from) else {
                break held.len();
            };
            let scope = if at < writer.swallow_to {
                RuleScope::KnownValues
            } else {
                RuleScope::All
            };
            match self
                .rules
                .judge(&held[at..], before(&held, at, self.before), scope, rest)
            {
                PositionJudgement::Nothing => {}
                PositionJudgement::Secret { length, .. } if scope == RuleScope::KnownValues => {
                    writer.swallow(at + length)
                }
                PositionJudgement::Secret { length, kind } => {
                    writer.replace(at, length, kind);
                    self.count += 1;
                }
                PositionJudgement::Undecided => break at,
            }
            from = at + 1;
        };
        writer.pass(decided);
        self.swallow = writer.swallow_to.saturating_sub(decided);
        self.before = before(&held, decided, self.before);
        held.drain(..decided);
        self.held = held;
    }
}

impl fmt::Debug for RedactStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactStream")
            .field("held", &self.held.len())
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// Copies a text, leaving out what is secret.
struct RedactWriter<'a> {
    text: &'a [u8],
    out: &'a mut Vec<u8>,
    /// Everything before this index has been copied or left out.
    done: usize,
    /// The index up to which bytes that are not done belongs to a secret that has its replacement.
    swallow_to: usize,
}

impl RedactWriter<'_> {
    fn pass(&mut self, to: usize) {
        let start = self.swallow_to.clamp(self.done, to.max(self.done));
        self.out
            .extend_from_slice(self.text.get(start..to).unwrap_or_default());
        self.done = self.done.max(to);
    }

    fn swallow(&mut self, to: usize) {
        self.swallow_to = self.swallow_to.max(to);
    }

    fn replace(&mut self, at: usize, length: usize, kind: &str) {
        self.pass(at);
        self.out
            .extend_from_slice(format!("[REDACTED:{kind}]").as_bytes());
        self.swallow(at + length);
    }
}

/// The three bytes before `at`, where `carried` are those before the whole text.
fn before(text: &[u8], at: usize, carried: [u8; 3]) -> [u8; 3] {
    let mut window = carried;
    for byte in &text[at.saturating_sub(3)..at] {
        window = [window[1], window[2], *byte];
    }
    window
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::process::redact::{Redactor, Secret};

    fn redactor() -> Redactor {
        Redactor::new(&[
            Secret::new("DB_PASSWORD", b"hunter2-hunter2"),
            Secret::new("SELF_OVERLAP", b"ababababab"),
            Secret::new("LINES", b"first line\nsecond \"line\""),
        ])
    }

    fn in_pieces(redactor: &Redactor, pieces: &[&[u8]]) -> (Vec<u8>, u64) {
        let (mut stream, mut out) = (redactor.stream(), Vec::new());
        pieces.iter().for_each(|piece| stream.feed(piece, &mut out));
        stream.finish(&mut out);
        (out, stream.count())
    }

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(redactor().redact_text(input), expected);
        let bytes: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
        assert_eq!(
            String::from_utf8(in_pieces(&redactor(), &bytes).0).unwrap(),
            expected,
            "byte by byte"
        );
    }

    const GITHUB: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

    #[test]
    fn known_values_are_replaced_by_their_names() {
        check("a hunter2-hunter2 b", "a [REDACTED:DB_PASSWORD] b");
        // Inside of something larger, the edges hold bits of the neighbours.
        check("aGh1bnRlcjItaHVudGVyMg", "aG[REDACTED:DB_PASSWORD]g");
        check("aHVudGVyMi1odW50ZXIy", "[REDACTED:DB_PASSWORD]");
        check(
            r#"{"t":"first line\nsecond \"line\""}"#,
            r#"{"t":"[REDACTED:LINES]"}"#,
        );
        check("hunter2-hunter", "hunter2-hunter");
    }

    #[test]
    fn overlapping_values_leave_no_tail() {
        check("xababababababababy", "x[REDACTED:SELF_OVERLAP]y");
        // The shape ends where the value goes on.
        check(
            "Bearer 0123456789abcdefhunter2-hunter2!",
            "[REDACTED:bearer]!",
        );
    }

    #[test]
    fn well_known_shapes_are_found_where_they_really_stand() {
        check(
            &format!("token={GITHUB}\n"),
            "token=[REDACTED:github-token]\n",
        );
        check(
            &format!(r#"{{"t":"A=\n{GITHUB}\n"}}"#),
            r#"{"t":"A=\n[REDACTED:github-token]\n"}"#,
        );
        check("AKIAIOSFODNN7EXAMPLE", "[REDACTED:aws-access-key]");
        check(
            "key sk-ant-api03-AbCdEfGhIjKlMnOpQrSt",
            "key [REDACTED:anthropic-key]",
        );
        check(
            "\u{1b}[32msk-proj-0123456789abcdefghij",
            "\u{1b}[32m[REDACTED:api-key]",
        );
        check(&format!("AIza{}", "x".repeat(35)), "[REDACTED:google-key]");
        check("xoxb-123456789012-abc", "[REDACTED:slack-token]");
        check(
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
            "[REDACTED:jwt]",
        );
        check(
            "git clone https://me:pw1@host/x",
            "git clone https[REDACTED:url-login]host/x",
        );
    }

    #[test]
    fn every_well_known_shape_is_found_in_an_example() {
        let a = |count: usize| "a1".repeat(count);
        let examples = [
            ("github-token", format!("gho_{}", a(18))),
            ("github-token", format!("github_pat_{}", a(20))),
            ("gitlab-token", format!("glpat-{}", a(10))),
            ("stripe-key", format!("sk_live_{}", a(12))),
            ("npm-token", format!("npm_{}", a(18))),
            ("pypi-token", format!("pypi-AgE{}", a(30))),
            ("huggingface-token", format!("hf_{}", a(17))),
            ("groq-key", format!("gsk_{}", a(26))),
            ("xai-key", format!("xai-{}", a(40))),
            ("replicate-token", format!("r8_{}", a(18))),
            ("digitalocean-token", format!("dop_v1_{}", a(32))),
            ("docker-token", format!("dckr_pat_{}", a(13))),
            ("vault-token", format!("hvs.{}", a(45))),
            ("sendgrid-key", format!("SG.{}.{}", a(11), a(21))),
            ("shopify-token", format!("shpat_{}", a(16))),
            ("linear-key", format!("lin_api_{}", a(20))),
            ("atlassian-token", format!("ATATT3{}", a(90))),
            ("google-oauth", format!("ya29.{}", a(60))),
            ("age-key", format!("AGE-SECRET-KEY-1{}", "QP".repeat(29))),
            ("basic-auth", "Authorization: Basic dXNlcjpwYXNz".to_owned()),
        ];
        for (kind, example) in examples {
            check(
                &format!("x=\"{example}\" y"),
                &format!("x=\"[REDACTED:{kind}]\" y"),
            );
        }
    }

    #[test]
    fn ordinary_text_stays() {
        for text in [
            "task-management-for-2024-and-later",
            "the bearer of this",
            "AKIAIOSFODNN7EXAMPLEX",
            "http://host:80/a@b",
            "eyJ.eyJ",
            "ghp_short",
            "-----BEGIN CERTIFICATE-----\nMIIB\n",
            "sk-fold-and-unfold-animation",
            "https://host/path",
            "\u{fffd}",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn private_keys_go_as_a_whole_whether_raw_escaped_or_broken_off() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk+/=\nAAAA\n-----END OPENSSH PRIVATE KEY-----";
        check(&format!("a\n{key}\nb"), "a\n[REDACTED:private-key]\nb");
        check(
            &format!("\"{}\"", key.replace('\n', "\\n")),
            "\"[REDACTED:private-key]\"",
        );
        check(
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
            "[REDACTED:private-key]",
        );
    }

    #[test]
    fn a_whole_line_is_not_held_back() {
        let (mut stream, mut out) = (redactor().stream(), Vec::new());
        stream.feed(
            b"{\"type\":\"init\",\"hunter2\":\"https://example.com\"}\n",
            &mut out,
        );
        assert!(out.ends_with(b"}\n"));
    }

    /// Text that is dense in beginnings, ends and whole ones of what is looked for.
    fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let words = [
            "hunter2-hunter2",
            "hunter2-",
            "abab",
            "ababababab",
            "\n",
            "\\n",
            " ",
            "sk-",
            "sk-ant-",
            "0123456789abcdefghij",
            "ghp_",
            GITHUB,
            "Bearer ",
            "AKIA",
            "IOSFODNN7EXAMPLE",
            "eyJ",
            "hbGciOi",
            ".",
            "://",
            "u:p",
            "@",
            "-----BEGIN ",
            "PRIVATE KEY-----",
            "-----END ",
            "-----",
            "%3D",
            "first line\n",
            "second \"line\"",
            "aHVudGVyMi1odW50ZXIy",
            "m",
        ];
        let word = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
        prop::collection::vec(
            prop_oneof![8 => word, 1 => prop::collection::vec(any::<u8>(), 0..4)],
            0..24,
        )
    }

    proptest! {
        #[test]
        fn any_split_of_the_stream_gives_the_same(parts in parts(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
            let whole = parts.concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut pieces, mut start) = (Vec::new(), 0);
            for cut in cuts.into_iter().chain([whole.len()]) {
                pieces.push(&whole[start..cut]);
                start = cut;
            }
            prop_assert_eq!(in_pieces(&redactor(), &pieces), in_pieces(&redactor(), &[&whole]));
        }

        #[test]
        fn no_known_value_comes_through(parts in parts()) {
            let out = redactor().redact(&parts.concat());
            for value in [b"hunter2-hunter2".as_slice(), b"ababababab", b"aHVudGVyMi1odW50ZXIy"] {
                prop_assert!(!out.windows(value.len()).any(|window| window == value));
            }
        }
    }
}
