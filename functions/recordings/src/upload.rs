//! Writes a recording to the bucket and hashes it: in one request if it is small, else in parts.
//!
//! At most two parts are in memory: the one that fills and, if there is room, the one that is sent meanwhile. An object
//! is written only if its name is free. If it is not, the object that has the name is compared with the recording.

use bytes::{Bytes, BytesMut};
use shared::aws::Bucket;
use shared::ledger::jobs::Copied;
use shared::ledger::key::object_suffix;

use self::digests::Digests;
use self::parts::Parts;
use self::put::{Body, Put, compare};
use crate::error::CopyError;
use crate::limits::PART_BYTES;
use crate::memory::{Memory, Room};
use crate::name::Name;
use crate::sniff::{Media, SniffError, Told, sniff};

mod digests;
mod found;
mod parts;
mod put;

pub(crate) use found::find;

/// A recording on its way into the bucket.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    bucket: &'a Bucket,
    name: Name,
    buffer: BytesMut,
    digests: Digests,
    told: Told,
    media: Option<Media>,
    parts: Option<Parts>,
    room: Room,
}

impl<'a> Upload<'a> {
    /// Returns an empty upload in its room; no request is sent yet.
    pub(crate) fn new(bucket: &'a Bucket, name: Name, room: Room) -> Self {
        let (buffer, digests) = (BytesMut::new(), Digests::default());
        Self { bucket, name, buffer, digests, told: Told::default(), media: None, parts: None, room }
    }

    /// Takes what the origin says of the recording.
    pub(crate) fn tell(&mut self, told: Told) {
        self.told = told;
    }

    /// Makes the room fit for a recording of this size, or of an unknown one.
    pub(crate) fn prepare(&mut self, memory: &Memory, size: Option<u64>) {
        memory.fit(&mut self.room, size);
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(PART_BYTES);
        // Allocated once, and never more than was asked for. Pages that are not written to take no memory yet.
        self.buffer = BytesMut::with_capacity(size.min(PART_BYTES));
    }

    /// How many bytes were written.
    pub(crate) fn size(&self) -> u64 {
        self.digests.size()
    }

    /// Takes the next piece, and sends a part if one is full.
    pub(crate) async fn write(&mut self, mut piece: Bytes) -> Result<(), CopyError> {
        self.digests.update(&piece);
        while self.buffer.len() + piece.len() > PART_BYTES {
            let rest = piece.split_off(PART_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(&piece);
            piece = rest;
            self.send_part().await?;
        }
        self.buffer.extend_from_slice(&piece);
        Ok(())
    }

    /// Sends what is left of an object in parts. After that, only the request that makes it visible is missing.
    pub(crate) async fn flush(&mut self) -> Result<(), CopyError> {
        if self.parts.is_some() {
            self.send_part().await?;
        }
        match &mut self.parts {
            Some(parts) => parts.settle().await,
            None => Ok(()),
        }
    }

    /// Completes the object, once it is flushed.
    pub(crate) async fn finish(&mut self) -> Result<Copied, CopyError> {
        if self.parts.is_some() {
            return self.complete().await;
        }
        let media = self.media()?;
        let content = std::mem::take(&mut self.buffer).freeze();
        let body = Body { content, digests: self.digests.sums(), media };
        let other = self.name.with_suffix(object_suffix(&body.digests.sha256));
        for name in [&self.name, &other] {
            match put::put(self.bucket, name, &body).await? {
                Put::Stored(copied) => return Ok(copied),
                Put::TakenByOther => tracing::warn!("an object's name is taken by other bytes"),
            }
        }
        Err(CopyError::transient("object_taken"))
    }

    /// Ends the upload: if it is not complete, its parts are removed from the bucket.
    pub(crate) async fn abandon(mut self) {
        if let Some(parts) = self.parts.take() {
            parts.abort(self.bucket).await;
        }
    }

    /// The kind of the recording, by its first bytes.
    fn media(&mut self) -> Result<Media, CopyError> {
        let media = match self.media {
            Some(media) => media,
            None => sniff(&self.buffer, &self.told).map_err(|found| match found {
                SniffError::Empty => CopyError::transient("empty"),
                SniffError::Text => {
                    CopyError::transient_with("not_audio", "the answer is a page or other text")
                }
            })?,
        };
        self.media = Some(media);
        Ok(media)
    }

    async fn send_part(&mut self) -> Result<(), CopyError> {
        let media = self.media()?;
        let content = std::mem::take(&mut self.buffer).freeze();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let key = self.name.key(media.extension);
                self.parts.insert(Parts::start(self.bucket, &self.name, key, media))
            }
        };
        parts.send(self.bucket, content).await?;
        if !self.room.is_for_two_parts() {
            parts.settle().await?;
        }
        self.buffer = BytesMut::with_capacity(PART_BYTES);
        Ok(())
    }

    async fn complete(&mut self) -> Result<Copied, CopyError> {
        let (media, sums) = (self.media()?, self.digests.sums());
        let Some(parts) = &mut self.parts else { return Err(CopyError::transient("upload_lost")) };
        let etag = match parts.complete(self.bucket, &sums).await {
            Ok(etag) => etag,
            // The name may be taken, or our own request succeeded and its answer was lost.
            Err(fault) => match compare(self.bucket, parts.key(), &sums).await? {
                put::Found::Same { etag } => etag,
                put::Found::Other => {
                    return Err(CopyError::Taken { key_suffix: object_suffix(&sums.sha256) });
                }
                put::Found::Nothing => return Err(fault),
            },
        };
        let s3_key = parts.key().to_owned();
        // A complete upload must not be aborted. If another copier wrote the object, our parts are still there.
        if let Some(parts) = self.parts.take().filter(|parts| !parts.is_complete()) {
            parts.abort(self.bucket).await;
        }
        Ok(sums.copied(s3_key, etag, media.content_type))
    }
}
