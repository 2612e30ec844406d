//! The four codecs, bounded on the way out.

use std::borrow::Cow;
use std::io::{self, Read, Write};

/// How a batch's records are compressed (attributes, bits 0–2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Compression {
    /// Not at all.
    None = 0,
    /// RFC 1952.
    Gzip = 1,
    /// Snappy blocks in Xerial's framing, or one bare block.
    Snappy = 2,
    /// The LZ4 frame format.
    Lz4 = 3,
    /// RFC 8878.
    Zstd = 4,
}

/// Records that cannot be decompressed.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// More comes out than the caller allows.
    #[error("more than {max_bytes} bytes come out")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// A codec number that stands for none.
    #[error("unknown compression codec {code}")]
    UnknownCodec {
        /// The number.
        code: i16,
    },
    /// Not in the codec's format.
    #[error("malformed {codec:?} data: {source}")]
    Malformed {
        /// Which codec.
        codec: Compression,
        /// What it says.
        source: io::Error,
    },
}

/// snappy-java's framing: this magic, version and compatible version (i32 each), then blocks of (i32 length, Snappy
/// block). librdkafka sends one bare block instead; both are understood.
const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\x00";
const XERIAL_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Bytes of input in each Xerial block we write, as snappy-java's default.
const XERIAL_BLOCK_BYTES: usize = 32 << 10;

impl Compression {
    /// By number.
    pub fn from_code(code: i16) -> Option<Compression> {
        Some(match code {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Snappy,
            3 => Compression::Lz4,
            4 => Compression::Zstd,
            _ => return None,
        })
    }

    /// The number in a batch's attributes.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// At most so many bytes come out for each that goes in, by the densest thing that the format can say: Deflate's 258
    /// bytes in 2 bits, Snappy's 64 bytes in 3, a byte of LZ4's length, Zstandard's block of 128 KiB in 4.
    pub(super) fn max_expansion(self) -> usize {
        match self {
            Compression::None => 1,
            Compression::Gzip => 1_032,
            Compression::Snappy => 22,
            Compression::Lz4 => 255,
            Compression::Zstd => 32 << 10,
        }
    }

    /// Decompresses `input`, to at most `max_bytes`. Memory is taken as bytes come out, never as lengths claim.
    pub fn decompress(self, input: &[u8], max_bytes: usize) -> Result<Cow<'_, [u8]>, DecompressError> {
        let malformed = |source| DecompressError::Malformed { codec: self, source };
        let output = match self {
            Compression::None => return Ok(Cow::Borrowed(input)),
            Compression::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(input), max_bytes),
            Compression::Snappy => decompress_snappy(input, max_bytes),
            Compression::Lz4 => read_bounded(lz4_flex::frame::FrameDecoder::new(input), max_bytes),
            Compression::Zstd => ruzstd::decoding::StreamingDecoder::new(input)
                .map_err(io::Error::other)
                .and_then(|decoder| read_bounded(decoder, max_bytes)),
        };
        match output.map_err(malformed)? {
            Some(output) => Ok(Cow::Owned(output)),
            None => Err(DecompressError::TooLarge { max_bytes }),
        }
    }

    /// Compresses `input`.
    pub fn compress(self, input: &[u8]) -> Cow<'_, [u8]> {
        const IN_MEMORY: &str = "compressing from memory into memory does not fail";
        Cow::Owned(match self {
            Compression::None => return Cow::Borrowed(input),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(input).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Compression::Snappy => {
                let mut output = [XERIAL_MAGIC, XERIAL_VERSIONS].concat();
                for block in input.chunks(XERIAL_BLOCK_BYTES) {
                    let block = snap::raw::Encoder::new().compress_vec(block).expect(IN_MEMORY);
                    output.extend_from_slice(&(block.len() as u32).to_be_bytes());
                    output.extend_from_slice(&block);
                }
                output
            }
            Compression::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(input).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Compression::Zstd => ruzstd::encoding::compress_to_vec(input, ruzstd::encoding::CompressionLevel::Fastest),
        })
    }
}

/// Everything `reader` gives, or `None` if that is more than `max_bytes`.
fn read_bounded(reader: impl Read, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut output = Vec::new();
    reader.take(max_bytes as u64 + 1).read_to_end(&mut output)?;
    Ok((output.len() <= max_bytes).then_some(output))
}

fn decompress_snappy(input: &[u8], max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut output = Vec::new();
    let Some(framed) = input.strip_prefix(&XERIAL_MAGIC) else {
        return Ok(append_snappy_block(input, &mut output, max_bytes)?.then_some(output));
    };
    let mut rest = framed.get(XERIAL_VERSIONS.len()..).ok_or(io::ErrorKind::UnexpectedEof)?;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let block = after.get(..length).ok_or(io::ErrorKind::UnexpectedEof)?;
        if !append_snappy_block(block, &mut output, max_bytes)? {
            return Ok(None);
        }
        rest = &after[length..];
    }
    if rest.is_empty() { Ok(Some(output)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// False if the block would take `output` past `max_bytes`.
fn append_snappy_block(block: &[u8], output: &mut Vec<u8>, max_bytes: usize) -> io::Result<bool> {
    let claimed = snap::raw::decompress_len(block).map_err(io::Error::other)?;
    // No Snappy element of n bytes makes more than 64 bytes out of 2: a larger claim is a lie, and allocates nothing.
    if claimed > block.len().saturating_mul(32).saturating_add(64) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "claimed length is out of reach"));
    }
    if output.len().saturating_add(claimed) > max_bytes {
        return Ok(false);
    }
    output.extend_from_slice(&snap::raw::Decoder::new().decompress_vec(block).map_err(io::Error::other)?);
    Ok(true)
}
