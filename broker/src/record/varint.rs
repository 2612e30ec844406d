//! Zig-zag variable-length integers, as Protocol Buffers' sint32 and sint64.

use super::records::RecordError;

/// Appends `value`.
pub(super) fn put(output: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        output.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    output.push(rest as u8);
}

/// Takes a 64-bit integer off the front of `input`.
#[inline]
pub(super) fn take_long(input: &mut &[u8]) -> Result<i64, RecordError> {
    match **input {
        [byte, ref rest @ ..] if byte < 0x80 => {
            *input = rest;
            Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1))
        }
        _ => take_any_long(input),
    }
}

fn take_any_long(input: &mut &[u8]) -> Result<i64, RecordError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or(RecordError::Short)?;
        *input = rest;
        // The tenth byte has room for one bit only.
        if shift == 63 && byte > 1 {
            return Err(RecordError::Varint);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(RecordError::Varint)
}

/// Takes a 32-bit integer off the front of `input`.
#[inline]
pub(super) fn take_int(input: &mut &[u8]) -> Result<i32, RecordError> {
    // Lengths of records have two bytes, mostly.
    match **input {
        [low, high, ref rest @ ..] if low >= 0x80 && high < 0x80 => {
            *input = rest;
            let value = i32::from(high) << 7 | i32::from(low & 0x7f);
            Ok((value >> 1) ^ -(value & 1))
        }
        _ => i32::try_from(take_long(input)?).map_err(|_| RecordError::Varint),
    }
}
