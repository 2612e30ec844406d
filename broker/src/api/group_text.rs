//! Text that crosses the seam to the coordinator. A request's text and bytes are slices of its frame; the coordinator keeps
//! what it is given for as long as the group lives, so it gets copies.

use kafka_protocol::protocol::StrBytes;

/// A copy that does not keep the frame in memory.
pub(super) fn owned(text: Option<StrBytes>) -> Option<String> {
    text.map(|text| text.to_string())
}

/// The coordinator's text as the protocol wants it, without a copy.
pub(super) fn shared(text: Option<String>) -> Option<StrBytes> {
    text.map(StrBytes::from_string)
}
