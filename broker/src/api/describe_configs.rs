//! DescribeConfigs, versions 1 to 4: settings of topics and of this broker.
//!
//! Deviations from Kafka: there are no dynamic settings of brokers, so the cluster-wide default (a broker resource with
//! an empty name) has none; loggers, client metrics and groups have no settings here (INVALID_REQUEST). A resource that is
//! asked for twice is described once, with the settings asked for in either place.
//!
//! As in Kafka, a value's source is that of its first synonym, or the default without one, which it is also if the
//! broker was given the value in a coarser unit (`log.retention.hours`); the response to CreateTopics is more exact.

use std::collections::HashMap;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use super::errors::{ErrorWithMessage, KafkaError};
use super::{Api, setting_codes};
use crate::metadata::{Described, Source, check_topic_name};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Describes each resource on its own, and once.
pub(super) fn handle(api: &Api, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let (synonyms, documentation) = (request.include_synonyms, request.include_documentation);
    let describe = |resource: DescribeConfigsResource| {
        let result = match settings(api, &resource) {
            Ok(settings) => {
                let keys = keys(resource.configuration_keys);
                let asked = |setting: &Described| {
                    keys.as_ref().is_none_or(|keys| keys.iter().any(|key| key.as_str() == setting.name))
                };
                let configs = settings.into_iter().filter(asked).map(|it| described(it, synonyms, documentation));
                DescribeConfigsResult::default().with_configs(configs.collect()).with_error_message(None)
            }
            Err(error) => {
                DescribeConfigsResult::default().with_error_code(error.code()).with_error_message(error.message())
            }
        };
        result.with_resource_type(resource.resource_type).with_resource_name(resource.resource_name)
    };
    DescribeConfigsResponse::default().with_results(distinct(request.resources).into_iter().map(describe).collect())
}

/// Each resource once, where it stands first.
fn distinct(resources: Vec<DescribeConfigsResource>) -> Vec<DescribeConfigsResource> {
    let mut distinct: Vec<DescribeConfigsResource> = Vec::new();
    let mut places: HashMap<(i8, StrBytes), usize> = HashMap::new();
    for resource in resources {
        let place = *places.entry((resource.resource_type, resource.resource_name.clone())).or_insert(distinct.len());
        match distinct.get_mut(place) {
            Some(before) => {
                let both = keys(before.configuration_keys.take()).zip(keys(resource.configuration_keys));
                before.configuration_keys = both.map(|(before, more)| before.into_iter().chain(more).collect());
            }
            None => distinct.push(resource),
        }
    }
    distinct
}

/// The settings that are asked for; `None` for all of them, which no keys ask for like null.
fn keys(keys: Option<Vec<StrBytes>>) -> Option<Vec<StrBytes>> {
    keys.filter(|keys| !keys.is_empty())
}

fn settings(api: &Api, resource: &DescribeConfigsResource) -> Result<Vec<Described>, ErrorWithMessage> {
    let name = resource.resource_name.as_str();
    match resource.resource_type {
        TOPIC => {
            check_topic_name(name)?;
            let image = api.metadata.image();
            let topic = image
                .topic(name)
                .ok_or_else(|| ErrorWithMessage::new(KafkaError::UnknownTopicOrPartition, "There is no such topic."))?;
            Ok(api.metadata.describe_topic(topic))
        }
        BROKER if name.is_empty() => Ok(Vec::new()),
        BROKER if name == api.metadata.node_id().to_string() => Ok(api.metadata.describe_broker().to_vec()),
        BROKER => Err(ErrorWithMessage::new(
            KafkaError::InvalidRequest,
            format!("this is broker {}, not {name:?}", api.metadata.node_id()),
        )),
        other => Err(ErrorWithMessage::new(
            KafkaError::InvalidRequest,
            format!("resources of type {other} have no settings here"),
        )),
    }
}

fn described(setting: Described, synonyms: bool, documentation: bool) -> DescribeConfigsResourceResult {
    let source = setting.synonyms.first().map_or(Source::Default, |synonym| synonym.source);
    let synonyms = if synonyms { setting.synonyms } else { Vec::new() };
    let synonym = |synonym: crate::metadata::Synonym| {
        DescribeConfigsSynonym::default()
            .with_name(synonym.name.into())
            .with_value(Some(synonym.value.into()))
            .with_source(setting_codes::source(synonym.source))
    };
    DescribeConfigsResourceResult::default()
        .with_name(setting.name.into())
        .with_value(setting.value.map(Into::into))
        .with_read_only(setting.read_only)
        .with_config_source(setting_codes::source(source))
        .with_synonyms(synonyms.into_iter().map(synonym).collect())
        .with_config_type(setting_codes::kind(setting.kind))
        .with_documentation(documentation.then(|| setting.doc.into()))
}
