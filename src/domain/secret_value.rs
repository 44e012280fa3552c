//! Values that are secret by the name of their variable alone: which of them could stand in a text
//! without having been copied there.
//!
//! Only what follows from finding a value is decided here, such as that a change waits for a person.
//! Taking it out of what is stored goes by no such floor: there a word too many costs nothing.

/// The shortest value that can stand out, in bytes.
const SHORTEST: usize = 12;
/// The fewest different bytes of it.
const FEWEST: usize = 6;
/// The least that has to be guessed of it, in tenths of a bit.
const LEAST: usize = 480;

/// True for a value that nobody writes without having it before his eyes: it would take more than 48
/// bits to guess. A word counts for what it is among words, not for its letters, so that `postgres`,
/// `development` and `changeme123` are ordinary text, however secret their variable says they are.
pub fn stands_out(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let mut different: Vec<u8> = value.to_vec();
    different.sort_unstable();
    different.dedup();
    value.len() >= SHORTEST && different.len() >= FEWEST && to_guess(value) >= LEAST
}

/// Tenths of bits that it takes to guess a value: word by word, digit by digit.
fn to_guess(value: &[u8]) -> usize {
    let (mut sum, mut rest) = (0, value);
    while let Some(first) = rest.first() {
        let length = match first {
            b'a'..=b'z' => run(rest, |byte| byte.is_ascii_lowercase()),
            // `Word` and `WORD` are one word each.
            b'A'..=b'Z' => {
                let shout = run(rest, |byte| byte.is_ascii_uppercase());
                match shout {
                    1 => 1 + run(&rest[1..], |byte| byte.is_ascii_lowercase()),
                    more => more,
                }
            }
            _ => 1,
        };
        sum += match first {
            b'0'..=b'9' => 33,
            first if first.is_ascii_alphabetic() => of_word(length),
            // What separates words.
            first if first.is_ascii() => 15,
            // A part of a letter.
            _ => 30,
        };
        rest = &rest[length..];
    }
    sum
}

/// The same of a run of so many letters: one of some two thousand words where it can be one.
fn of_word(letters: usize) -> usize {
    match letters {
        0 => 0,
        1 => 50,
        2 => 60,
        3..=8 => 110,
        more => 110 + (more - 8) * 25,
    }
}

fn run(bytes: &[u8], is_in: fn(&u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| is_in(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_words_do_not_stand_out_and_keys_do() {
        for value in [
            "",
            "dev",
            "postgres",
            "password",
            "changeme",
            "changeme123",
            "development",
            "Development",
            "administrator",
            "production-2024",
            "my-development-key",
            "not-a-real-key",
            "MY_TEST_TOKEN",
            "hunter2-hunter2",
            "localhost:5432",
            "http://localhost:3000",
            "user@example.com",
            "000000000000000000000000",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "1234-1234-1234",
            "a1B2c3D4",
            "  postgres  \n",
        ] {
            assert!(
                !stands_out(value.as_bytes()),
                "{value}: {}",
                to_guess(value.as_bytes())
            );
        }
        for value in [
            "x7Kp2mQ9vL4t",
            "a3f9c1d27b604e8f",
            "d3b07384-d113-4956-a5d2-6f1c2b0e9a77",
            "sk-proj-9aZ3kQ1xT7wL0pB2",
            "ghp_0123456789abcdefghij",
            "en7-s3cr3t-value-A",
            "correct-horse-battery-staple",
            "qwjzkfhwpxnvbtgrmldsqwzk",
            "QWJZKFHWPXNVBTGRMLDSQWZK",
            "WJalrXUtnFEMIK7MDENGbPxRfiCY",
            "8f14e45fceea167a5a36dedd4bea2543",
        ] {
            assert!(
                stands_out(value.as_bytes()),
                "{value}: {}",
                to_guess(value.as_bytes())
            );
        }
    }

    proptest! {
        #[test]
        fn what_a_key_is_made_of_stands_out_whatever_is_drawn(key in "[0-9a-f]{32}|[A-Za-z0-9]{24}") {
            // One in a million is all letters of a few kinds; those are words to us.
            prop_assume!(key.bytes().filter(u8::is_ascii_digit).count() >= 2);
            prop_assert!(stands_out(key.as_bytes()), "{}", to_guess(key.as_bytes()));
        }

        #[test]
        fn more_of_a_text_is_never_easier_to_guess(value in "[a-zA-Z0-9._-]{0,40}", end in "[0-9._-]{1,8}") {
            let longer = format!("{value}{end}");
            prop_assert!(to_guess(longer.as_bytes()) > to_guess(value.as_bytes()));
        }
    }
}
