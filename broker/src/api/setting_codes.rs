//! The numbers that stand for a setting's source and type in CreateTopics and DescribeConfigs.

use crate::metadata::{Kind, Source};

/// Kafka's `DescribeConfigsResponse.ConfigSource`.
pub(super) fn source(source: Source) -> i8 {
    match source {
        Source::Topic => 1,
        Source::Broker => 4,
        Source::Default => 5,
    }
}

/// Kafka's `DescribeConfigsResponse.ConfigType`.
pub(super) fn kind(kind: Kind) -> i8 {
    match kind {
        Kind::Boolean => 1,
        Kind::OneOf(_) | Kind::Text => 2,
        Kind::Int(..) => 3,
        Kind::Long(..) => 5,
        Kind::Double(..) => 6,
        Kind::List(_) => 7,
    }
}
