//! What answers at an address where librdkafka found no broker: it says of most strangers no more than that nobody answers.
//!
//! One connection, one request: ApiVersions, version 0, which a broker answers before anything else, credentials included.
//! Its client id holds an empty line, at which an HTTP server takes the request for complete.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a stranger may take for each of connecting and answering.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// The request's correlation id, which a broker's answer repeats.
const CORRELATION_ID: [u8; 4] = *b"load";
const CLIENT_ID: &[u8] = b"loadgen\r\n\r\n";

/// Something that is there, and is no broker for this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stranger {
    /// It takes the connection and says nothing.
    Silent,
    /// It closes the connection at the first request.
    Closing,
    /// It answers in HTTP, or with markup.
    Http,
    /// It answers with a TLS alert.
    Tls,
    /// It answers as a broker does, and yet told librdkafka nothing.
    Broker,
    /// It answers something else.
    Other,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "it takes connections and says nothing: see whether it is a broker, and not stopped",
            Self::Closing => {
                "it closes the connection at the first request: see whether it is a Kafka listener, and whether that one wants \
                 TLS (-X security.protocol=ssl)"
            }
            Self::Http => "it speaks HTTP: name a Kafka listener instead",
            Self::Tls => "it speaks TLS: add -X security.protocol=ssl (or sasl_ssl)",
            Self::Broker => {
                "it answers the first request, and then not this client's: see whether it wants credentials (-X \
                 security.protocol=sasl_plaintext), and its log"
            }
            Self::Other => "its answer is none of Kafka's: see which port the broker listens at",
        })
    }
}

/// Who is there; `None` where nobody is, or nobody can be asked.
pub(super) fn stranger_at(addresses: &str) -> Option<Stranger> {
    let mut resolved = addresses.split(',').filter_map(|address| address.trim().to_socket_addrs().ok()).flatten();
    let mut stream = resolved.find_map(|address| TcpStream::connect_timeout(&address, ANSWERS_WITHIN).ok())?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN)).ok()?;
    stream.set_write_timeout(Some(ANSWERS_WITHIN)).ok()?;
    if stream.write_all(&request()).is_err() {
        return Some(Stranger::Closing);
    }
    let mut answer = [0; 8];
    Some(match stream.read(&mut answer) {
        Ok(count) => of_answer(&answer[..count]),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Stranger::Silent,
        Err(_) => Stranger::Closing,
    })
}

/// Length, API key 18, version 0, correlation id, client id.
fn request() -> Vec<u8> {
    let client_id_len = (CLIENT_ID.len() as u16).to_be_bytes();
    let body = [&[0, 18, 0, 0], &CORRELATION_ID[..], &client_id_len, CLIENT_ID].concat();
    [&(body.len() as u32).to_be_bytes(), &body[..]].concat()
}

fn of_answer(answer: &[u8]) -> Stranger {
    match answer {
        [] => Stranger::Closing,
        [_, _, _, _, correlation_id @ ..] if *correlation_id == CORRELATION_ID => Stranger::Broker,
        [b'H', b'T', b'T', b'P', ..] | [b'<', ..] => Stranger::Http,
        // An alert, or a handshake, of TLS (RFC 8446, 5.1).
        [0x15 | 0x16, 3, ..] => Stranger::Tls,
        _ => Stranger::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What is made of one who answers so.
    fn made_of(answer: Option<&'static [u8]>) -> Option<Stranger> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let host = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a guest");
            let mut request = [0; 25];
            stream.read_exact(&mut request).expect("the request");
            assert!(request.ends_with(b"\r\n\r\n"), "HTTP servers wait for that");
            match answer {
                Some(answer) => stream.write_all(answer).expect("it listens"),
                // Until the guest goes.
                None => drop(stream.read(&mut [0])),
            }
        });
        let stranger = stranger_at(&address);
        host.join().expect("it got the request");
        stranger
    }

    #[test]
    fn strangers_are_told_apart_by_their_answer() {
        assert_eq!(made_of(None), Some(Stranger::Silent));
        assert_eq!(made_of(Some(b"")), Some(Stranger::Closing));
        assert_eq!(made_of(Some(b"HTTP/1.1 400 Bad Request\r\n")), Some(Stranger::Http));
        assert_eq!(made_of(Some(&[0x15, 3, 3, 0, 2, 2, 10])), Some(Stranger::Tls));
        assert_eq!(made_of(Some(b"\0\0\0\x0aload\0\0\0\0\0\0")), Some(Stranger::Broker));
        assert_eq!(made_of(Some(b"SSH-2.0-x")), Some(Stranger::Other));
    }

    #[test]
    fn nobody_is_no_stranger() {
        // Bound and not listening any more.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        assert_eq!(stranger_at(&format!("127.0.0.1:{port}")), None);
        assert_eq!(stranger_at("no address"), None);
    }
}
