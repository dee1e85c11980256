//! Conditions of a template: whether they hold, and that none is taken for one that does not because nobody reads it.

use crate::TemplateError;
use crate::document::Template;
use crate::yaml::{Node, Value};

impl Template {
    /// Whether a condition of the template holds.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let condition = self.root.get("Conditions").and_then(|all| all.get(name));
        condition.is_some_and(|condition| self.is_true(condition))
    }

    fn is_true(&self, condition: &Node) -> bool {
        let operands = condition.items();
        match condition.tag.as_deref() {
            Some("Equals") => match operands {
                [one, other] => self.resolve(one) == self.resolve(other),
                _ => false,
            },
            Some("Not") => !operands.first().is_some_and(|inner| self.is_true(inner)),
            Some("And") => operands.iter().all(|inner| self.is_true(inner)),
            Some("Or") => operands.iter().any(|inner| self.is_true(inner)),
            Some("Condition") => condition.as_text().is_some_and(|name| self.holds(name)),
            _ => false,
        }
    }

    /// Refuses what would be taken for a condition that does not hold: one that is not there, or of a function that is not
    /// known. And one that holds if it holds itself.
    pub(crate) fn check_conditions(&self) -> Result<(), TemplateError> {
        let conditions = self.root.get("Conditions").map_or(&[][..], Node::entries);
        for (name, condition) in conditions {
            let place = format!("Conditions.{name}");
            self.check_condition(&place, condition, &mut vec![name])?;
        }
        let resources = self.root.get("Resources").map_or(&[][..], Node::entries);
        for (name, resource) in resources {
            if let Some(condition) = resource.get("Condition") {
                self.check_name(&format!("{name}.Condition"), condition)?;
            }
        }
        self.check_branches(&self.root)
    }

    /// `under_way` are the conditions that refer to this one.
    fn check_condition<'a>(
        &'a self,
        place: &str,
        condition: &'a Node,
        under_way: &mut Vec<&'a str>,
    ) -> Result<(), TemplateError> {
        let operands = condition.items();
        match (condition.tag.as_deref(), operands.len()) {
            (Some("Equals"), 2) => Ok(()),
            (Some("Not"), 1) | (Some("And" | "Or"), 2..) => operands
                .iter()
                .try_for_each(|operand| self.check_condition(place, operand, under_way)),
            (Some("Condition"), _) => {
                let (name, meant) = self.check_name(place, condition)?;
                if under_way.contains(&name) {
                    let what =
                        format!("found {name} within itself, expected a condition of others");
                    return Err(self.wrong(condition, place, &what));
                }
                under_way.push(name);
                let checked = self.check_condition(place, meant, under_way);
                under_way.pop();
                checked
            }
            _ => {
                let what = "found something else, expected Equals of two, Not of one, And or Or of several, or Condition";
                Err(self.wrong(condition, place, what))
            }
        }
    }

    /// Conditions that `If` names.
    fn check_branches(&self, node: &Node) -> Result<(), TemplateError> {
        if node.tag.as_deref() == Some("If") {
            let [condition, _, _] = node.items() else {
                let what = "found something else, expected a condition's name and two values";
                return Err(self.wrong(node, "If", what));
            };
            self.check_name("If", condition)?;
        }
        let entries = node.entries().iter().map(|(_, inner)| inner);
        let items = match &node.value {
            Value::List(items) => &items[..],
            Value::Text(_) | Value::Map(_) => &[],
        };
        entries
            .chain(items)
            .try_for_each(|inner| self.check_branches(inner))
    }

    /// The condition that a node names.
    fn check_name<'a>(
        &'a self,
        place: &str,
        node: &'a Node,
    ) -> Result<(&'a str, &'a Node), TemplateError> {
        let name = node.as_text();
        let meant = name.and_then(|name| Some((name, self.root.get("Conditions")?.get(name)?)));
        if let Some(meant) = meant {
            return Ok(meant);
        }
        let found = name.unwrap_or("a list or map");
        let what = format!("found {found}, expected one of the template's Conditions");
        Err(self.wrong(node, place, &what))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn conditions_that_are_not_understood_are_refused() {
        for (conditions, value, expected) in [
            (
                "{ A: !Not [!Condition B], B: !Or [!Condition A, !Equals [a, a]] }",
                "!If [A, 1, 2]",
                "t.yaml:3: Conditions.A: found A within itself",
            ),
            (
                "A: !And [!Equals [a, a]]",
                "!If [A, 1, 2]",
                "t.yaml:3: Conditions.A: found something else",
            ),
            (
                "A: !Matches [a, a]",
                "!If [A, 1, 2]",
                "t.yaml:3: Conditions.A: found something else",
            ),
            (
                "A: !Equals [a]",
                "!If [A, 1, 2]",
                "t.yaml:3: Conditions.A: found something else",
            ),
            (
                "A: !Not [!Condition B]",
                "!If [A, 1, 2]",
                "t.yaml:3: Conditions.A: found B, expected",
            ),
            (
                "A: !Equals [a, a]",
                "!If [B, 1, 2]",
                "t.yaml:7: If: found B, expected one of",
            ),
            (
                "A: !Equals [a, a]",
                "!If [A, 1]",
                "t.yaml:7: If: found something else",
            ),
        ] {
            let text = format!(
                "\nConditions:\n  {conditions}\nResources:\n  One:\n    Type: T\n    Size: {value}\n"
            );
            let found = Template::parse("t.yaml", &text, &BTreeMap::new()).unwrap_err();
            let found = found.to_string();
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
