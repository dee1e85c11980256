//! YAML with what a template needs of it: intrinsic functions, in their short form whichever they are written in, and lines.

use yaml_rust2::Event;
use yaml_rust2::parser::{MarkedEventReceiver, Parser, Tag};
use yaml_rust2::scanner::Marker;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    /// The name of an intrinsic function, such as `Ref` for `!Ref` and for a map of `Ref` alone.
    pub(crate) tag: Option<String>,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// An intrinsic function that is written out, as packaged templates have it (`Fn::If: [...]`, `Ref: Name`), in its short
    /// form.
    fn shortened(self) -> Self {
        let Self { line, tag, value } = self;
        match value {
            Value::Map(mut entries)
                if tag.is_none()
                    && matches!(&entries[..], [(key, _)] if function(key).is_some()) =>
            {
                let (key, inner) = entries.pop().expect("a map of one entry");
                let tag = function(&key).map(str::to_owned);
                let value = match (tag.as_deref(), inner.value) {
                    (Some("GetAtt"), Value::List(path)) => {
                        let path: Vec<&str> = path.iter().filter_map(Node::as_text).collect();
                        Value::Text(path.join("."))
                    }
                    (_, value) => value,
                };
                Self { line, tag, value }
            }
            value => Self { line, tag, value },
        }
    }

    /// The entry of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, node)| node)
    }

    /// The entries of a map; none of anything else.
    pub(crate) fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; of anything else itself, as templates allow where one is as good as several.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The intrinsic function that a key of a map of one entry stands for.
fn function(key: &str) -> Option<&str> {
    key.strip_prefix("Fn::")
        .or_else(|| ["Ref", "Condition"].into_iter().find(|name| *name == key))
}

/// Reads one document.
///
/// # Errors
/// The line, and what is wrong there.
pub(crate) fn parse(text: &str) -> Result<Node, (usize, String)> {
    let mut builder = Builder::default();
    Parser::new_from_str(text)
        .load(&mut builder, false)
        .map_err(|error| (error.marker().line(), error.info().to_owned()))?;
    if let Some(wrong) = builder.wrong {
        return Err(wrong);
    }
    builder
        .root
        .ok_or_else(|| (1, "found nothing, expected a template".to_owned()))
}

/// A list or map that is not yet closed.
struct Open {
    node: Node,
    /// The key of a map that waits for its value.
    key: Option<String>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    wrong: Option<(usize, String)>,
}

impl Builder {
    fn add(&mut self, node: Node) {
        let line = node.line;
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match (&mut parent.node.value, parent.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(entries), Some(key)) => {
                if entries.iter().any(|(known, _)| *known == key) {
                    self.fail(line, format!("found {key} twice, expected it once"));
                    return;
                }
                entries.push((key, node));
            }
            (Value::Map(_), None) => match node.value {
                Value::Text(key) => parent.key = Some(key),
                _ => self.fail(
                    line,
                    "found a key that is no text, expected a name".to_owned(),
                ),
            },
            (Value::Text(_), _) => unreachable!("a text is never open"),
        }
    }

    fn fail(&mut self, line: usize, what: String) {
        self.wrong.get_or_insert((line, what));
    }

    fn open(&mut self, line: usize, tag: Option<Tag>, value: Value) {
        let node = Node {
            line,
            tag: tag.map(|tag| tag.suffix),
            value,
        };
        self.open.push(Open { node, key: None });
    }

    fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            self.add(open.node.shortened());
        }
    }
}

impl MarkedEventReceiver for Builder {
    fn on_event(&mut self, event: Event, mark: Marker) {
        let line = mark.line();
        match event {
            Event::Scalar(text, _, _, tag) => self.add(Node {
                line,
                tag: tag.map(|tag| tag.suffix),
                value: Value::Text(text),
            }),
            Event::SequenceStart(_, tag) => self.open(line, tag, Value::List(Vec::new())),
            Event::MappingStart(_, tag) => self.open(line, tag, Value::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            // CloudFormation does not take them.
            Event::Alias(_) => self.fail(
                line,
                "found an alias (`*name`), expected the value itself: CloudFormation takes no aliases"
                    .to_owned(),
            ),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_lines_and_tags() {
        let root = parse("a: !Ref B\nc:\n  - 1\n  - { d: !GetAtt E.Arn }\n").unwrap();
        let a = root.get("a").unwrap();
        assert_eq!(
            (a.tag.as_deref(), a.as_text(), a.line),
            (Some("Ref"), Some("B"), 1)
        );
        let items = root.get("c").unwrap().items();
        assert_eq!((items.len(), items[1].line), (2, 4));
        assert_eq!(items[1].get("d").unwrap().tag.as_deref(), Some("GetAtt"));
    }

    #[test]
    fn what_is_no_template_says_where() {
        for (text, line) in [
            ("a: [1", 2),
            ("a: 1\na: 2", 2),
            ("a: &x 1\nb: *x", 2),
            ("", 1),
        ] {
            let (found, what) = parse(text).unwrap_err();
            assert_eq!(found, line, "{text:?}: {what}");
        }
    }
}
