//! A table is brought back to a time before an erasure: what was erased is erased again.

use local::stack::{BUCKET, TABLE};
use shared::ledger::key::of_record;

use super::scene::{Gate, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_stays_erased_after_a_restore() -> anyhow::Result<()> {
    let scene = Scene::copied().await?;
    let before = scene.bed.items().await?;
    scene.erase(&Gate::open()).await?;
    scene.schedule(21).await?;
    scene.schedule(25 * 60).await?;
    scene.is_gone().await?;

    // As it was before, beside a call that was not erased.
    let client = scene.bed.stack.aws.dynamodb();
    for item in before {
        client.put_item().table_name(TABLE).set_item(Some(item)).send().await?;
    }
    scene.bed.sample("agni-call-completed").await?;
    assert!(scene.is_gone().await.is_err(), "it is not back");

    let told = local::reapply::run(&scene.bed.stack.aws, TABLE, BUCKET, |_| {}).await?;
    assert_eq!((told.listed, told.erased), (1, 1));
    scene.is_gone().await?;
    let again = local::reapply::run(&scene.bed.stack.aws, TABLE, BUCKET, |_| {}).await?;
    assert_eq!((again.listed, again.erased), (1, 1));
    scene.is_gone().await?;
    // A table of a time before the call has not even a tombstone.
    client.delete_item().table_name(TABLE).set_key(Some(of_record(&scene.pk()).attributes())).send().await?;
    let told = local::reapply::run(&scene.bed.stack.aws, TABLE, BUCKET, |_| {}).await?;
    assert_eq!((told.listed, told.erased), (1, 0));
    assert_eq!(scene.deliver(&scene.completed("e1"), 0).await?["status"], "ignored");
    let calls = scene.bed.items_of("CALL").await?;
    assert_eq!(calls.len(), 2, "the other call stays");
    Ok(())
}
