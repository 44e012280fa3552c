//! Notices to a host, as a POST of JSON.
//!
//! What may pass by itself is tried again, later each time and never all at the same moment; what the receiver refuses for
//! good is not. No redirect is followed: a notice goes where the person has said. The address may be a secret, so no
//! error names it. With a secret, each request is signed over its time and its body.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::base::text::one_line;
use crate::base::{clock, env, fs, hash, id};
use crate::domain::notice::{
    Notice, SecretAt, SinkEnd, UrlAt, WebhookSink, check_webhook_url, clipped, pause_before_try_ms,
};
use crate::notify::teller::{Teller, TryWish};

/// Files in which systems keep the certificates that they trust, the first that is there counts.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];
/// Longest bundle of certificates that is read, in bytes.
const BUNDLE_CAP: u64 = 16 << 20;
/// Longest secret, or address in a file, that is read, in bytes.
const SECRET_CAP: u64 = 64 << 10;

/// The end of one request.
enum HostAnswer {
    /// Taken.
    Good,
    /// Refused for good, for this reason.
    Refused(String),
    /// This one notice was refused for good, for this reason.
    RefusedThis(String),
    /// Failed in a way that may pass, for this reason.
    MayPass(String),
}

/// Posts the notice.
pub(super) fn post(teller: &Teller, sink: &WebhookSink, notice: &Notice) -> SinkEnd {
    let prepared = url_of(teller, sink).and_then(|url| {
        let secret = secret_of(teller, sink)?;
        let agent = agent(sink, url.starts_with("https://"))?;
        Ok((url, secret, agent))
    });
    let (url, secret, agent) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return SinkEnd::Failed(why),
    };
    let (url, body) = sink.shape.request(&url, notice);
    let tries = match teller.tries {
        TryWish::Once => 1,
        TryWish::Several => sink.tries,
    };
    let mut why = String::new();
    for at in 0..tries {
        if at > 0 {
            let pause = pause_before_try_ms(at, id::random_below(1_000));
            clock::pause(Duration::from_millis(pause));
        }
        match send(&agent, &url, (&body, secret.as_deref()), notice) {
            HostAnswer::Good => return SinkEnd::Taken,
            HostAnswer::Refused(reason) => return SinkEnd::Failed(reason),
            HostAnswer::RefusedThis(reason) => return SinkEnd::Refused(reason),
            HostAnswer::MayPass(reason) => why = reason,
        }
    }
    SinkEnd::Failed(match tries {
        1 => why,
        _ => format!("{why} ({tries} tries)"),
    })
}

fn send(
    agent: &ureq::Agent,
    url: &str,
    (body, secret): (&str, Option<&[u8]>),
    notice: &Notice,
) -> HostAnswer {
    let mut request = agent
        .post(url)
        .header("Content-Type", "application/json; charset=utf-8")
        .header("AI-Notice-Id", &notice.id)
        .header("AI-Notice-Type", notice.kind.as_str());
    if let Some(secret) = secret {
        // Of this very request, so that a receiver can refuse what is old.
        let at = clock::wall_ms() / 1_000;
        let signed = format!("{at}.{body}");
        let signature = hash::hex(&hash::keyed(secret, signed.as_bytes()));
        request = request
            .header("AI-Notice-Timestamp", at.to_string())
            .header("AI-Notice-Signature", format!("v1={signature}"));
    }
    match request.send(body) {
        Ok(response) => of_status(response.status().as_u16()),
        Err(error) => of_error(&error),
    }
}

fn of_status(status: u16) -> HostAnswer {
    let said = format!("the host answered with status {status}");
    match status {
        200..=299 => HostAnswer::Good,
        300..=399 => HostAnswer::Refused(format!("{said}, a redirect, which is not followed")),
        408 | 425 | 429 | 500..=599 => HostAnswer::MayPass(said),
        400 | 413 | 422 => HostAnswer::RefusedThis(said),
        _ => HostAnswer::Refused(said),
    }
}

fn of_error(error: &ureq::Error) -> HostAnswer {
    let words = |what: &str| HostAnswer::MayPass(what.to_owned());
    match error {
        ureq::Error::Timeout(_) => words("the host did not answer in time"),
        ureq::Error::HostNotFound => words("the host is not known"),
        ureq::Error::ConnectionFailed => words("the host cannot be reached"),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            words("the host refused the connection")
        }
        ureq::Error::Io(error) => HostAnswer::MayPass(told(&error.to_string())),
        ureq::Error::BadUri(_) => HostAnswer::Refused("the address is none".to_owned()),
        other => HostAnswer::Refused(told(&other.to_string())),
    }
}

fn told(error: &str) -> String {
    clipped(&one_line(error), 200)
}

/// A client for one notice. It holds certificates only where it needs them: reading them takes a while.
fn agent(sink: &WebhookSink, is_encrypted: bool) -> Result<ureq::Agent, String> {
    let config = ureq::Agent::config_builder();
    let config = if is_encrypted {
        let roots = RootCerts::Specific(Arc::new(certificates()?));
        config.tls_config(TlsConfig::builder().root_certs(roots).build())
    } else {
        // This machine is reached by no proxy.
        config.proxy(None)
    };
    let config = config
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(sink.connect_timeout))
        .timeout_global(Some(sink.timeout))
        .max_idle_connections(0)
        .user_agent(concat!("ai/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.new_agent())
}

/// The certificates that this system trusts; `SSL_CERT_FILE` names another bundle, as for other programs.
fn certificates() -> Result<Vec<ureq::tls::Certificate<'static>>, String> {
    let named = env::os("SSL_CERT_FILE").filter(|name| !name.is_empty());
    let named = named.map(PathBuf::from);
    let known = BUNDLES.iter().map(PathBuf::from);
    let bundle = named.or_else(|| known.into_iter().find(|path| path.is_file()));
    let bundle = bundle.ok_or(
        "this machine has no bundle of certificates; install ca-certificates, or name one by SSL_CERT_FILE",
    )?;
    let text = fs::read_capped(&bundle, BUNDLE_CAP).map_err(|error| error.to_string())?;
    // What one certificate of many has wrong keeps nobody from the others.
    let all: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if all.is_empty() {
        return Err(format!("{} has no certificates in it", bundle.display()));
    }
    Ok(all)
}

fn url_of(teller: &Teller, sink: &WebhookSink) -> Result<String, String> {
    let url = match &sink.url {
        UrlAt::Url(url) => url.clone(),
        UrlAt::UrlEnv(name) => variable(teller, name)?,
        UrlAt::UrlFile(path) => own_file(teller, path)?,
    };
    check_webhook_url(&url, sink.shape).map_err(str::to_owned)?;
    Ok(url)
}

fn secret_of(teller: &Teller, sink: &WebhookSink) -> Result<Option<Vec<u8>>, String> {
    let secret = match &sink.secret {
        None => return Ok(None),
        Some(SecretAt::SecretEnv(name)) => variable(teller, name)?,
        Some(SecretAt::SecretFile(path)) => own_file(teller, path)?,
    };
    Ok(Some(secret.into_bytes()))
}

/// The value of a variable, without blanks around it.
fn variable(teller: &Teller, name: &str) -> Result<String, String> {
    let value = teller
        .env
        .iter()
        .find(|(own, _)| own.to_str() == Some(name));
    let value = value.and_then(|(_, value)| value.to_str()).map(str::trim);
    match value {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(format!("the variable {name} is not set")),
    }
}

/// The text of a file of the person's own, outside of the repository, without blanks around it.
fn own_file(teller: &Teller, named: &str) -> Result<String, String> {
    let path = match (named.strip_prefix("~/"), &teller.home) {
        (None, _) => PathBuf::from(named),
        (Some(rest), Some(home)) => home.join(rest),
        (Some(_), None) => return Err(format!("HOME is not set, so `{named}` cannot be found")),
    };
    if is_below(&path, &teller.root) {
        return Err(format!(
            "`{named}` lies in the repository; keep secrets outside of it"
        ));
    }
    if let Some(why) = fs::is_exposed(&path) {
        return Err(format!(
            "`{named}` is no place for a secret: {why}; make it your own, then `chmod 600 {named}`"
        ));
    }
    let text = fs::read_text(&path, SECRET_CAP).map_err(|error| error.to_string())?;
    match text.trim() {
        "" => Err(format!("`{named}` is empty")),
        text => Ok(text.to_owned()),
    }
}

/// True where a file lies below a directory, wherever its links lead.
fn is_below(path: &Path, dir: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    path.starts_with(dir) || real(path).starts_with(real(dir))
}
