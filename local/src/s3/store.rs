//! Buckets, objects and uploads: an index in memory, and in a folder when there is one.
//!
//! Every change is decided and published under one mutex, the folder before the index: exactly
//! one of many concurrent conditional writers wins, and what a reader sees is durable. All of it
//! blocks, and none of it may stop halfway, so call it from a blocking thread.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use s3s::{S3Result, s3_error};

use super::blob::{Blob, Writer};
use super::condition::WriteCondition;
use super::folder::{Folder, Kind};
use super::model::{Object, Part, Texts, Upload};
use crate::Storage;

mod reopen;
mod versions;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Store {
    folder: Option<Folder>,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    buckets: BTreeMap<String, Objects>,
    uploads: BTreeMap<String, Upload>,
    /// The buckets that keep versions.
    versioned: BTreeSet<String>,
    past: versions::Past,
    last_version: u64,
}

/// A bucket's objects by key, in the order S3 lists them: by their UTF-8 bytes.
pub(super) type Objects = BTreeMap<String, Arc<Object>>;

impl Store {
    /// Opens the data of an earlier process, and deletes what that had not acknowledged.
    pub(super) fn open(storage: &Storage) -> anyhow::Result<Store> {
        let (folder, index) = match storage {
            Storage::Memory => (None, Index::default()),
            Storage::Folder(path) => {
                let folder = Folder::open(path.join("s3"))?;
                let index = reopen::load(&folder)?;
                (Some(folder), index)
            }
        };
        Ok(Store { folder, index: Mutex::new(index) })
    }

    /// Starts a blob.
    pub(super) async fn writer(&self) -> io::Result<Writer> {
        match &self.folder {
            None => Ok(Writer::memory()),
            Some(folder) => Writer::create(folder.new_blob_path()).await,
        }
    }

    /// Creates a bucket; false if it was there.
    pub(super) fn create_bucket(&self, name: &str) -> S3Result<bool> {
        let mut index = self.lock();
        if index.buckets.contains_key(name) {
            return Ok(false);
        }
        self.write(Kind::Bucket, name, &name)?;
        index.buckets.insert(name.to_owned(), Objects::new());
        Ok(true)
    }

    /// Reads a bucket's objects under the lock.
    pub(super) fn with_bucket<T>(&self, bucket: &str, read: impl FnOnce(&Objects) -> T) -> S3Result<T> {
        Ok(read(self.lock().bucket(bucket)?))
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        let index = self.lock();
        let found = index.bucket(bucket)?.get(key);
        found.map(Arc::clone).ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// Publishes an object if the condition holds for the one it would replace.
    pub(super) fn put(&self, object: Object, condition: &WriteCondition) -> S3Result<()> {
        self.sync_blobs()?;
        let mut index = self.lock();
        let objects = index.bucket(&object.about.bucket)?;
        condition.check(objects.get(&object.about.key).map(|object| &**object))?;
        self.publish(&mut index, object)
    }

    pub(super) fn set_tags(&self, bucket: &str, key: &str, tags: Texts) -> S3Result<()> {
        let mut index = self.lock();
        let object = index.bucket_mut(bucket)?.get_mut(key);
        let object = object.ok_or_else(|| s3_error!(NoSuchKey))?;
        let mut tagged = Object::clone(object);
        tagged.about.tags = tags;
        self.write(Kind::Object, &tagged.id(), &tagged.document())?;
        *object = Arc::new(tagged);
        Ok(())
    }

    /// Removes an object; removing one that is not there is no error in S3. Its versions stay, if its bucket keeps
    /// them.
    pub(super) fn delete(&self, bucket: &str, key: &str) -> S3Result<()> {
        let mut index = self.lock();
        let Some(object) = index.bucket(bucket)?.get(key).cloned() else { return Ok(()) };
        let keeps = index.versioned.contains(bucket);
        if keeps {
            self.retire(&mut index, &object, true)?;
        }
        self.remove(Kind::Object, &object.id())?;
        if !keeps {
            object.discard();
        }
        index.bucket_mut(bucket)?.remove(key);
        Ok(())
    }

    pub(super) fn start_upload(&self, upload: Upload) -> S3Result<()> {
        let mut index = self.lock();
        index.bucket(&upload.about.bucket)?;
        self.write(Kind::Upload, &upload.id, &upload.document())?;
        index.uploads.insert(upload.id.clone(), upload);
        Ok(())
    }

    pub(super) fn uploads(&self, bucket: &str) -> S3Result<Vec<Upload>> {
        let index = self.lock();
        index.bucket(bucket)?;
        let all = index.uploads.values();
        Ok(all.filter(|upload| upload.about.bucket == bucket).cloned().collect())
    }

    pub(super) fn upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
        Ok(self.lock().upload(bucket, key, id)?.clone())
    }

    /// Adds a part, or replaces the one with its number.
    pub(super) fn put_part(
        &self,
        (bucket, key, id): (&str, &str, &str),
        number: i32,
        part: Part,
    ) -> S3Result<()> {
        self.sync_blobs()?;
        let mut index = self.lock();
        let upload = index.upload(bucket, key, id)?;
        part.blob.keep();
        let mut changed = upload.clone();
        let before = changed.parts.insert(number, part);
        self.write(Kind::Upload, id, &changed.document())?;
        *upload = changed;
        if let Some(before) = before {
            before.blob.discard();
        }
        Ok(())
    }

    /// Publishes the object made of an upload's parts and ends the upload, if the condition
    /// holds. If it does not, the upload stays as it was.
    pub(super) fn complete(
        &self,
        upload_id: &str,
        object: Object,
        condition: &WriteCondition,
    ) -> S3Result<()> {
        let mut index = self.lock();
        let (bucket, key) = (&object.about.bucket, &object.about.key);
        index.upload(bucket, key, upload_id)?;
        let before = index.bucket(bucket)?.get(key);
        condition.check(before.map(|object| &**object))?;
        let blobs = object.blobs.clone();
        self.publish(&mut index, object)?;
        self.end_upload(&mut index, upload_id, &blobs)
    }

    /// Ends an upload and removes its parts.
    pub(super) fn abort(&self, bucket: &str, key: &str, id: &str) -> S3Result<()> {
        let mut index = self.lock();
        index.upload(bucket, key, id)?;
        self.end_upload(&mut index, id, &[])
    }

    /// Forgets an upload and its parts, apart from those that became an object.
    fn end_upload(&self, index: &mut Index, id: &str, published: &[Arc<Blob>]) -> S3Result<()> {
        let ended = index.uploads.remove(id);
        self.remove(Kind::Upload, id)?;
        let parts = ended.into_iter().flat_map(|upload| upload.parts);
        for (_, part) in parts {
            if !published.iter().any(|blob| Arc::ptr_eq(blob, &part.blob)) {
                part.blob.discard();
            }
        }
        Ok(())
    }

    fn publish(&self, index: &mut Index, mut object: Object) -> S3Result<()> {
        let keeps = index.versioned.contains(&object.about.bucket);
        if keeps {
            object.version = index.next_version();
            if let Some(before) = index.bucket(&object.about.bucket)?.get(&object.about.key).cloned() {
                self.retire(index, &before, false)?;
            }
        }
        // Kept before the document names them: should writing it fail halfway, it may exist.
        object.blobs.iter().for_each(|blob| blob.keep());
        self.write(Kind::Object, &object.id(), &object.document())?;
        let objects = index.bucket_mut(&object.about.bucket)?;
        let before = objects.insert(object.about.key.clone(), Arc::new(object));
        if let Some(before) = before.filter(|_| !keeps) {
            before.discard();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        // No change to the index can panic halfway, so a poisoned one is still whole.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync_blobs(&self) -> S3Result<()> {
        self.in_folder(Folder::sync_blobs)
    }

    fn write(&self, kind: Kind, id: &str, document: &impl serde::Serialize) -> S3Result<()> {
        self.in_folder(|folder| folder.write(kind, id, document))
    }

    fn remove(&self, kind: Kind, id: &str) -> S3Result<()> {
        self.in_folder(|folder| folder.remove(kind, id))
    }

    fn in_folder(&self, change: impl FnOnce(&Folder) -> io::Result<()>) -> S3Result<()> {
        match &self.folder {
            None => Ok(()),
            Some(folder) => change(folder).map_err(|error| s3_error!(error, InternalError)),
        }
    }
}

impl Index {
    fn bucket(&self, name: &str) -> S3Result<&Objects> {
        let found = self.buckets.get(name);
        found.ok_or_else(|| s3_error!(NoSuchBucket))
    }

    fn bucket_mut(&mut self, name: &str) -> S3Result<&mut Objects> {
        let found = self.buckets.get_mut(name);
        found.ok_or_else(|| s3_error!(NoSuchBucket))
    }

    fn upload(&mut self, bucket: &str, key: &str, id: &str) -> S3Result<&mut Upload> {
        let found = self.uploads.get_mut(id);
        found
            .filter(|upload| upload.about.bucket == bucket && upload.about.key == key)
            .ok_or_else(|| s3_error!(NoSuchUpload))
    }
}
