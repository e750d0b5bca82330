//! A small server of files on this machine, as obliging or as unreliable as a test wants it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is done about a file.
#[derive(Clone)]
pub enum Conduct {
    /// Sent, from the byte that is asked for.
    Sent(Vec<u8>),
    /// Sent from its beginning, whatever is asked for.
    Whole(Vec<u8>),
    /// The first connection breaks after so many bytes; then it is sent from the byte that is asked for.
    Broken(Vec<u8>, usize),
}

/// A server on a free port, for as long as the tests run.
pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Of files by their paths; others are not found.
    pub fn of(files: &[(&str, Conduct)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut files: HashMap<String, Conduct> =
            files.iter().map(|(path, conduct)| (format!("/{path}"), conduct.clone())).collect();
        let log = asked.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &mut files, &log)));
        Self { address, asked }
    }

    /// What was asked for since the last look: paths, with the range where one was asked for.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn answer(mut stream: TcpStream, files: &mut HashMap<String, Conduct>, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_string();
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let range = head.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("range").then(|| value.trim().to_string())
    });
    asked.lock().unwrap().push(format!("{path} {}", range.clone().unwrap_or_default()).trim().to_string());
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    // Who hangs up first is the test's concern.
    let _ = match files.get(&path).cloned() {
        None => send(&mut stream, "404 Not Found", "", b"nothing here", None),
        Some(Conduct::Whole(bytes)) => send(&mut stream, "200 OK", "", &bytes, None),
        Some(Conduct::Broken(bytes, after)) => {
            files.insert(path, Conduct::Sent(bytes.clone()));
            send(&mut stream, "200 OK", "", &bytes, Some(after))
        }
        Some(Conduct::Sent(bytes)) => match from {
            None => send(&mut stream, "200 OK", "", &bytes, None),
            Some(from) if from >= bytes.len() => send(&mut stream, "416 Range Not Satisfiable", "", b"", None),
            Some(from) => {
                let range = format!("Content-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len());
                send(&mut stream, "206 Partial Content", &range, &bytes[from..], None)
            }
        },
    };
}

/// Announces the whole body and sends it, or its first bytes.
fn send(stream: &mut TcpStream, status: &str, more: &str, body: &[u8], only: Option<usize>) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")?;
    stream.write_all(&body[..only.unwrap_or(length)])?;
    stream.flush()
}
