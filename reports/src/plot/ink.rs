//! Colours by their role. While plotters draws, an ink is a colour that nothing else has; afterwards it is a CSS variable.

use plotters::style::RGBColor;

/// A colour's role; the page decides its look, light and dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Axis labels.
    Label,
    /// Grid lines.
    Grid,
    /// What was due or expected.
    Due,
    /// What was sent, or counts from the actual time.
    Sent,
    /// What was acknowledged.
    Acked,
    /// What a group consumed; groups beyond the fourth share the inks.
    Group(usize),
    /// The worst of something.
    Worst,
    /// Density.
    Heat,
    /// One arm of a comparison.
    ArmA,
    /// The other.
    ArmB,
    /// A verdict: better.
    Better,
    /// A verdict: worse.
    Worse,
    /// No verdict.
    Open,
}

const GROUPS: usize = 4;

impl Ink {
    /// Every ink there is.
    pub const ALL: [Self; 16] = [
        Self::Label,
        Self::Grid,
        Self::Due,
        Self::Sent,
        Self::Acked,
        Self::Worst,
        Self::Heat,
        Self::Group(0),
        Self::Group(1),
        Self::Group(2),
        Self::Group(3),
        Self::ArmA,
        Self::ArmB,
        Self::Better,
        Self::Worse,
        Self::Open,
    ];

    /// Its CSS variable.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Label => "--plot-label",
            Self::Grid => "--plot-grid",
            Self::Due => "--plot-due",
            Self::Sent => "--plot-sent",
            Self::Acked => "--plot-acked",
            Self::Worst => "--plot-worst",
            Self::Heat => "--plot-heat",
            Self::ArmA => "--plot-arm-a",
            Self::ArmB => "--plot-arm-b",
            Self::Better => "--good",
            Self::Worse => "--bad",
            Self::Open => "--caution",
            Self::Group(n) => match n % GROUPS {
                0 => "--plot-group-1",
                1 => "--plot-group-2",
                2 => "--plot-group-3",
                _ => "--plot-group-4",
            },
        }
    }

    pub(super) fn rgb(self) -> RGBColor {
        let ink = Self::Group(if let Self::Group(n) = self { n % GROUPS } else { 0 });
        let wanted = if matches!(self, Self::Group(_)) { ink } else { self };
        let position = Self::ALL.iter().position(|ink| *ink == wanted).unwrap_or(0);
        RGBColor(1, 2, position as u8)
    }

    /// Turns the colours of a drawn SVG into CSS variables.
    pub(super) fn to_variables(svg: &str) -> String {
        Self::ALL.iter().fold(svg.to_owned(), |svg, ink| {
            let RGBColor(r, g, b) = ink.rgb();
            svg.replace(&format!("\"#{r:02X}{g:02X}{b:02X}\""), &format!("\"var({})\"", ink.variable()))
        })
    }
}
