//! Where an interval lies against a tolerance. Every verdict, of a comparison and of a gate, is read from this.

/// Where a difference lies, as far as its interval tells; `margin` on either side of none counts as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Wholly below `-margin`.
    Below,
    /// Wholly between `-margin` and `margin`.
    Within,
    /// Wholly above `margin`.
    Above,
    /// Not above `margin`; whether below `-margin` is open.
    NotAbove,
    /// Not below `-margin`; whether above `margin` is open.
    NotBelow,
    /// Open to both sides.
    Open,
}

/// Where `interval` lies; [`Standing::Open`] where there is none. `margin` is not negative.
pub fn standing(interval: Option<(f64, f64)>, margin: f64) -> Standing {
    let Some((low, high)) = interval else { return Standing::Open };
    match (low >= -margin, high <= margin) {
        (true, true) => Standing::Within,
        (true, false) if low > margin => Standing::Above,
        (false, true) if high < -margin => Standing::Below,
        (true, false) => Standing::NotBelow,
        (false, true) => Standing::NotAbove,
        (false, false) => Standing::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::*;
    use super::*;

    #[test]
    fn an_interval_stands_where_all_of_it_lies() {
        for (interval, stands) in [
            ((0.2, 0.4), Above),
            ((-0.4, -0.2), Below),
            ((-0.1, 0.1), Within),
            ((0.05, 0.2), NotBelow),
            ((-0.2, 0.05), NotAbove),
            ((-0.2, 0.2), Open),
            ((0.1, 0.2), NotBelow),
        ] {
            assert_eq!(standing(Some(interval), 0.1), stands, "{interval:?}");
        }
        assert_eq!(standing(None, 0.1), Open);
    }
}
