//! Numbers as people write them: `100k`, `100,000`, `1e5`, `1KiB`, `30s`, `100k/s`.
//!
//! Digits with a fraction or an exponent if need be; underscores anywhere, commas where they part thousands. A time has a
//! unit, unless it is zero: what counts in seconds here counts in milliseconds elsewhere.

use std::fmt;
use std::str::FromStr;

/// A number that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no {expected}{}", if got.trim_start().starts_with('-') { ": it is below zero" } else { "" })]
pub struct QuantityError {
    /// The text.
    pub got: String,
    /// What it should have been, with an example.
    pub expected: &'static str,
}

/// Parsers for plain quantities.
#[derive(Debug, Clone, Copy)]
pub struct Quantity;

impl Quantity {
    /// A count: digits with an optional decimal suffix `k`, `M`, `G`.
    pub fn count(text: &str) -> Result<u64, QuantityError> {
        let units = [("", 1.0), ("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9)];
        whole(text, &units, "count, such as 1000, 100k or 2M")
    }

    /// A size in bytes: digits with an optional suffix `B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB` (`k`, `M`, `G` are
    /// decimal).
    pub fn bytes(text: &str) -> Result<u64, QuantityError> {
        const KIB: f64 = 1024.0;
        let units = [
            ("", 1.0),
            ("B", 1.0),
            ("k", 1e3),
            ("kB", 1e3),
            ("KB", 1e3),
            ("M", 1e6),
            ("MB", 1e6),
            ("G", 1e9),
            ("GB", 1e9),
            ("KiB", KIB),
            ("MiB", KIB * KIB),
            ("GiB", KIB * KIB * KIB),
        ];
        whole(text, &units, "size, such as 100, 1KiB or 1.5MB")
    }

    /// The size with the largest binary unit that loses nothing: `1 KiB`, `100 B`.
    pub fn show_bytes(bytes: u64) -> String {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let exact = |(shift, _): &(u32, &str)| bytes > 0 && bytes.trailing_zeros() >= *shift;
        units
            .into_iter()
            .find(exact)
            .map_or_else(|| format!("{bytes} B"), |(shift, unit)| format!("{} {unit}", bytes >> shift))
    }

    /// A duration in nanoseconds: digits with a suffix `ns`, `us`, `ms`, `s`, `m`, `h`; without one, only zero.
    pub fn duration_ns(text: &str) -> Result<u64, QuantityError> {
        match scaled(text, &[("", 1.0)]) {
            Some(0.0) => return Ok(0),
            Some(_) => {
                return Err(QuantityError {
                    got: text.to_owned(),
                    expected: "duration, for it has no unit: write 30s, 500ms or 2m",
                });
            }
            None => {}
        }
        let units =
            [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("min", 60e9), ("h", 3600e9)];
        whole(text, &units, "duration, such as 30s, 500ms or 2m")
    }
}

/// Messages a second, over all producers.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// A rate; `None` unless finite and positive.
    pub fn per_second(rate: f64) -> Option<Rate> {
        (rate.is_finite() && rate > 0.0).then_some(Rate(rate))
    }

    /// Messages a second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    /// `100000`, `100k`, `100k/s`, `6M/m`, `0.5/s`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || QuantityError { got: text.to_owned(), expected: "rate, such as 100k/s, 5000 or 6M/m" };
        let (count, seconds) = match text.trim().split_once('/') {
            None => (text.trim(), 1.0),
            Some((count, "s")) => (count, 1.0),
            Some((count, "m" | "min")) => (count, 60.0),
            Some((count, "h")) => (count, 3600.0),
            Some(_) => return Err(error()),
        };
        let units = [("", 1.0), ("k", 1e3), ("K", 1e3), ("M", 1e6)];
        scaled(count, &units).and_then(|count| Rate::per_second(count / seconds)).ok_or_else(error)
    }
}

impl fmt::Display for Rate {
    /// With the shortest of the suffixes that loses nothing: `100k/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rate if rate >= 1e6 && rate % 1e5 == 0.0 => write!(f, "{}M/s", rate / 1e6),
            rate if rate >= 1e3 && rate % 1e2 == 0.0 => write!(f, "{}k/s", rate / 1e3),
            rate => write!(f, "{rate}/s"),
        }
    }
}

/// A whole number of at most 2^53.
fn whole(text: &str, units: &[(&str, f64)], expected: &'static str) -> Result<u64, QuantityError> {
    const LARGEST: f64 = (1u64 << 53) as f64;
    scaled(text, units)
        .filter(|number| number.fract() == 0.0 && *number <= LARGEST)
        .map(|number| number as u64)
        .ok_or_else(|| QuantityError { got: text.to_owned(), expected })
}

/// A number times its unit.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let (digits, suffix) = text.split_at(number_len(text));
    let (_, unit) = units.iter().find(|(name, _)| *name == suffix.trim())?;
    if digits.contains(',') && !parts_thousands(digits) {
        return None;
    }
    digits.replace(['_', ','], "").parse::<f64>().ok().map(|number| number * unit)
}

/// Bytes of the number that a text begins with, its exponent included.
fn number_len(text: &str) -> usize {
    let end_of = |from: usize, of_number: fn(char) -> bool| {
        text[from..].find(|c: char| !of_number(c)).map_or(text.len(), |end| from + end)
    };
    let mantissa = end_of(0, |c| c.is_ascii_digit() || matches!(c, '.' | '_' | ','));
    let Some(exponent) = text[mantissa..].strip_prefix(['e', 'E']) else { return mantissa };
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let digits_from = text.len() - unsigned.len();
    match end_of(digits_from, |c| c.is_ascii_digit()) {
        end if end > digits_from && mantissa > 0 => end,
        _ => mantissa,
    }
}

/// Whether the commas stand before every three digits: `1,5` is refused, and not fifteen.
fn parts_thousands(digits: &str) -> bool {
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    let mut groups = whole.split(',');
    let are_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    whole.len() == digits.rfind(',').map_or(0, |last| last + 4)
        && groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && are_digits(first))
        && groups.all(|group| group.len() == 3 && are_digits(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_people_write_them() {
        assert_eq!(Quantity::count("100k"), Ok(100_000));
        assert_eq!(Quantity::count("1_000"), Ok(1000));
        assert_eq!(Quantity::bytes("1KiB"), Ok(1024));
        assert_eq!(Quantity::bytes("1.5 MB"), Ok(1_500_000));
        assert_eq!(Quantity::duration_ns("30s"), Ok(30_000_000_000));
        assert_eq!(Quantity::duration_ns("1.5ms"), Ok(1_500_000));
        assert_eq!(Quantity::duration_ns("0"), Ok(0));
        for hundred_thousand in ["100k", "100000", "100,000", "100_000", "1e5", "1E+5", "0.1M"] {
            assert_eq!(Quantity::count(hundred_thousand), Ok(100_000), "{hundred_thousand}");
        }
        assert_eq!(Quantity::count("1,234,567"), Ok(1_234_567));
        assert_eq!(Quantity::duration_ns("1e3ms"), Ok(1_000_000_000));
        assert_eq!("100k/s".parse(), Ok(Rate(100_000.0)));
        assert_eq!("6M/m".parse(), Ok(Rate(100_000.0)));
        assert_eq!("0.5".parse(), Ok(Rate(0.5)));
    }

    #[test]
    fn what_is_no_quantity_is_said_with_an_example() {
        for text in [
            "",
            "k",
            "-1",
            "1x",
            "1.5",
            "1e",
            "e5",
            "99999999999G",
            ".",
            "1..2",
            "1,5",
            "1,00",
            ",100",
            "1000,000",
            "1.5,000",
        ] {
            assert!(Quantity::count(text).is_err(), "{text:?} was read as a count");
        }
        for text in ["0", "0/s", "-1/s", "1/d", "/s", "k/s", "inf", "nan"] {
            assert!(text.parse::<Rate>().is_err(), "{text:?} was read as a rate");
        }
        let no_unit = Quantity::duration_ns("30").unwrap_err().to_string();
        assert_eq!(no_unit, "\"30\" is no duration, for it has no unit: write 30s, 500ms or 2m");
        assert!(Quantity::duration_ns("-1s").unwrap_err().to_string().ends_with("it is below zero"));
        let error = Quantity::bytes("1 potato").unwrap_err();
        assert_eq!(error.to_string(), "\"1 potato\" is no size, such as 100, 1KiB or 1.5MB");
    }

    #[test]
    fn a_rate_is_shown_as_it_can_be_given() {
        for text in ["100k/s", "1.5M/s", "2.5k/s", "0.5/s", "999/s"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }
}
