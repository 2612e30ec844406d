//! The thread.
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::decide::Rules;
use super::journal::Journal;
use super::{Command, Committed, Image, Listener, ProposeError};

pub(super) struct Proposal {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Result<Committed, ProposeError>>,
}
#[derive(Debug)]
pub(super) struct Writer;
impl Writer {
    pub(super) fn start(_: Journal, _: Arc<ArcSwap<Image>>, _: Rules, _: Listener) -> Self {
        panic!("being built")
    }
    pub(super) fn submit(&self, _: Proposal) -> Result<(), ProposeError> {
        panic!("being built")
    }
    pub(super) fn stop(&self) {
        panic!("being built")
    }
}
