//! The one place where what a room says becomes one of Kafka's error codes.

use std::borrow::Cow;

pub(super) use kafka_protocol::error::ResponseError as KafkaError;
use kafka_protocol::protocol::StrBytes;

use crate::coordinator::GroupError;
use crate::log::{AppendError, ReadError};
use crate::metadata::{ProposeError, Refusal};
use crate::topic::PartitionError;

/// An error that a client can be told.
pub(super) trait AsKafkaError {
    /// Kafka's name for it.
    fn kafka_error(&self) -> KafkaError;

    /// Kafka's number for it.
    fn error_code(&self) -> i16 {
        self.kafka_error().code()
    }
}

/// 0, or the number of the error.
pub(super) fn error_code<T, E: AsKafkaError>(outcome: &Result<T, E>) -> i16 {
    outcome.as_ref().err().map_or(0, AsKafkaError::error_code)
}

impl AsKafkaError for GroupError {
    fn kafka_error(&self) -> KafkaError {
        match self {
            GroupError::LoadInProgress => KafkaError::CoordinatorLoadInProgress,
            GroupError::NotAvailable => KafkaError::CoordinatorNotAvailable,
            GroupError::RecordTooLarge { .. } => KafkaError::UnknownServerError,
            GroupError::InvalidGroupId => KafkaError::InvalidGroupId,
            GroupError::InvalidSessionTimeout { .. } => KafkaError::InvalidSessionTimeout,
            GroupError::UnknownMemberId => KafkaError::UnknownMemberId,
            GroupError::IllegalGeneration { .. } => KafkaError::IllegalGeneration,
            GroupError::RebalanceInProgress => KafkaError::RebalanceInProgress,
            GroupError::InconsistentGroupProtocol => KafkaError::InconsistentGroupProtocol,
            GroupError::FencedInstanceId => KafkaError::FencedInstanceId,
            GroupError::MemberIdRequired => KafkaError::MemberIdRequired,
            GroupError::GroupMaxSizeReached { .. } => KafkaError::GroupMaxSizeReached,
            GroupError::GroupIdNotFound => KafkaError::GroupIdNotFound,
            GroupError::NonEmptyGroup => KafkaError::NonEmptyGroup,
            GroupError::OffsetMetadataTooLarge { .. } => KafkaError::OffsetMetadataTooLarge,
            GroupError::GroupSubscribedToTopic => KafkaError::GroupSubscribedToTopic,
        }
    }
}

impl AsKafkaError for PartitionError {
    fn kafka_error(&self) -> KafkaError {
        match self {
            // Clients look the leader up again and retry, by which time the log may be open.
            PartitionError::Opening => KafkaError::NotLeaderOrFollower,
            PartitionError::Offline(_) => KafkaError::KafkaStorageError,
            PartitionError::Deleted => KafkaError::UnknownTopicOrPartition,
            PartitionError::FencedLeaderEpoch { .. } => KafkaError::FencedLeaderEpoch,
            PartitionError::UnknownLeaderEpoch { .. } => KafkaError::UnknownLeaderEpoch,
            PartitionError::Append(error) => error.kafka_error(),
            PartitionError::Read(error) => error.kafka_error(),
        }
    }
}

impl AsKafkaError for AppendError {
    fn kafka_error(&self) -> KafkaError {
        match self {
            AppendError::Corrupt(_) => KafkaError::CorruptMessage,
            AppendError::InvalidRecord(_) | AppendError::BatchCount { .. } => KafkaError::InvalidRecord,
            AppendError::BatchTooLarge { .. } => KafkaError::MessageTooLarge,
            AppendError::RecordListTooLarge { .. } => KafkaError::RecordListTooLarge,
            AppendError::InvalidTimestamp { .. } => KafkaError::InvalidTimestamp,
            AppendError::OutOfOrderSequence { .. } => KafkaError::OutOfOrderSequenceNumber,
            AppendError::InvalidProducerEpoch { .. } => KafkaError::InvalidProducerEpoch,
            // Only a follower's append can leave a gap, and no client makes one.
            AppendError::UnexpectedOffset { .. } => KafkaError::UnknownServerError,
            AppendError::DiskFull | AppendError::Storage(_) => KafkaError::KafkaStorageError,
        }
    }
}

impl AsKafkaError for ReadError {
    fn kafka_error(&self) -> KafkaError {
        match self {
            ReadError::OffsetOutOfRange { .. } => KafkaError::OffsetOutOfRange,
            ReadError::Damaged { .. } => KafkaError::CorruptMessage,
            ReadError::Storage(_) => KafkaError::KafkaStorageError,
        }
    }
}

impl AsKafkaError for Refusal {
    fn kafka_error(&self) -> KafkaError {
        match self {
            Refusal::InvalidTopicName { .. } | Refusal::TopicNameCollision { .. } => KafkaError::InvalidTopicException,
            Refusal::TopicExists { .. } => KafkaError::TopicAlreadyExists,
            Refusal::UnknownTopic { .. } => KafkaError::UnknownTopicOrPartition,
            Refusal::UnknownTopicId { .. } => KafkaError::UnknownTopicId,
            Refusal::InvalidPartitions { .. } => KafkaError::InvalidPartitions,
            Refusal::InvalidReplicationFactor { .. } => KafkaError::InvalidReplicationFactor,
            Refusal::InvalidReplicaAssignment { .. } => KafkaError::InvalidReplicaAssignment,
            Refusal::InvalidConfig { .. } => KafkaError::InvalidConfig,
            Refusal::InvalidRequest { .. } => KafkaError::InvalidRequest,
        }
    }
}

impl AsKafkaError for ProposeError {
    fn kafka_error(&self) -> KafkaError {
        match self {
            ProposeError::Refused(refusal) => refusal.kafka_error(),
            ProposeError::Storage(_) => KafkaError::KafkaStorageError,
            // What a Kafka broker says whose controller is gone: look for another one, and try again.
            ProposeError::Stopped => KafkaError::NotController,
        }
    }
}

/// An error, and the sentence that goes with it where a response has room for one.
#[derive(Debug)]
pub(super) struct ErrorWithMessage {
    error: KafkaError,
    message: Option<Cow<'static, str>>,
}

impl ErrorWithMessage {
    pub(super) fn new(error: KafkaError, message: impl Into<Cow<'static, str>>) -> Self {
        ErrorWithMessage { error, message: Some(message.into()) }
    }

    pub(super) fn error(&self) -> KafkaError {
        self.error
    }

    pub(super) fn code(&self) -> i16 {
        self.error.code()
    }

    pub(super) fn message(&self) -> Option<StrBytes> {
        self.message.as_ref().map(|message| match message {
            Cow::Borrowed(message) => StrBytes::from_static_str(message),
            Cow::Owned(message) => StrBytes::from_string(message.clone()),
        })
    }
}

impl From<KafkaError> for ErrorWithMessage {
    fn from(error: KafkaError) -> Self {
        ErrorWithMessage { error, message: None }
    }
}

impl From<Refusal> for ErrorWithMessage {
    fn from(refusal: Refusal) -> Self {
        ErrorWithMessage::new(refusal.kafka_error(), refusal.to_string())
    }
}

impl From<ProposeError> for ErrorWithMessage {
    fn from(error: ProposeError) -> Self {
        ErrorWithMessage::new(error.kafka_error(), error.to_string())
    }
}

impl From<PartitionError> for ErrorWithMessage {
    fn from(error: PartitionError) -> Self {
        ErrorWithMessage::new(error.kafka_error(), error.to_string())
    }
}
