//! Documents that users write, such as scenarios and studies: what is wrong with one in our words, and
//! values laid over one by `key.path=value`.

/// The line of a text in which a byte stands, counted from one.
#[must_use]
pub fn line_at(text: &str, byte: usize) -> usize {
    let before = text.get(..byte).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Turns the reader's words into ours, and names the nearest known key for an unknown one.
#[must_use]
pub fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("missing field") {
        let missing = quoted.next().unwrap_or_default();
        return format!("found no `{missing}` here, expected one");
    }
    if !message.starts_with("unknown field") {
        return message.replace('\n', " ");
    }
    let Some(unknown) = quoted.next() else {
        return message.to_owned();
    };
    let known: Vec<&str> = quoted.collect();
    match nearest(unknown, &known) {
        Some(nearest) => {
            format!(
                "found the unknown key `{unknown}`, expected `{nearest}` (known here: {})",
                known.join(", ")
            )
        }
        None => format!("found the unknown key `{unknown}`, expected none here"),
    }
}

/// The known name that is most like an unknown one.
#[must_use]
pub fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&&str| strsim::jaro_winkler(unknown, name);
    let most = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    most.copied()
}

/// Lays a value over a document at a dotted path: `fleet.drivers=300`. In an array of tables the key that
/// follows is the `name` of one, `function.pricing.service=80ms`, or, where they have none, its number from 0 on,
/// `city.traffic.0.hours=[8]`. What does not read as TOML is taken as text, so that `80ms` needs no quotes on a
/// command line.
///
/// # Errors
/// If it is no path and value, or the path leads nowhere.
pub fn lay(document: &mut toml::Table, set: &str) -> Result<(), String> {
    let (path, value) = set
        .split_once('=')
        .ok_or("found no `=`, expected key.path=value")?;
    let (path, value) = (path.trim(), value.trim());
    let value = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut keys: Vec<&str> = path.split('.').collect();
    let last = keys.pop().filter(|key| !key.is_empty());
    let last = last.ok_or_else(|| format!("found the key {path:?}, expected key.path"))?;
    let mut keys = keys.into_iter();
    let mut at = document;
    while let Some(key) = keys.next() {
        let below = at
            .entry(key)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        at = match below {
            toml::Value::Table(table) => table,
            toml::Value::Array(tables) if tables.iter().any(toml::Value::is_table) => {
                let known: Vec<String> = tables.iter().filter_map(name_of).collect();
                let expected = match &known[..] {
                    [] => format!("a number below {} and a key", tables.len()),
                    known => format!("a name (known here: {}) and a key", known.join(", ")),
                };
                let wrong = |name| format!("found {name:?} after {key:?}, expected {expected}");
                let name = keys.next().ok_or_else(|| wrong(last))?;
                let is_it = |(number, table): &(usize, &mut toml::Value)| match name_of(table) {
                    Some(known) => known == name,
                    None => number.to_string() == name,
                };
                let found = tables.iter_mut().enumerate().find(is_it);
                let found = found.and_then(|(_, table)| table.as_table_mut());
                found.ok_or_else(|| wrong(name))?
            }
            _ => return Err(format!("found a value at {key:?}, expected a table")),
        };
    }
    at.insert(last.to_owned(), value);
    Ok(())
}

fn name_of(table: &toml::Value) -> Option<String> {
    table.get("name")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_missing_keys_are_said_in_our_words() {
        let unknown = explain("unknown field `windw`, expected one of `policy`, `window`");
        assert!(unknown.starts_with("found the unknown key `windw`, expected `window`"));
        let missing = explain("missing field `arrivals`");
        assert_eq!(missing, "found no `arrivals` here, expected one");
        assert_eq!(explain("invalid\nvalue"), "invalid value");
        assert_eq!(line_at("a\nb\nc", 4), 3);
    }

    #[test]
    fn values_are_laid_by_path_and_by_name() {
        let text = "[fleet]\ndrivers = 3\n[[function]]\nname = \"a\"\n[[function]]\nname = \"b\"\n[[hour]]\n[[hour]]\n";
        let mut document: toml::Table = text.parse().unwrap();
        for set in [
            "fleet.drivers=4",
            "fleet.place = here",
            "function.b.service=80ms",
            "city.kind=\"plane\"",
            "hour.1.factor.b=3",
            "hour.1.of=[7, 8]",
        ] {
            lay(&mut document, set).unwrap();
        }
        let expected = "[fleet]\ndrivers = 4\nplace = \"here\"\n[city]\nkind = \"plane\"\n\
            [[function]]\nname = \"a\"\n[[function]]\nname = \"b\"\nservice = \"80ms\"\n\
            [[hour]]\n[[hour]]\nfactor = { b = 3 }\nof = [7, 8]\n";
        assert_eq!(document, expected.parse().unwrap());
        for (set, said) in [
            ("fleet", "found no `=`"),
            ("=3", "found the key \"\""),
            ("fleet.drivers.a=3", "found a value at \"drivers\""),
            ("function.c.service=1s", "found \"c\" after \"function\""),
            ("function.service=1s", "known here: a, b"),
            ("function.0.service=1s", "known here: a, b"),
            (
                "hour.2.factor=1",
                "found \"2\" after \"hour\", expected a number below 2",
            ),
            ("hour.1=3", "found \"1\" after \"hour\", expected a number"),
            ("hour.1.of.0=3", "found a value at \"of\", expected a table"),
        ] {
            let error = lay(&mut document, set).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
