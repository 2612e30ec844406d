//! What a caller may do to a resource, as the bit field of KIP-430: bit *n* stands for the operation with code *n* of
//! Kafka's `AclOperation`.
//!
//! This broker has no authorizer, and without one Kafka grants every operation the resource supports
//! (`AclEntry.supportedOperations`).

/// Not asked for: the field's default.
pub(super) const NOT_ASKED: i32 = i32::MIN;

const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;
const CREATE: i32 = 1 << 5;
const DELETE: i32 = 1 << 6;
const ALTER: i32 = 1 << 7;
const DESCRIBE: i32 = 1 << 8;
const CLUSTER_ACTION: i32 = 1 << 9;
const DESCRIBE_CONFIGS: i32 = 1 << 10;
const ALTER_CONFIGS: i32 = 1 << 11;
const IDEMPOTENT_WRITE: i32 = 1 << 12;

/// Operations on the cluster.
pub(super) const CLUSTER: i32 =
    CREATE | CLUSTER_ACTION | DESCRIBE_CONFIGS | ALTER_CONFIGS | IDEMPOTENT_WRITE | ALTER | DESCRIBE;
/// Operations on a topic.
pub(super) const TOPIC: i32 = READ | WRITE | CREATE | DESCRIBE | DELETE | ALTER | DESCRIBE_CONFIGS | ALTER_CONFIGS;
/// Operations on a group.
pub(super) const GROUP: i32 = READ | DESCRIBE | DELETE | DESCRIBE_CONFIGS | ALTER_CONFIGS;

/// `operations` when the request asked for them, else the default.
pub(super) fn when(asked: bool, operations: i32) -> i32 {
    if asked { operations } else { NOT_ASKED }
}
