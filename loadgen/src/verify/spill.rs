//! Where runs go that are too many for memory: temporary files that nobody else sees.
//!
//! Lanes are dealt over [`BUCKETS`] unnamed files, so that reading one back brings in a share of the lanes only.
//! An entry is 32 bytes in this machine's byte order: sequence, offset, partition, length (8, 8, 4, 4 bytes), the lane's
//! partition (4), its producer (2), and the observer (2): the group's index shifted left by one with the run's
//! backward mark in the lowest bit, or all ones for the producer's side.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use super::evidence::{Lane, LaneRun};
use super::runs::Run;

/// Number of files.
const BUCKETS: usize = 16;
const ENTRY_BYTES: usize = 32;
const PRODUCER_SIDE: u16 = u16::MAX;

/// Who noted a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Observer {
    /// A producer: it was acknowledged.
    Producer,
    /// A group: it was read.
    Group(u16),
}

/// Files being written.
#[derive(Debug)]
pub(super) struct Spill {
    buckets: Vec<BufWriter<File>>,
}

/// One file, to be read once.
#[derive(Debug)]
pub(super) struct Bucket {
    file: BufReader<File>,
}

impl Spill {
    pub(super) fn new() -> io::Result<Spill> {
        let buckets = (0..BUCKETS).map(|_| tempfile::tempfile().map(BufWriter::new)).collect::<io::Result<_>>()?;
        Ok(Spill { buckets })
    }

    pub(super) fn write(&mut self, lane: usize, observer: Observer, lane_run: &LaneRun) -> io::Result<()> {
        let LaneRun { lane: Lane { producer, partition }, run, backward } = lane_run;
        let observer = match observer {
            Observer::Producer => PRODUCER_SIDE,
            Observer::Group(group) => group << 1 | u16::from(*backward),
        };
        let mut entry = [0; ENTRY_BYTES];
        entry[0..8].copy_from_slice(&run.sequence.to_ne_bytes());
        entry[8..16].copy_from_slice(&run.offset.to_ne_bytes());
        entry[16..20].copy_from_slice(&run.partition.to_ne_bytes());
        entry[20..24].copy_from_slice(&run.length.to_ne_bytes());
        entry[24..28].copy_from_slice(&partition.to_ne_bytes());
        entry[28..30].copy_from_slice(&producer.to_ne_bytes());
        entry[30..32].copy_from_slice(&observer.to_ne_bytes());
        self.buckets[lane % BUCKETS].write_all(&entry)
    }

    pub(super) fn into_buckets(self) -> io::Result<Vec<Bucket>> {
        let rewound = |writer: BufWriter<File>| {
            let mut file = writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            Ok(Bucket { file: BufReader::new(file) })
        };
        self.buckets.into_iter().map(rewound).collect()
    }
}

impl Bucket {
    /// Every run, in the order it was written.
    pub(super) fn replay(mut self, mut each: impl FnMut(Observer, LaneRun)) -> io::Result<()> {
        let mut entry = [0; ENTRY_BYTES];
        while !self.file.fill_buf()?.is_empty() {
            self.file.read_exact(&mut entry)?;
            let (observer, backward) = match u16::from_ne_bytes(part(&entry, 30)) {
                PRODUCER_SIDE => (Observer::Producer, false),
                group => (Observer::Group(group >> 1), group & 1 == 1),
            };
            let run = Run {
                sequence: u64::from_ne_bytes(part(&entry, 0)),
                offset: i64::from_ne_bytes(part(&entry, 8)),
                partition: i32::from_ne_bytes(part(&entry, 16)),
                length: u32::from_ne_bytes(part(&entry, 20)),
            };
            let partition = i32::from_ne_bytes(part(&entry, 24));
            let lane = Lane { producer: u16::from_ne_bytes(part(&entry, 28)), partition };
            each(observer, LaneRun { lane, run, backward });
        }
        Ok(())
    }
}

fn part<const N: usize>(entry: &[u8; ENTRY_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|i| entry[at + i])
}
