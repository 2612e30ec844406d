//! How figures are written for people: three significant digits, grouped thousands, the unit always there.
//!
//! Roundings never flatter: a share below one never reads `100 %`.

/// `3000000` → `3,000,000`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `n` and its noun, in the plural where it must be: `1 group`, `2 groups`.
pub fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}

/// `3_520_000` → `3.52 ms`.
pub fn duration_ns(ns: u64) -> String {
    let ns = ns as f64;
    let (value, unit) = match ns {
        0.0 => (0.0, "ms"),
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 999.5e3 => (ns / 1e3, "µs"),
        ns if ns < 999.5e6 => (ns / 1e6, "ms"),
        ns if ns < 120e9 => (ns / 1e9, "s"),
        ns if ns < 7200e9 => (ns / 60e9, "min"),
        ns => (ns / 3600e9, "h"),
    };
    format!("{} {unit}", significant(value))
}

/// Milliseconds as a duration.
pub fn duration_ms(ms: u64) -> String {
    duration_ns(ms.saturating_mul(1_000_000))
}

/// Microseconds as a duration.
pub fn duration_us(us: u64) -> String {
    duration_ns(us.saturating_mul(1_000))
}

/// `26_214_400` → `25 MiB`.
pub fn bytes(n: u64) -> String {
    bytes_f64(n as f64)
}

/// As [`bytes`], for means and rates.
pub fn bytes_f64(n: f64) -> String {
    let mut value = n;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if value < 1023.5 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{} {unit}", significant(value))
}

/// A mean or rate: grouped from a thousand on, three significant digits below.
pub fn number(value: f64) -> String {
    if value >= 999.5 && value.is_finite() { count(value.round() as u64) } else { significant(value) }
}

/// A ratio: three significant digits, and one more where it is close to one.
pub fn ratio(value: f64) -> String {
    match value {
        v if !v.is_finite() => "–".to_owned(),
        v if (0.9..1.1).contains(&v) => format!("{v:.3}"),
        v if v >= 99.5 => count(v.round() as u64),
        v if v >= 9.95 => format!("{v:.1}"),
        v if v >= 0.095 => format!("{v:.2}"),
        v => {
            let decimals = (1.0 - v.max(1e-9).log10().floor()) as usize;
            format!("{v:.decimals$}")
        }
    }
}

/// A share in percent, two significant digits: `0.073` → `7.3 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = match percent.abs() {
        p if p >= 9.95 => 0,
        p if p >= 0.995 => 1,
        _ => 2,
    };
    format!("{} %", trimmed(format!("{percent:.decimals$}")))
}

/// An axis label: `100000` → `100k`.
pub fn compact(value: f64) -> String {
    let (value, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    format!("{}{unit}", significant(value))
}

/// `part` of `whole` in percent, cut (not rounded) after three decimals; `–` of nothing.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let thousandths = u128::from(part) * 100_000 / u128::from(whole);
    format!("{} %", trimmed(format!("{}.{:03}", thousandths / 1000, thousandths % 1000)))
}

/// `1_700_000_000_000` → `2023-11-14 22:13:20 UTC`.
pub fn time_utc(unix_ms: i64) -> String {
    let [year, month, day, hour, minute, second] = civil(unix_ms.div_euclid(1000));
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// `1_700_000_000_000` → `20231114T221320Z`, for names.
pub fn time_compact(unix_ms: i64) -> String {
    let [year, month, day, hour, minute, second] = civil(unix_ms.div_euclid(1000));
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Year, month, day, hour, minute and second in UTC, of seconds since the epoch.
fn civil(unix_s: i64) -> [i64; 6] {
    let (days, second) = (unix_s.div_euclid(86_400), unix_s.rem_euclid(86_400));
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    [year, month, day, second / 3600, second / 60 % 60, second % 60]
}

fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    trimmed(format!("{value:.decimals$}"))
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_three_digits_and_their_unit() {
        assert_eq!(duration_ns(0), "0 ms");
        assert_eq!(duration_ns(3_520_000), "3.52 ms");
        assert_eq!(duration_ns(999_600), "1 ms");
        assert_eq!(duration_ns(12_340_000_000), "12.3 s");
        assert_eq!(duration_ns(u64::MAX), "5124096 h");
        assert_eq!(bytes(26_214_400), "25 MiB");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(count(3_000_000), "3,000,000");
        assert_eq!(count(12), "12");
        assert_eq!(compact(150_000.0), "150k");
        assert_eq!(number(99_998.4), "99,998");
        assert_eq!(counted(1, "group"), "1 group");
    }

    #[test]
    fn ratios_and_shares_carry_the_digits_that_matter() {
        let ratios = [0.01234, 0.42, 0.9876, 1.0, 1.0512, 2.314, 12.34, 1234.5].map(ratio);
        assert_eq!(ratios, ["0.012", "0.42", "0.988", "1.000", "1.051", "2.31", "12.3", "1,235"]);
        assert_eq!([0.05, 0.0731, 0.123, 0.0004, 1.0].map(percent), ["5 %", "7.3 %", "12 %", "0.04 %", "100 %"]);
    }

    #[test]
    fn a_share_below_one_never_reads_a_hundred_percent() {
        assert_eq!(share(2_999_999, 3_000_000), "99.999 %");
        assert_eq!(share(999_999_999, 1_000_000_000), "99.999 %");
        assert_eq!(share(5, 5), "100 %");
        assert_eq!(share(0, 0), "–");
    }

    #[test]
    fn dates_are_civil() {
        assert_eq!(time_utc(1_700_000_000_000), "2023-11-14 22:13:20 UTC");
        assert_eq!(time_utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time_utc(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(time_utc(-1), "1969-12-31 23:59:59 UTC");
        assert_eq!(time_compact(1_769_903_999_000), "20260131T235959Z");
    }
}
