//! `core.sharedRepository`: who besides the owner may use what is made in a git directory. The
//! rules are Git's own; the library knows none of them.
//!
//! Absent on purpose: the bit that hands a directory's group down. Git sets it where a repository
//! is made, and the system passes it on.

/// The rights that others get on what is made, as Git gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// The rights of group and others on files.
    pub bits: u32,
    is_exact: bool,
}

impl Sharing {
    /// The meaning of the value of `core.sharedRepository`; nothing where the umask decides, and
    /// where Git itself would refuse the value.
    pub fn parse(value: &str) -> Option<Sharing> {
        let given = |bits| {
            Some(Sharing {
                bits,
                is_exact: false,
            })
        };
        match value.to_ascii_lowercase().as_str() {
            "" | "group" | "true" | "yes" | "on" | "1" => return given(0o060),
            "all" | "world" | "everybody" | "2" => return given(0o064),
            _ => {}
        }
        let mode = u32::from_str_radix(value, 8).ok()?;
        let owner_can = mode & 0o600 == 0o600;
        (owner_can && mode <= 0o777).then_some(Sharing {
            bits: mode & 0o066,
            is_exact: true,
        })
    }

    /// The rights of group and others on directories: who may read one may enter it.
    pub const fn dir_bits(self) -> u32 {
        self.bits | (self.bits & 0o044) >> 2
    }

    /// The umask under which everything gets these rights, made of the one that was found.
    pub const fn umask(self, found: u32) -> u32 {
        let denied = if self.is_exact { 0o077 } else { found };
        denied & !self.dir_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_that_git_gives() {
        for (value, bits, dir, masks) in [
            ("group", 0o060, 0o070, [0o002, 0o007]),
            ("true", 0o060, 0o070, [0o002, 0o007]),
            ("1", 0o060, 0o070, [0o002, 0o007]),
            ("all", 0o064, 0o075, [0o002, 0o002]),
            ("everybody", 0o064, 0o075, [0o002, 0o002]),
            ("0640", 0o040, 0o050, [0o027, 0o027]),
            ("0660", 0o060, 0o070, [0o007, 0o007]),
            ("0600", 0, 0, [0o077, 0o077]),
        ] {
            let sharing = Sharing::parse(value).unwrap();
            assert_eq!((sharing.bits, sharing.dir_bits()), (bits, dir), "{value}");
            assert_eq!(
                [0o022, 0o077].map(|mask| sharing.umask(mask)),
                masks,
                "{value}"
            );
        }
        for value in [
            "umask", "false", "0", "no", "0466", "9", "nonsense", "17777",
        ] {
            assert_eq!(Sharing::parse(value), None, "{value}");
        }
    }
}
