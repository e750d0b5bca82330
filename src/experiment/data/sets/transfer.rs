//! One file from one address into a part beside its place, gone on with where an earlier attempt stopped.

use super::super::super::observe::Transfer;
use super::super::super::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ureq::Agent;
use ureq::http::{Response, StatusCode, header};

/// Longest wait for a connection, for the first answer, and for more bytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Times a connection is made anew that broke after it had brought something.
const ATTEMPTS: usize = 5;

/// Bytes read at once.
const BLOCK: usize = 1 << 16;

/// Why a file did not come.
pub enum Failure {
    /// This address does not give it; another may.
    Here(String),
    /// No address helps: the disk is full, or Ctrl-C was pressed.
    Anywhere(Error),
}

/// One request for what is missing of a part.
enum Attempt {
    Complete,
    /// The connection broke, for this reason.
    Broken(String),
    /// What the part holds is nothing that this address can continue.
    Afresh,
}

/// What asks for files: it follows redirections, goes through the proxy that the environment names, and gives up on silence.
pub fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("dbm/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE));
    config.build().into()
}

/// Brings all of `url` into `part`, of which some may be there; `expected` bytes, where that is known.
pub fn bring(
    agent: &Agent,
    url: &str,
    part: &Path,
    expected: Option<u64>,
    line: &mut Transfer,
    interrupted: &AtomicBool,
) -> std::result::Result<(), Failure> {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let before = length(part);
        match attempt(agent, url, part, expected, line, interrupted)? {
            Attempt::Complete => return Ok(()),
            Attempt::Afresh => remove(part).map_err(Failure::Anywhere)?,
            Attempt::Broken(reason) if length(part) > before => last = reason,
            Attempt::Broken(reason) => return Err(Failure::Here(reason)),
        }
    }
    Err(Failure::Here(if last.is_empty() { "sends nothing that fits what is there".into() } else { last }))
}

/// Bytes that a part holds.
pub fn length(part: &Path) -> u64 {
    std::fs::metadata(part).map_or(0, |metadata| metadata.len())
}

/// Removes a part, if there is one.
pub fn remove(part: &Path) -> Result<()> {
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", part)(error)),
        _ => Ok(()),
    }
}

fn attempt(
    agent: &Agent,
    url: &str,
    part: &Path,
    expected: Option<u64>,
    line: &mut Transfer,
    interrupted: &AtomicBool,
) -> std::result::Result<Attempt, Failure> {
    let there = length(part);
    match expected {
        Some(expected) if there == expected => return Ok(Attempt::Complete),
        Some(expected) if there > expected => return Ok(Attempt::Afresh),
        _ => {}
    }
    let mut request = agent.get(url);
    if there > 0 {
        request = request.header(header::RANGE, format!("bytes={there}-"));
    }
    let response = request.call().map_err(|error| Failure::Here(error.to_string()))?;
    let start = match response.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if begins_at(&response) == Some(there) => there,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if there > 0 => return Ok(Attempt::Afresh),
        status => return Err(Failure::Here(format!("answers {status}"))),
    };
    let total = announced(&response).map(|bytes| bytes + start);
    let known = total.or(expected);
    if let (Some(total), Some(expected)) = (total, expected)
        && total != expected
    {
        return Err(Failure::Here(format!("has {total} bytes, not {expected}")));
    }
    let opened = OpenOptions::new().create(true).append(start > 0).write(true).truncate(start == 0).open(part);
    let mut out = opened.map_err(|error| Failure::Anywhere(Error::io("write", part)(error)))?;
    line.begin(start, known);
    let broke = copy(response, &mut out, line, interrupted, part)?;
    out.sync_all().map_err(|error| Failure::Anywhere(Error::io("write", part)(error)))?;
    Ok(match (broke, known) {
        (Some(reason), _) => Attempt::Broken(reason),
        (None, Some(known)) if length(part) < known => Attempt::Broken("the connection broke".into()),
        _ => Attempt::Complete,
    })
}

/// Writes what comes; the reason if it stopped coming.
fn copy(
    response: Response<ureq::Body>,
    out: &mut File,
    line: &mut Transfer,
    interrupted: &AtomicBool,
    part: &Path,
) -> std::result::Result<Option<String>, Failure> {
    let mut body = response.into_body().into_reader();
    let mut block = vec![0; BLOCK];
    loop {
        if interrupted.load(Ordering::Relaxed) {
            let kept = length(part);
            return Err(Failure::Anywhere(Error::Broken {
                problem: format!("interrupted; the first {kept} bytes are kept in {}", part.display()),
                remedy: "give the same command again to go on".into(),
            }));
        }
        let count = match body.read(&mut block) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) => return Ok(Some(error.to_string())),
        };
        out.write_all(&block[..count]).map_err(|error| Failure::Anywhere(Error::io("write", part)(error)))?;
        line.advance(count as u64);
    }
}

/// Bytes of the body, as its head says.
fn announced(response: &Response<ureq::Body>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The first byte of a part of a file that is sent: `bytes 100-199/200`.
fn begins_at(response: &Response<ureq::Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
