//! Holds every length of a request's body against the bytes that remain, before anything is allocated for it.
//!
//! - A string, bytes or tagged field is no longer than what remains, and a string, in whatever form, no longer than
//!   [`MAX_STRING_BYTES`]: so every string can be written in the old form too, which has 16 bits for its length.
//! - An array's count times the smallest size of its element is no more than what remains, and all counts of a request
//!   together are at most [`MAX_ELEMENTS`]. An element takes at most about 200 bytes once decoded, so a request's
//!   structs take at most about 25 MiB, whatever its frame says; its bytes stay slices of the frame.
//! - A tagged field that we know is exactly as long as it says: the crate does not look at that length.
//!
//! Bytes after the last field are passed over, as Kafka does: librdkafka's Metadata request for all topics ends in three
//! of them (it never compacts the array's count, `rd_kafka_MetadataRequest_op`).

use super::schema::{self, Body, Field, Kind};

/// Elements of arrays, and tagged fields, in one request. Real requests name partitions: Kafka recommends at most
/// 4,000 of them a broker.
pub const MAX_ELEMENTS: usize = 1 << 17;

/// The longest string in bytes, as Kafka has it.
pub const MAX_STRING_BYTES: usize = i16::MAX as usize;

/// A length that is not backed by bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// A length, or a fixed size, beyond the end.
    #[error("{what} of {claimed} bytes where {remaining} bytes remain")]
    Exceeds {
        /// The kind of field.
        what: &'static str,
        /// The length claimed, or the size needed.
        claimed: usize,
        /// What is there.
        remaining: usize,
    },
    /// A count that cannot fit.
    #[error("an array of {claimed} elements where {remaining} bytes remain")]
    Count {
        /// The count claimed.
        claimed: usize,
        /// What is there.
        remaining: usize,
    },
    /// More than [`MAX_ELEMENTS`].
    #[error("more than {MAX_ELEMENTS} elements in one request")]
    TooManyElements,
    /// A length below 0 that does not mean null, or null where it is not allowed.
    #[error("{what} of length {got}")]
    Negative {
        /// The kind of field.
        what: &'static str,
        /// The length claimed; -1 is null, also where it is written compact.
        got: i64,
    },
    /// More than [`MAX_STRING_BYTES`].
    #[error("a string of {got} bytes, at most {MAX_STRING_BYTES} are allowed")]
    StringTooLong {
        /// The length claimed.
        got: usize,
    },
    /// An unsigned varint of more than 32 bits.
    #[error("an unsigned varint of more than 32 bits")]
    Varint,
    /// A known tagged field that is longer or shorter than it says.
    #[error("tagged field {tag} claims {claimed} bytes and has {got}")]
    TagSize {
        /// The tag.
        tag: u32,
        /// The size claimed.
        claimed: usize,
        /// The size walked.
        got: usize,
    },
}

/// Walks a whole body.
pub(super) fn check(body: &Body, version: i16, bytes: &[u8]) -> Result<(), BoundsError> {
    let mut walk = Walk { rest: bytes, version, is_flexible: version >= body.flexible_since, elements: 0 };
    walk.fields(body.fields)
}

/// What begins with a length or a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefixed {
    String,
    Bytes,
    Array,
}

impl Prefixed {
    fn name(self) -> &'static str {
        match self {
            Prefixed::String => "a string",
            Prefixed::Bytes => "bytes",
            Prefixed::Array => "an array",
        }
    }
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    is_flexible: bool,
    elements: usize,
}

impl<'a> Walk<'a> {
    fn fields(&mut self, fields: &'static [Field]) -> Result<(), BoundsError> {
        for field in schema::plain(fields, self.version) {
            self.kind(field.kind, field.is_nullable(self.version))?;
        }
        if self.is_flexible { self.tagged_fields(fields) } else { Ok(()) }
    }

    fn kind(&mut self, kind: Kind, is_nullable: bool) -> Result<(), BoundsError> {
        match kind {
            Kind::Fixed(size) => self.take("a field", size).map(drop),
            Kind::String => match self.length(Prefixed::String, is_nullable)? {
                Some(got) if got > MAX_STRING_BYTES => Err(BoundsError::StringTooLong { got }),
                Some(len) => self.take(Prefixed::String.name(), len).map(drop),
                None => Ok(()),
            },
            Kind::Bytes => match self.length(Prefixed::Bytes, is_nullable)? {
                Some(len) => self.take(Prefixed::Bytes.name(), len).map(drop),
                None => Ok(()),
            },
            Kind::Array(element) => match self.length(Prefixed::Array, is_nullable)? {
                Some(count) => self.elements(*element, count),
                None => Ok(()),
            },
            Kind::Struct(fields) => self.fields(fields),
        }
    }

    fn elements(&mut self, element: Kind, count: usize) -> Result<(), BoundsError> {
        let smallest = smallest_size(element, self.version, self.is_flexible).max(1);
        if count > self.rest.len() / smallest {
            return Err(BoundsError::Count { claimed: count, remaining: self.rest.len() });
        }
        self.count(count)?;
        if let Kind::Fixed(size) = element {
            return self.take(Prefixed::Array.name(), count * size).map(drop);
        }
        (0..count).try_for_each(|_| self.kind(element, false))
    }

    fn tagged_fields(&mut self, fields: &'static [Field]) -> Result<(), BoundsError> {
        let count = self.varint()? as usize;
        // A tag and a size: two bytes at least.
        if count > self.rest.len() / 2 {
            return Err(BoundsError::Count { claimed: count, remaining: self.rest.len() });
        }
        self.count(count)?;
        for _ in 0..count {
            let tag = self.varint()?;
            let claimed = self.varint()? as usize;
            let Some((_, field)) = schema::tagged(fields, self.version).find(|(known, _)| *known == tag) else {
                self.take("a tagged field", claimed)?;
                continue;
            };
            let before = self.rest.len();
            self.kind(field.kind, field.is_nullable(self.version))?;
            let got = before - self.rest.len();
            if got != claimed {
                return Err(BoundsError::TagSize { tag, claimed, got });
            }
        }
        Ok(())
    }

    /// A length or count; `None` is null.
    fn length(&mut self, what: Prefixed, is_nullable: bool) -> Result<Option<usize>, BoundsError> {
        let length = match what {
            _ if self.is_flexible => i64::from(self.varint()?) - 1,
            Prefixed::String => i64::from(i16::from_be_bytes(self.take_array("a length")?)),
            Prefixed::Bytes | Prefixed::Array => i64::from(i32::from_be_bytes(self.take_array("a length")?)),
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 && is_nullable => Ok(None),
            Err(_) => Err(BoundsError::Negative { what: what.name(), got: length }),
        }
    }

    fn count(&mut self, count: usize) -> Result<(), BoundsError> {
        self.elements = self.elements.saturating_add(count);
        if self.elements > MAX_ELEMENTS { Err(BoundsError::TooManyElements) } else { Ok(()) }
    }

    fn varint(&mut self) -> Result<u32, BoundsError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take_array("a varint")?;
            if shift == 28 && byte > 0x0f {
                return Err(BoundsError::Varint);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }

    fn take(&mut self, what: &'static str, len: usize) -> Result<&'a [u8], BoundsError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(BoundsError::Exceeds {
            what,
            claimed: len,
            remaining: self.rest.len(),
        })?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], BoundsError> {
        let exceeds = BoundsError::Exceeds { what, claimed: N, remaining: self.rest.len() };
        let (taken, rest) = self.rest.split_first_chunk().ok_or(exceeds)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// The fewest bytes that a value of this kind takes.
fn smallest_size(kind: Kind, version: i16, is_flexible: bool) -> usize {
    match kind {
        Kind::Fixed(size) => size,
        _ if is_flexible && !matches!(kind, Kind::Struct(_)) => 1,
        Kind::String => 2,
        Kind::Bytes | Kind::Array(_) => 4,
        Kind::Struct(fields) => {
            let sizes = schema::plain(fields, version).map(|field| smallest_size(field.kind, version, is_flexible));
            sizes.sum::<usize>() + usize::from(is_flexible)
        }
    }
}
