//! The value of a group's generation.

use bytes::Bytes;

use super::wire::{self, Reader};
use super::{RecordError, version};

const NEWEST_VERSION: i16 = 4;
const WRITTEN_VERSION: i16 = 3;

/// A generation of a group (`GroupMetadataValue.json`): `version i16 | protocol type string | generation i32 |
/// protocol nullable string | leader nullable string | current state timestamp i64 (v2+) | members array |
/// tagged fields (v4+)`, written as version 3, as Kafka 4.3 does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadataValue {
    /// Empty for a group that never had members.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The chosen protocol.
    pub protocol: Option<String>,
    /// The leader's member id.
    pub leader: Option<String>,
    /// When the group entered its state, ms since the epoch; −1 if unknown.
    pub current_state_timestamp_ms: i64,
    /// The members with their assignments.
    pub members: Vec<MemberMetadata>,
}

/// A member in [`GroupMetadataValue`]: `member id string | instance id nullable string (v3+) | client id string |
/// client host string | rebalance time-out i32 (v1+) | session time-out i32 | subscription bytes | assignment bytes |
/// tagged fields (v4+)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberMetadata {
    /// Member id.
    pub member_id: String,
    /// `group.instance.id`
    pub group_instance_id: Option<String>,
    /// `client.id`
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// Milliseconds; version 0 means the session time-out.
    pub rebalance_timeout_ms: i32,
    /// Milliseconds.
    pub session_timeout_ms: i32,
    /// Metadata for the chosen protocol.
    pub subscription: Bytes,
    /// What the leader assigned.
    pub assignment: Bytes,
}

impl GroupMetadataValue {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(64 + 128 * self.members.len());
        to.extend_from_slice(&WRITTEN_VERSION.to_be_bytes());
        wire::put_string(&mut to, &self.protocol_type);
        to.extend_from_slice(&self.generation.to_be_bytes());
        wire::put_nullable_string(&mut to, self.protocol.as_deref());
        wire::put_nullable_string(&mut to, self.leader.as_deref());
        to.extend_from_slice(&self.current_state_timestamp_ms.to_be_bytes());
        to.extend_from_slice(&u32::try_from(self.members.len()).unwrap_or(u32::MAX).to_be_bytes());
        for member in &self.members {
            wire::put_string(&mut to, &member.member_id);
            wire::put_nullable_string(&mut to, member.group_instance_id.as_deref());
            wire::put_string(&mut to, &member.client_id);
            wire::put_string(&mut to, &member.client_host);
            to.extend_from_slice(&member.rebalance_timeout_ms.to_be_bytes());
            to.extend_from_slice(&member.session_timeout_ms.to_be_bytes());
            wire::put_bytes(&mut to, &member.subscription);
            wire::put_bytes(&mut to, &member.assignment);
        }
        to
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(value);
        let version = version(&mut reader, "GroupMetadataValue", NEWEST_VERSION)?;
        let flexible = version >= 4;
        let protocol_type = reader.string_as(flexible)?.to_owned();
        let generation = reader.i32()?;
        let protocol = reader.nullable_string_as(flexible)?.map(str::to_owned);
        let leader = reader.nullable_string_as(flexible)?.map(str::to_owned);
        let current_state_timestamp_ms = if version >= 2 { reader.i64()? } else { -1 };
        let count = reader.count_as(flexible)?;
        let members = (0..count).map(|_| MemberMetadata::decode(&mut reader, version)).collect::<Result<_, _>>()?;
        if flexible {
            reader.skip_tagged_fields()?;
        }
        Ok(Self { protocol_type, generation, protocol, leader, current_state_timestamp_ms, members })
    }
}

impl MemberMetadata {
    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, RecordError> {
        let flexible = version >= 4;
        let member_id = reader.string_as(flexible)?.to_owned();
        let group_instance_id =
            if version >= 3 { reader.nullable_string_as(flexible)?.map(str::to_owned) } else { None };
        let client_id = reader.string_as(flexible)?.to_owned();
        let client_host = reader.string_as(flexible)?.to_owned();
        let rebalance_timeout_ms = if version >= 1 { Some(reader.i32()?).filter(|&ms| ms != -1) } else { None };
        let session_timeout_ms = reader.i32()?;
        let subscription = Bytes::copy_from_slice(reader.bytes_as(flexible)?);
        let assignment = Bytes::copy_from_slice(reader.bytes_as(flexible)?);
        if flexible {
            reader.skip_tagged_fields()?;
        }
        Ok(Self {
            member_id,
            group_instance_id,
            client_id,
            client_host,
            rebalance_timeout_ms: rebalance_timeout_ms.unwrap_or(session_timeout_ms),
            session_timeout_ms,
            subscription,
            assignment,
        })
    }
}
