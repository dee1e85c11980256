//! What a template must keep that deploys well and goes wrong later, and that linters of templates do not look
//! at. Each rule is tested on the template with a mistake planted in it.

use crate::TemplateError;
use crate::deployment::{Deployment, binary};
use crate::document::{Found, Template};
use crate::yaml::{Node, Value};

/// Most messages of a batch without a window (Lambda developer guide, SQS event sources).
pub const BATCH_WITHOUT_WINDOW_MAX: u32 = 10;
/// A received message stays hidden for so many time limits of the function at least (the same guide).
const TIMEOUTS_HIDDEN_MIN: u32 = 6;
/// Least maximum concurrency of a mapping (the same guide).
const MAXIMUM_CONCURRENCY_MIN: u32 = 2;
/// What a function must have in seconds, so that it answers that a call failed instead of being stopped in it: as long
/// as a call may take, and as it needs beside (`FUNCTION_CALL_TIMEOUT` and `FUNCTION_ANSWER_TIME` of `crates/aws`).
pub const TIMEOUT_S_MIN: u32 = 5;
/// Where a resource says why it allows everything.
const REASON: &str = "Reason";

/// A rule that is broken: where, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The rule's name.
    pub rule: &'static str,
    /// File, line and resource.
    pub place: String,
    /// What was found, and what was expected.
    pub what: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} ({})", self.place, self.what, self.rule)
    }
}

/// The rules that a template breaks.
///
/// # Errors
/// If the template cannot be read so far.
pub fn broken(template: &Template) -> Result<Vec<Broken>, TemplateError> {
    let deployment = Deployment::of(template)?;
    let mut all = Findings {
        template,
        found: Vec::new(),
    };
    for (name, node) in template.resources("AWS::Serverless::Function") {
        all.function(name, node, &deployment);
    }
    for (name, node) in template.resources("AWS::ECS::TaskDefinition") {
        all.task(name, node);
    }
    for (name, node) in template.resources("AWS::ECS::Service") {
        all.service(name, node);
    }
    for (name, node) in template.resources("AWS::Logs::LogGroup") {
        if template.property(node, "RetentionInDays").is_none() {
            all.add(
                "retention",
                name,
                node,
                "found no RetentionInDays, expected one: logs are kept for ever without",
            );
        }
    }
    for (name, node) in template.resources("AWS::DynamoDB::Table") {
        all.table(name, node);
    }
    for (name, node) in template.resources("AWS::ApiGatewayV2::Route") {
        all.route(name, node);
    }
    for (name, node) in template.all() {
        all.statements(name, node, node);
    }
    Ok(all.found)
}

struct Findings<'a> {
    template: &'a Template,
    found: Vec<Broken>,
}

impl Findings<'_> {
    fn add(&mut self, rule: &'static str, name: &str, node: &Node, what: impl Into<String>) {
        self.found.push(Broken {
            rule,
            place: format!("{}: {name}", self.template.at(node)),
            what: what.into(),
        });
    }

    fn function(&mut self, name: &str, node: &Node, deployment: &Deployment) {
        let Some(function) = deployment.functions.get(binary(name, node)) else {
            return;
        };
        if function.architecture != "arm64" {
            let what = format!("found {}, expected arm64", function.architecture);
            self.add("architecture", name, node, what);
        }
        if self.template.property_node(node, "LoggingConfig").is_none() {
            let what = "found no LoggingConfig, expected a log group of this template: the one that Lambda makes keeps its logs for ever";
            self.add("retention", name, node, what);
        }
        self.release(name, node);
        if function.timeout_s < TIMEOUT_S_MIN {
            let what = format!(
                "found a time limit of {} s, expected at least {TIMEOUT_S_MIN}: a call that stalls would have the function stopped before it answers",
                function.timeout_s
            );
            self.add("timeout", name, node, what);
        }
        for mapping in &function.mappings {
            if mapping.batch_size > BATCH_WITHOUT_WINDOW_MAX && mapping.batch_window_s == 0 {
                let what = format!(
                    "found batches of {} from {} without a window, expected at most {BATCH_WITHOUT_WINDOW_MAX}",
                    mapping.batch_size, mapping.queue
                );
                self.add("batch", name, node, what);
            }
            if let Some(found) = mapping
                .maximum_concurrency
                .filter(|it| *it < MAXIMUM_CONCURRENCY_MIN)
            {
                let what = format!(
                    "found a maximum concurrency of {found}, expected at least {MAXIMUM_CONCURRENCY_MIN}"
                );
                self.add("concurrency", name, node, what);
            }
            let queue = &deployment.queues[&mapping.queue];
            let hidden_min = TIMEOUTS_HIDDEN_MIN * function.timeout_s + mapping.batch_window_s;
            if queue.visibility_s < hidden_min {
                let what = format!(
                    "found {} hidden for {} s, expected at least {hidden_min}: {TIMEOUTS_HIDDEN_MIN} times the time limit of {} s, and the window",
                    mapping.queue, queue.visibility_s, function.timeout_s
                );
                self.add("visibility", name, node, what);
            }
            if queue.redrive.is_none() {
                let what = format!(
                    "found {} without a dead-letter queue, expected one on every source",
                    mapping.queue
                );
                self.add("dead-letters", name, node, what);
            }
        }
        let events = self.template.property_node(node, "Events");
        for (event, source) in events.map_or(&[][..], Node::entries) {
            let is_queue = source.get("Type").and_then(Node::as_text) == Some("SQS");
            let reports = source
                .get("Properties")
                .and_then(|it| it.get("FunctionResponseTypes"))
                .is_some_and(|it| {
                    let mut kinds = it.items().iter();
                    kinds.any(|kind| kind.as_text() == Some("ReportBatchItemFailures"))
                });
            if is_queue && !reports {
                let what = format!(
                    "found {event} without ReportBatchItemFailures, expected it: one bad message would bring its whole batch back"
                );
                self.add("partial-failures", name, source, what);
            }
        }
    }

    /// SAM names a version by a hash that parameters are not filled into: callers of its alias would stay with the ones
    /// that it was published with. A hash of our own takes that one's place, so it must be another with each release.
    fn release(&mut self, name: &str, node: &Node) {
        if self.template.property(node, "AutoPublishAlias").is_none() {
            return;
        }
        let hash = self.template.property_node(node, "AutoPublishCodeSha256");
        if !hash.is_some_and(|hash| self.template.is_parameter(hash)) {
            let what = "found an alias without AutoPublishCodeSha256 of a parameter, expected one that each release fills in: changed parameters would not reach the alias";
            self.add("release", name, node, what);
        }
    }

    fn task(&mut self, name: &str, node: &Node) {
        let platform = match self.template.property(node, "RuntimePlatform") {
            Some(Found::Node(platform)) => platform
                .get("CpuArchitecture")
                .and_then(|it| self.template.text_of(it)),
            _ => None,
        };
        let platform = platform.as_deref().unwrap_or("none");
        if platform != "ARM64" {
            let what = format!("found {platform}, expected ARM64");
            self.add("architecture", name, node, what);
        }
    }

    /// The fleet is in one process's memory: two tasks would be two fleets.
    fn service(&mut self, name: &str, node: &Node) {
        let number = |at: &str| self.template.number(node, name, at).ok().flatten();
        let count = number("DesiredCount");
        let config = self.template.property_node(node, "DeploymentConfiguration");
        let share = |at: &str| {
            let node = config?.get(at);
            self.template.number_of(node, name).ok().flatten()
        };
        let (least, most) = (share("MinimumHealthyPercent"), share("MaximumPercent"));
        if (count, least, most) != (Some(1), Some(0), Some(100)) {
            let what = format!(
                "found {count:?} tasks, {least:?} to {most:?} % while deploying, expected exactly 1 and 0 to 100 %: the old one stops first"
            );
            self.add("one-tracker", name, node, what);
        }
    }

    fn table(&mut self, name: &str, node: &Node) {
        let on_demand = Some(Found::Text("PAY_PER_REQUEST".to_owned()));
        if self.template.property(node, "BillingMode") != on_demand {
            self.add(
                "on-demand",
                name,
                node,
                "found another BillingMode, expected PAY_PER_REQUEST",
            );
        }
        let recovery = self
            .template
            .property_node(node, "PointInTimeRecoverySpecification")
            .and_then(|it| it.get("PointInTimeRecoveryEnabled"))
            .and_then(Node::as_text);
        if recovery != Some("true") {
            self.add(
                "recovery",
                name,
                node,
                "found no point-in-time recovery, expected it",
            );
        }
    }

    fn route(&mut self, name: &str, node: &Node) {
        let key = self.template.property(node, "RouteKey");
        let is_route = |text: &str| {
            let mut words = text.split(' ');
            let method = words.next().unwrap_or_default();
            let path = words.next().unwrap_or_default();
            ["GET", "POST", "PUT", "DELETE", "PATCH", "ANY"].contains(&method)
                && path.starts_with('/')
                && words.next().is_none()
        };
        match key {
            Some(Found::Text(text)) if is_route(&text) => {}
            found => {
                let what = format!(
                    "found {found:?}, expected a method and a path, such as GET /trips/{{proxy+}}"
                );
                self.add("route", name, node, what);
            }
        }
        let authorization = self.template.property(node, "AuthorizationType");
        if authorization.is_none_or(|found| found == Found::Text("NONE".to_owned())) {
            self.add(
                "authorization",
                name,
                node,
                "found a route that anybody may call, expected an authorizer",
            );
        }
    }

    /// Statements of policies, wherever they stand in a resource.
    fn statements(&mut self, name: &str, resource: &Node, node: &Node) {
        if node.get("Effect").is_some() && node.get("Action").is_some() {
            let reason = resource.get("Metadata").and_then(|it| it.get(REASON));
            for part in ["Action", "Resource"] {
                let items = node.get(part).map_or(&[][..], Node::items);
                let all = items
                    .iter()
                    .filter_map(Node::as_text)
                    .any(|text| text == "*" || (part == "Action" && text.ends_with(":*")));
                if all && reason.is_none() {
                    let what = format!(
                        "found `*` as {part}, expected what is needed, or Metadata.{REASON} saying why all of it is"
                    );
                    self.add("least-privilege", name, node, what);
                }
            }
        }
        match &node.value {
            Value::Map(entries) => {
                for (_, inner) in entries {
                    self.statements(name, resource, inner);
                }
            }
            Value::List(items) => {
                for inner in items {
                    self.statements(name, resource, inner);
                }
            }
            Value::Text(_) => {}
        }
    }
}
