//! Stands in for the log's door until that lands.
#![allow(missing_docs, dead_code, reason = "replaced by crate::log")]

use bytes::Bytes;

use crate::region::FileRegion;

#[derive(Debug, Clone)]
pub struct LogSettings;
#[derive(Debug, thiserror::Error)]
#[error("append")]
pub struct AppendError;
#[derive(Debug, thiserror::Error)]
#[error("read")]
pub struct ReadError;
#[derive(Debug, thiserror::Error)]
#[error("log")]
pub struct LogError;
#[derive(Debug, Clone)]
pub struct Appended {
    pub base_offset: i64,
    pub last_offset: i64,
    pub max_timestamp: i64,
    pub log_append_time_ms: Option<i64>,
    pub log_start_offset: i64,
    pub size_bytes: usize,
    pub duplicate: bool,
}
pub struct ReadPlan {
    pub regions: Vec<FileRegion>,
    pub size_bytes: usize,
}
#[derive(Debug)]
pub struct Log;
impl Log {
    pub fn append_as_leader(&self, _: Bytes, _: i32, _: i64) -> Result<Appended, AppendError> {
        panic!("being built")
    }
    pub fn read(&self, _: i64, _: i64, _: usize, _: bool) -> Result<ReadPlan, ReadError> {
        panic!("being built")
    }
    pub fn log_start_offset(&self) -> i64 {
        panic!("being built")
    }
    pub fn log_end_offset(&self) -> i64 {
        panic!("being built")
    }
    pub fn leader_epoch(&self) -> Option<i32> {
        panic!("being built")
    }
}
