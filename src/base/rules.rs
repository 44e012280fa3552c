//! Tables of tests: each row is one rule, a test of its own with a sentence as its name.

/// Writes one test for each row: `name: what is asked => what is expected;`.
macro_rules! rules {
    ($($(#[$meta:meta])* $name:ident: $asked:expr => $expected:expr;)+) => {
        $($(#[$meta])* #[test] fn $name() { assert_eq!($asked, $expected); })+
    };
}

pub(crate) use rules;
