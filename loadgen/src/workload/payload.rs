//! What each message's value holds: seeded bytes of given sizes, or the lines of a file.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub use super::lines::{Lines, LinesError};
use super::quantity::Quantity;
use super::random::SplitMix64;

/// Where values come from.
#[derive(Debug, Clone)]
pub enum PayloadSource {
    /// Seeded bytes of these sizes.
    Random(SizeSpec),
    /// The lines of a file, in turn, as they are. Producer 0 begins with the first, the others anywhere.
    Lines(Arc<Lines>),
}

/// `--size`: the value's size in bytes, stamp included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SizeSpec {
    /// `1KiB`.
    Fixed(usize),
    /// `uniform:100..2000`, both ends included.
    Uniform {
        /// Smallest.
        low: usize,
        /// Largest.
        high: usize,
    },
    /// `lognormal:MEDIAN:SIGMA` or `lognormal:MEDIAN:SIGMA:MAX` (default 1 MB).
    LogNormal {
        /// Median size.
        median: usize,
        /// Standard deviation of the size's natural logarithm.
        sigma: f64,
        /// Larger sizes are cut to this.
        max: usize,
    },
}

/// Sizes past this are refused: a broker's `socket.request.max.bytes` is 100 MiB.
const LARGEST_BYTES: u64 = 100_000_000;
/// Where a log-normal size has no other limit; just below Kafka's default `message.max.bytes`.
const LOG_NORMAL_MAX_BYTES: usize = 1_000_000;

/// A `--size` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no size{reason}; expected 1KiB, uniform:100..2000 or lognormal:MEDIAN:SIGMA[:MAX]")]
pub struct SizeSpecError {
    /// The text.
    pub got: String,
    /// What is wrong with it, in parentheses; empty where that is all there is to say.
    pub reason: String,
}

impl FromStr for SizeSpec {
    type Err = SizeSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || SizeSpecError { got: text.to_owned(), reason: String::new() };
        let error = |reason: &str| SizeSpecError { reason: format!(" ({reason})"), ..unknown() };
        let size = |part: &str| match Quantity::bytes(part) {
            Ok(size) if size <= LARGEST_BYTES => Ok(size as usize),
            Ok(_) => Err(error("above 100 MB, and Kafka's brokers take no request above 100 MiB")),
            Err(_) if part == text => Err(unknown()),
            Err(invalid) => Err(error(&invalid.to_string())),
        };
        match text.split_once(':') {
            None => Ok(SizeSpec::Fixed(size(text)?)),
            Some(("uniform", range)) => {
                let (low, high) = range.split_once("..").ok_or_else(|| error("no .. in the range"))?;
                let (low, high) = (size(low)?, size(high)?);
                if low > high {
                    return Err(error("the range's end is below its start"));
                }
                Ok(SizeSpec::Uniform { low, high })
            }
            Some(("lognormal", rest)) => {
                let mut parts = rest.split(':');
                let median = size(parts.next().unwrap_or_default())?;
                let sigma = parts.next().and_then(|sigma| sigma.parse().ok());
                let sigma = sigma.filter(|sigma: &f64| (0.0..=10.0).contains(sigma));
                let sigma = sigma.ok_or_else(|| error("sigma must be from 0 to 10"))?;
                let max = parts.next().map_or(Ok(LOG_NORMAL_MAX_BYTES.max(median)), size)?;
                if parts.next().is_some() || max < median {
                    return Err(error("after sigma comes only a maximum, not below the median"));
                }
                Ok(SizeSpec::LogNormal { median, sigma, max })
            }
            Some(_) => Err(unknown()),
        }
    }
}

impl fmt::Display for SizeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SizeSpec::Fixed(size) => f.write_str(&Quantity::show_bytes(*size as u64)),
            SizeSpec::Uniform { low, high } => write!(f, "uniform:{low}B..{high}B"),
            SizeSpec::LogNormal { median, sigma, max } => write!(f, "lognormal:{median}B:{sigma}:{max}B"),
        }
    }
}

impl SizeSpec {
    /// The largest size it gives.
    pub fn max(&self) -> usize {
        match *self {
            SizeSpec::Fixed(size) => size,
            SizeSpec::Uniform { high, .. } => high,
            SizeSpec::LogNormal { max, .. } => max,
        }
    }

    #[inline]
    fn sample(&self, random: &mut SplitMix64) -> usize {
        match *self {
            SizeSpec::Fixed(size) => size,
            SizeSpec::Uniform { low, high } => low + random.below((high - low) as u64 + 1) as usize,
            SizeSpec::LogNormal { median, sigma, max } => {
                ((median as f64 * (sigma * random.normal()).exp()).round() as usize).min(max)
            }
        }
    }
}

/// One producer's seeded bytes: slices of a pool made once, so that a message costs a copy and nothing more.
///
/// The pool is text of words, numbers and identifiers, which compresses about as log lines and JSON do (two- to
/// threefold), and not like zeros or noise.
#[derive(Debug)]
pub(super) struct RandomPayload {
    sizes: SizeSpec,
    pool: Vec<u8>,
    random: SplitMix64,
}

/// Within a core's second-level cache, and past the window of lz4 and snappy.
const POOL_BYTES: usize = 256 << 10;

impl RandomPayload {
    pub(super) fn new(sizes: SizeSpec, mut random: SplitMix64) -> RandomPayload {
        let pool = prose(POOL_BYTES + sizes.max(), &mut random);
        RandomPayload { sizes, pool, random }
    }

    /// The size of the next value.
    #[inline]
    pub(super) fn next_size(&mut self) -> usize {
        self.sizes.sample(&mut self.random)
    }

    /// `size` bytes, at most the largest of the sizes.
    #[inline]
    pub(super) fn bytes(&mut self, size: usize) -> &[u8] {
        let start = self.random.below(POOL_BYTES as u64) as usize;
        &self.pool[start..start + size]
    }
}

fn prose(size: usize, random: &mut SplitMix64) -> Vec<u8> {
    const WORDS: [&str; 32] = [
        "GET",
        "POST",
        "200",
        "404",
        "HTTP/1.1",
        "user",
        "session",
        "status",
        "index.html",
        "Mozilla/5.0",
        "order",
        "payment",
        "event",
        "click",
        "view",
        "search",
        "region",
        "eu-west",
        "price",
        "currency",
        "EUR",
        "item",
        "quantity",
        "timestamp",
        "device",
        "mobile",
        "referrer",
        "https://example.com/",
        "duration_ms",
        "true",
        "false",
        "null",
    ];
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut text = Vec::with_capacity(size + 32);
    while text.len() < size {
        let mut bits = random.next_u64();
        if bits & 1 == 0 {
            text.extend_from_slice(WORDS[(bits >> 1) as usize % WORDS.len()].as_bytes());
        } else {
            // An identifier of 3 to 10 letters.
            let letters = 3 + (bits >> 1) % 8;
            bits >>= 4;
            text.extend((0..letters).map(|i| LETTERS[(bits >> (6 * i)) as usize % LETTERS.len()]));
        }
        text.push(b" =\":,;/ "[(bits >> 61) as usize]);
    }
    text.truncate(size);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown_as_they_are_given() {
        for text in ["100 B", "1 KiB", "uniform:100B..2000B", "lognormal:1024B:0.5:65536B"] {
            assert_eq!(text.parse::<SizeSpec>().unwrap().to_string(), text);
        }
        assert_eq!("0".parse::<SizeSpec>().unwrap().to_string(), "0 B");
        assert_eq!("1KiB".parse(), Ok(SizeSpec::Fixed(1024)));
        let log_normal = SizeSpec::LogNormal { median: 2000, sigma: 1.0, max: LOG_NORMAL_MAX_BYTES };
        assert_eq!("lognormal:2kB:1".parse(), Ok(log_normal));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        let texts = ["", "x", "1TB", "uniform:1", "uniform:9..1", "uniform:1..x", "lognormal:1", "lognormal:1:-1"];
        for text in texts.into_iter().chain(["lognormal:9:1:8", "lognormal:1:1:2:3", "gauss:1:2", "1GiB"]) {
            assert!(text.parse::<SizeSpec>().is_err(), "{text:?} was read");
        }
    }

    #[test]
    fn sizes_stay_within_their_distribution() {
        let sample = |text: &str| {
            let mut payload = RandomPayload::new(text.parse().unwrap(), SplitMix64::new(2, 0));
            let mut sizes: Vec<usize> = (0..4001).map(|_| payload.next_size()).collect();
            sizes.sort_unstable();
            sizes
        };
        assert!(sample("77").iter().all(|size| *size == 77));
        let uniform = sample("uniform:10..13");
        assert!(uniform.first() == Some(&10) && uniform.last() == Some(&13));
        let log_normal = sample("lognormal:1000:1:5000");
        assert!((900..1100).contains(&log_normal[2000]), "median {}", log_normal[2000]);
        assert_eq!(log_normal.last(), Some(&5000));
    }

    #[test]
    fn a_seed_replays_its_bytes_and_they_compress_like_text() {
        let payload = |seed| RandomPayload::new(SizeSpec::Fixed(60_000), SplitMix64::new(seed, 0));
        let (mut first, mut second) = (payload(1), payload(1));
        assert_eq!(first.bytes(60_000), second.bytes(60_000));
        assert_ne!(first.bytes(100), payload(2).bytes(100));
        let bytes = second.bytes(60_000);
        assert!(bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '));
    }
}
