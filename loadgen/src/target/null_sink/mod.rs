//! A server that acknowledges everything and keeps nothing: what a generator sends into when its own limit is wanted.
//!
//! A process of its own (this program, run again with the hidden command `null-sink`), so that its CPU is not the
//! generator's; it prints its address and ends when its standard input does. One node, any topic, a thread a connection.
//! It speaks what a producer asks before it produces, and Produce ([`replies`]); messages come from the `kafka-protocol`
//! crate, never from the broker, whose mistakes it would share. It listens on loopback for a second or two and believes its
//! one client: a frame is bounded by [`FRAME_LIMIT_BYTES`], and nothing else is.

mod replies;

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;

use bytes::{Bytes, BytesMut};
use replies::Replies;

use super::child::{Child, Stop};
use super::{ADDRESS_WITHIN, TargetError};

/// The longest frame that is read; a longer one ends its connection.
const FRAME_LIMIT_BYTES: usize = 128 << 20;
/// Bytes read ahead: a frame's length and header, and small frames whole.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// A running sink, ended when dropped.
#[derive(Debug)]
pub struct NullSink {
    /// Where it answers, `HOST:PORT`.
    pub address: String,
    _process: Child,
}

impl NullSink {
    /// Starts one whose topics have so many partitions.
    ///
    /// # Errors
    /// It did not start, or printed no address.
    pub fn start(partitions: i32) -> Result<NullSink, TargetError> {
        let own_path = std::env::current_exe().map_err(TargetError::OwnPath)?;
        let mut process = Child::spawn(&mut command(&own_path, partitions), "the null sink", Stop::Lifeline)?;
        let address = process.address(ADDRESS_WITHIN)?;
        Ok(NullSink { address, _process: process })
    }
}

fn command(own_path: &Path, partitions: i32) -> Command {
    let mut command = Command::new(own_path);
    command.arg("null-sink").arg(format!("--partitions={partitions}"));
    command
}

/// Runs the sink in this process until standard input ends.
pub fn run(partitions: i32) -> ExitCode {
    let served = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| {
        writeln!(io::stdout(), "{}", listener.local_addr()?)?;
        thread::Builder::new().name("accept".into()).spawn(move || serve(&listener, partitions))
    });
    if let Err(error) = served {
        eprintln!("null-sink: {error}");
        return ExitCode::FAILURE;
    }
    // The parent's end of the pipe closes when it is done, or dead.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    ExitCode::SUCCESS
}

/// Accepts for as long as the process lives.
fn serve(listener: &TcpListener, partitions: i32) {
    for stream in listener.incoming().map_while(Result::ok) {
        let connection = thread::Builder::new().name("connection".into());
        // Without a thread the stream is closed, which its client sees.
        let _ = connection.spawn(move || {
            let address = stream.local_addr();
            address.and_then(|address| converse(stream, address, partitions))
        });
    }
}

/// Answers one connection's requests in their order, to its end.
fn converse(stream: TcpStream, address: SocketAddr, partitions: i32) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut replies = Replies::new(address, partitions);
    let mut output = stream.try_clone()?;
    let mut input = BufReader::with_capacity(READ_AHEAD_BYTES, stream);
    let mut buffer = BytesMut::new();
    while let Some(frame) = read_frame(&mut input, &mut buffer)? {
        if let Some(reply) = replies.to(frame)? {
            output.write_all(&reply)?;
        }
    }
    Ok(())
}

/// The next frame without its length; none at the connection's end.
fn read_frame(input: &mut impl Read, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_LIMIT_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    buffer.resize(length, 0);
    input.read_exact(buffer)?;
    Ok(Some(buffer.split().freeze()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::driver::rdkafka::{Properties, RdKafka};
    use crate::driver::{Driver, Producer};
    use crate::message::{Outcome, Outgoing};

    /// Sends through the real client and returns what became of each message.
    fn sent_through_the_client(properties: &[(&str, &str)], messages: u64) -> Vec<Outcome> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        // Ends with the test's process.
        thread::spawn(move || serve(&listener, 3));
        let producer = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let properties = Properties { producer, ..Properties::default() };
        let mut producer = RdKafka::new(&address, "any", &properties).producer(0).expect("a client");
        for tag in 0..messages {
            let partition = (tag % 3) as i32;
            let message = Outgoing { partition, key: None, value: &[7; 100], stamp_header: None };
            producer.submit(&message, tag).expect("room");
        }
        outcomes(producer.as_mut(), messages as usize)
    }

    fn outcomes(producer: &mut dyn Producer, expected: usize) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        while outcomes.len() < expected && Instant::now() < deadline {
            producer.drain(Duration::from_millis(100), &mut |completion| outcomes.push(completion.outcome));
        }
        outcomes
    }

    #[test]
    fn the_real_client_is_acknowledged_with_rising_offsets_whatever_its_settings() {
        for properties in [
            &[("enable.idempotence", "true"), ("compression.type", "lz4")][..],
            &[("acks", "1"), ("linger.ms", "0")],
            &[("compression.type", "zstd"), ("acks", "all")],
        ] {
            let mut offsets = [const { Vec::new() }; 3];
            for outcome in sent_through_the_client(properties, 300) {
                let Outcome::Acked { partition, offset } = outcome else { panic!("{outcome:?} under {properties:?}") };
                offsets[partition as usize].push(offset);
            }
            assert!(offsets.iter().all(|offsets| *offsets == (0..100).collect::<Vec<i64>>()), "{offsets:?}");
        }
    }

    #[test]
    fn without_acknowledgements_nothing_is_answered_and_everything_goes_through() {
        let outcomes = sent_through_the_client(&[("acks", "0")], 50);
        assert!(outcomes.len() == 50 && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Acked { .. })));
    }
}
