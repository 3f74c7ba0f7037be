//! Bytes of objects and parts, in memory or in a file, and reading them back.

use std::fs;
use std::io;
use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use s3s::dto::StreamingBlob;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// Large enough to keep disk and network busy, small enough for many readers at once.
const READ_BYTES: usize = 128 * 1024;

/// Immutable bytes.
///
/// The file of a blob that is not kept is deleted when its last user drops it. So an upload that was cut
/// off leaves nothing behind, and a reader may finish while its object is being replaced.
#[derive(Debug)]
pub(super) struct Blob {
    place: Place,
    kept: AtomicBool,
    pub(super) size_bytes: u64,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<Bytes>),
    File(PathBuf),
}

impl Blob {
    /// A file written by an earlier process and named by a document.
    pub(super) fn existing(path: PathBuf, size_bytes: u64) -> Blob {
        Blob { place: Place::File(path), kept: AtomicBool::new(true), size_bytes }
    }

    /// A published document refers to this blob.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// No document refers to this blob any more.
    pub(super) fn discard(&self) {
        self.kept.store(false, Ordering::Relaxed);
    }

    /// The file's name; empty for a blob in memory, which no document outlives.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::Memory(_) => String::new(),
            Place::File(path) => {
                path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
        }
    }

    /// Hands all bytes to `each`, blocking.
    pub(super) fn for_each_chunk(&self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        match &self.place {
            Place::Memory(chunks) => chunks.iter().for_each(|chunk| each(chunk)),
            Place::File(path) => {
                let mut file = fs::File::open(path)?;
                let mut buffer = vec![0; READ_BYTES];
                loop {
                    let read = file.read(&mut buffer)?;
                    if read == 0 {
                        break;
                    }
                    each(&buffer[..read]);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        if let Place::File(path) = &self.place
            && !*self.kept.get_mut()
            && let Err(error) = fs::remove_file(path)
        {
            // The next start deletes it.
            tracing::warn!(%error, "could not remove an unused blob");
        }
    }
}

/// A blob being received. Dropping it removes what was written.
pub(super) struct Writer {
    blob: Blob,
    file: Option<tokio::fs::File>,
}

impl Writer {
    pub(super) fn memory() -> Writer {
        Writer::new(Place::Memory(Vec::new()), None)
    }

    pub(super) async fn create(path: PathBuf) -> io::Result<Writer> {
        let file = tokio::fs::File::create_new(&path).await?;
        Ok(Writer::new(Place::File(path), Some(file)))
    }

    pub(super) async fn write(&mut self, chunk: Bytes) -> io::Result<()> {
        self.blob.size_bytes += chunk.len() as u64;
        match (&mut self.file, &mut self.blob.place) {
            (Some(file), _) => file.write_all(&chunk).await?,
            (None, Place::Memory(chunks)) => chunks.push(chunk),
            (None, Place::File(_)) => return Err(io::ErrorKind::NotConnected.into()),
        }
        Ok(())
    }

    /// The bytes are durable when this returns; the file's name is not yet.
    pub(super) async fn finish(mut self) -> io::Result<Arc<Blob>> {
        if let Some(mut file) = self.file.take() {
            file.flush().await?;
            file.sync_all().await?;
        }
        Ok(Arc::new(self.blob))
    }

    fn new(place: Place, file: Option<tokio::fs::File>) -> Writer {
        Writer { blob: Blob { place, kept: AtomicBool::new(false), size_bytes: 0 }, file }
    }
}

/// Streams `range` of the blobs laid end to end.
pub(super) fn read(blobs: &[Arc<Blob>], range: Range<u64>) -> StreamingBlob {
    let segments = segments(blobs, range).into_iter();
    StreamingBlob::wrap(stream::try_unfold((segments, None), next_chunk))
}

/// A stretch of one blob.
enum Segment {
    Memory(Bytes),
    File { blob: Arc<Blob>, path: PathBuf, range: Range<u64> },
}

/// A file segment under way: the blob is held so that its file stays.
struct OpenFile {
    _blob: Arc<Blob>,
    file: tokio::fs::File,
    left_bytes: u64,
}

fn segments(blobs: &[Arc<Blob>], range: Range<u64>) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut start = 0;
    for blob in blobs {
        match &blob.place {
            Place::Memory(chunks) => {
                let mut chunk_start = start;
                for chunk in chunks {
                    let wanted = overlap(&range, chunk_start, chunk.len() as u64);
                    if !wanted.is_empty() {
                        // Both ends lie inside a chunk, whose length is a usize.
                        let wanted = wanted.start as usize..wanted.end as usize;
                        segments.push(Segment::Memory(chunk.slice(wanted)));
                    }
                    chunk_start += chunk.len() as u64;
                }
            }
            Place::File(path) => {
                let wanted = overlap(&range, start, blob.size_bytes);
                if !wanted.is_empty() {
                    segments.push(Segment::File {
                        blob: Arc::clone(blob),
                        path: path.clone(),
                        range: wanted,
                    });
                }
            }
        }
        start += blob.size_bytes;
    }
    segments
}

/// The part of `range` that lies in the `length` bytes from `start`, counted from `start`.
fn overlap(range: &Range<u64>, start: u64, length: u64) -> Range<u64> {
    range.start.saturating_sub(start).min(length)..range.end.saturating_sub(start).min(length)
}

type Reading = (std::vec::IntoIter<Segment>, Option<OpenFile>);

async fn next_chunk((mut segments, mut open): Reading) -> io::Result<Option<(Bytes, Reading)>> {
    loop {
        if let Some(mut reading) = open.take() {
            let wanted = reading.left_bytes.min(READ_BYTES as u64);
            let mut buffer = BytesMut::with_capacity(READ_BYTES);
            let read = (&mut reading.file).take(wanted).read_buf(&mut buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            reading.left_bytes -= read as u64;
            if reading.left_bytes > 0 {
                open = Some(reading);
            }
            return Ok(Some((buffer.freeze(), (segments, open))));
        }
        match segments.next() {
            None => return Ok(None),
            Some(Segment::Memory(chunk)) => return Ok(Some((chunk, (segments, None)))),
            Some(Segment::File { blob, path, range }) => {
                let mut file = tokio::fs::File::open(&path).await?;
                file.seek(io::SeekFrom::Start(range.start)).await?;
                open = Some(OpenFile { _blob: blob, file, left_bytes: range.end - range.start });
            }
        }
    }
}
