//! The template's indexes hold the columns that lists read, and no more.

use local::dynamodb::{Projection, table_definition};
use shared::ledger::item::WAITING;
use shared::ledger::item::call::COLUMNS;

#[test]
fn the_lists_indexes_hold_every_column() -> anyhow::Result<()> {
    let table = table_definition(include_str!("../../../template.yaml"), "CallsTable")?;
    let mut seen = Vec::new();
    for index in table.indexes()? {
        let Projection::Include(mut projected) = index.projection else {
            anyhow::bail!("{} projects {:?}", index.name, index.projection);
        };
        if index.name == "work" {
            projected.sort();
            let mut waiting = WAITING.map(str::to_owned);
            waiting.sort();
            assert_eq!(projected, waiting);
            continue;
        }
        // DynamoDB takes at most 20 of them.
        assert!(projected.len() <= 20, "{}", index.name);
        projected.extend(index.keys.into_iter().filter(|key| COLUMNS.contains(&&**key)));
        projected.sort();
        let mut columns = COLUMNS.map(str::to_owned);
        columns.sort();
        assert_eq!(projected, columns, "{}", index.name);
        seen.push(index.name);
    }
    assert_eq!(seen, ["by-time", "by-from", "by-to"]);
    Ok(())
}
