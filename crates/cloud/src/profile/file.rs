//! A profile as a file: TOML, every figure with a mark and a source.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml::Value;

use super::figure::Entry;
use super::{Profile, ProfileError, sections};
use crate::mark::is_date;

/// The format that is read and written.
pub(super) const SCHEMA: &str = "rushhour.cloud_profile/1";
const HEAD: [&str; 4] = ["schema", "region", "as_of", "sources"];
const SECTIONS: [&str; 6] = [
    "lambda",
    "queue",
    "table",
    "http_api",
    "container",
    "service",
];

/// What a file holds beside its entries.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    pub(super) region: String,
    pub(super) as_of: String,
    pub(super) sources: BTreeMap<String, String>,
}

pub(super) fn parse(name: &str, text: &str) -> Result<Profile, ProfileError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| ProfileError::Syntax {
        profile: name.to_owned(),
        message: error.to_string(),
    })?;
    let head = head(name, &table)?;
    let mut entries = BTreeMap::new();
    for (key, value) in &table {
        if HEAD.contains(&key.as_str()) {
            continue;
        }
        if !SECTIONS.contains(&key.as_str()) {
            let expected = [&HEAD[..], &SECTIONS[..]].concat().join(", ");
            return Err(ProfileError::at(name, key, "an unknown key", expected));
        }
        flatten(name, key, value, &mut entries)?;
    }
    build(name, head, entries)
}

/// Checks entries as a whole and reads the sections from them.
pub(super) fn build(
    name: &str,
    head: Head,
    entries: BTreeMap<String, Entry>,
) -> Result<Profile, ProfileError> {
    for (key, entry) in &entries {
        let source = &entry.provenance.source;
        if !head.sources.contains_key(source) {
            let key = format!("{key}.source");
            return Err(ProfileError::at(
                name,
                &key,
                source,
                "a name under [sources]",
            ));
        }
    }
    let sections = sections::read(name, &entries)?;
    Ok(Profile {
        name: name.to_owned(),
        head,
        entries,
        lambda: sections.lambda,
        queue: sections.queue,
        table: sections.table,
        http_api: sections.http_api,
        container: sections.container,
        service: sections.service,
    })
}

fn head(name: &str, table: &toml::Table) -> Result<Head, ProfileError> {
    let text = |key: &str, expected: &str| match table.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(ProfileError::at(name, key, other, expected)),
        None => Err(ProfileError::at(name, key, "nothing", expected)),
    };
    let schema = text("schema", SCHEMA)?;
    if schema != SCHEMA {
        return Err(ProfileError::at(name, "schema", schema, SCHEMA));
    }
    let date = "a date such as 2026-11-22";
    let as_of = text("as_of", date)?;
    if !is_date(&as_of) {
        return Err(ProfileError::at(name, "as_of", as_of, date));
    }
    let expected = "a table of texts by name";
    let given = match table.get("sources") {
        Some(Value::Table(sources)) => sources,
        Some(other) => return Err(ProfileError::at(name, "sources", other, expected)),
        None => return Err(ProfileError::at(name, "sources", "nothing", expected)),
    };
    let mut sources = BTreeMap::new();
    for (source, value) in given {
        let Value::String(text) = value else {
            let key = format!("sources.{source}");
            return Err(ProfileError::at(name, &key, value, "a text"));
        };
        sources.insert(source.clone(), text.clone());
    }
    Ok(Head {
        region: text("region", "the name of a region")?,
        as_of,
        sources,
    })
}

/// Entries are the tables that hold more than tables.
fn flatten(
    name: &str,
    key: &str,
    value: &Value,
    entries: &mut BTreeMap<String, Entry>,
) -> Result<(), ProfileError> {
    let Value::Table(table) = value else {
        let expected = "a table with a figure, its mark and its source";
        return Err(ProfileError::at(name, key, value, expected));
    };
    if !table.is_empty() && table.values().all(Value::is_table) {
        for (below, value) in table {
            flatten(name, &format!("{key}.{below}"), value, entries)?;
        }
        return Ok(());
    }
    let entry = Entry::read(table).map_err(|fault| {
        let key = if fault.field.is_empty() {
            key.to_owned()
        } else {
            format!("{key}.{}", fault.field)
        };
        ProfileError::at(name, &key, fault.found, fault.expected)
    })?;
    entries.insert(key.to_owned(), entry);
    Ok(())
}

pub(super) fn write(profile: &Profile) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let head = &profile.head;
    let mut text = format!(
        "schema = {}\nregion = {}\nas_of = {}\n\n[sources]\n",
        quoted(SCHEMA),
        quoted(&head.region),
        quoted(&head.as_of)
    );
    for (name, source) in &head.sources {
        let _ = writeln!(text, "{} = {}", quoted(name), quoted(source));
    }
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    for (key, entry) in &profile.entries {
        let (section, field) = key.rsplit_once('.').unwrap_or(("", key));
        let lines = sections.entry(section).or_default();
        let _ = writeln!(lines, "{field} = {}", entry.write());
    }
    for (section, lines) in sections {
        let _ = write!(text, "\n[{section}]\n{lines}");
    }
    text
}
