//! The commands; each reads as its own table of contents.

mod calibration;
pub mod compare;
mod interruption;
mod manifest;
pub mod replay;
pub mod report;
pub mod run;
