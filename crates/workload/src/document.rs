//! What is wrong with a document that a user wrote, in our words: scenarios and studies are read alike.

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
}
