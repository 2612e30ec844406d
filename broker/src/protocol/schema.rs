//! The shape of every served request, as far as lengths go: what [`super::bounds`] walks before the crate decodes.
//!
//! Taken from Apache Kafka 4.3's message definitions (`clients/src/main/resources/common/message/*Request.json`). A field
//! is its kind and its versions; its name is only in the comment beside it.

use kafka_protocol::messages::ApiKey;

/// How a field's bytes are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// This many bytes.
    Fixed(usize),
    /// Length i16, or compact; then UTF-8.
    String,
    /// Length i32, or compact; then bytes.
    Bytes,
    /// Count i32, or compact; then the elements.
    Array(&'static Kind),
    /// The fields one after the other, and the tagged ones if flexible.
    Struct(&'static [Field]),
}

/// A field, present in versions `since..=until`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) kind: Kind,
    since: i16,
    until: i16,
    nullable_since: i16,
    /// A tagged field stands behind the others, with its size, and only if it is not the default.
    tag: Option<u32>,
}

/// A request's body.
#[derive(Debug)]
pub(super) struct Body {
    /// From this version on lengths are compact, and structs end in tagged fields.
    pub(super) flexible_since: i16,
    pub(super) fields: &'static [Field],
}

const NEVER: i16 = i16::MAX;

impl Field {
    const fn of(kind: Kind) -> Field {
        Field { kind, since: 0, until: NEVER, nullable_since: NEVER, tag: None }
    }
    const fn since(self, since: i16) -> Field {
        Field { since, ..self }
    }
    const fn until(self, until: i16) -> Field {
        Field { until, ..self }
    }
    const fn nullable(self) -> Field {
        self.nullable_since(0)
    }
    const fn nullable_since(self, nullable_since: i16) -> Field {
        Field { nullable_since, ..self }
    }
    const fn tag(self, tag: u32) -> Field {
        Field { tag: Some(tag), ..self }
    }

    fn is_in(&self, version: i16) -> bool {
        (self.since..=self.until).contains(&version)
    }
    pub(super) fn is_nullable(&self, version: i16) -> bool {
        version >= self.nullable_since
    }
}

/// The fields that a version has, without the tagged ones, in order.
pub(super) fn plain(fields: &'static [Field], version: i16) -> impl Iterator<Item = &'static Field> {
    fields.iter().filter(move |field| field.tag.is_none() && field.is_in(version))
}

/// The tagged fields that a version has, with their tags.
pub(super) fn tagged(fields: &'static [Field], version: i16) -> impl Iterator<Item = (u32, &'static Field)> {
    fields.iter().filter(move |field| field.is_in(version)).filter_map(|field| Some((field.tag?, field)))
}

const BOOL: Field = Field::of(Kind::Fixed(1));
const I8: Field = Field::of(Kind::Fixed(1));
const I16: Field = Field::of(Kind::Fixed(2));
const I32: Field = Field::of(Kind::Fixed(4));
const I64: Field = Field::of(Kind::Fixed(8));
const UUID: Field = Field::of(Kind::Fixed(16));
const STRING: Field = Field::of(Kind::String);
const BYTES: Field = Field::of(Kind::Bytes);
const I32S: Field = Field::of(Kind::Array(&Kind::Fixed(4)));
const STRINGS: Field = Field::of(Kind::Array(&Kind::String));

/// An array of structs.
macro_rules! structs {
    ($($field:expr),* $(,)?) => { Field::of(Kind::Array(&Kind::Struct(&[$($field),*]))) };
}

const fn body(flexible_since: i16, fields: &'static [Field]) -> Body {
    Body { flexible_since, fields }
}

/// The body of a served request; `None` for an API that is not served.
pub(super) fn of(api: ApiKey) -> Option<&'static Body> {
    Some(match api {
        ApiKey::Produce => &PRODUCE,
        ApiKey::Fetch => &FETCH,
        ApiKey::ListOffsets => &LIST_OFFSETS,
        ApiKey::Metadata => &METADATA,
        ApiKey::OffsetCommit => &OFFSET_COMMIT,
        ApiKey::OffsetFetch => &OFFSET_FETCH,
        ApiKey::FindCoordinator => &FIND_COORDINATOR,
        ApiKey::JoinGroup => &JOIN_GROUP,
        ApiKey::Heartbeat => &HEARTBEAT,
        ApiKey::LeaveGroup => &LEAVE_GROUP,
        ApiKey::SyncGroup => &SYNC_GROUP,
        ApiKey::DescribeGroups => &DESCRIBE_GROUPS,
        ApiKey::ListGroups => &LIST_GROUPS,
        ApiKey::ApiVersions => &API_VERSIONS,
        ApiKey::CreateTopics => &CREATE_TOPICS,
        ApiKey::DeleteTopics => &DELETE_TOPICS,
        ApiKey::InitProducerId => &INIT_PRODUCER_ID,
        ApiKey::OffsetForLeaderEpoch => &OFFSET_FOR_LEADER_EPOCH,
        ApiKey::DescribeConfigs => &DESCRIBE_CONFIGS,
        ApiKey::CreatePartitions => &CREATE_PARTITIONS,
        ApiKey::DeleteGroups => &DELETE_GROUPS,
        ApiKey::OffsetDelete => &OFFSET_DELETE,
        ApiKey::DescribeCluster => &DESCRIBE_CLUSTER,
        _ => return None,
    })
}

static PRODUCE: Body = body(
    9,
    &[
        STRING.nullable(), // transactional id
        I16,               // acks
        I32,               // timeout
        structs![
            STRING.until(12),                // topic's name
            UUID.since(13),                  // topic's id
            structs![I32, BYTES.nullable()], // partition: index, records
        ],
    ],
);

static FETCH: Body = body(
    12,
    &[
        I32.until(14), // replica id
        I32,           // max wait
        I32,           // min bytes
        I32,           // max bytes
        I8,            // isolation level
        I32.since(7),  // session id
        I32.since(7),  // session epoch
        structs![
            STRING.until(12), // topic's name
            UUID.since(13),   // topic's id
            structs![
                I32,                   // partition
                I32.since(9),          // current leader epoch
                I64,                   // fetch offset
                I32.since(12),         // last fetched epoch
                I64.since(5),          // log start offset
                I32,                   // partition max bytes
                UUID.since(17).tag(0), // replica directory id
                I64.since(18).tag(1),  // high watermark
            ],
        ],
        structs![
            STRING.until(12), // forgotten topic's name
            UUID.since(13),   // forgotten topic's id
            I32S,             // its partitions
        ]
        .since(7),
        STRING.since(11),                                      // rack id
        STRING.since(12).nullable().tag(0),                    // cluster id
        Field::of(Kind::Struct(&[I32, I64])).since(15).tag(1), // replica state: id, epoch
    ],
);

static LIST_OFFSETS: Body = body(
    6,
    &[
        I32,         // replica id
        I8.since(2), // isolation level
        structs![
            STRING,                           // topic
            structs![I32, I32.since(4), I64], // partition: index, current leader epoch, timestamp
        ],
        I32.since(10), // timeout
    ],
);

static METADATA: Body = body(
    9,
    &[
        structs![UUID.since(10), STRING.nullable_since(10)].nullable_since(1), // topic: id, name
        BOOL.since(4),                                                         // allow auto topic creation
        BOOL.since(8).until(10),                                               // include cluster authorized operations
        BOOL.since(8),                                                         // include topic authorized operations
    ],
);

static OFFSET_COMMIT: Body = body(
    8,
    &[
        STRING,                     // group id
        I32,                        // generation id or member epoch
        STRING,                     // member id
        STRING.since(7).nullable(), // group instance id
        I64.until(4),               // retention time
        structs![
            STRING, // topic
            structs![
                I32,               // partition
                I64,               // committed offset
                I32.since(6),      // committed leader epoch
                STRING.nullable(), // committed metadata
            ],
        ],
    ],
);

static OFFSET_FETCH: Body = body(
    6,
    &[
        STRING.until(7),                                   // group id
        structs![STRING, I32S].until(7).nullable_since(2), // topic: name, partitions
        structs![
            STRING,                            // group id
            STRING.since(9).nullable(),        // member id
            I32.since(9),                      // member epoch
            structs![STRING, I32S].nullable(), // topic: name, partitions
        ]
        .since(8),
        BOOL.since(7), // require stable
    ],
);

static FIND_COORDINATOR: Body = body(
    3,
    &[
        STRING.until(3),  // key
        I8.since(1),      // key type
        STRINGS.since(4), // keys
    ],
);

static JOIN_GROUP: Body = body(
    6,
    &[
        STRING,                     // group id
        I32,                        // session timeout
        I32.since(1),               // rebalance timeout
        STRING,                     // member id
        STRING.since(5).nullable(), // group instance id
        STRING,                     // protocol type
        structs![STRING, BYTES],    // protocol: name, metadata
        STRING.since(8).nullable(), // reason
    ],
);

static HEARTBEAT: Body = body(
    4,
    &[
        STRING,                     // group id
        I32,                        // generation id
        STRING,                     // member id
        STRING.since(3).nullable(), // group instance id
    ],
);

static LEAVE_GROUP: Body = body(
    4,
    &[
        STRING,          // group id
        STRING.until(2), // member id
        structs![
            STRING,                     // member id
            STRING.nullable(),          // group instance id
            STRING.since(5).nullable(), // reason
        ]
        .since(3),
    ],
);

static SYNC_GROUP: Body = body(
    4,
    &[
        STRING,                     // group id
        I32,                        // generation id
        STRING,                     // member id
        STRING.since(3).nullable(), // group instance id
        STRING.since(5).nullable(), // protocol type
        STRING.since(5).nullable(), // protocol name
        structs![STRING, BYTES],    // assignment: member id, assignment
    ],
);

static DESCRIBE_GROUPS: Body = body(
    5,
    &[
        STRINGS,       // group ids
        BOOL.since(3), // include authorized operations
    ],
);

static LIST_GROUPS: Body = body(
    3,
    &[
        STRINGS.since(4), // states
        STRINGS.since(5), // types
    ],
);

static API_VERSIONS: Body = body(
    3,
    &[
        STRING.since(3), // client software name
        STRING.since(3), // client software version
    ],
);

static CREATE_TOPICS: Body = body(
    5,
    &[
        structs![
            STRING,                              // topic
            I32,                                 // number of partitions
            I16,                                 // replication factor
            structs![I32, I32S],                 // assignment: partition, brokers
            structs![STRING, STRING.nullable()], // setting: name, value
        ],
        I32,  // timeout
        BOOL, // validate only
    ],
);

static DELETE_TOPICS: Body = body(
    4,
    &[
        structs![STRING.nullable(), UUID].since(6), // topic: name, id
        STRINGS.until(5),                           // topics
        I32,                                        // timeout
    ],
);

static INIT_PRODUCER_ID: Body = body(
    2,
    &[
        STRING.nullable(), // transactional id
        I32,               // transaction timeout
        I64.since(3),      // producer id
        I16.since(3),      // producer epoch
    ],
);

static OFFSET_FOR_LEADER_EPOCH: Body = body(
    4,
    &[
        I32.since(3), // replica id
        structs![
            STRING,                  // topic
            structs![I32, I32, I32], // partition: index, current leader epoch, leader epoch
        ],
    ],
);

static DESCRIBE_CONFIGS: Body = body(
    4,
    &[
        structs![I8, STRING, STRINGS.nullable()], // resource: type, name, keys
        BOOL,                                     // include synonyms
        BOOL.since(3),                            // include documentation
    ],
);

static CREATE_PARTITIONS: Body = body(
    2,
    &[
        structs![
            STRING,                    // topic
            I32,                       // number of partitions
            structs![I32S].nullable(), // assignment: brokers
        ],
        I32,  // timeout
        BOOL, // validate only
    ],
);

static DELETE_GROUPS: Body = body(2, &[STRINGS]); // group ids

static OFFSET_DELETE: Body = body(
    NEVER,
    &[
        STRING,                          // group id
        structs![STRING, structs![I32]], // topic: name, partitions
    ],
);

static DESCRIBE_CLUSTER: Body = body(
    0,
    &[
        BOOL,          // include cluster authorized operations
        I8.since(1),   // endpoint type
        BOOL.since(2), // include fenced brokers
    ],
);
