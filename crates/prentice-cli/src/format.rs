//! Numbers as people read them: the one place for the terminal and the report.
//!
//! What cannot be said (not a number, infinite, a negative duration) is written as an en dash, never as `NaN`.

/// Stands for a number that is not known.
pub const UNKNOWN: &str = "–";

/// `1234567` as `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count that names a thing: `1 file`, `1,234 files`.
pub fn counted(value: u64, singular: &str) -> String {
    format!("{} {singular}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A large count in three figures: `6.91 M`, `12.3 k`, `999`.
pub fn compact(value: u64) -> String {
    scaled(value, &["", "k", "M", "G", "T"])
}

/// Bytes in three figures and decimal units: `999 B`, `1.31 GB`, `12.3 MB`.
pub fn bytes(value: u64) -> String {
    scaled(value, &["B", "kB", "MB", "GB", "TB", "PB"])
}

fn scaled(value: u64, units: &[&str]) -> String {
    if value < 1000 {
        return format!("{value} {}", units[0]).trim_end().to_owned();
    }
    let mut scaled = value as f64;
    let mut unit = 0;
    // 999.5 would be written as `1000`.
    while scaled >= 999.5 && unit + 1 < units.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    let places = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.places$} {}", units[unit])
}

/// Seconds as `840 ms`, `4.2 s`, `5 min 03 s`, `1 h 02 min`, `3 d 04 h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return UNKNOWN.to_owned();
    }
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let pair = |small: u64, large: &str, small_unit: &str, base: u64| {
        format!("{} {large} {:02} {small_unit}", small / base, small % base)
    };
    match seconds.round() as u64 {
        total @ ..3600 => pair(total, "min", "s", 60),
        total @ ..172_800 => pair((total + 30) / 60, "h", "min", 60),
        total => pair((total + 1800) / 3600, "d", "h", 24),
    }
}

/// A share between 0 and 1 as `31.4 %`; a positive share never reads as zero.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        UNKNOWN.to_owned()
    } else if share > 0.0 && share < 0.0005 {
        "< 0.1 %".to_owned()
    } else {
        format!("{:.1} %", share * 100.0)
    }
}

/// How far `measured` lies from `planned`: `+3.1 %`, `−12.0 %`.
pub fn deviation(planned: f64, measured: f64) -> String {
    let change = (measured - planned) / planned;
    if !change.is_finite() {
        return UNKNOWN.to_owned();
    }
    format!("{}{:.1} %", if change < 0.0 { "−" } else { "+" }, change.abs() * 100.0)
}

/// A difference of shares in points of a hundred: `+12.3`, `−0.4`, `0.0`.
pub fn points(difference: f64) -> String {
    if !difference.is_finite() {
        return UNKNOWN.to_owned();
    }
    let text = format!("{:.1}", difference.abs() * 100.0);
    let sign = if text == "0.0" {
        ""
    } else if difference < 0.0 {
        "−"
    } else {
        "+"
    };
    format!("{sign}{text}")
}

/// A number with a fixed number of decimal places.
pub fn decimal(value: f64, places: usize) -> String {
    if value.is_finite() { format!("{value:.places$}") } else { UNKNOWN.to_owned() }
}

/// A rate, such as tokens per second: whole from 100 on, otherwise one decimal place.
pub fn rate(value: f64) -> String {
    match value {
        value if !value.is_finite() || value < 0.0 => UNKNOWN.to_owned(),
        value if value < 99.95 => format!("{value:.1}"),
        value => count(value.round() as u64),
    }
}

/// A small number with two significant figures and no exponent, for learning rates: `0.003`.
pub fn two_figures(value: f64) -> String {
    format!("{value:.1e}")
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .map_or(UNKNOWN.into(), |v| v.to_string())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check<T: Copy>(format: impl Fn(T) -> String, values: &[T], expected: Expect) {
        let texts: Vec<String> = values.iter().map(|value| format(*value)).collect();
        expected.assert_eq(&texts.join(" | "));
    }

    #[test]
    fn numbers_read_well() {
        check(count, &[0, 999, 1000, 1_234_567], expect!["0 | 999 | 1,000 | 1,234,567"]);
        check(|n| counted(n, "file"), &[0, 1, 1234], expect!["0 files | 1 file | 1,234 files"]);
        check(compact, &[0, 999, 12_345, 999_960, 6_912_345], expect!["0 | 999 | 12.3 k | 1.00 M | 6.91 M"]);
        check(
            bytes,
            &[0, 999, 1000, 12_345_678, 999_949, 999_950, 2_000_000_000, u64::MAX],
            expect!["0 B | 999 B | 1.00 kB | 12.3 MB | 1.00 MB | 1.00 MB | 2.00 GB | 18447 PB"],
        );
        check(
            duration,
            &[0.0, 0.84, 0.9999, 4.21, 59.96, 303.0, 3599.6, 3725.0, 100_000.0, 270_000.0, -1.0, f64::NAN],
            expect![
                "0 ms | 840 ms | 1.0 s | 4.2 s | 1 min 00 s | 5 min 03 s | 1 h 00 min | 1 h 02 min | 27 h 47 min | 3 d 03 h | – | –"
            ],
        );
        check(percent, &[0.0, 0.0001, 0.314, 1.0, f64::NAN], expect!["0.0 % | < 0.1 % | 31.4 % | 100.0 % | –"]);
        check(|v| deviation(200.0, v), &[200.0, 206.2, 176.0, f64::INFINITY], expect!["+0.0 % | +3.1 % | −12.0 % | –"]);
        check(points, &[0.1234, -0.004, 0.0004, -0.0004, f64::NAN], expect!["+12.3 | −0.4 | 0.0 | 0.0 | –"]);
        check(|v| decimal(v, 2), &[1.937, f64::NAN], expect!["1.94 | –"]);
        check(rate, &[0.0, 42.25, 99.96, 12_345.6, -1.0, f64::NAN], expect!["0.0 | 42.2 | 100 | 12,346 | – | –"]);
        check(two_figures, &[0.003, 0.000_123_4, 3e-5, 0.0, f64::NAN], expect!["0.003 | 0.00012 | 0.00003 | 0 | –"]);
    }
}
