//! Panels and their marks, drawn by plotters' SVG backend.
//!
//! The backend knows whole pixels only, so a panel is drawn [`FINENESS`] times as large as it is shown. Its text leaves
//! as text; room for it is estimated by the number of characters.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Axis, Ink};

/// Drawn pixels to each one shown.
const FINENESS: u32 = 4;
/// Height of labels as shown, in CSS pixels.
const LABEL_PX: u32 = 12;
/// Vertical axes leave room for labels of so many characters at least, so that panels stand in line.
const LABEL_CHARACTERS: u32 = 7;
/// Plotters writes a font size as this much less than asked.
const FONT_SIZE_FACTOR: f64 = 1.24;

/// How a line is drawn. Lines that may lie on each other are drawn in this order, so that each shows beside the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// Below others.
    Broad,
    /// Between or alone.
    Plain,
    /// Above others.
    Fine,
    /// Above all, in dashes.
    Dashed,
}

impl Stroke {
    /// Width in drawn pixels.
    fn width(self) -> u32 {
        match self {
            Self::Broad => FINENESS * 6,
            Self::Plain => FINENESS * 9 / 4,
            Self::Fine => FINENESS * 5 / 4,
            Self::Dashed => FINENESS * 3 / 2,
        }
    }
}

/// What is drawn on a panel's axes, in their coordinates.
#[derive(Debug, Clone)]
pub enum Mark {
    /// A line through points; a single point is a dot.
    Line {
        /// Left to right.
        points: Vec<(f64, f64)>,
        /// Its colour.
        ink: Ink,
        /// Its look.
        stroke: Stroke,
    },
    /// The area between a line and the axis.
    Area {
        /// Left to right.
        points: Vec<(f64, f64)>,
        /// Its colour, drawn faint.
        ink: Ink,
    },
    /// A filled circle.
    Dot {
        /// Its middle.
        at: (f64, f64),
        /// Its colour.
        ink: Ink,
        /// 0 to 1.
        opacity: f64,
        /// In CSS pixels.
        radius_px: f64,
    },
    /// A filled rectangle.
    Cell {
        /// Left and right.
        x: (f64, f64),
        /// Bottom and top.
        y: (f64, f64),
        /// Its colour.
        ink: Ink,
        /// 0 to 1.
        opacity: f64,
    },
}

/// The size a panel is shown at, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Size {
    /// For a page on a screen or on paper.
    pub const WIDE: Self = Self { width: 960, height: 270 };
    /// For a phone.
    pub const NARROW: Self = Self { width: 380, height: 240 };
}

/// Marks on two axes.
#[derive(Debug, Clone)]
pub struct Panel {
    /// What the vertical axis measures; stands above the panel.
    pub label: &'static str,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Drawn in this order.
    pub marks: Vec<Mark>,
}

impl Panel {
    /// The panel as the content of an `svg` element and that element's `viewBox`; colours are CSS variables.
    pub fn svg(&self, size: Size) -> (String, String) {
        let (width, height) = (size.width * FINENESS, size.height * FINENESS);
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
            // The backend writes to memory, and the axes are never empty: there is nothing that could fail.
            let drawn = self.draw(&root, size).and_then(|()| root.present());
            debug_assert!(drawn.is_ok(), "{drawn:?}");
        }
        let content = svg.split_once('>').map_or("", |(_, rest)| rest).trim().trim_end_matches("</svg>");
        (Ink::to_variables(content), format!("0 0 {width} {height}"))
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, plotters::coord::Shift>,
        size: Size,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let x = Ticked::new(&self.x, size.width / 75);
        let y = Ticked::new(&self.y, size.height / 45);
        let longest =
            y.ticks.iter().map(|(_, label)| label.chars().count() as u32).max().unwrap_or(0).max(LABEL_CHARACTERS);
        let labels = (x.ticks.len().max(1), y.ticks.len().max(1));
        let mut chart = ChartBuilder::on(root)
            .margin_top(10 * FINENESS)
            .margin_right(26 * FINENESS)
            .x_label_area_size(24 * FINENESS)
            .y_label_area_size((longest * LABEL_PX * 6 / 10 + 12) * FINENESS)
            .build_cartesian_2d(x, y)?;
        let text = ("sans-serif", f64::from(LABEL_PX * FINENESS) * FONT_SIZE_FACTOR).into_font();
        let ink = Ink::Label.rgb();
        let text = TextStyle::from(text).color(&ink);
        chart
            .configure_mesh()
            .x_labels(labels.0)
            .y_labels(labels.1)
            .x_label_style(text.clone().pos(Pos::new(HPos::Center, VPos::Top)))
            .y_label_style(text.pos(Pos::new(HPos::Right, VPos::Center)))
            .bold_line_style(Ink::Grid.rgb().stroke_width(FINENESS))
            .light_line_style(TRANSPARENT)
            .axis_style(Ink::Grid.rgb().stroke_width(FINENESS))
            .set_all_tick_mark_size(4 * FINENESS)
            .disable_x_mesh()
            .draw()?;
        for mark in &self.marks {
            self.draw_mark(&mut chart, mark)?;
        }
        Ok(())
    }

    fn draw_mark<DB: DrawingBackend>(
        &self,
        chart: &mut ChartContext<'_, DB, Cartesian2d<Ticked, Ticked>>,
        mark: &Mark,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        match mark {
            Mark::Line { points, ink, stroke } => {
                let style = ink.rgb().stroke_width(stroke.width());
                if let [point] = points.as_slice() {
                    chart.draw_series([Circle::new(*point, 3 * FINENESS, ink.rgb().filled())])?;
                } else if *stroke == Stroke::Dashed {
                    let line = points.iter().copied();
                    chart.draw_series(DashedLineSeries::new(line, 6 * FINENESS, 5 * FINENESS, style))?;
                } else {
                    chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
                }
            }
            Mark::Area { points, ink } => {
                chart.draw_series(AreaSeries::new(points.iter().copied(), self.y.from, ink.rgb().mix(0.14)))?;
            }
            Mark::Dot { at, ink, opacity, radius_px } => {
                let radius = (radius_px * f64::from(FINENESS)).round() as u32;
                chart.draw_series([Circle::new(*at, radius, ink.rgb().mix(*opacity).filled())])?;
            }
            Mark::Cell { x, y, ink, opacity } => {
                let cell = Rectangle::new([(x.0, y.1), (x.1, y.0)], ink.rgb().mix(*opacity).filled());
                chart.draw_series([cell])?;
            }
        }
        Ok(())
    }
}

/// An axis as plotters sees it: linear in its coordinate, with the ticks we chose.
struct Ticked {
    range: Range<f64>,
    ticks: Vec<(f64, String)>,
}

impl Ticked {
    fn new(axis: &Axis, wanted: u32) -> Self {
        Self { range: axis.from..axis.to, ticks: axis.ticks(wanted as usize) }
    }
}

impl Ranged for Ticked {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        // Casting saturates, and nothing is drawn outside its panel.
        first + (share.clamp(0.0, 1.0) * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Ticked {
    fn format(at: &f64) -> String {
        at.to_string()
    }

    fn format_ext(&self, at: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == at).map_or_else(String::new, |(_, label)| label.clone())
    }
}
