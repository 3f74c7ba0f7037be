//! Reads a table's definition from a CloudFormation or SAM template.
//!
//! CloudFormation's property names are those of DynamoDB's CreateTable, so the local table comes
//! from the same text as the deployed one. Only what an emulator acts on is read: capacity,
//! backups, encryption, deletion protection and tags are left out.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html>

use anyhow::{Context, bail, ensure};
use dynoxide::actions::create_table::CreateTableRequest;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// A table as a template defines it, without a name.
#[derive(Clone, Debug)]
pub struct TableDefinition {
    /// The attribute that says, in seconds since 1970, when an item expires.
    pub time_to_live_attribute: Option<String>,
    attribute_definitions: Value,
    key_schema: Value,
    /// Each with `IndexName`, `KeySchema` and `Projection`.
    global_secondary_indexes: Vec<Value>,
    stream_view_type: Option<Value>,
}

/// A global secondary index: its key, and the attributes that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The attributes of its key, partition key first. An item without one of them is not in it.
    pub keys: Vec<String>,
    /// Which other attributes it holds.
    pub projection: Projection,
}

/// Which attributes an index holds beside its own key and the table's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    /// All.
    All,
    /// None.
    KeysOnly,
    /// These.
    Include(Vec<String>),
}

/// Reads the `AWS::DynamoDB::Table` called `logical_id`.
///
/// # Errors
/// The template is not YAML, or it lacks a piece, or a piece is a CloudFormation function such as
/// `!Ref` where a literal value is needed. The message names the piece by its path.
pub fn table_definition(template: &str, logical_id: &str) -> anyhow::Result<TableDefinition> {
    let documents = Yaml::load_from_str(template).context("the template is not YAML")?;
    let template = documents.first().context("the template is empty")?;
    let resources = Node::new(template, String::new()).need("Resources")?;
    let resource = resources.need(logical_id)?;
    let kind = resource.need("Type")?.json()?;
    ensure!(
        kind == "AWS::DynamoDB::Table",
        "{}.Type is {kind} instead of AWS::DynamoDB::Table",
        resource.path
    );
    let table = resource.need("Properties")?;
    let time_to_live = table.get("TimeToLiveSpecification");
    let stream = table.get("StreamSpecification");
    Ok(TableDefinition {
        time_to_live_attribute: time_to_live.map(time_to_live_attribute).transpose()?.flatten(),
        attribute_definitions: table.need("AttributeDefinitions")?.json()?,
        key_schema: table.need("KeySchema")?.json()?,
        global_secondary_indexes: match table.get("GlobalSecondaryIndexes") {
            None => Vec::new(),
            Some(indexes) => indexes.entries()?.iter().map(index).collect::<anyhow::Result<_>>()?,
        },
        stream_view_type: stream.map(|stream| stream.need("StreamViewType")?.json()).transpose()?,
    })
}

impl TableDefinition {
    /// The attributes of the table's key, partition key first.
    pub fn keys(&self) -> Vec<String> {
        key_names(&self.key_schema)
    }

    /// The global secondary indexes, in the template's order.
    ///
    /// # Errors
    /// A projection is of a type that DynamoDB does not have.
    pub fn indexes(&self) -> anyhow::Result<Vec<Index>> {
        let index = |index: &Value| {
            let projection = match index["Projection"]["ProjectionType"].as_str() {
                Some("ALL") => Projection::All,
                Some("KEYS_ONLY") => Projection::KeysOnly,
                Some("INCLUDE") => Projection::Include(texts(&index["Projection"]["NonKeyAttributes"])),
                other => bail!("the index {} projects {other:?}", index["IndexName"]),
            };
            let name = index["IndexName"].as_str().unwrap_or_default().to_owned();
            Ok(Index { name, keys: key_names(&index["KeySchema"]), projection })
        };
        self.global_secondary_indexes.iter().map(index).collect()
    }

    /// The request that creates this table as `name`.
    pub(super) fn create_request(&self, name: &str) -> anyhow::Result<CreateTableRequest> {
        let mut request = json!({
            "TableName": name,
            "AttributeDefinitions": self.attribute_definitions,
            "KeySchema": self.key_schema,
            // Nothing is ever throttled here.
            "BillingMode": "PAY_PER_REQUEST",
        });
        if !self.global_secondary_indexes.is_empty() {
            request["GlobalSecondaryIndexes"] = self.global_secondary_indexes.clone().into();
        }
        if let Some(view_type) = &self.stream_view_type {
            request["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view_type});
        }
        serde_json::from_value(request).context("DynamoDB would refuse the table's definition")
    }

    /// Checks that a table, as DescribeTable shows it, has these keys, indexes and stream.
    pub(super) fn check(&self, described: &Value) -> anyhow::Result<()> {
        let actual = &described["KeySchema"];
        ensure!(*actual == self.key_schema, "its key is {actual} instead of {}", self.key_schema);
        let shown = described["GlobalSecondaryIndexes"].as_array();
        let actual = by_name(shown.into_iter().flatten())?;
        let wanted = by_name(&self.global_secondary_indexes)?;
        ensure!(
            actual == wanted,
            "its indexes are {} instead of {}",
            Value::Object(actual),
            Value::Object(wanted)
        );
        let actual = described["StreamSpecification"].get("StreamViewType");
        ensure!(
            actual == self.stream_view_type.as_ref(),
            "its stream is {actual:?} instead of {:?}",
            self.stream_view_type
        );
        Ok(())
    }
}

/// A part of the template that knows where it is.
struct Node<'a> {
    yaml: &'a Yaml<'a>,
    path: String,
}

impl<'a> Node<'a> {
    fn new(yaml: &'a Yaml<'a>, path: String) -> Node<'a> {
        Node { yaml, path }
    }

    fn get(&self, key: &str) -> Option<Node<'a>> {
        let yaml = self.yaml.as_mapping_get(key)?;
        Some(Node::new(yaml, self.path_of(key)))
    }

    fn need(&self, key: &str) -> anyhow::Result<Node<'a>> {
        let found = self.get(key);
        found.with_context(|| format!("{} is missing in the template", self.path_of(key)))
    }

    fn entries(&self) -> anyhow::Result<Vec<Node<'a>>> {
        let Yaml::Sequence(entries) = self.yaml else {
            bail!("{} is not a list", self.path);
        };
        let numbered = entries.iter().enumerate();
        Ok(numbered.map(|(number, entry)| Node::new(entry, format!("{}[{number}]", self.path))).collect())
    }

    fn json(&self) -> anyhow::Result<Value> {
        Ok(match self.yaml {
            Yaml::Value(Scalar::String(text)) => Value::from(&**text),
            Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
            Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
            Yaml::Sequence(_) => {
                let entries = self.entries()?;
                let values: anyhow::Result<Vec<_>> = entries.iter().map(Node::json).collect();
                Value::from(values?)
            }
            Yaml::Mapping(mapping) => {
                let mut object = Map::new();
                for (key, value) in mapping {
                    let Some(key) = key.as_str() else {
                        bail!("{} has a key that is not text", self.path);
                    };
                    let value = Node::new(value, self.path_of(key)).json()?;
                    object.insert(key.to_owned(), value);
                }
                Value::Object(object)
            }
            Yaml::Tagged(tag, _) => {
                bail!("{} is !{}, which only CloudFormation can work out", self.path, tag.suffix)
            }
            other => bail!("{} is {other:?}, which has no place here", self.path),
        })
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }
}

fn index(entry: &Node<'_>) -> anyhow::Result<Value> {
    Ok(json!({
        "IndexName": entry.need("IndexName")?.json()?,
        "KeySchema": entry.need("KeySchema")?.json()?,
        "Projection": entry.need("Projection")?.json()?,
    }))
}

fn time_to_live_attribute(specification: Node<'_>) -> anyhow::Result<Option<String>> {
    if specification.need("Enabled")?.json()? != Value::Bool(true) {
        return Ok(None);
    }
    let attribute = specification.need("AttributeName")?;
    let name = attribute.json()?;
    let name = name.as_str();
    let name = name.with_context(|| format!("{} is not text", attribute.path))?;
    Ok(Some(name.to_owned()))
}

fn key_names(schema: &Value) -> Vec<String> {
    let elements = schema.as_array().into_iter().flatten();
    elements.filter_map(|element| element["AttributeName"].as_str().map(str::to_owned)).collect()
}

fn texts(list: &Value) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
}

/// Indexes by name, reduced to what a template says of them.
fn by_name<'a>(indexes: impl IntoIterator<Item = &'a Value>) -> anyhow::Result<Map<String, Value>> {
    let mut by_name = Map::new();
    for index in indexes {
        let name = index["IndexName"].as_str();
        let name = name.context("an index has no name")?;
        by_name.insert(
            name.to_owned(),
            json!({"KeySchema": index["KeySchema"], "Projection": index["Projection"]}),
        );
    }
    Ok(by_name)
}
