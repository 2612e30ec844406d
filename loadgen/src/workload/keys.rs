//! Which key each message has.
//!
//! Made keys are decimal numbers of one width, padded with zeros (at least two digits), so that the first two
//! characters of a key can name a partition. Keys from the payload stand with the lines they came from
//! ([`super::payload::Lines`]).

use std::fmt;
use std::str::FromStr;

use super::quantity::Quantity;
use super::random::SplitMix64;

/// `--key`: which keys.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySpec {
    /// No key.
    None,
    /// `N`: one of N keys, each as likely.
    Uniform {
        /// Number of keys.
        keys: u64,
    },
    /// `zipf:N:S`: one of N keys, the r-th most frequent with a weight of r^−S.
    Zipf {
        /// Number of keys.
        keys: u64,
        /// The exponent, above 0.
        exponent: f64,
    },
    /// `payload:$.user`, `payload:field=1`: a field of the payload file's line.
    Payload(FieldPath),
}

/// Where in a line the key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldPath {
    /// `$.a.b`: members of a JSON object.
    Json(Vec<String>),
    /// `field=N`: the N-th of the fields that blanks separate, from 1.
    Field(usize),
}

/// A `--key` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no key choice{reason}; expected none, N, zipf:N:S, payload:$.member or payload:field=N")]
pub struct KeySpecError {
    /// The text.
    pub got: String,
    /// What is wrong with it, in parentheses; empty where that is all there is to say.
    pub reason: String,
}

impl FromStr for KeySpec {
    type Err = KeySpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || KeySpecError { got: text.to_owned(), reason: String::new() };
        let error = |reason: String| KeySpecError { reason: format!(" ({reason})"), ..unknown() };
        let keys = |count: &str| match Quantity::count(count) {
            Ok(0) => Err(error("there must be at least one key".to_owned())),
            Ok(keys) => Ok(keys),
            Err(_) if count == text => Err(unknown()),
            Err(invalid) => Err(error(invalid.to_string())),
        };
        match text.split_once(':') {
            None if text == "none" => Ok(KeySpec::None),
            None => Ok(KeySpec::Uniform { keys: keys(text)? }),
            Some(("zipf", rest)) => {
                let (count, exponent) = rest.split_once(':').unwrap_or((rest, "1"));
                let exponent = exponent.parse().ok().filter(|s: &f64| s.is_finite() && *s > 0.0);
                let exponent = exponent.ok_or_else(|| error("the exponent must be above 0".to_owned()))?;
                Ok(KeySpec::Zipf { keys: keys(count)?, exponent })
            }
            Some(("payload", path)) => path.parse().map(KeySpec::Payload).map_err(error),
            Some(_) => Err(unknown()),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySpec::None => f.write_str("none"),
            KeySpec::Uniform { keys } => write!(f, "{keys}"),
            KeySpec::Zipf { keys, exponent } => write!(f, "zipf:{keys}:{exponent}"),
            KeySpec::Payload(FieldPath::Json(members)) => write!(f, "payload:$.{}", members.join(".")),
            KeySpec::Payload(FieldPath::Field(number)) => write!(f, "payload:field={number}"),
        }
    }
}

impl FromStr for FieldPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(members) = text.strip_prefix("$.") {
            let members: Vec<String> = members.split('.').map(str::to_owned).collect();
            if members.iter().any(String::is_empty) {
                return Err(format!("{text:?} has an empty member name"));
            }
            return Ok(FieldPath::Json(members));
        }
        let number = text.strip_prefix("field=").and_then(|number| number.parse().ok());
        match number.filter(|number| *number >= 1) {
            Some(number) => Ok(FieldPath::Field(number)),
            None => Err(format!("{text:?} is neither $.member nor field=N with N from 1")),
        }
    }
}

/// One producer's stream of made keys.
#[derive(Debug)]
pub(super) struct Keys {
    choice: Choice,
    random: SplitMix64,
    width: usize,
    digits: [u8; MAX_DIGITS],
}

/// Digits of the largest `u64`.
const MAX_DIGITS: usize = 20;

#[derive(Debug)]
enum Choice {
    Uniform(u64),
    Zipf(Zipf),
}

impl Keys {
    /// The made keys of a specification; `None` where it makes none.
    pub(super) fn new(spec: &KeySpec, random: SplitMix64) -> Option<Keys> {
        let (keys, choice) = match spec {
            KeySpec::None | KeySpec::Payload(_) => return None,
            KeySpec::Uniform { keys } => (*keys, Choice::Uniform((*keys).max(1))),
            KeySpec::Zipf { keys, exponent } => (*keys, Choice::Zipf(Zipf::new((*keys).max(1), *exponent))),
        };
        let width = (keys.max(2) - 1).ilog10() as usize + 1;
        Some(Keys { choice, random, width: width.max(2), digits: [b'0'; MAX_DIGITS] })
    }

    /// The next key.
    #[inline]
    pub(super) fn next(&mut self) -> &[u8] {
        let mut number = match &self.choice {
            Choice::Uniform(keys) => self.random.below(*keys),
            Choice::Zipf(zipf) => zipf.rank(&mut self.random) - 1,
        };
        for digit in self.digits[..self.width].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        &self.digits[..self.width]
    }
}

/// Zipf ranks by rejection-inversion (Hörmann, Derflinger: "Rejection-inversion to generate variates from monotone
/// discrete distributions", 1996): no table, whatever the number of keys.
#[derive(Debug)]
struct Zipf {
    keys: f64,
    exponent: f64,
    integral_low: f64,
    integral_high: f64,
    /// Ranks this close to their sample are accepted without a comparison.
    shortcut: f64,
}

impl Zipf {
    fn new(keys: u64, exponent: f64) -> Zipf {
        let mut zipf = Zipf { keys: keys as f64, exponent, integral_low: 0.0, integral_high: 0.0, shortcut: 0.0 };
        zipf.integral_low = zipf.integral(1.5) - 1.0;
        zipf.integral_high = zipf.integral(zipf.keys + 0.5);
        zipf.shortcut = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    fn rank(&self, random: &mut SplitMix64) -> u64 {
        loop {
            let sample = self.integral_high + random.unit() * (self.integral_low - self.integral_high);
            let x = self.inverse(sample);
            let rank = x.round().clamp(1.0, self.keys);
            if rank - x <= self.shortcut || sample >= self.integral(rank + 0.5) - self.weight(rank) {
                return rank as u64;
            }
        }
    }

    fn weight(&self, x: f64) -> f64 {
        x.powf(-self.exponent)
    }

    /// An antiderivative of the weight: (x^(1−s) − 1) / (1−s), which is ln x for s = 1.
    fn integral(&self, x: f64) -> f64 {
        let ln_x = x.ln();
        let power = (1.0 - self.exponent) * ln_x;
        if power.abs() > 1e-8 { power.exp_m1() / power * ln_x } else { ln_x * (1.0 + power / 2.0) }
    }

    /// The inverse of [`Zipf::integral`].
    fn inverse(&self, y: f64) -> f64 {
        // Rounding may take the product below −1, where the logarithm ends.
        let power = (y * (1.0 - self.exponent)).max(-1.0);
        if power.abs() > 1e-8 { (power.ln_1p() / power * y).exp() } else { (y * (1.0 - power / 2.0)).exp() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str, seed: u64) -> Keys {
        Keys::new(&text.parse().unwrap(), SplitMix64::new(seed, 0)).unwrap()
    }

    #[test]
    fn key_choices_are_read_and_shown_as_they_are_given() {
        for text in ["none", "1000", "zipf:1000:1.1", "payload:$.user.id", "payload:field=1"] {
            assert_eq!(text.parse::<KeySpec>().unwrap().to_string(), text);
        }
        assert_eq!("zipf:10k".parse(), Ok(KeySpec::Zipf { keys: 10_000, exponent: 1.0 }));
    }

    #[test]
    fn what_is_no_key_choice_is_refused_with_its_reason() {
        for text in ["", "0", "zipf", "zipf:0:1", "zipf:9:0", "zipf:9:x", "payload:", "payload:$.", "payload:$.a..b"] {
            assert!(text.parse::<KeySpec>().is_err(), "{text:?} was read");
        }
        let error = "payload:field=0".parse::<KeySpec>().unwrap_err();
        assert!(error.reason.contains("N from 1"), "{error}");
    }

    #[test]
    fn keys_have_one_width_of_at_least_two_digits_and_stay_below_their_number() {
        for (text, width, bound) in
            [("1", 2, 1), ("6", 2, 6), ("100", 2, 100), ("101", 3, 101), ("zipf:5000:1", 4, 5000)]
        {
            let mut keys = keys(text, 3);
            for _ in 0..1000 {
                let key = std::str::from_utf8(keys.next()).unwrap().to_owned();
                assert!(key.len() == width && key.parse::<u64>().unwrap() < bound, "{key} of {text}");
            }
        }
    }

    #[test]
    fn a_seed_replays_its_keys() {
        let (mut first, mut second, mut other) = (keys("1000000", 9), keys("1000000", 9), keys("1000000", 10));
        let replayed = (0..100).all(|_| first.next() == second.next());
        assert!(replayed && first.next() != other.next());
    }

    #[test]
    fn zipf_ranks_follow_their_weights() {
        for exponent in [0.5, 1.0, 1.5] {
            let (keys, samples) = (50u64, 200_000);
            let zipf = Zipf::new(keys, exponent);
            let mut random = SplitMix64::new(5, 0);
            let mut counts = vec![0u64; keys as usize + 1];
            for _ in 0..samples {
                counts[zipf.rank(&mut random) as usize] += 1;
            }
            let total: f64 = (1..=keys).map(|rank| (rank as f64).powf(-exponent)).sum();
            for rank in 1..=keys {
                let expected = samples as f64 * (rank as f64).powf(-exponent) / total;
                let off = (counts[rank as usize] as f64 - expected).abs() / expected.sqrt();
                assert!(
                    off < 5.0,
                    "rank {rank} of s = {exponent}: {} samples, expected {expected}",
                    counts[rank as usize]
                );
            }
        }
    }

    #[test]
    fn one_key_is_always_the_same() {
        let mut keys = keys("zipf:1:1.2", 1);
        assert!((0..100).all(|_| keys.next() == b"00"));
    }
}
