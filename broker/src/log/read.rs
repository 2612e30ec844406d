//! Reading: where the batches are, found without a lock that an append holds while it writes.
//!
//! Positions of the last batches are in memory, so that a consumer that keeps up costs no system call. Elsewhere the
//! offset index leads to within `index.interval.bytes` of a batch, and headers are walked from there; the end of a long
//! read is found in the index, too, by position. Where all that is left fits, nothing is searched for its end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::segment::Segment;
use super::storage::{self, Access};
use super::{Log, LogError, ReadError, ReadPlan, TimestampOffset};
use crate::record::{Batch, BatchHeader};
use crate::region::FileRegion;

/// Records are decompressed, to find a timestamp, to at most so many bytes; past that the batch's first offset answers.
const MAX_DECOMPRESSED_BYTES: usize = 256 << 20;

/// Part of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
    /// Found among the last batches appended.
    hot: bool,
}

/// What is asked of a segment.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    from: i64,
    below: i64,
    max_bytes: u64,
    at_least_one: bool,
    access: Access,
}

impl Wanted {
    /// Where to end a span that starts at `start`, given the end of its first batch and the last end that fits.
    fn span(&self, start: u64, first_end: u64, last_fitting_end: u64, hot: bool) -> Option<Span> {
        let end = if last_fitting_end > start { last_fitting_end } else { first_end };
        (last_fitting_end > start || self.at_least_one).then_some(Span { start, end, hot })
    }
}

impl Log {
    /// Plans whole batches of one segment: from the batch that holds offset `from` (it may begin before) up to the
    /// exclusive offset `below`, at most `max_bytes`. The first batch is planned even if it is larger where
    /// `at_least_one`. Empty if there is nothing between the two. May wait for the disk.
    pub fn read(&self, from: i64, below: i64, max_bytes: usize, at_least_one: bool) -> Result<ReadPlan, ReadError> {
        let max_bytes = max_bytes as u64;
        self.plan(Wanted { from, below, max_bytes, at_least_one, access: Access::MayWait })
    }

    /// As [`Log::read`], for threads that must not wait: `None` where the plan needs something that is not in memory.
    pub fn read_resident(
        &self,
        from: i64,
        below: i64,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<Option<ReadPlan>, ReadError> {
        let max_bytes = max_bytes as u64;
        match self.plan(Wanted { from, below, max_bytes, at_least_one, access: Access::Resident }) {
            Err(ReadError::Storage(LogError::Io { source, .. })) if source.kind() == io::ErrorKind::WouldBlock => {
                Ok(None)
            }
            plan => plan.map(Some),
        }
    }

    fn plan(&self, wanted: Wanted) -> Result<ReadPlan, ReadError> {
        let (from, log_end_offset) = (wanted.from, self.log_end_offset());
        self.check_offset(from, log_end_offset)?;
        let wanted = Wanted { below: wanted.below.min(log_end_offset), ..wanted };
        if from >= wanted.below {
            return Ok(ReadPlan::default());
        }
        let segments = self.segments.load();
        let holding = segments.partition_point(|segment| segment.base_offset <= from).saturating_sub(1);
        for segment in segments[holding..].iter().take_while(|segment| segment.base_offset < wanted.below) {
            let span = match plan(segment, wanted) {
                Ok(span) => span,
                Err(error) => return Err(self.explain(error, from)),
            };
            match span {
                Planned::Span(Span { start, end, hot }) => {
                    let file = segment.file().map_err(|error| self.explain(error.into(), from))?.clone();
                    let len = usize::try_from(end - start).unwrap_or(usize::MAX);
                    let region = FileRegion { file, position: start, len, hot };
                    return Ok(ReadPlan { regions: vec![region], size_bytes: len });
                }
                Planned::Nothing => return Ok(ReadPlan::default()),
                // A gap, left by compaction or by damage, reaches to the end of the segment.
                Planned::PastEnd => {}
            }
        }
        Ok(ReadPlan::default())
    }

    fn check_offset(&self, offset: i64, log_end_offset: i64) -> Result<(), ReadError> {
        let log_start_offset = self.log_start_offset();
        if (log_start_offset..=log_end_offset).contains(&offset) {
            return Ok(());
        }
        Err(ReadError::OffsetOutOfRange { offset, log_start_offset, log_end_offset })
    }

    /// A segment that retention took away while it was being looked for is out of range.
    fn explain(&self, error: ReadError, offset: i64) -> ReadError {
        match &error {
            ReadError::Storage(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.check_offset(offset, self.log_end_offset()).err().unwrap_or(error)
            }
            _ => error,
        }
    }

    /// The first record below offset `below` whose timestamp is at least `timestamp`. Looks into at most one segment's
    /// batches, and decompresses at most one.
    pub fn offset_for_timestamp(&self, timestamp: i64, below: i64) -> Result<Option<TimestampOffset>, ReadError> {
        let start = self.log_start_offset();
        let segments = self.segments.load();
        for segment in segments.iter().filter(|segment| segment.end_offset() > start) {
            if segment.base_offset >= below {
                break;
            }
            if segment.largest()?.timestamp < timestamp {
                continue;
            }
            let older =
                segment.indexes()?.below_timestamp(timestamp)?.map_or(segment.base_offset, |entry| entry.offset);
            let size_bytes = segment.size_bytes();
            let Some((position, _)) = segment.locate(older.max(start), size_bytes, Access::MayWait)? else { continue };
            let recent_enough =
                |header: &BatchHeader| header.max_timestamp >= timestamp && header.last_offset() >= start;
            if let Some((position, header)) = segment.find_from(position, size_bytes, Access::MayWait, recent_enough)? {
                let found = first_record(segment, position, &header, timestamp, start)?;
                return Ok(Some(found).filter(|found| found.offset < below));
            }
        }
        Ok(None)
    }

    /// The first record that carries the log's largest timestamp; `None` if no record has one.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        let start = self.log_start_offset();
        let mut largest = -1;
        for segment in self.segments.load().iter().filter(|segment| segment.end_offset() > start) {
            largest = largest.max(segment.largest()?.timestamp);
        }
        if largest < 0 { Ok(None) } else { self.offset_for_timestamp(largest, self.log_end_offset()) }
    }

    /// The largest epoch at or below `epoch`, and the offset where it ends (Kafka's `endOffsetFor`).
    pub fn end_offset_for_epoch(&self, epoch: i32) -> Option<(i32, i64)> {
        super::segment::lock(&self.epochs).end_offset_for(epoch, self.log_end_offset.load(Ordering::Acquire))
    }

    /// The leader epoch that the record at `offset` was, or would have been, written in; `None` if no epoch reaches back
    /// to it.
    pub fn epoch_of(&self, offset: i64) -> Option<i32> {
        super::segment::lock(&self.epochs).epoch_of(offset)
    }

    /// The newest leader epoch that wrote to this log.
    pub fn latest_epoch(&self) -> Option<i32> {
        super::segment::lock(&self.epochs).latest()
    }
}

/// What a segment has of what is wanted.
enum Planned {
    Span(Span),
    /// It is there, but does not fit, or lies past the upper offset.
    Nothing,
    /// The segment ends before.
    PastEnd,
}

impl From<Option<Span>> for Planned {
    fn from(span: Option<Span>) -> Self {
        span.map_or(Planned::Nothing, Planned::Span)
    }
}

fn plan(segment: &Arc<Segment>, wanted: Wanted) -> Result<Planned, ReadError> {
    let (size_bytes, end_offset) = {
        let extent = segment.extent();
        // What was appended last is all in memory.
        if let Some(planned) = plan_recent(&extent, wanted) {
            return Ok(planned);
        }
        (extent.size_bytes, extent.end_offset)
    };
    // The file may prove shorter once it is opened (zeros at its end).
    segment.file_by(wanted.access)?;
    let size_bytes = size_bytes.min(segment.size_bytes());
    let Some((start, first)) = segment.locate(wanted.from, size_bytes, wanted.access)? else {
        return Ok(Planned::PastEnd);
    };
    let limit = if wanted.below >= end_offset {
        size_bytes
    } else {
        segment.locate(wanted.below, size_bytes, wanted.access)?.map_or(size_bytes, |(position, _)| position)
    };
    if limit <= start {
        return Ok(Planned::Nothing);
    }
    let first_end = start + first.size_bytes() as u64;
    let room_end = start.saturating_add(wanted.max_bytes);
    let last_fitting_end = match () {
        () if limit <= room_end => limit,
        () if first_end > room_end => start,
        () => segment.last_end(first_end, room_end, limit, wanted.access)?,
    };
    Ok(wanted.span(start, first_end, last_fitting_end, false).into())
}

/// Plans from memory; `None` if `from` lies before what is kept there.
fn plan_recent(extent: &super::segment::Extent, wanted: Wanted) -> Option<Planned> {
    let recent = &extent.recent;
    if recent.front().is_none_or(|first| wanted.from < first.base_offset) {
        return None;
    }
    let first = recent.partition_point(|batch| batch.last_offset < wanted.from);
    let upper = recent.partition_point(|batch| batch.last_offset < wanted.below);
    let Some(batch) = recent.get(first) else { return Some(Planned::PastEnd) };
    if upper <= first {
        return Some(Planned::Nothing);
    }
    let room_end = batch.position.saturating_add(wanted.max_bytes);
    let fitting = recent.partition_point(|batch| batch.end <= room_end).min(upper);
    let last_fitting_end = if fitting > first { recent[fitting - 1].end } else { batch.position };
    Some(wanted.span(batch.position, batch.end, last_fitting_end, true).into())
}

/// The first record of the batch at `position` that is at least as new as `timestamp`.
fn first_record(
    segment: &Segment,
    position: u64,
    header: &BatchHeader,
    timestamp: i64,
    from: i64,
) -> Result<TimestampOffset, ReadError> {
    let leader_epoch = header.partition_leader_epoch;
    let mut bytes = vec![0; header.size_bytes()];
    let read = storage::read_at(segment.file()?, &mut bytes, position)
        .map_err(|error| ReadError::from(LogError::io("read", segment.path("log"))(error)))?;
    let batch = Batch::parse(&bytes[..read]).map_err(|source| ReadError::Damaged {
        path: segment.path("log"),
        position,
        source,
    })?;
    let found = batch.records(MAX_DECOMPRESSED_BYTES).ok().and_then(|records| {
        let mut records = records.iter().filter_map(Result::ok);
        let record = records.find(|record| record.timestamp >= timestamp && record.offset >= from)?;
        Some(TimestampOffset { timestamp: record.timestamp, offset: record.offset, leader_epoch })
    });
    // Records that cannot be read are for the consumer to find out; the batch is the right one.
    let batch_itself =
        TimestampOffset { timestamp: header.max_timestamp, offset: header.base_offset.max(from), leader_epoch };
    Ok(found.unwrap_or(batch_itself))
}
