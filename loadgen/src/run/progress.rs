//! What a user sees while a run goes on: a live line on a terminal, plain lines elsewhere, nothing if asked so.
//!
//! Everything goes to standard error, so that standard output stays the result's.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::figures::{compact, count, duration_ns};

use crate::measure::{Live, Quantile};

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The stages of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Waiting for the cluster's first answer.
    Connecting,
    /// Finding or making the topic.
    Preparing,
    /// Consumers join their groups.
    Assigning,
    /// Sending, and measuring nothing yet.
    WarmingUp,
    /// Measuring.
    Measuring,
    /// Waiting for the last acknowledgements.
    Flushing,
    /// Waiting for the groups to read to the end.
    Draining,
    /// Judging.
    Verifying,
    /// Over.
    Done,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Connecting => "connecting",
            Stage::Preparing => "preparing",
            Stage::Assigning => "joining groups",
            Stage::WarmingUp => "warming up",
            Stage::Measuring => "measuring",
            Stage::Flushing => "flushing",
            Stage::Draining => "draining",
            Stage::Verifying => "verifying",
            Stage::Done => "done",
        }
    }
}

/// The state of a run at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// Totals and the last second.
    pub live: Live,
    /// Consumer groups, each of which reads everything.
    pub groups: u64,
    /// Since the stage's clock started.
    pub elapsed: Duration,
    /// Until the stage ends, at the latest; while the last messages are flushed or read, until it is given up.
    pub remaining: Duration,
    /// Since the cluster last answered.
    pub unheard: Duration,
}

/// A cluster that was asked and does not answer for so long is silent.
const SILENT_AFTER: Duration = Duration::from_secs(2);

impl Snapshot {
    /// Messages acknowledged and not yet read, over all groups.
    fn lag(&self) -> u64 {
        (self.live.totals.acked * self.groups).saturating_sub(self.live.totals.consumed)
    }

    /// Messages are on their way, and nothing has come back for a while.
    fn is_silent(&self) -> bool {
        let totals = &self.live.totals;
        self.unheard > SILENT_AFTER && (totals.sent > totals.acked + totals.failed || self.lag() > 0)
    }

    /// Fits 80 columns together with the stage, as figures come; what a narrower terminal has no room for is cut.
    fn line(&self) -> String {
        if self.is_silent() {
            return format!(
                "no answer from the cluster for {} s  {} s left",
                self.unheard.as_secs(),
                self.remaining.as_secs()
            );
        }
        format!(
            "{}/s  ack p50 {}  p99 {}  lag {}  {} s left",
            count(self.live.last_second.acked),
            latency(self.live.p50),
            latency(self.live.p99),
            compact(self.lag() as f64),
            self.remaining.as_secs(),
        )
    }
}

/// Shows how a run goes on.
pub trait Progress {
    /// The run waits for these addresses to answer.
    fn connecting(&mut self, _addresses: &str) {
        self.stage(Stage::Connecting);
    }
    /// The run is in this stage; may be said again.
    fn stage(&mut self, stage: Stage);
    /// Called about twenty times a second.
    fn tick(&mut self, snapshot: &Snapshot);
}

/// The display that fits where standard error goes.
pub fn for_standard_error(quiet: bool) -> Box<dyn Progress> {
    if quiet {
        Box::new(Silent)
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar::new())
    } else {
        Box::new(Lines::default())
    }
}

/// No display.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&mut self, _: Stage) {}
    fn tick(&mut self, _: &Snapshot) {}
}

/// One line that is drawn again and again, cut to the terminal's width.
struct Bar {
    bar: ProgressBar,
    stage: Option<Stage>,
    /// The terminal's, when the line was drawn last.
    columns: usize,
}

/// Columns of a terminal that has room for a bar beside the figures.
const ROOM_FOR_BAR: usize = 100;

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
        let columns = terminal_columns();
        bar.set_style(style(columns));
        Self { bar, stage: None, columns }
    }

    /// Follows a change of the terminal's width. A terminal that became narrower has wrapped the line, which blanks fill up
    /// to the old width, and of which the bar knows one row only: the others are removed here.
    fn follow_width(&mut self) {
        let columns = terminal_columns();
        if columns == self.columns {
            return;
        }
        let rows = self.columns.div_ceil(columns);
        self.columns = columns;
        self.bar.set_style(style(columns));
        if rows > 1 {
            self.bar.suspend(|| eprint!("\r\x1b[{}A\x1b[J", rows - 1));
        }
    }

    fn say(&mut self, message: String) {
        self.follow_width();
        self.bar.set_message(message);
    }
}

fn terminal_columns() -> usize {
    rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col)).max(1)
}

fn style(columns: usize) -> ProgressStyle {
    let template =
        if columns < ROOM_FOR_BAR { "{prefix:13} {wide_msg}" } else { "{prefix:13} {bar:20.cyan/dim} {wide_msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Progress for Bar {
    fn connecting(&mut self, addresses: &str) {
        self.stage(Stage::Connecting);
        self.say(format!("to {addresses}"));
    }

    fn stage(&mut self, stage: Stage) {
        if self.stage == Some(stage) {
            return;
        }
        self.stage = Some(stage);
        self.bar.set_prefix(stage.name());
        if stage == Stage::Done {
            self.bar.finish_and_clear();
        }
    }

    fn tick(&mut self, snapshot: &Snapshot) {
        self.bar.set_length((snapshot.elapsed + snapshot.remaining).as_millis() as u64);
        self.bar.set_position(snapshot.elapsed.as_millis() as u64);
        self.say(snapshot.line());
    }
}

/// A line now and then.
#[derive(Default)]
struct Lines {
    stage: Option<Stage>,
    last: Option<Instant>,
}

impl Progress for Lines {
    fn connecting(&mut self, addresses: &str) {
        self.stage = Some(Stage::Connecting);
        eprintln!("connecting to {addresses}");
    }

    fn stage(&mut self, stage: Stage) {
        if self.stage != Some(stage) && stage != Stage::Done {
            eprintln!("{}", stage.name());
            self.last = Some(Instant::now());
        }
        self.stage = Some(stage);
    }

    fn tick(&mut self, snapshot: &Snapshot) {
        if self.last.is_some_and(|last| last.elapsed() < LINE_EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        eprintln!("{:>4} s  {}", snapshot.elapsed.as_secs(), snapshot.line());
    }
}

fn latency(quantile: Quantile) -> String {
    match quantile {
        Quantile::At(ns) => duration_ns(ns),
        Quantile::Above(ns) => format!("> {}", duration_ns(ns)),
        Quantile::Empty => "–".to_owned(),
    }
}
