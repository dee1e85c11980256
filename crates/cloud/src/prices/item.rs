//! What is counted and priced.

use std::fmt;

/// What is counted and priced. The unit is in the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// Lambda invocations.
    LambdaRequests,
    /// Lambda GB-seconds on x86-64, on demand.
    LambdaGbSecondsX86,
    /// Lambda GB-seconds on arm64, on demand.
    LambdaGbSecondsArm,
    /// GB-seconds of provisioned concurrency on x86-64, used or not.
    LambdaProvisionedGbSecondsX86,
    /// GB-seconds of provisioned concurrency on arm64, used or not.
    LambdaProvisionedGbSecondsArm,
    /// GB-seconds of calls in provisioned environments on x86-64.
    LambdaProvisionedRunGbSecondsX86,
    /// GB-seconds of calls in provisioned environments on arm64.
    LambdaProvisionedRunGbSecondsArm,
    /// Requests to an HTTP API, each begun 512 KB of payload, but for the polls of riders.
    HttpApiRequests,
    /// Requests to an HTTP API by riders who ask how their trip stands. Their price is that of
    /// [`Self::HttpApiRequests`], whose tiers they share; they are told apart because how often a rider asks
    /// is a choice.
    RiderPolls,
    /// Messages of a WebSocket API, each begun 32 KB, both ways.
    WebSocketMessages,
    /// Minutes of a connection to a WebSocket API.
    WebSocketConnectionMinutes,
    /// Requests to standard queues, each begun 64 KB: sends, receives (empty ones too), deletes.
    SqsRequests,
    /// DynamoDB write request units, on demand.
    DynamodbWriteUnits,
    /// DynamoDB read request units, on demand.
    DynamodbReadUnits,
    /// GB of logs taken in.
    LogGb,
    /// Hours of a custom metric.
    MetricHours,
    /// Hours of an alarm on one metric.
    AlarmHours,
    /// Fargate vCPU-hours on x86-64.
    FargateVcpuHoursX86,
    /// Fargate GB-hours on x86-64.
    FargateGbHoursX86,
    /// Fargate vCPU-hours on arm64.
    FargateVcpuHoursArm,
    /// Fargate GB-hours on arm64.
    FargateGbHoursArm,
    /// Hours of a load balancer.
    LoadBalancerHours,
    /// Capacity unit hours of a load balancer; see [`super::capacity_units`].
    LoadBalancerCapacityUnitHours,
    /// Hours of an interface endpoint in one availability zone.
    InterfaceEndpointHours,
    /// GB through an interface endpoint, either way.
    InterfaceEndpointGb,
    /// Hours of a gateway endpoint (DynamoDB, S3): free, and listed so that nobody wonders.
    GatewayEndpointHours,
    /// Hours of a public IPv4 address.
    PublicIpv4Hours,
    /// GB sent to the internet.
    EgressGb,
    /// GB between availability zones, counted on each side: one GB sent is two.
    CrossZoneGb,
    /// Invocations by a schedule.
    ScheduleInvocations,
}

impl Item {
    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::LambdaRequests,
        Self::LambdaGbSecondsX86,
        Self::LambdaGbSecondsArm,
        Self::LambdaProvisionedGbSecondsX86,
        Self::LambdaProvisionedGbSecondsArm,
        Self::LambdaProvisionedRunGbSecondsX86,
        Self::LambdaProvisionedRunGbSecondsArm,
        Self::HttpApiRequests,
        Self::RiderPolls,
        Self::WebSocketMessages,
        Self::WebSocketConnectionMinutes,
        Self::SqsRequests,
        Self::DynamodbWriteUnits,
        Self::DynamodbReadUnits,
        Self::LogGb,
        Self::MetricHours,
        Self::AlarmHours,
        Self::FargateVcpuHoursX86,
        Self::FargateGbHoursX86,
        Self::FargateVcpuHoursArm,
        Self::FargateGbHoursArm,
        Self::LoadBalancerHours,
        Self::LoadBalancerCapacityUnitHours,
        Self::InterfaceEndpointHours,
        Self::InterfaceEndpointGb,
        Self::GatewayEndpointHours,
        Self::PublicIpv4Hours,
        Self::EgressGb,
        Self::CrossZoneGb,
        Self::ScheduleInvocations,
    ];

    /// Its name in a price file.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::LambdaRequests => "lambda_requests",
            Self::LambdaGbSecondsX86 => "lambda_gb_seconds_x86",
            Self::LambdaGbSecondsArm => "lambda_gb_seconds_arm",
            Self::LambdaProvisionedGbSecondsX86 => "lambda_provisioned_gb_seconds_x86",
            Self::LambdaProvisionedGbSecondsArm => "lambda_provisioned_gb_seconds_arm",
            Self::LambdaProvisionedRunGbSecondsX86 => "lambda_provisioned_run_gb_seconds_x86",
            Self::LambdaProvisionedRunGbSecondsArm => "lambda_provisioned_run_gb_seconds_arm",
            Self::HttpApiRequests => "http_api_requests",
            Self::RiderPolls => "rider_polls",
            Self::WebSocketMessages => "web_socket_messages",
            Self::WebSocketConnectionMinutes => "web_socket_connection_minutes",
            Self::SqsRequests => "sqs_requests",
            Self::DynamodbWriteUnits => "dynamodb_write_units",
            Self::DynamodbReadUnits => "dynamodb_read_units",
            Self::LogGb => "log_gb",
            Self::MetricHours => "metric_hours",
            Self::AlarmHours => "alarm_hours",
            Self::FargateVcpuHoursX86 => "fargate_vcpu_hours_x86",
            Self::FargateGbHoursX86 => "fargate_gb_hours_x86",
            Self::FargateVcpuHoursArm => "fargate_vcpu_hours_arm",
            Self::FargateGbHoursArm => "fargate_gb_hours_arm",
            Self::LoadBalancerHours => "load_balancer_hours",
            Self::LoadBalancerCapacityUnitHours => "load_balancer_capacity_unit_hours",
            Self::InterfaceEndpointHours => "interface_endpoint_hours",
            Self::InterfaceEndpointGb => "interface_endpoint_gb",
            Self::GatewayEndpointHours => "gateway_endpoint_hours",
            Self::PublicIpv4Hours => "public_ipv4_hours",
            Self::EgressGb => "egress_gb",
            Self::CrossZoneGb => "cross_zone_gb",
            Self::ScheduleInvocations => "schedule_invocations",
        }
    }

    /// The component of `cost_usd.by_component` that it belongs to.
    #[must_use]
    pub const fn component(self) -> &'static str {
        match self {
            Self::LambdaRequests | Self::LambdaGbSecondsX86 | Self::LambdaGbSecondsArm => "lambda",
            Self::LambdaProvisionedGbSecondsX86
            | Self::LambdaProvisionedGbSecondsArm
            | Self::LambdaProvisionedRunGbSecondsX86
            | Self::LambdaProvisionedRunGbSecondsArm => "lambda_provisioned",
            Self::HttpApiRequests => "http_api",
            Self::RiderPolls => "rider_polls",
            Self::WebSocketMessages | Self::WebSocketConnectionMinutes => "web_socket_api",
            Self::SqsRequests => "sqs",
            Self::DynamodbWriteUnits | Self::DynamodbReadUnits => "dynamodb",
            Self::LogGb => "logs",
            Self::MetricHours | Self::AlarmHours => "metrics_and_alarms",
            Self::FargateVcpuHoursX86
            | Self::FargateGbHoursX86
            | Self::FargateVcpuHoursArm
            | Self::FargateGbHoursArm => "fargate",
            Self::LoadBalancerHours | Self::LoadBalancerCapacityUnitHours => "load_balancer",
            Self::InterfaceEndpointHours | Self::InterfaceEndpointGb => "interface_endpoints",
            Self::GatewayEndpointHours => "gateway_endpoints",
            Self::PublicIpv4Hours => "public_ipv4",
            Self::EgressGb => "egress",
            Self::CrossZoneGb => "cross_zone",
            Self::ScheduleInvocations => "schedules",
        }
    }

    /// The item whose price and tiers are its own too: itself, but for [`Self::RiderPolls`].
    #[must_use]
    pub const fn priced_as(self) -> Self {
        match self {
            Self::RiderPolls => Self::HttpApiRequests,
            other => other,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}
