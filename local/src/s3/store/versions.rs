//! Versions: in a bucket that keeps them, what an object was before, and the markers that stand for deletions.
//!
//! The newest version of a key is its object, if it is not a marker. All others are in `past`, the oldest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use s3s::{S3Result, s3_error};

use super::super::folder::{Folder, Kind};
use super::super::model::{About, Checksums, Object, now_ms};
use super::{Index, Store};

/// The versions of objects that are not the objects themselves, by bucket and key, the oldest first.
pub(super) type Past = BTreeMap<(String, String), Vec<Arc<Object>>>;

impl Store {
    /// Keeps the versions of a bucket's objects from now on.
    pub(in super::super) fn keep_versions(&self, bucket: &str) -> S3Result<()> {
        let mut index = self.lock();
        index.bucket(bucket)?;
        self.write(Kind::Versioned, bucket, &bucket)?;
        index.versioned.insert(bucket.to_owned());
        Ok(())
    }

    /// Whether a bucket keeps versions.
    pub(in super::super) fn keeps_versions(&self, bucket: &str) -> S3Result<bool> {
        let index = self.lock();
        index.bucket(bucket)?;
        Ok(index.versioned.contains(bucket))
    }

    /// Every version of every key with a prefix, in the order of S3: by key, then the newest first.
    pub(in super::super) fn versions(&self, bucket: &str, prefix: &str) -> S3Result<Vec<Arc<Object>>> {
        let index = self.lock();
        let objects = index.bucket(bucket)?.values();
        let past = index.past.iter().filter(|((of, _), _)| of == bucket).flat_map(|(_, versions)| versions);
        let mut all: Vec<_> =
            objects.chain(past).filter(|object| object.about.key.starts_with(prefix)).cloned().collect();
        all.sort_by(|one, other| (&one.about.key, other.version).cmp(&(&other.about.key, one.version)));
        Ok(all)
    }

    /// A version of an object, which may be a marker.
    pub(in super::super) fn version(&self, bucket: &str, key: &str, version: &str) -> S3Result<Arc<Object>> {
        let all = self.versions(bucket, key)?;
        let found = all.into_iter().find(|object| object.about.key == key && object.version_id() == version);
        found.ok_or_else(|| s3_error!(NoSuchVersion))
    }

    /// Removes a version for good. The newest one that is left takes its place if it was the object. Removing one that
    /// is not there is no error in S3.
    pub(in super::super) fn delete_version(&self, bucket: &str, key: &str, version: &str) -> S3Result<()> {
        let mut index = self.lock();
        let found = index.bucket(bucket)?.get(key).filter(|object| object.version_id() == version).cloned();
        if let Some(object) = found {
            self.remove(Kind::Object, &object.id())?;
            object.discard();
            index.bucket_mut(bucket)?.remove(key);
        } else if let Some(past) = index.past.get_mut(&(bucket.to_owned(), key.to_owned()))
            && let Some(place) = past.iter().position(|object| object.version_id() == version)
        {
            self.remove(Kind::Past, &past[place].version_name())?;
            past.remove(place).discard();
        }
        self.promote(&mut index, bucket, key)
    }

    /// Puts the object of a key among its past, and a marker on top if it is being deleted.
    pub(super) fn retire(&self, index: &mut Index, object: &Arc<Object>, deleted: bool) -> S3Result<()> {
        let mut retired = vec![object.clone()];
        if deleted {
            let About { bucket, key, .. } = &object.about;
            let about = About { bucket: bucket.clone(), key: key.clone(), ..About::default() };
            let version = index.next_version();
            retired.push(Arc::new(Object::marker(about, version)));
        }
        for object in &retired {
            self.write(Kind::Past, &object.version_name(), &object.document())?;
        }
        let place = (object.about.bucket.clone(), object.about.key.clone());
        index.past.entry(place).or_default().extend(retired);
        Ok(())
    }

    /// Makes the newest version the object, unless there is an object or the newest is a marker.
    fn promote(&self, index: &mut Index, bucket: &str, key: &str) -> S3Result<()> {
        let place = (bucket.to_owned(), key.to_owned());
        let has_object = index.bucket(bucket)?.contains_key(key);
        let past = index.past.entry(place.clone()).or_default();
        if let Some(newest) = past.last().filter(|newest| !has_object && !newest.is_marker).cloned() {
            self.write(Kind::Object, &newest.id(), &newest.document())?;
            self.remove(Kind::Past, &newest.version_name())?;
            past.pop();
            index.bucket_mut(bucket)?.insert(key.to_owned(), newest);
        }
        if index.past.get(&place).is_some_and(Vec::is_empty) {
            index.past.remove(&place);
        }
        Ok(())
    }
}

impl Index {
    /// A number above all versions so far.
    pub(super) fn next_version(&mut self) -> u64 {
        self.last_version = (self.last_version + 1).max(now_ms() << 20);
        self.last_version
    }
}

impl Object {
    fn marker(about: About, version: u64) -> Self {
        Self {
            about,
            etag: String::new(),
            checksums: Checksums::default(),
            size_bytes: 0,
            modified_ms: now_ms(),
            version,
            is_marker: true,
            blobs: Vec::new(),
        }
    }

    /// The version's id; `null` for what was put before its bucket kept versions.
    pub(in super::super) fn version_id(&self) -> String {
        if self.version == 0 { "null".to_owned() } else { format!("{:016x}", self.version) }
    }

    /// The name of its document among those of the past.
    fn version_name(&self) -> String {
        format!("{}/{}", self.id(), self.version_id())
    }
}

/// Adds the past to an index with the objects, and ends what a crash left half done.
pub(super) fn load(folder: &Folder, index: &mut Index, past: Vec<Object>) -> anyhow::Result<()> {
    index.versioned = folder.load::<String>(Kind::Versioned)?.into_iter().collect();
    for object in past {
        index.last_version = index.last_version.max(object.version);
        let About { bucket, key, .. } = &object.about;
        let current = index.buckets.get(bucket).and_then(|objects| objects.get(key));
        // A version is put among the past before the next one takes its place, and a marker before the object goes. If
        // the object is still there, that was not acknowledged.
        if current.is_some_and(|current| object.version >= current.version) {
            folder.remove(Kind::Past, &object.version_name())?;
            continue;
        }
        index.past.entry((bucket.clone(), key.clone())).or_default().push(Arc::new(object));
    }
    let current = index.buckets.values().flat_map(BTreeMap::values).map(|object| object.version).max();
    index.last_version = index.last_version.max(current.unwrap_or(0));
    let places: Vec<_> = index.past.keys().cloned().collect();
    for (bucket, key) in places {
        let versions = index.past.entry((bucket.clone(), key.clone())).or_default();
        versions.sort_by_key(|object| object.version);
        let newest = versions.last().filter(|newest| !newest.is_marker).cloned();
        let objects = index.buckets.entry(bucket).or_default();
        if let Some(newest) = newest.filter(|_| !objects.contains_key(&key)) {
            folder.write(Kind::Object, &newest.id(), &newest.document())?;
            folder.remove(Kind::Past, &newest.version_name())?;
            versions.pop();
            objects.insert(key, newest);
        }
    }
    index.past.retain(|_, versions| !versions.is_empty());
    Ok(())
}
