//! What a template gives each part.

use std::collections::BTreeMap;

use crate::TemplateError;
use crate::document::{Found, Template};
use crate::yaml::Node;

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Memory in MB.
    pub memory_mb: u32,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// The longest a call may take, in seconds.
    pub timeout_s: u32,
    /// The most environments.
    pub reserved_concurrency: Option<u32>,
    /// Environments kept ready.
    pub provisioned_concurrency: Option<u32>,
    /// From which queues it is called.
    pub mappings: Vec<Mapping>,
}

/// From a queue to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The queue's logical name.
    pub queue: String,
    /// Most messages of a batch.
    pub batch_size: u32,
    /// How long a batch gathers, in seconds.
    pub batch_window_s: u32,
    /// Calls at once.
    pub maximum_concurrency: Option<u32>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name, what is of the account left as it stands.
    pub name: String,
    /// How long a received message stays hidden, in seconds.
    pub visibility_s: u32,
    /// How long a message is kept, in seconds.
    pub retention_s: u32,
    /// The logical name of its dead-letter queue, and after how many receives a message goes there.
    pub redrive: Option<(String, u32)>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name, what is of the account left as it stands.
    pub name: String,
    /// The attributes of its key, the partition's first.
    pub key: Vec<String>,
    /// Its indexes by name, each with the attributes of its key.
    pub indexes: BTreeMap<String, Vec<String>>,
    /// The attribute after whose time items are dropped.
    pub expires: Option<String>,
}

/// The fleet tracker's task on ECS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its share of processors, in 1/1024.
    pub cpu_units: u32,
    /// Memory in MB.
    pub memory_mb: u32,
    /// How many of it run.
    pub count: u32,
}

/// What the HTTP API lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// Requests a second on average; none where the account's limit is the only one.
    pub requests_per_second: Option<u32>,
    /// Requests at once; none likewise.
    pub burst: Option<u32>,
    /// How long it waits for a function, in milliseconds: of several functions, the shortest it waits for one. None where
    /// it waits as long as it can.
    pub integration_timeout_ms: Option<u32>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployment {
    /// Functions by the binary that they run.
    pub functions: BTreeMap<String, Function>,
    /// Queues by their logical names.
    pub queues: BTreeMap<String, Queue>,
    /// Tables by their logical names.
    pub tables: BTreeMap<String, Table>,
    /// The task, where the tracker runs on ECS.
    pub task: Option<Task>,
    /// The HTTP API, where there is one.
    pub api: Option<Api>,
}

/// AWS's own: Lambda's memory, processors and time limit, a queue's visibility and retention, a mapping's batch.
const MEMORY_MB: u32 = 128;
const ARCHITECTURE: &str = "x86_64";
const TIMEOUT_S: u32 = 3;
const VISIBILITY_S: u32 = 30;
const RETENTION_S: u32 = 345_600;
const BATCH_SIZE: u32 = 10;

impl Deployment {
    /// What a template deploys.
    ///
    /// # Errors
    /// If a property that we read is not what it must be.
    pub fn of(template: &Template) -> Result<Self, TemplateError> {
        let mut deployment = Self::default();
        for (name, node) in template.resources("AWS::Serverless::Function") {
            let binary = binary(name, node).to_owned();
            deployment
                .functions
                .insert(binary, function(template, name, node)?);
        }
        for (name, node) in template.resources("AWS::SQS::Queue") {
            deployment
                .queues
                .insert(name.to_owned(), queue(template, name, node)?);
        }
        for (name, node) in template.resources("AWS::DynamoDB::Table") {
            deployment
                .tables
                .insert(name.to_owned(), table(template, name, node));
        }
        let definition = template.resources("AWS::ECS::TaskDefinition").next();
        let service = template.resources("AWS::ECS::Service").next();
        if let (Some((name, definition)), Some((service_name, service))) = (definition, service) {
            let needed = |property: &str| {
                let found = template.number(definition, name, property)?;
                found.ok_or_else(|| {
                    let place = format!("{name}.{property}");
                    template.wrong(definition, &place, "found none, expected a whole number")
                })
            };
            deployment.task = Some(Task {
                cpu_units: needed("Cpu")?,
                memory_mb: needed("Memory")?,
                count: template
                    .number(service, service_name, "DesiredCount")?
                    .unwrap_or(1),
            });
        }
        deployment.api = api(template)?;
        Ok(deployment)
    }

    /// The mapping that takes from a queue of this name, prefix or not, and the queue.
    #[must_use]
    pub fn from_queue(&self, name: &str) -> Option<(&Function, &Mapping, &Queue)> {
        self.functions.values().find_map(|function| {
            let mapping = function
                .mappings
                .iter()
                .find(|mapping| self.queues[&mapping.queue].name.ends_with(name))?;
            Some((function, mapping, &self.queues[&mapping.queue]))
        })
    }
}

/// The binary that a function is built from: named as the function where the template does not say.
pub(crate) fn binary<'a>(name: &'a str, function: &'a Node) -> &'a str {
    let build = function
        .get("Metadata")
        .and_then(|metadata| metadata.get("BuildProperties"));
    let binary = build.and_then(|build| build.get("Binary"));
    binary.and_then(Node::as_text).unwrap_or(name)
}

fn function(template: &Template, name: &str, node: &Node) -> Result<Function, TemplateError> {
    let number = |property: &str| template.number(node, name, property);
    let architecture = match template.property(node, "Architectures") {
        None => Some(ARCHITECTURE.to_owned()),
        Some(Found::Text(one)) => Some(one),
        Some(Found::Node(list)) => list.items().first().and_then(|it| template.text_of(it)),
        Some(Found::Resource(_) | Found::Nothing) => None,
    };
    let architecture = architecture.ok_or_else(|| {
        let what = "found something else, expected arm64 or x86_64";
        template.wrong(node, &format!("{name}.Architectures"), what)
    })?;
    let provisioned = match template.property(node, "ProvisionedConcurrencyConfig") {
        Some(Found::Node(config)) => {
            let executions = config.get("ProvisionedConcurrentExecutions");
            let place = format!("{name}.ProvisionedConcurrencyConfig");
            template.number_of(executions, &place)?
        }
        _ => None,
    };
    let mut mappings = Vec::new();
    if let Some(events) = template.property_node(node, "Events") {
        for (event, node) in events.entries() {
            if node.get("Type").and_then(Node::as_text) == Some("SQS") {
                mappings.push(mapping(template, &format!("{name}.Events.{event}"), node)?);
            }
        }
    }
    Ok(Function {
        memory_mb: number("MemorySize")?.unwrap_or(MEMORY_MB),
        architecture,
        timeout_s: number("Timeout")?.unwrap_or(TIMEOUT_S),
        reserved_concurrency: number("ReservedConcurrentExecutions")?,
        provisioned_concurrency: provisioned,
        mappings,
    })
}

fn api(template: &Template) -> Result<Option<Api>, TemplateError> {
    let Some((name, stage)) = template.resources("AWS::ApiGatewayV2::Stage").next() else {
        return Ok(None);
    };
    let routes = template.property_node(stage, "DefaultRouteSettings");
    let limit = |what: &str| {
        let found = template.entry_of(routes, what);
        template.number_of(found, &format!("{name}.DefaultRouteSettings.{what}"))
    };
    let timeouts = template
        .resources("AWS::ApiGatewayV2::Integration")
        .map(|(name, integration)| {
            let found = template.property_node(integration, "TimeoutInMillis");
            template.number_of(found, &format!("{name}.TimeoutInMillis"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Api {
        requests_per_second: limit("ThrottlingRateLimit")?,
        burst: limit("ThrottlingBurstLimit")?,
        integration_timeout_ms: timeouts.into_iter().flatten().min(),
    }))
}

fn mapping(template: &Template, place: &str, event: &Node) -> Result<Mapping, TemplateError> {
    let number =
        |node: Option<&Node>, name: &str| template.number_of(node, &format!("{place}.{name}"));
    let get = |name: &str| event.get("Properties").and_then(|all| all.get(name));
    let queue = match get("Queue").map(|node| template.resolve(node)) {
        Some(Found::Resource(queue))
            if template
                .resources("AWS::SQS::Queue")
                .any(|(known, _)| known == queue) =>
        {
            queue
        }
        _ => {
            let what = "found none, expected a queue of this template";
            return Err(template.wrong(event, &format!("{place}.Queue"), what));
        }
    };
    let scaling = template.entry_of(get("ScalingConfig"), "MaximumConcurrency");
    Ok(Mapping {
        queue,
        batch_size: number(get("BatchSize"), "BatchSize")?.unwrap_or(BATCH_SIZE),
        batch_window_s: number(
            get("MaximumBatchingWindowInSeconds"),
            "MaximumBatchingWindowInSeconds",
        )?
        .unwrap_or(0),
        maximum_concurrency: number(scaling, "ScalingConfig.MaximumConcurrency")?,
    })
}

fn queue(template: &Template, name: &str, node: &Node) -> Result<Queue, TemplateError> {
    let redrive = match template.property(node, "RedrivePolicy") {
        Some(Found::Node(policy)) => {
            let target = policy
                .get("deadLetterTargetArn")
                .map(|it| template.resolve(it));
            let receives = policy.get("maxReceiveCount");
            let place = format!("{name}.RedrivePolicy.maxReceiveCount");
            let receives = template.number_of(receives, &place)?;
            match (target, receives) {
                (Some(Found::Resource(target)), Some(receives)) => Some((target, receives)),
                _ => None,
            }
        }
        _ => None,
    };
    Ok(Queue {
        name: named(template, node, "QueueName").unwrap_or_else(|| name.to_owned()),
        visibility_s: template
            .number(node, name, "VisibilityTimeout")?
            .unwrap_or(VISIBILITY_S),
        retention_s: template
            .number(node, name, "MessageRetentionPeriod")?
            .unwrap_or(RETENTION_S),
        redrive,
    })
}

fn table(template: &Template, name: &str, node: &Node) -> Table {
    let key = |of: &Node| -> Vec<String> {
        let attributes = of.get("KeySchema").map_or(&[][..], Node::items);
        let names = attributes
            .iter()
            .filter_map(|part| part.get("AttributeName").and_then(Node::as_text));
        names.map(str::to_owned).collect()
    };
    let indexes = template.property_node(node, "GlobalSecondaryIndexes");
    let expires = template.property_node(node, "TimeToLiveSpecification");
    Table {
        name: named(template, node, "TableName").unwrap_or_else(|| name.to_owned()),
        key: node.get("Properties").map_or_else(Vec::new, key),
        indexes: indexes
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|index| Some((index.get("IndexName")?.as_text()?.to_owned(), key(index))))
            .collect(),
        expires: expires
            .and_then(|it| it.get("AttributeName"))
            .and_then(Node::as_text)
            .map(str::to_owned),
    }
}

fn named(template: &Template, node: &Node, property: &str) -> Option<String> {
    match template.property(node, property)? {
        Found::Text(text) => Some(text),
        _ => None,
    }
}
