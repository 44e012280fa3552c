//! Lists of patterns as a rule has them: read whole, so that every bad one is named at once.

/// The longest pattern, in bytes.
pub(super) const MAX_PATTERN: usize = 1024;

/// The index of each bad pattern of a list, and the reason.
pub type BadPatterns = Vec<(usize, String)>;

/// Reads each pattern with `read`; the error names all bad ones.
pub(super) fn read_all<'a, T>(
    patterns: impl IntoIterator<Item = &'a str>,
    read: impl Fn(&'a str) -> Result<T, String>,
) -> Result<Vec<T>, BadPatterns> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (i, pattern) in patterns.into_iter().enumerate() {
        match read(pattern) {
            Ok(pattern) => good.push(pattern),
            Err(why) => bad.push((i, why)),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}
