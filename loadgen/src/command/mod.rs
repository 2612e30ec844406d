//! The commands; each reads as its own table of contents.

mod cache;
mod calibration;
pub mod compare;
pub mod gate;
mod interruption;
mod manifest;
pub mod replay;
pub mod report;
pub mod run;
