//! What a user sees while a comparison goes on: a line for each pair, and below it, on a terminal, what runs now.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::comparison::{Comparison, METRICS, Run, Series, Side};
use reports::figures::{duration_ms, ratio};

/// The display. All of it goes to standard error.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    started: Instant,
    /// Runs that are over, and how many there are at most.
    done: u32,
    planned: u32,
    expected: Duration,
}

impl Progress {
    /// A display for so many runs that take about so long.
    pub(super) fn new(quiet: bool, planned: u32, expected: Duration) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr_with_hz(4));
            let style = ProgressStyle::with_template("{prefix} {bar:12.cyan/dim} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self { bar, quiet, started: Instant::now(), done: 0, planned, expected }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None if self.quiet => {}
            None => eprintln!("{line}"),
        }
    }

    /// A run begins.
    pub(super) fn begins(&self, comparison: &Comparison, series: Series, pair: u32, side: Side) {
        let Some(bar) = &self.bar else { return };
        let name = if side == Side::A || series == Series::Aa { "A" } else { "B" };
        let of = if series == Series::Ab { comparison.design.pairs } else { comparison.design.aa_pairs };
        let series = if series == Series::Aa { "A/A " } else { "" };
        bar.set_prefix(format!("{series}pair {pair} of {of}, {name}"));
        bar.set_position(u64::from(self.done) * 100 / u64::from(self.planned.max(1)));
    }

    /// What the run says of itself.
    pub(super) fn says(&self, line: &str) {
        if let Some(bar) = &self.bar {
            let line: String = line.trim().chars().filter(|c| !c.is_control()).collect();
            bar.set_message(format!("at most {} left; {line}", self.left()));
        }
    }

    /// A run is over.
    pub(super) fn ended(&mut self) {
        self.done += 1;
    }

    /// The rest of what is planned, by what the runs so far took.
    fn left(&self) -> String {
        let left = match self.done {
            0 => self.expected,
            done => self.started.elapsed() * self.planned.saturating_sub(done) / done,
        };
        duration_ms(left.as_secs().saturating_mul(1000))
    }

    /// A pair is over: its ratios.
    pub(super) fn pair(&self, comparison: &Comparison, [a, b]: [&Run; 2], first: Side) {
        let of_pair = |name: &str| Some(b.figures.get(name)?.value / a.figures.get(name)?.value);
        let primary = METRICS.iter().filter(|metric| metric.primary);
        let ratios = primary.filter_map(|metric| Some(format!("{} {:<6}", metric.name, ratio(of_pair(metric.name)?))));
        let ratios = ratios.collect::<Vec<_>>().join(" ");
        let (of, order) = match (a.series, first) {
            (Series::Aa, _) => (comparison.design.aa_pairs, "A A"),
            (Series::Ab, Side::A) => (comparison.design.pairs, "A B"),
            (Series::Ab, Side::B) => (comparison.design.pairs, "B A"),
        };
        self.say(format!("{:>2}/{of} {order}  {ratios}", a.pair).trim_end());
    }

    /// Nothing more to show.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
