//! A template whose parameters are filled in: references and conditions resolve to what they stand for.

use std::collections::BTreeMap;

use crate::TemplateError;
use crate::yaml::{self, Node, Value};

/// A value of a template, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A text, as it stands or from a parameter.
    Text(String),
    /// A resource of the template, by its logical name, or an attribute of it.
    Resource(String),
    /// A list or map.
    Node(&'a Node),
    /// `AWS::NoValue`.
    Nothing,
}

/// A template.
#[derive(Debug, Clone)]
pub struct Template {
    file: String,
    pub(crate) root: Node,
    parameters: BTreeMap<String, String>,
}

impl Template {
    /// Reads a template; `parameters` are those that differ from their defaults.
    ///
    /// # Errors
    /// If it is no YAML, has no resources, or not these parameters; or if one without a default is not given.
    pub fn parse(
        file: &str,
        text: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let root = yaml::parse(text).map_err(|(line, what)| TemplateError::Yaml {
            file: file.to_owned(),
            line,
            what,
        })?;
        let mut template = Self {
            file: file.to_owned(),
            root,
            parameters: BTreeMap::new(),
        };
        if template.root.get("Resources").is_none() {
            let what = "found none, expected the resources of a deployment";
            return Err(template.wrong(&template.root, "Resources", what));
        }
        template.fill(parameters)?;
        template.check_conditions()?;
        Ok(template)
    }

    fn fill(&mut self, given: &BTreeMap<String, String>) -> Result<(), TemplateError> {
        let declared = self.root.get("Parameters").map_or(&[][..], Node::entries);
        for name in given.keys() {
            if !declared.iter().any(|(known, _)| known == name) {
                let known: Vec<&str> = declared.iter().map(|(known, _)| known.as_str()).collect();
                return Err(TemplateError::UnknownParameter {
                    file: self.file.clone(),
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
        }
        let mut filled = BTreeMap::new();
        for (name, parameter) in declared {
            let default = parameter.get("Default").and_then(Node::as_text);
            let Some(value) = given.get(name).map(String::as_str).or(default) else {
                let what = "found no default and no value, expected one of the two";
                return Err(self.wrong(parameter, &format!("Parameters.{name}"), what));
            };
            let allowed = parameter.get("AllowedValues").map_or(&[][..], Node::items);
            if !allowed.is_empty() && !allowed.iter().any(|one| one.as_text() == Some(value)) {
                let allowed: Vec<&str> = allowed.iter().filter_map(Node::as_text).collect();
                let what = format!("found {value:?}, expected one of {}", allowed.join(", "));
                return Err(self.wrong(parameter, &format!("Parameters.{name}"), &what));
            }
            let limit = |bound: &str| {
                let limit = parameter.get(bound).and_then(Node::as_text);
                limit.and_then(|limit| limit.parse::<f64>().ok())
            };
            let least = limit("MinValue").unwrap_or(f64::NEG_INFINITY);
            let most = limit("MaxValue").unwrap_or(f64::INFINITY);
            let is_limited = least.is_finite() || most.is_finite();
            let is_within = |value: &str| {
                value
                    .parse()
                    .is_ok_and(|value| (least..=most).contains(&value))
            };
            if is_limited && !is_within(value) {
                let what = format!("found {value:?}, expected a number from {least} to {most}");
                return Err(self.wrong(parameter, &format!("Parameters.{name}"), &what));
            }
            filled.insert(name.clone(), value.to_owned());
        }
        self.parameters = filled;
        Ok(())
    }

    pub(crate) fn wrong(&self, node: &Node, place: &str, what: &str) -> TemplateError {
        TemplateError::Wrong {
            file: self.file.clone(),
            line: node.line,
            place: place.to_owned(),
            what: what.to_owned(),
        }
    }

    /// The file's name and a line of it.
    pub(crate) fn at(&self, node: &Node) -> String {
        format!("{}:{}", self.file, node.line)
    }

    /// Resources of a type that are deployed with these parameters, by their logical names.
    pub(crate) fn resources<'a>(
        &'a self,
        kind: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Node)> + 'a {
        self.all().filter(move |(_, node)| kind_of(node) == kind)
    }

    /// All resources that are deployed with these parameters.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Node)> {
        let resources = self.root.get("Resources").map_or(&[][..], Node::entries);
        resources
            .iter()
            .map(|(name, node)| (name.as_str(), node))
            .filter(|(_, node)| {
                let condition = node.get("Condition").and_then(Node::as_text);
                condition.is_none_or(|name| self.holds(name))
            })
    }

    /// A property of a resource, or of all of its kind (`Globals`), resolved.
    pub(crate) fn property<'a>(&'a self, resource: &'a Node, name: &str) -> Option<Found<'a>> {
        self.property_node(resource, name)
            .map(|node| self.resolve(node))
            .filter(|found| *found != Found::Nothing)
    }

    /// What a property of a resource has at a key, if it is a map.
    pub(crate) fn entry_of<'a>(&'a self, node: Option<&'a Node>, key: &str) -> Option<&'a Node> {
        match self.resolve(node?) {
            Found::Node(map) => map.get(key),
            Found::Text(_) | Found::Resource(_) | Found::Nothing => None,
        }
    }

    /// The text that a node is, as it stands or from a parameter.
    pub(crate) fn text_of(&self, node: &Node) -> Option<String> {
        match self.resolve(node) {
            Found::Text(text) => Some(text),
            Found::Resource(_) | Found::Node(_) | Found::Nothing => None,
        }
    }

    /// A property of a resource as it stands.
    pub(crate) fn property_node<'a>(&'a self, resource: &'a Node, name: &str) -> Option<&'a Node> {
        let own = resource.get("Properties").and_then(|it| it.get(name));
        own.or_else(|| {
            let section = kind_of(resource).strip_prefix("AWS::Serverless::")?;
            self.root.get("Globals")?.get(section)?.get(name)
        })
    }

    /// Whether a node is a reference to a parameter.
    pub(crate) fn is_parameter(&self, node: &Node) -> bool {
        let name = node
            .as_text()
            .filter(|_| node.tag.as_deref() == Some("Ref"));
        name.is_some_and(|name| self.parameters.contains_key(name))
    }

    /// What a value stands for.
    pub(crate) fn resolve<'a>(&'a self, node: &'a Node) -> Found<'a> {
        match (node.tag.as_deref(), &node.value) {
            (Some("Ref"), Value::Text(name)) => self.reference(name),
            (Some("GetAtt"), Value::Text(name)) => {
                let resource = name.split('.').next().unwrap_or(name);
                Found::Resource(resource.to_owned())
            }
            (Some("Sub"), Value::Text(text)) => Found::Text(self.substituted(text)),
            (Some("If"), Value::List(branches)) => match &branches[..] {
                [condition, yes, no] => {
                    let holds = condition.as_text().is_some_and(|name| self.holds(name));
                    self.resolve(if holds { yes } else { no })
                }
                _ => Found::Node(node),
            },
            (None, Value::Text(text)) => Found::Text(text.clone()),
            _ => Found::Node(node),
        }
    }

    fn reference(&self, name: &str) -> Found<'_> {
        if name == "AWS::NoValue" {
            return Found::Nothing;
        }
        match self.parameters.get(name) {
            Some(value) => Found::Text(value.clone()),
            None => Found::Resource(name.to_owned()),
        }
    }

    /// A text with its parameters filled in; what is of the account or of resources stays.
    fn substituted(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(begin) = rest.find("${") {
            let Some(end) = rest[begin..].find('}').map(|end| begin + end) else {
                break;
            };
            filled.push_str(&rest[..begin]);
            match self.parameters.get(&rest[begin + 2..end]) {
                Some(value) => filled.push_str(value),
                None => filled.push_str(&rest[begin..=end]),
            }
            rest = &rest[end + 1..];
        }
        filled.push_str(rest);
        filled
    }

    /// A whole number that a property holds.
    ///
    /// # Errors
    /// If it holds something else.
    pub(crate) fn number(
        &self,
        resource: &Node,
        place: &str,
        name: &str,
    ) -> Result<Option<u32>, TemplateError> {
        let node = self.property_node(resource, name);
        self.number_of(node, &format!("{place}.{name}"))
    }

    /// A whole number; none where there is nothing, or `AWS::NoValue`.
    ///
    /// # Errors
    /// If it is something else.
    pub(crate) fn number_of(
        &self,
        node: Option<&Node>,
        place: &str,
    ) -> Result<Option<u32>, TemplateError> {
        let Some(node) = node else { return Ok(None) };
        let found = match self.resolve(node) {
            Found::Nothing => return Ok(None),
            Found::Text(text) => text,
            Found::Resource(name) => format!("a reference to {name}"),
            Found::Node(_) => "a list or map".to_owned(),
        };
        match found.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => {
                let what = format!("found {found}, expected a whole number");
                Err(self.wrong(node, place, &what))
            }
        }
    }
}

/// The type of a resource.
pub(crate) fn kind_of(resource: &Node) -> &str {
    resource
        .get("Type")
        .and_then(Node::as_text)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
Parameters:
  Memory: { Type: Number, Default: 256 }
  Where: { Type: String, Default: here, AllowedValues: [here, there] }
Conditions:
  Here: !Equals [!Ref Where, here]
  There: !Not [!Condition Here]
Globals:
  Function: { Timeout: 7 }
Resources:
  One:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: !Ref Memory
      FunctionName: !Sub a-${Where}-${AWS::Region}
      ReservedConcurrentExecutions: !If [There, 3, !Ref AWS::NoValue]
  Two:
    Type: AWS::SQS::Queue
    Condition: There
";

    fn template(given: &[(&str, &str)]) -> Result<Template, TemplateError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Template::parse("t.yaml", TEXT, &given.iter().map(owned).collect())
    }

    #[test]
    fn parameters_conditions_and_globals_say_what_is_deployed() {
        let here = template(&[]).unwrap();
        let (_, one) = here.resources("AWS::Serverless::Function").next().unwrap();
        assert_eq!(here.number(one, "One", "MemorySize"), Ok(Some(256)));
        assert_eq!(here.number(one, "One", "Timeout"), Ok(Some(7)));
        assert_eq!(
            here.number(one, "One", "ReservedConcurrentExecutions"),
            Ok(None)
        );
        let name = here.property(one, "FunctionName");
        assert_eq!(name, Some(Found::Text("a-here-${AWS::Region}".to_owned())));
        assert_eq!(here.resources("AWS::SQS::Queue").count(), 0);

        let there = template(&[("Where", "there"), ("Memory", "512")]).unwrap();
        let (_, one) = there.resources("AWS::Serverless::Function").next().unwrap();
        assert_eq!(there.number(one, "One", "MemorySize"), Ok(Some(512)));
        assert_eq!(
            there.number(one, "One", "ReservedConcurrentExecutions"),
            Ok(Some(3))
        );
        assert_eq!(there.resources("AWS::SQS::Queue").count(), 1);
    }

    /// The same as it is packaged.
    const WRITTEN_OUT: &str = "
Parameters:
  Memory: { Type: Number, Default: 256, MinValue: 128, MaxValue: 10240 }
  Where: { Type: String, Default: here, AllowedValues: [here, there] }
Conditions:
  Here: { Fn::Equals: [{ Ref: Where }, here] }
  There:
    Fn::Not:
      - Condition: Here
Resources:
  One:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: { Ref: Memory }
      FunctionName: { Fn::Sub: 'a-${Where}-${AWS::Region}' }
      Role: { Fn::GetAtt: [Two, Arn] }
      ReservedConcurrentExecutions:
        Fn::If: [There, 3, { Ref: AWS::NoValue }]
  Two:
    Type: AWS::SQS::Queue
    Condition: There
";

    #[test]
    fn what_is_written_out_says_the_same() {
        let parsed = |parameters: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let parameters = parameters.iter().map(owned).collect();
            Template::parse("t.yaml", WRITTEN_OUT, &parameters)
        };
        for (given, expected, queues) in [("here", None, 0), ("there", Some(3), 1)] {
            let template = parsed(&[("Where", given)]).unwrap();
            let (_, one) = template
                .resources("AWS::Serverless::Function")
                .next()
                .unwrap();
            assert_eq!(template.number(one, "One", "MemorySize"), Ok(Some(256)));
            let reserved = template.number(one, "One", "ReservedConcurrentExecutions");
            assert_eq!(reserved, Ok(expected));
            let name = Found::Text(format!("a-{given}-${{AWS::Region}}"));
            assert_eq!(template.property(one, "FunctionName"), Some(name));
            let role = template.property(one, "Role");
            assert_eq!(role, Some(Found::Resource("Two".to_owned())));
            assert_eq!(template.resources("AWS::SQS::Queue").count(), queues);
        }
        let message = parsed(&[("Memory", "64")]).unwrap_err().to_string();
        assert_eq!(
            message,
            "t.yaml:3: Parameters.Memory: found \"64\", expected a number from 128 to 10240"
        );
    }

    #[test]
    fn what_cannot_be_says_what_was_expected() {
        let message = |given: &[(&str, &str)]| template(given).unwrap_err().to_string();
        assert_eq!(
            message(&[("Memroy", "1")]),
            "t.yaml: found no parameter Memroy, expected one of Memory, Where"
        );
        assert_eq!(
            message(&[("Where", "nowhere")]),
            "t.yaml:4: Parameters.Where: found \"nowhere\", expected one of here, there"
        );
        let template = template(&[("Memory", "lots")]).unwrap();
        let (_, one) = template
            .resources("AWS::Serverless::Function")
            .next()
            .unwrap();
        assert_eq!(
            template
                .number(one, "One", "MemorySize")
                .unwrap_err()
                .to_string(),
            "t.yaml:14: One.MemorySize: found lots, expected a whole number"
        );
        assert!(Template::parse("t.yaml", "Parameters: {}", &BTreeMap::new()).is_err());
    }
}
