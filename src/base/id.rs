//! Random ids and secrets from the kernel's generator.

use rustix::rand::{GetRandomFlags, getrandom};

/// Lower-case base 32 without `i`, `l`, `o`, `u`, which people misread.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `length` random characters of the id alphabet, five bits each.
pub fn random_text(length: usize) -> String {
    let mut bytes = vec![0u8; length];
    fill(&mut bytes);
    bytes
        .iter()
        .map(|b| char::from(ALPHABET[usize::from(b & 31)]))
        .collect()
}

/// A random UUID, version 4.
pub fn random_uuid() -> String {
    let mut bytes = [0u8; 16];
    fill(&mut bytes);
    let bits =
        u128::from_be_bytes(bytes) & !(0xF000 << 64 | 0xC000 << 48) | 0x4000 << 64 | 0x8000 << 48;
    let text = format!("{bits:032x}");
    [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ]
    .join("-")
}

/// A random number below `bound` (which must not be 0), for jitter; the slight bias of the
/// remainder does not matter there.
pub fn random_below(bound: u64) -> u64 {
    let mut bytes = [0u8; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes) % bound
}

/// Fills `bytes` from the kernel's random generator.
fn fill(bytes: &mut [u8]) {
    let mut done = 0;
    while done < bytes.len() {
        // The only error of a plain call is an interruption by a signal; the loop asks again.
        if let Ok(n) = getrandom(&mut bytes[done..], GetRandomFlags::empty()) {
            done += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_that_it_is_random() {
        for _ in 0..100 {
            let uuid = random_uuid();
            let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
            assert_eq!(&uuid[14..15], "4", "{uuid}");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        }
    }

    #[test]
    fn ids_use_the_alphabet_and_differ() {
        let (a, b) = (random_text(26), random_text(26));
        assert_ne!(a, b);
        assert!(a.bytes().all(|c| ALPHABET.contains(&c)));
    }
}
