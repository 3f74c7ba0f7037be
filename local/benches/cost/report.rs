//! The table of results, in Markdown.

use std::collections::{BTreeMap, BTreeSet};

use crate::units::{self, Units};
use crate::watched::Written;

/// Dollars in us-east-1, November 2026, without a free tier.
/// DynamoDB on demand, a million write units: <https://aws.amazon.com/dynamodb/pricing/on-demand/>.
const WRITE_UNITS: f64 = 0.625;
/// Lambda on arm64, a GB-second, and a million requests: <https://aws.amazon.com/lambda/pricing/>.
const GB_SECOND: f64 = 0.000_013_333_4;
const LAMBDA_REQUESTS: f64 = 0.20;
/// An HTTP API, a million requests of up to 512 KB: <https://aws.amazon.com/api-gateway/pricing/>.
const API_REQUESTS: f64 = 1.00;
/// S3, a million PUTs: <https://aws.amazon.com/s3/pricing/>.
const PUTS: f64 = 5.00;

/// The memory that the template gives each receiver.
const MEMORY_GB: f64 = 0.25;

/// The costs of a set of deliveries.
pub(crate) struct Row {
    name: String,
    /// How many deliveries one entry of `units` is of: one, or those of a whole call.
    deliveries: usize,
    bytes: BTreeMap<String, Vec<usize>>,
    units: Vec<Units>,
    reported: f64,
    /// How many objects were put into the bucket by all of it.
    puts: usize,
}

impl Row {
    pub(crate) fn new(name: &str, deliveries: usize) -> Self {
        let (bytes, units) = (BTreeMap::new(), Vec::new());
        Self { name: name.to_owned(), deliveries, bytes, units, reported: 0.0, puts: 0 }
    }

    /// Adds what one delivery, or one whole call, has written.
    pub(crate) fn add(&mut self, written: &[Written]) {
        // An item that was written several times counts with its last state.
        let mut last = BTreeMap::new();
        for item in written.iter().flat_map(|written| &written.items) {
            last.insert((item["pk"].to_string(), item["sk"].to_string()), item);
        }
        for item in last.into_values() {
            let key = item["sk"]["S"].as_str().unwrap_or_default();
            let kind = key.split('#').next().unwrap_or_default().to_owned();
            self.bytes.entry(kind).or_default().push(units::item_bytes(item));
        }
        let sum = |of: fn(&Units) -> u64| written.iter().map(|written| of(&written.units)).sum();
        self.units.push(Units { table: sum(|units| units.table), indexes: sum(|units| units.indexes) });
        self.reported += written.iter().map(|written| written.reported).sum::<f64>();
    }

    pub(crate) fn add_puts(&mut self, puts: usize) {
        self.puts += puts;
    }

    fn total(&self) -> Vec<u64> {
        self.units.iter().map(|units| units.table + units.indexes).collect()
    }

    fn line(&self, kinds: &BTreeSet<&String>, milliseconds: f64) -> String {
        let mut cells = vec![self.name.clone()];
        for kind in kinds {
            cells.push(self.bytes.get(*kind).map_or_else(String::new, |bytes| quantiles(bytes)));
        }
        let calls = self.units.len() as f64;
        cells.push(quantiles(&self.units.iter().map(|units| units.table).collect::<Vec<_>>()));
        cells.push(quantiles(&self.units.iter().map(|units| units.indexes).collect::<Vec<_>>()));
        cells.push(format!("**{}**", quantiles(&self.total())));
        let mean = self.total().iter().sum::<u64>() as f64 / calls;
        cells.push(format!("{mean:.1} / {:.1}", self.reported / calls));
        // All that follows is for a million deliveries, or for a million whole calls.
        let deliveries = self.deliveries as f64;
        let table = mean * WRITE_UNITS;
        let lambda = deliveries * (LAMBDA_REQUESTS + milliseconds * 1e3 * MEMORY_GB * GB_SECOND);
        let gateway = deliveries * API_REQUESTS;
        let bucket = self.puts as f64 / calls * PUTS;
        for dollars in [table, lambda, gateway, bucket, table + lambda + gateway + bucket] {
            cells.push(format!("{dollars:.2}"));
        }
        format!("| {} |\n", cells.join(" | "))
    }
}

/// The table, with a line for each row.
pub(crate) fn markdown(rows: &[Row], milliseconds: f64) -> String {
    let kinds: BTreeSet<_> = rows.iter().flat_map(|row| row.bytes.keys()).collect();
    let mut head = vec!["bytes, units: p50 / p90".to_owned()];
    head.extend(kinds.iter().map(|kind| format!("{kind} bytes")));
    head.extend(["of items", "of indexes", "write units", "mean / store's", "DynamoDB $"].map(str::to_owned));
    head.extend(["Lambda $", "API Gateway $", "S3 $", "$ a million"].map(str::to_owned));
    let ruler = "---|".repeat(head.len());
    let lines: String = rows.iter().map(|row| row.line(&kinds, milliseconds)).collect();
    format!("| {} |\n|{ruler}\n{lines}", head.join(" | "))
}

/// The median and the value that nine of ten don't exceed.
fn quantiles<T: Copy + Ord + std::fmt::Display>(values: &[T]) -> String {
    let mut values = values.to_vec();
    values.sort_unstable();
    let at = |share: usize| values[(values.len() * share).div_ceil(100).saturating_sub(1)];
    format!("{} / {}", at(50), at(90))
}
