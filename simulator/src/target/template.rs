//! What a deployment template gives each part, as keys of a scenario.

use std::collections::BTreeMap;
use std::path::Path;

use local::stack::FunctionName;
use template::{Deployment, Function, Template};
use twin::sizes::Part;

use crate::cli::TemplateArgs;
use crate::exit::Failure;

/// The keys that the template of the command line sets, before its own; none without a template.
///
/// # Errors
/// If the template cannot be read, or has not all four functions.
pub fn sets(args: &TemplateArgs) -> Result<Vec<String>, Failure> {
    match &args.template {
        Some(file) => of_file(file, &args.parameters),
        None => Ok(Vec::new()),
    }
}

/// The keys that a template sets.
///
/// # Errors
/// If it cannot be read, or has not all four functions.
pub fn of_file(file: &Path, parameters: &[String]) -> Result<Vec<String>, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::input(format!(
            "--template: {name}: cannot be read ({error}), expected a template of AWS SAM"
        ))
    })?;
    let mut given = BTreeMap::new();
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(Failure::input(format!(
                "--parameter: found {parameter:?}, expected NAME=VALUE"
            )));
        };
        given.insert(name.to_owned(), value.to_owned());
    }
    let template = Template::parse(&name, &text, &given).map_err(Failure::input)?;
    let deployment = Deployment::of(&template).map_err(Failure::input)?;
    let mut sets = Vec::new();
    for function in FunctionName::ALL {
        let function = function.as_str();
        let Some(sizes) = deployment.functions.get(function) else {
            let found: Vec<&str> = deployment.functions.keys().map(String::as_str).collect();
            return Err(Failure::input(format!(
                "{name}: found no function that runs the binary {function} among {}, expected one",
                found.join(", ")
            )));
        };
        sets.extend(of_function(function, sizes, &deployment));
    }
    if let Some(api) = &deployment.api {
        let optional = |key: &str, value: Option<u32>| value.map(|it| format!("api.{key}={it}"));
        sets.extend(optional("requests_per_second", api.requests_per_second));
        sets.extend(optional("burst", api.burst));
        let timeout = api.integration_timeout_ms;
        sets.extend(timeout.map(|ms| format!("api.integration_timeout=\"{ms}ms\"")));
    }
    if let Some(task) = &deployment.task {
        let key = format!("containers.{}", Part::FleetTracker.name());
        let vcpu = f64::from(task.cpu_units) / 1_024.0;
        let memory_gb = f64::from(task.memory_mb) / 1_024.0;
        sets.push(format!("{key}.vcpu={vcpu:?}"));
        sets.push(format!("{key}.memory_gb={memory_gb:?}"));
        sets.push(format!("{key}.tasks_min={}", task.count));
        sets.push(format!("{key}.tasks_max={}", task.count));
    }
    Ok(sets)
}

fn of_function(name: &str, sizes: &Function, deployment: &Deployment) -> Vec<String> {
    let key = format!("functions.{name}");
    let mut sets = vec![
        format!("{key}.memory_mb={}", sizes.memory_mb),
        format!("{key}.architecture={:?}", sizes.architecture),
        format!("{key}.timeout=\"{}s\"", sizes.timeout_s),
    ];
    let optional = |what: &str, value: Option<u32>| value.map(|it| format!("{key}.{what}={it}"));
    sets.extend(optional("reserved_concurrency", sizes.reserved_concurrency));
    sets.extend(optional(
        "provisioned_concurrency",
        sizes.provisioned_concurrency,
    ));
    // Each function takes from one queue at most.
    if let Some(mapping) = sizes.mappings.first() {
        sets.push(format!("{key}.batch_size={}", mapping.batch_size));
        sets.push(format!(
            "{key}.batch_window=\"{}s\"",
            mapping.batch_window_s
        ));
        sets.extend(optional("maximum_concurrency", mapping.maximum_concurrency));
        let queue = &deployment.queues[&mapping.queue];
        let visibility_s = queue.visibility_s;
        sets.push(format!("{key}.visibility_timeout=\"{visibility_s}s\""));
        let receives = queue.redrive.as_ref().map(|(_, receives)| *receives);
        sets.extend(optional("receives_max", receives));
    }
    sets
}
