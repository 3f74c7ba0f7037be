//! Builds the index from what an earlier process left in the folder.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::super::folder::{Folder, Kind};
use super::super::model::{Object, ObjectDocument, Part, Upload, UploadDocument};
use super::{Index, Objects, versions};

/// Reads the documents, and clears away what no document names.
///
/// # Errors
/// A document can't be read or names a blob that is missing: acknowledged data was lost, and
/// going on would hide it.
pub(super) fn load(folder: &Folder) -> anyhow::Result<Index> {
    let mut index = Index::default();
    let mut named = HashSet::new();
    for name in folder.load::<String>(Kind::Bucket)? {
        index.buckets.insert(name, Objects::new());
    }
    for document in folder.load::<ObjectDocument>(Kind::Object)? {
        let object = load_object(folder, document, &mut named)?;
        let objects = index.buckets.entry(object.about.bucket.clone()).or_default();
        objects.insert(object.about.key.clone(), Arc::new(object));
    }
    let past = folder.load::<ObjectDocument>(Kind::Past)?.into_iter();
    let past = past.map(|document| load_object(folder, document, &mut named));
    let past = past.collect::<anyhow::Result<_>>()?;
    versions::load(folder, &mut index, past)?;
    for document in folder.load::<UploadDocument>(Kind::Upload)? {
        // Completing writes the object first: a crash then left both, and the upload is over.
        if document.parts.iter().any(|part| named.contains(&part.blob.name)) {
            folder.remove(Kind::Upload, &document.id)?;
            continue;
        }
        index.uploads.insert(document.id.clone(), load_upload(folder, document, &mut named)?);
    }
    folder.sweep_blobs(&named)?;
    Ok(index)
}

fn load_object(
    folder: &Folder,
    document: ObjectDocument,
    named: &mut HashSet<String>,
) -> anyhow::Result<Object> {
    let blobs = document.blobs.iter().map(|blob| folder.blob(blob));
    let object = Object {
        blobs: blobs.collect::<anyhow::Result<_>>()?,
        about: document.about,
        etag: document.etag,
        checksums: document.checksums,
        size_bytes: document.size_bytes,
        modified_ms: document.modified_ms,
        version: document.version,
        is_marker: document.is_marker,
    };
    named.extend(document.blobs.into_iter().map(|blob| blob.name));
    Ok(object)
}

fn load_upload(
    folder: &Folder,
    document: UploadDocument,
    named: &mut HashSet<String>,
) -> anyhow::Result<Upload> {
    let mut parts = BTreeMap::new();
    for part in document.parts {
        let blob = folder.blob(&part.blob)?;
        named.insert(part.blob.name);
        let loaded = Part { etag: part.etag, checksums: part.checksums, modified_ms: part.modified_ms, blob };
        parts.insert(part.number, loaded);
    }
    Ok(Upload { about: document.about, id: document.id, started_ms: document.started_ms, parts })
}
