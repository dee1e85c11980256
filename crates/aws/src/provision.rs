//! Creates the tables and queues of [`crate::stack`], those that are not there yet.

use std::time::Duration;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableStatus, TimeToLiveSpecification,
};
use aws_sdk_sqs::operation::create_queue::CreateQueueError;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::clients::Clients;
use crate::limits::{TABLE_READY_POLL, TABLE_READY_POLLS_MAX};
use crate::stack::{
    DEAD_LETTER_RETENTION, IndexSpec, QUEUES, QueueSpec, Resources, TABLES, TableSpec,
};

/// What could not be created.
#[derive(Debug, thiserror::Error)]
#[error("{resource}: {detail}")]
pub struct ProvisionError {
    /// The table's or queue's name.
    pub resource: String,
    /// What went wrong.
    pub detail: String,
}

type Attributes = Vec<(QueueAttributeName, String)>;

fn failed(resource: &str, error: &(impl std::error::Error + 'static)) -> ProvisionError {
    ProvisionError {
        resource: resource.to_owned(),
        detail: DisplayErrorContext(error).to_string(),
    }
}

/// Creates every table and queue under a prefix, and returns once they can be used. What is there
/// already stays, with the queues' attributes set anew.
///
/// # Errors
/// If a table or queue cannot be created.
pub async fn provision(clients: &Clients, prefix: &str) -> Result<Resources, ProvisionError> {
    // Only the tables' names are needed before the queues' base is known.
    let names = Resources::new(prefix, "");
    for spec in &TABLES {
        create_table(clients, spec, &names.table_name(spec.table)).await?;
    }
    let mut base_url = String::new();
    for spec in &QUEUES {
        base_url = create_queue_pair(clients, spec, prefix).await?;
    }
    Ok(Resources::new(prefix, &base_url))
}

/// The tables and queues under a prefix that somebody else has made: one queue is asked for, so that its URL says
/// where all are.
///
/// # Errors
/// If there is no such queue.
pub async fn found(clients: &Clients, prefix: &str) -> Result<Resources, ProvisionError> {
    let name = format!("{prefix}{}", QUEUES[0].name);
    let asked = clients.sqs.get_queue_url().queue_name(&name).send().await;
    let url = asked
        .map_err(|error| failed(&name, &error))?
        .queue_url
        .unwrap_or_default();
    Ok(Resources::new(prefix, base_of(&url, &name)?))
}

/// What a queue's URL begins with.
fn base_of<'a>(url: &'a str, name: &str) -> Result<&'a str, ProvisionError> {
    let base = url.strip_suffix(name).ok_or_else(|| ProvisionError {
        detail: format!("found the URL {url}, expected one that ends with the name"),
        resource: name.to_owned(),
    })?;
    Ok(base.trim_end_matches('/'))
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(kind)
        .build()
        .expect("name and type are given")
}

fn key_part(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .expect("name and type are given")
}

fn index(spec: &IndexSpec) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(spec.name)
        .key_schema(key_part(spec.partition, KeyType::Hash))
        .key_schema(key_part(spec.sort, KeyType::Range))
        .projection(
            Projection::builder()
                .projection_type(ProjectionType::All)
                .build(),
        )
        .build()
        .expect("name and keys are given")
}

async fn create_table(
    clients: &Clients,
    spec: &TableSpec,
    name: &str,
) -> Result<(), ProvisionError> {
    let mut attributes = vec![attribute(wire::items::KEY, ScalarAttributeType::S)];
    for index in spec.indexes {
        attributes.push(attribute(index.partition, ScalarAttributeType::S));
        attributes.push(attribute(index.sort, ScalarAttributeType::N));
    }
    let created = clients
        .dynamodb
        .create_table()
        .table_name(name)
        .set_attribute_definitions(Some(attributes))
        .key_schema(key_part(wire::items::KEY, KeyType::Hash))
        .set_global_secondary_indexes(
            (!spec.indexes.is_empty()).then(|| spec.indexes.iter().map(index).collect()),
        )
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await;
    match created {
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            await_ready(clients, name).await
        }
        Err(error) => Err(failed(name, &error)),
        Ok(_) => {
            await_ready(clients, name).await?;
            match spec.expires {
                Some(attribute) => expire_by(clients, name, attribute).await,
                None => Ok(()),
            }
        }
    }
}

async fn await_ready(clients: &Clients, name: &str) -> Result<(), ProvisionError> {
    for _ in 0..TABLE_READY_POLLS_MAX {
        let table = clients
            .dynamodb
            .describe_table()
            .table_name(name)
            .send()
            .await
            .map_err(|error| failed(name, &error))?;
        let status = table.table().and_then(|table| table.table_status());
        if status == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(TABLE_READY_POLL).await;
    }
    Err(ProvisionError {
        resource: name.to_owned(),
        detail: format!(
            "not active after {:?}",
            TABLE_READY_POLL * TABLE_READY_POLLS_MAX
        ),
    })
}

async fn expire_by(clients: &Clients, name: &str, attribute: &str) -> Result<(), ProvisionError> {
    let expiry = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(attribute)
        .build()
        .expect("both fields are given");
    clients
        .dynamodb
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(expiry)
        .send()
        .await
        .map(|_| ())
        .map_err(|error| failed(name, &error))
}

fn whole_seconds(span: Duration) -> String {
    span.as_secs().to_string()
}

/// Creates a queue with its dead-letter queue; returns what queue URLs begin with.
async fn create_queue_pair(
    clients: &Clients,
    spec: &QueueSpec,
    prefix: &str,
) -> Result<String, ProvisionError> {
    use QueueAttributeName as Name;
    let dead_name = format!("{prefix}{}", spec.dead_letters);
    let retention = vec![(
        Name::MessageRetentionPeriod,
        whole_seconds(DEAD_LETTER_RETENTION),
    )];
    let dead_url = create_queue(clients, &dead_name, retention).await?;
    let dead_arn = queue_arn(clients, &dead_name, &dead_url).await?;
    let redrive = serde_json::json!({
        "deadLetterTargetArn": dead_arn,
        "maxReceiveCount": spec.receives_max,
    });
    let name = format!("{prefix}{}", spec.name);
    let attributes = vec![
        (Name::VisibilityTimeout, whole_seconds(spec.visibility)),
        (Name::MessageRetentionPeriod, whole_seconds(spec.retention)),
        (Name::ReceiveMessageWaitTimeSeconds, "20".to_owned()),
        (Name::RedrivePolicy, redrive.to_string()),
    ];
    let url = create_queue(clients, &name, attributes).await?;
    base_of(&url, &name).map(str::to_owned)
}

async fn create_queue(
    clients: &Clients,
    name: &str,
    attributes: Attributes,
) -> Result<String, ProvisionError> {
    let created = clients
        .sqs
        .create_queue()
        .queue_name(name)
        .set_attributes(Some(attributes.iter().cloned().collect()))
        .send()
        .await;
    let url = match created {
        Ok(created) => created.queue_url,
        Err(error) => match error.as_service_error() {
            Some(CreateQueueError::QueueNameExists(_)) => {
                Some(set_attributes(clients, name, attributes).await?)
            }
            _ => return Err(failed(name, &error)),
        },
    };
    url.ok_or_else(|| ProvisionError {
        resource: name.to_owned(),
        detail: "found no URL, expected one".to_owned(),
    })
}

/// A queue of that name is there with other attributes: it gets these.
async fn set_attributes(
    clients: &Clients,
    name: &str,
    attributes: Attributes,
) -> Result<String, ProvisionError> {
    let found = clients.sqs.get_queue_url().queue_name(name).send().await;
    let url = found
        .map_err(|error| failed(name, &error))?
        .queue_url
        .unwrap_or_default();
    clients
        .sqs
        .set_queue_attributes()
        .queue_url(&url)
        .set_attributes(Some(attributes.into_iter().collect()))
        .send()
        .await
        .map_err(|error| failed(name, &error))?;
    Ok(url)
}

async fn queue_arn(clients: &Clients, name: &str, url: &str) -> Result<String, ProvisionError> {
    let answer = clients
        .sqs
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .map_err(|error| failed(name, &error))?;
    answer
        .attributes()
        .and_then(|all| all.get(&QueueAttributeName::QueueArn))
        .cloned()
        .ok_or_else(|| ProvisionError {
            resource: name.to_owned(),
            detail: "found no ARN, expected one".to_owned(),
        })
}
