//! Kafka's primitive types, as `__consumer_offsets` and consumer subscriptions use them: big-endian integers, strings
//! and bytes with a length in front (`i16`/`i32`, or, in flexible versions, an unsigned varint of length + 1, where
//! null is 0), tagged fields.

use thiserror::Error;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// A length points past the end.
    #[error("{needed} bytes needed at {at}, {left} left")]
    Truncated {
        /// Position in the bytes.
        at: usize,
        /// Bytes that should be there.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// A length is negative, or null stands where it may not.
    #[error("invalid length {got} at {at}")]
    InvalidLength {
        /// Position after the length.
        at: usize,
        /// The length.
        got: i64,
    },
    /// A string is not UTF-8.
    #[error("string at {at} is not UTF-8")]
    NotUtf8 {
        /// Position of the string.
        at: usize,
    },
}

/// Reads primitives off a slice; never past its end.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes not read yet.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..len)).ok_or(WireError::Truncated {
            at: self.at,
            needed: len,
            left: self.left(),
        })?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A big-endian `i16`.
    pub fn i16(&mut self) -> Result<i16, WireError> {
        self.array().map(i16::from_be_bytes)
    }

    /// A big-endian `i32`.
    pub fn i32(&mut self) -> Result<i32, WireError> {
        self.array().map(i32::from_be_bytes)
    }

    /// A big-endian `i64`.
    pub fn i64(&mut self) -> Result<i64, WireError> {
        self.array().map(i64::from_be_bytes)
    }

    /// An unsigned varint of at most 32 bits.
    pub fn uvarint(&mut self) -> Result<u32, WireError> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| WireError::InvalidLength {
                    at: self.at,
                    got: i64::from_ne_bytes(value.to_ne_bytes()),
                });
            }
        }
        Err(WireError::InvalidLength { at: self.at, got: i64::MAX })
    }

    fn not_null<T>(&self, value: Option<T>) -> Result<T, WireError> {
        value.ok_or(WireError::InvalidLength { at: self.at, got: -1 })
    }

    fn prefixed(&mut self, len: i64) -> Result<Option<&'a [u8]>, WireError> {
        match len {
            -1 => Ok(None),
            len => {
                let len = usize::try_from(len).map_err(|_| WireError::InvalidLength { at: self.at, got: len })?;
                self.take(len).map(Some)
            }
        }
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str, WireError> {
        std::str::from_utf8(bytes).map_err(|_| WireError::NotUtf8 { at: self.at - bytes.len() })
    }

    /// A string that may be null; `flexible` chooses the length's form.
    pub fn nullable_string_as(&mut self, flexible: bool) -> Result<Option<&'a str>, WireError> {
        let len = if flexible { i64::from(self.uvarint()?) - 1 } else { i64::from(self.i16()?) };
        self.prefixed(len)?.map(|bytes| self.utf8(bytes)).transpose()
    }

    /// A string; `flexible` chooses the length's form.
    pub fn string_as(&mut self, flexible: bool) -> Result<&'a str, WireError> {
        let string = self.nullable_string_as(flexible)?;
        self.not_null(string)
    }

    /// A string with an `i16` length.
    pub fn string(&mut self) -> Result<&'a str, WireError> {
        self.string_as(false)
    }

    /// Bytes; `flexible` chooses the length's form.
    pub fn bytes_as(&mut self, flexible: bool) -> Result<&'a [u8], WireError> {
        let len = self.count_as(flexible)?;
        self.take(len)
    }

    /// The length of an array or of bytes, at most the bytes that are left; `flexible` chooses its form.
    pub fn count_as(&mut self, flexible: bool) -> Result<usize, WireError> {
        let count = if flexible { i64::from(self.uvarint()?) - 1 } else { i64::from(self.i32()?) };
        let count = usize::try_from(count).map_err(|_| WireError::InvalidLength { at: self.at, got: count })?;
        if count > self.left() {
            return Err(WireError::Truncated { at: self.at, needed: count, left: self.left() });
        }
        Ok(count)
    }

    /// Skips the tagged fields at the end of a flexible structure.
    pub fn skip_tagged_fields(&mut self) -> Result<(), WireError> {
        for _ in 0..self.uvarint()? {
            self.uvarint()?;
            let len = self.uvarint()?;
            self.take(len as usize)?;
        }
        Ok(())
    }
}

/// The longest string that has an `i16` length, in bytes. No longer one comes over the wire.
pub const MAX_STRING_BYTES: usize = i16::MAX as usize;

/// Appends a string with an `i16` length.
///
/// # Panics
///
/// On a string of more than [`MAX_STRING_BYTES`]: another one would be read back.
pub fn put_string(to: &mut Vec<u8>, string: &str) {
    assert!(string.len() <= MAX_STRING_BYTES, "a string of {} bytes has no i16 length", string.len());
    to.extend_from_slice(&(string.len() as i16).to_be_bytes());
    to.extend_from_slice(string.as_bytes());
}

/// Appends a string that may be null.
pub fn put_nullable_string(to: &mut Vec<u8>, string: Option<&str>) {
    match string {
        Some(string) => put_string(to, string),
        None => to.extend_from_slice(&(-1i16).to_be_bytes()),
    }
}

/// Appends a string in the form of flexible versions.
pub fn put_compact_string(to: &mut Vec<u8>, string: &str) {
    put_uvarint(to, u32::try_from(string.len() + 1).unwrap_or(u32::MAX));
    to.extend_from_slice(string.as_bytes());
}

/// Appends bytes with an `i32` length.
pub fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend_from_slice(bytes);
}

/// Appends an unsigned varint.
pub fn put_uvarint(to: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
