//! The environment of a child: an allow-list, since an agent CLI shows its whole environment to the
//! shell of its model.
//!
//! Pure: what there is comes in, what the child gets goes out.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::process::redact::Secret;

/// One variable.
pub type EnvVariable = (OsString, OsString);

/// Passed on to every child: where things are, who and where the user is, how to talk. Nothing that
/// lets in or injects code.
const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "TZ",
    "TMPDIR",
    "LANG",
    "LANGUAGE",
    "LOCALE_ARCHIVE",
    // Trust in certificate authorities, without which nothing behind a company's proxy works.
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    // Where toolchains live.
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "NVM_DIR",
    "VOLTA_HOME",
    "PNPM_HOME",
    "BUN_INSTALL",
    "DENO_DIR",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "RBENV_ROOT",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
];

/// Passed on where the value names no user and password.
const PROXIES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// Never inherited, whatever a configuration allows: they inject code, redirect git, or belong to
/// this very process.
const NEVER: &[&str] = &[
    "LD_",
    "DYLD_",
    "GIT_",
    "AI_",
    "BASH_ENV",
    "BASH_FUNC_",
    "ENV",
];

/// The kernel takes no single `NAME=value` of 128 KiB or more; one such would keep every program
/// from starting.
const LONGEST: usize = (128 << 10) - 2;

/// Builds the environment of a child: of `all`, what is on the allow-list or named in `extra_allow`
/// (exact names, or a prefix and `*`); and then `set`, which is given as it is and wins. Sorted by
/// name.
pub fn child_environment(
    all: &[EnvVariable],
    extra_allow: &[String],
    set: &[EnvVariable],
) -> Vec<EnvVariable> {
    let inherited = all
        .iter()
        .filter(|variable| is_sound(variable) && is_allowed(variable, extra_allow));
    let merged: BTreeMap<OsString, OsString> = inherited.chain(set).cloned().collect();
    merged.into_iter().collect()
}

/// The variables of `all` whose name says that the value is secret, for the redactor. What is not
/// passed on to a child can still be found by it in a file. A value that reads like ordinary text
/// (`postgres`) is redacted, and finding it proves nothing.
pub fn secrets_in(all: &[EnvVariable]) -> Vec<Secret> {
    all.iter()
        .filter(|(name, value)| {
            names_a_secret(&name.to_string_lossy()) && !is_plain(&value.to_string_lossy())
        })
        .map(|(name, value)| Secret::by_its_name(&name.to_string_lossy(), value.as_bytes()))
        .collect()
}

fn is_sound((name, value): &EnvVariable) -> bool {
    let name = name.as_bytes();
    !name.is_empty() && !name.contains(&b'=') && name.len() + value.len() < LONGEST
}

fn is_allowed((name, value): &EnvVariable, extra: &[String]) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    if is_never(name) {
        return false;
    }
    let usual = ALLOWED.contains(&name) || name.starts_with("LC_");
    usual || is_clean_proxy(name, value) || extra.iter().any(|pattern| matches(pattern, name))
}

fn is_never(name: &str) -> bool {
    NEVER.iter().any(|never| {
        if never.ends_with('_') {
            name.starts_with(never)
        } else {
            name == *never
        }
    })
}

fn is_clean_proxy(name: &str, value: &OsStr) -> bool {
    PROXIES.contains(&name) && !value.as_bytes().contains(&b'@')
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => !prefix.is_empty() && name.starts_with(prefix),
        None => pattern == name,
    }
}

fn names_a_secret(name: &str) -> bool {
    const PARTS: &[&str] = &[
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
    ];
    const WORDS: &[&str] = &["KEY", "APIKEY", "PAT", "AUTH", "PWD", "PASS"];
    let name = name.to_ascii_uppercase();
    // What says where something is, or how many of something there may be, is not the thing itself.
    let place = matches!(name.as_str(), "PWD" | "OLDPWD")
        || matches!(
            name.rsplit('_').next(),
            Some("SOCK" | "FILE" | "DIR" | "PATH" | "HOME")
        );
    let names = |word: &str| {
        WORDS.contains(&word) || word != "TOKENS" && PARTS.iter().any(|part| word.contains(part))
    };
    !place && name.split('_').any(names)
}

/// A setting and no secret, whatever its variable is called: to take it out would take a common
/// word out of every text.
fn is_plain(value: &str) -> bool {
    const SETTINGS: &[&str] = &[
        "true", "false", "enabled", "disabled", "default", "required", "optional", "always",
        "bearer", "basic",
    ];
    SETTINGS.contains(&value.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn vars(pairs: &[(&str, &str)]) -> Vec<EnvVariable> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    fn names(vars: &[EnvVariable]) -> Vec<&str> {
        vars.iter()
            .map(|(name, _)| name.to_str().unwrap())
            .collect()
    }

    #[test]
    fn only_the_allow_list_passes() {
        let all = vars(&[
            ("PATH", "/bin"),
            ("HOME", "/h"),
            ("LC_ALL", "C"),
            ("ANTHROPIC_API_KEY", "k"),
            ("GIT_DIR", "/x"),
            ("LD_PRELOAD", "/x.so"),
            ("AI_LEASE", "l"),
            ("SSH_AUTH_SOCK", "/s"),
            ("NODE_OPTIONS", "-r x"),
            ("", "v"),
        ]);
        assert_eq!(
            names(&child_environment(&all, &[], &[])),
            ["HOME", "LC_ALL", "PATH"]
        );
    }

    #[test]
    fn extra_names_pass_but_never_what_injects() {
        let all = vars(&[
            ("OPENAI_API_KEY", "k"),
            ("FOO_A", "1"),
            ("GIT_SSH", "x"),
            ("LD_PRELOAD", "y"),
            ("AI_LEASE", "l"),
        ]);
        let extra = [
            "OPENAI_API_KEY",
            "FOO_*",
            "GIT_SSH",
            "LD_*",
            "*",
            "AI_LEASE",
        ]
        .map(String::from);
        assert_eq!(
            names(&child_environment(&all, &extra, &[])),
            ["FOO_A", "OPENAI_API_KEY"]
        );
    }

    #[test]
    fn what_is_set_wins_and_may_be_anything() {
        let set = vec![
            ("PATH".into(), "/mine".into()),
            (
                "GIT_CONFIG_COUNT".into(),
                OsString::from_vec(b"\xff\n".to_vec()),
            ),
        ];
        let made = child_environment(&vars(&[("PATH", "/bin")]), &[], &set);
        assert_eq!(names(&made), ["GIT_CONFIG_COUNT", "PATH"]);
        assert_eq!(made[1].1, "/mine");
        assert_eq!(made[0].1.as_bytes(), b"\xff\n");
    }

    #[test]
    fn a_proxy_with_a_password_and_an_oversized_value_stay_behind() {
        let all = vars(&[
            ("HTTPS_PROXY", "http://u:p@host"),
            ("HTTP_PROXY", "http://host"),
            ("LANG", &"x".repeat(128 << 10)),
        ]);
        assert_eq!(names(&child_environment(&all, &[], &[])), ["HTTP_PROXY"]);
    }

    #[test]
    fn secrets_are_told_by_their_names() {
        for name in [
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "OPENAI_API_KEY",
            "db_password",
            "NPM_AUTH",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "PWD",
            "OLDPWD",
            "SSH_AUTH_SOCK",
            "PATH",
            "KEYBOARD",
            "MONKEY",
            "AUTHOR",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
        for name in [
            "MAX_TOKENS",
            "MODEL_MAX_OUTPUT_TOKENS",
            "PASSWORD_STORE_DIR",
            "TOKEN_FILE",
            "AWS_CREDENTIALS_PATH",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn a_setting_is_no_secret() {
        let all = vars(&[("USE_AUTH", "Enabled"), ("DB_PASSWORD", "enabled1")]);
        let found = format!("{:?}", secrets_in(&all));
        assert!(
            found.contains("DB_PASSWORD") && !found.contains("USE_AUTH"),
            "{found}"
        );
    }
}
