//! Sizes and write units by DynamoDB's published rules.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes>

use local::dynamodb::{Index, Projection, TableDefinition};
use serde_json::{Map, Value};

/// An item as DynamoDB's JSON has it.
pub(crate) type Item = Map<String, Value>;

/// An item before and after a write.
pub(crate) struct Write {
    pub(crate) old: Option<Item>,
    pub(crate) new: Option<Item>,
}

/// The write units of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Units {
    pub(crate) table: u64,
    pub(crate) indexes: u64,
}

impl Write {
    /// The write units of this write as a part of a transaction.
    pub(crate) fn units(&self, table: &TableDefinition, indexes: &[Index]) -> Units {
        let size = |item: &Option<Item>| item.as_ref().map_or(0, item_bytes);
        // One write to prepare and one to commit, of the larger of both images.
        let of_table = 2 * started_kilobytes(size(&self.old).max(size(&self.new)));
        let of_indexes = indexes.iter().map(|index| self.index_units(table, index)).sum();
        Units { table: of_table, indexes: of_indexes }
    }

    fn index_units(&self, table: &TableDefinition, index: &Index) -> u64 {
        let entry = |item: &Option<Item>| entry(item.as_ref()?, table, index);
        let units = |entry: &Item| started_kilobytes(item_bytes(entry));
        match (entry(&self.old), entry(&self.new)) {
            (None, None) => 0,
            (Some(entry), None) | (None, Some(entry)) => units(&entry),
            (Some(old), Some(new)) if old == new => 0,
            (Some(old), Some(new)) if index.keys.iter().all(|key| old[key] == new[key]) => {
                units(&old).max(units(&new))
            }
            // An index can't move an entry: it deletes one and puts another.
            (Some(old), Some(new)) => units(&old) + units(&new),
        }
    }
}

/// The part of an item that an index holds; `None` if the item lacks one of the index's keys.
fn entry(item: &Item, table: &TableDefinition, index: &Index) -> Option<Item> {
    if !index.keys.iter().all(|key| item.contains_key(key)) {
        return None;
    }
    let keys = table.keys();
    let projected = |name: &String| match &index.projection {
        Projection::All => true,
        Projection::KeysOnly => index.keys.contains(name) || keys.contains(name),
        Projection::Include(names) => {
            index.keys.contains(name) || keys.contains(name) || names.contains(name)
        }
    };
    Some(
        item.iter()
            .filter(|(name, _)| projected(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// Write units come for each started KB of 1,024 bytes.
fn started_kilobytes(bytes: usize) -> u64 {
    bytes.div_ceil(1_024).max(1) as u64
}

/// An item's size: its attributes' names and values. The 100 bytes beside them count for storage only.
pub(crate) fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// The size of one typed value, such as `{"S":"text"}`.
fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return 0;
    };
    let text = value.as_str().unwrap_or_default();
    let members = || value.as_array().into_iter().flatten().filter_map(Value::as_str);
    match kind.as_str() {
        "S" => text.len(),
        "N" => number_bytes(text),
        "B" => decoded_bytes(text),
        "BOOL" | "NULL" => 1,
        "SS" => members().map(str::len).sum(),
        "NS" => members().map(number_bytes).sum(),
        "BS" => members().map(decoded_bytes).sum(),
        "L" => 3 + value.as_array().into_iter().flatten().map(|value| 1 + value_bytes(value)).sum::<usize>(),
        "M" => 3 + value.as_object().map_or(0, |map| map.len() + item_bytes(map)),
        other => panic!("a value of type {other}"),
    }
}

/// About one byte for two significant digits, and one more; a sign costs one, too. At most 21.
fn number_bytes(number: &str) -> usize {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_matches('0').len();
    (1 + significant.div_ceil(2) + usize::from(number.starts_with('-'))).min(21)
}

/// How many bytes a base64 text stands for.
fn decoded_bytes(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count();
    base64.len() / 4 * 3 - padding.min(2)
}
