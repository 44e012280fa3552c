//! SHA-256 as lower-case hex, the one digest that the log, evidence and tokens use.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes`, as 64 lower-case hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of `bytes`, as it is.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The HMAC of `bytes` by SHA-256 (RFC 2104): a digest that nobody makes without `key`.
pub fn keyed(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&sha256(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(bytes)
        .finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner).finalize().into()
}

/// The SHA-256 of everything that `source` yields, and how many bytes that was. Needs no more
/// memory than one block.
pub fn sha256_of(source: &mut impl Read) -> io::Result<(String, u64)> {
    let mut digest = Sha256::new();
    let mut block = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok((hex(&digest.finalize()), bytes)),
            Ok(n) => {
                digest.update(&block[..n]);
                bytes += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Lower-case hex of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_nothing_is_the_published_constant() {
        assert_eq!(
            sha256_hex(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn keyed_digests_are_those_of_rfc_4231() {
        let jefe = keyed(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex(&jefe),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex(&keyed(&[0xaa; 131], long)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn a_stream_has_the_digest_of_its_bytes() {
        let bytes = vec![7; 200_000];
        assert_eq!(
            sha256_of(&mut bytes.as_slice()).unwrap(),
            (sha256_hex(&bytes), 200_000)
        );
    }
}
