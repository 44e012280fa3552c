//! The look of a secret at one position: a known value, or the shape of a well-known kind of
//! token.

use crate::process::redact::SecretWeight;

/// The rest of the text: complete, or more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextRest {
    MayCome,
    IsOver,
}

/// One thing to look for. Every rule needs a bounded number of bytes to decide.
pub(super) enum RedactRule {
    /// Exactly these bytes.
    Literal {
        kind: String,
        bytes: Vec<u8>,
        weight: SecretWeight,
    },
    /// A prefix and what must follow it.
    Shape(TokenShape),
}

/// The verdict of a rule about the text at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleVerdict {
    No,
    /// A secret of so many bytes.
    Match(usize),
    /// More bytes could change it.
    Undecided,
}

/// A kind of token.
pub(super) struct TokenShape {
    kind: &'static str,
    prefix: &'static [u8],
    start: TokenStart,
    body: TokenBody,
}

/// The positions at which a token may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenStart {
    Anywhere,
    /// Not within a word, since the prefix is one that words may hold.
    AtWord,
}

/// The part of a token that follows its prefix.
#[derive(Clone, Copy)]
enum TokenBody {
    /// Characters of a class, between `least` and `most` of them, that pass a test as a whole. More
    /// than `most` are no longer seen.
    Run {
        class: fn(u8) -> bool,
        least: usize,
        most: usize,
        test: fn(&[u8]) -> bool,
    },
    /// Exactly so many characters of a class and no further one.
    Exactly { class: fn(u8) -> bool, count: usize },
    /// The rest of a private key's first line, its lines, and its last line.
    PrivateKey,
    /// `user:password@`, as in an URL.
    Login,
}

impl RedactRule {
    /// A rule for one known value.
    pub fn literal(kind: String, bytes: Vec<u8>, weight: SecretWeight) -> Self {
        Self::Literal {
            kind,
            bytes,
            weight,
        }
    }

    /// The kind of secret, for the mark in its place.
    pub fn kind(&self) -> &str {
        match self {
            Self::Literal { kind, .. } => kind,
            Self::Shape(shape) => shape.kind,
        }
    }

    /// True for a rule about one known value.
    pub fn is_known_value(&self) -> bool {
        matches!(self, Self::Literal { .. })
    }

    /// True where that value is no ordinary text.
    pub fn is_telling(&self) -> bool {
        matches!(
            self,
            Self::Literal {
                weight: SecretWeight::Telling,
                ..
            }
        )
    }

    /// The first two bytes of every match. Every prefix has two.
    pub fn first_pair(&self) -> (u8, u8) {
        match self.prefix() {
            [first, second, ..] => (*first, *second),
            _ => (0, 0),
        }
    }

    /// Judges whether a secret begins where `text` does.
    pub fn judge(&self, text: &[u8], before: [u8; 3], rest: TextRest) -> RuleVerdict {
        let prefix = self.prefix();
        let Some(after) = text.strip_prefix(prefix) else {
            let may_become = rest == TextRest::MayCome && prefix.starts_with(text);
            return if may_become {
                RuleVerdict::Undecided
            } else {
                RuleVerdict::No
            };
        };
        let body = match self {
            Self::Literal { .. } => return RuleVerdict::Match(prefix.len()),
            Self::Shape(shape) if shape.start == TokenStart::AtWord && is_within_word(before) => {
                return RuleVerdict::No;
            }
            Self::Shape(shape) => shape.body.judge(after, rest),
        };
        match body {
            RuleVerdict::Match(length) => RuleVerdict::Match(prefix.len() + length),
            other => other,
        }
    }

    fn prefix(&self) -> &[u8] {
        match self {
            Self::Literal { bytes, .. } => bytes,
            Self::Shape(shape) => shape.prefix,
        }
    }
}

impl TokenBody {
    fn judge(self, text: &[u8], rest: TextRest) -> RuleVerdict {
        match self {
            Self::Run {
                class,
                least,
                most,
                test,
            } => match run(text, class, most, rest) {
                None => RuleVerdict::Undecided,
                Some(length) if length >= least && test(&text[..length]) => {
                    RuleVerdict::Match(length)
                }
                Some(_) => RuleVerdict::No,
            },
            Self::Exactly { class, count } => match run(text, class, count + 1, rest) {
                None => RuleVerdict::Undecided,
                Some(length) if length == count => RuleVerdict::Match(length),
                Some(_) => RuleVerdict::No,
            },
            Self::PrivateKey => private_key(text, rest),
            Self::Login => login(text, rest),
        }
    }
}

/// The length of the run of a class at the start of `text`, at most `most`; `None` if it may go on.
fn run(text: &[u8], class: fn(u8) -> bool, most: usize, rest: TextRest) -> Option<usize> {
    let window = &text[..text.len().min(most)];
    match window.iter().position(|byte| !class(*byte)) {
        Some(length) => Some(length),
        None if window.len() == most || rest == TextRest::IsOver => Some(window.len()),
        None => None,
    }
}

/// The longest private key that is found whole; an RSA key of 16384 bits takes 12.7 KB.
const LONGEST_KEY: usize = 32 << 10;

/// After `-----BEGIN `: the kind of key, and everything up to and with its last line. A key that
/// breaks off is one up to the first character that no key holds; escaped line ends (`\n` within
/// JSON) belong to it.
fn private_key(text: &[u8], rest: TextRest) -> RuleVerdict {
    const TITLE: usize = 40;
    let Some(title) = run(
        text,
        |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ',
        TITLE,
        rest,
    ) else {
        return RuleVerdict::Undecided;
    };
    let name = &text[..title];
    if !(name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK")) {
        return RuleVerdict::No;
    }
    let body = &text[title..];
    let is_body = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-\r\n\\ \t:,.".contains(&byte);
    let window = &body[..body.len().min(LONGEST_KEY)];
    let length = window
        .iter()
        .position(|byte| !is_body(*byte))
        .unwrap_or(window.len());
    if let Some(end) = end_of_key(&window[..length]) {
        return RuleVerdict::Match(title + end);
    }
    let may_go_on = length == body.len() && length < LONGEST_KEY && rest == TextRest::MayCome;
    if may_go_on {
        RuleVerdict::Undecided
    } else {
        RuleVerdict::Match(title + length)
    }
}

/// The index after `-----END … PRIVATE KEY…-----`.
fn end_of_key(body: &[u8]) -> Option<usize> {
    const END: &[u8] = b"-----END ";
    const DASHES: &[u8] = b"-----";
    let start = body.windows(END.len()).position(|window| window == END)? + END.len();
    let dashes = body[start..]
        .windows(DASHES.len())
        .position(|window| window == DASHES)?;
    Some(start + dashes + DASHES.len())
}

/// After `://`: `user:password@`, with a password in it.
fn login(text: &[u8], rest: TextRest) -> RuleVerdict {
    const LONGEST: usize = 1024;
    let is_part = |byte: u8| byte.is_ascii_graphic() && !b"/@\"'<>`\\?#".contains(&byte);
    let Some(length) = run(text, is_part, LONGEST, rest) else {
        return RuleVerdict::Undecided;
    };
    let has_password = text[..length]
        .iter()
        .position(|byte| *byte == b':')
        .is_some_and(|colon| colon + 1 < length);
    match text.get(length) {
        Some(b'@') if has_password => RuleVerdict::Match(length + 1),
        None if rest == TextRest::MayCome => RuleVerdict::Undecided,
        _ => RuleVerdict::No,
    }
}

/// True where the byte before belongs to a word, so that the prefix would only be the end of one.
/// The end of an escape (`\n`, `%3D`, a colour code) belongs to no word.
fn is_within_word([third, second, last]: [u8; 3]) -> bool {
    let escape = second == b'\\' && b"nrtbf".contains(&last);
    let percent = third == b'%' && last.is_ascii_hexdigit();
    let colour = last == b'm' && (second.is_ascii_digit() || second == b'[');
    (last.is_ascii_alphanumeric() || matches!(last, b'_' | b'-')) && !escape && !percent && !colour
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

fn credential(byte: u8) -> bool {
    dotted(byte) || matches!(byte, b'~' | b'+' | b'/' | b'=')
}

fn anything(_: &[u8]) -> bool {
    true
}

/// A random token has a digit; a word of a text or a class name mostly has none.
fn has_digit(run: &[u8]) -> bool {
    run.iter().any(u8::is_ascii_digit)
}

/// After `eyJ`: a second part that is JSON again.
fn is_jwt(run: &[u8]) -> bool {
    run.split(|byte| *byte == b'.')
        .nth(1)
        .is_some_and(|payload| payload.starts_with(b"eyJ"))
}

const fn shape(
    kind: &'static str,
    prefix: &'static [u8],
    start: TokenStart,
    body: TokenBody,
) -> RedactRule {
    RedactRule::Shape(TokenShape {
        kind,
        prefix,
        start,
        body,
    })
}

const fn token(
    kind: &'static str,
    prefix: &'static [u8],
    class: fn(u8) -> bool,
    least: usize,
) -> RedactRule {
    shape(
        kind,
        prefix,
        TokenStart::Anywhere,
        TokenBody::Run {
            class,
            least,
            most: 1024,
            test: anything,
        },
    )
}

const fn bearer(prefix: &'static [u8]) -> RedactRule {
    let body = TokenBody::Run {
        class: credential,
        least: 16,
        most: 8192,
        test: has_digit,
    };
    shape("bearer", prefix, TokenStart::AtWord, body)
}

const fn aws(prefix: &'static [u8]) -> RedactRule {
    shape(
        "aws-access-key",
        prefix,
        TokenStart::AtWord,
        TokenBody::Exactly {
            class: upper_or_digit,
            count: 16,
        },
    )
}

/// The shapes that are always looked for. Each prefix has two bytes or more.
pub(super) fn well_known() -> Vec<RedactRule> {
    let sk = TokenBody::Run {
        class: word,
        least: 20,
        most: 1024,
        test: has_digit,
    };
    let jwt = TokenBody::Run {
        class: dotted,
        least: 20,
        most: 8192,
        test: is_jwt,
    };
    vec![
        aws(b"AKIA"),
        aws(b"ASIA"),
        token("github-token", b"ghp_", alphanumeric, 30),
        token("github-token", b"gho_", alphanumeric, 30),
        token("github-token", b"ghu_", alphanumeric, 30),
        token("github-token", b"ghs_", dotted, 30),
        token("github-token", b"ghr_", alphanumeric, 30),
        token("github-token", b"github_pat_", word, 22),
        token("gitlab-token", b"glpat-", dotted, 20),
        token("anthropic-key", b"sk-ant-", word, 20),
        shape("api-key", b"sk-", TokenStart::AtWord, sk),
        shape("stripe-key", b"sk_live_", TokenStart::AtWord, sk),
        shape("stripe-key", b"rk_live_", TokenStart::AtWord, sk),
        token("google-key", b"AIza", word, 35),
        token("slack-token", b"xoxb-", word, 10),
        token("slack-token", b"xoxp-", word, 10),
        token("slack-token", b"xoxa-", word, 10),
        token("slack-token", b"xoxr-", word, 10),
        token("slack-token", b"xoxs-", word, 10),
        token("slack-token", b"xapp-", word, 10),
        token("npm-token", b"npm_", alphanumeric, 36),
        token("pypi-token", b"pypi-AgE", word, 50),
        token("huggingface-token", b"hf_", alphanumeric, 30),
        token("groq-key", b"gsk_", alphanumeric, 40),
        token("xai-key", b"xai-", alphanumeric, 60),
        token("replicate-token", b"r8_", alphanumeric, 36),
        token("digitalocean-token", b"dop_v1_", alphanumeric, 60),
        token("docker-token", b"dckr_pat_", word, 20),
        token("vault-token", b"hvs.", word, 24),
        token("sendgrid-key", b"SG.", dotted, 60),
        token("shopify-token", b"shpat_", alphanumeric, 32),
        token("linear-key", b"lin_api_", alphanumeric, 32),
        token("atlassian-token", b"ATATT3", credential, 60),
        token("google-oauth", b"ya29.", word, 30),
        token("age-key", b"AGE-SECRET-KEY-1", upper_or_digit, 50),
        shape(
            "private-key",
            b"-----BEGIN ",
            TokenStart::Anywhere,
            TokenBody::PrivateKey,
        ),
        shape("jwt", b"eyJ", TokenStart::AtWord, jwt),
        bearer(b"Bearer "),
        bearer(b"bearer "),
        bearer(b"BEARER "),
        token("basic-auth", b"Authorization: Basic ", credential, 8),
        token("basic-auth", b"authorization: basic ", credential, 8),
        shape("url-login", b"://", TokenStart::Anywhere, TokenBody::Login),
    ]
}
