//! The folder behind the store: blobs in files, and documents that name them.
//!
//! A document is written beside its place, synced and renamed, after the blobs it names are
//! durable. So a document that can be read is whole, and a blob no document names was never
//! acknowledged. No name comes from a client: keys are hashed and blobs are numbered.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::Context;
use s3s::crypto::{Checksum, Sha256};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::blob::Blob;
use super::model::BlobName;

/// The kinds of documents; each kind has a folder.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Bucket,
    Object,
    Upload,
    /// A version that is not the newest, or a marker.
    Past,
    /// A bucket that keeps versions.
    Versioned,
}

const BLOBS: &str = "blobs";

#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Makes blob names unique: the start's time, then a counter.
    started: u128,
    blobs: AtomicU64,
    /// Two processes would delete each other's blobs. The lock ends with the process.
    _lock: File,
}

impl Folder {
    pub(super) fn open(root: PathBuf) -> anyhow::Result<Folder> {
        let kinds = [Kind::Bucket, Kind::Object, Kind::Upload, Kind::Past, Kind::Versioned];
        for name in [BLOBS].into_iter().chain(kinds.map(Kind::folder)) {
            fs::create_dir_all(root.join(name))
                .with_context(|| format!("could not create {}", root.join(name).display()))?;
        }
        sync(&root)?;
        let lock = File::create(root.join("lock"))?;
        lock.try_lock().with_context(|| format!("{} is in use by another process", root.display()))?;
        let started = SystemTime::UNIX_EPOCH.elapsed()?.as_nanos();
        Ok(Folder { root, started, blobs: AtomicU64::new(0), _lock: lock })
    }

    /// A path for a new blob, never used before.
    pub(super) fn new_blob_path(&self) -> PathBuf {
        let number = self.blobs.fetch_add(1, Ordering::Relaxed);
        self.root.join(BLOBS).join(format!("{:x}-{number:x}", self.started))
    }

    /// The blob a document names. An error if it is missing: then acknowledged data was lost.
    pub(super) fn blob(&self, name: &BlobName) -> anyhow::Result<Arc<Blob>> {
        let path = self.root.join(BLOBS).join(&name.name);
        let size_bytes = fs::metadata(&path).with_context(|| format!("{} is missing", path.display()))?.len();
        anyhow::ensure!(
            size_bytes == name.size_bytes,
            "{} has {size_bytes} bytes instead of {}",
            path.display(),
            name.size_bytes,
        );
        Ok(Arc::new(Blob::existing(path, size_bytes)))
    }

    /// Makes the names of finished blobs durable.
    pub(super) fn sync_blobs(&self) -> io::Result<()> {
        sync(&self.root.join(BLOBS))
    }

    /// Publishes a document, replacing the one before it. Durable when this returns.
    pub(super) fn write(&self, kind: Kind, id: &str, document: &impl Serialize) -> io::Result<()> {
        let path = self.document_path(kind, id);
        let unfinished = path.with_extension("tmp");
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(document)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        sync(&self.root.join(kind.folder()))
    }

    /// Removes a document. Durable when this returns.
    pub(super) fn remove(&self, kind: Kind, id: &str) -> io::Result<()> {
        fs::remove_file(self.document_path(kind, id))?;
        sync(&self.root.join(kind.folder()))
    }

    /// Every document of a kind. Removes those a crash left unfinished.
    pub(super) fn load<T: DeserializeOwned>(&self, kind: Kind) -> anyhow::Result<Vec<T>> {
        let mut documents = Vec::new();
        for entry in fs::read_dir(self.root.join(kind.folder()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let document = serde_json::from_slice(&fs::read(&path)?)
                    .with_context(|| format!("{} can't be read", path.display()))?;
                documents.push(document);
            } else {
                fs::remove_file(&path)?;
            }
        }
        Ok(documents)
    }

    /// Removes the blobs not in `named`: a crash came before they were acknowledged.
    pub(super) fn sweep_blobs(&self, named: &HashSet<String>) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.root.join(BLOBS))? {
            let entry = entry?;
            if !named.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn document_path(&self, kind: Kind, id: &str) -> PathBuf {
        let name = hex::encode(Sha256::checksum(id.as_bytes()));
        self.root.join(kind.folder()).join(format!("{name}.json"))
    }
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Kind::Bucket => "buckets",
            Kind::Object => "objects",
            Kind::Upload => "uploads",
            Kind::Past => "versions",
            Kind::Versioned => "versioned",
        }
    }
}

/// Makes created, renamed and removed names in a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
