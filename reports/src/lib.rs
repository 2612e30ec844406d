//! The result of a load generator's run as plain, versioned records, and everything rendered from it.
//!
//! | room | holds |
//! |---|---|
//! | [`schema`] | `result.json`: [`RunResult`] and its records; reading and writing; the compatibility promise |
//! | [`comparison`] | `comparison.json`: two arms run in pairs, and what the runs say of them |
//! | [`statistics`] | percentiles of merged histograms with their unfinished messages; exact inference over paired runs |
//! | [`merge`] | several runs of one plan as one, and what differs between two |
//! | [`judgement`] | what a run is worth, in words: the findings every rendering opens with |
//! | [`figures`] | how figures are written for people |
//! | [`plot`] | plots as data, and as SVG |
//! | [`render`] | the terminal summary, the HTML page, the Markdown summary |
//!
//! Data goes one way: a `RunResult` is read, never changed, and a rendering is a text made from nothing else. This crate
//! never measures, and knows neither clients nor brokers.

pub mod comparison;
pub mod figures;
pub mod judgement;
pub mod merge;
pub mod plot;
pub mod render;
pub mod schema;
pub mod statistics;

pub use comparison::Comparison;
pub use schema::{ReadError, RunResult, WriteError};
