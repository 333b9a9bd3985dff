//! Asks a credential helper, a program `docker-credential-<name>`, for a login.
//!
//! Source: `github.com/docker/docker-credential-helpers`, README: `get` reads a server's name from standard input.

use super::RegistryError;
use super::credentials::Credential;
use super::error::shown;
use super::secret::Secret;
use serde::Deserialize;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Time for the whole answer; some helpers ask the user to touch a key.
const TIME: Duration = Duration::from_secs(60);
/// Time for the rest of the answer when the helper has ended.
const REST: Duration = Duration::from_secs(1);
/// Most bytes of an answer.
const LIMIT: usize = 64 << 10;
/// What all helpers print when they know nothing about a host.
const UNKNOWN: &str = "credentials not found";
/// The user's name that marks a refresh token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    user: String,
    #[serde(rename = "Secret")]
    secret: Secret,
}

/// The login that the helper of this name has for `key`.
pub(super) fn ask(name: &str, key: &str) -> Result<Option<Credential>, RegistryError> {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(known) {
        return Err(RegistryError::Credentials {
            reason: format!("`{}` is no name of a credential helper", shown(name)),
        });
    }
    run(Path::new(&format!("docker-credential-{name}")), key)
}

/// As [`ask`], by the program itself.
pub(super) fn run(program: &Path, key: &str) -> Result<Option<Credential>, RegistryError> {
    let failed =
        |reason: &str| RegistryError::Credentials { reason: format!("{} for {key}: {reason}", program.display()) };
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| failed(&format!("{error}; install it, or log in without a credential helper")))?;
    let mut input = child.stdin.take().expect("standard input is a pipe");
    // A helper that ends without reading is judged by its answer.
    let _ = input.write_all(key.as_bytes());
    drop(input);
    let output = read_in_thread(child.stdout.take().expect("standard output is a pipe"));
    let complaint = read_in_thread(child.stderr.take().expect("standard error is a pipe"));
    let succeeded = wait(&mut child).ok_or_else(|| failed("no answer in time"))?;
    let text = output.text();
    if !succeeded {
        let said = [text, complaint.text()].map(|text| String::from_utf8_lossy(&text).into_owned());
        if said.iter().any(|text| text.contains(UNKNOWN)) {
            return Ok(None);
        }
        return Err(failed(&shown(&said.join(" "))));
    }
    let answer: Answer =
        serde_json::from_slice(&text).map_err(|_| failed("its answer is no JSON with Username and Secret"))?;
    let secret = answer.secret;
    Ok(Some(match answer.user.as_str() {
        TOKEN_USER => Credential::IdentityToken(secret),
        _ => Credential::Password { user: answer.user, password: secret },
    }))
}

/// What a program wrote so far, and whether it is all.
struct Said {
    text: Arc<Mutex<Zeroizing<Vec<u8>>>>,
    ended: Receiver<()>,
}

/// Reads the beginning, and the rest into nothing, so that the writer does not hang.
fn read_in_thread(mut stream: impl Read + Send + 'static) -> Said {
    let (text, (end, ended)) = (Arc::new(Mutex::new(Zeroizing::new(Vec::new()))), channel());
    let shared = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut buffer = Zeroizing::new([0; 4096]);
        while let Ok(count @ 1..) = stream.read(&mut buffer[..]) {
            let mut text = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let room = LIMIT.saturating_sub(text.len());
            text.extend_from_slice(&buffer[..count.min(room)]);
        }
        // It fails when nobody waits any more.
        let _ = end.send(());
    });
    Said { text, ended }
}

impl Said {
    /// The text of a program that has ended. What it started itself, such as an agent, may hold the pipe open for ever.
    fn text(self) -> Zeroizing<Vec<u8>> {
        let _ = self.ended.recv_timeout(REST);
        std::mem::take(&mut *self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether it succeeded; `None` when it had to be ended.
fn wait(child: &mut Child) -> Option<bool> {
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return None,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
