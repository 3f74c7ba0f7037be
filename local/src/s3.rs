//! An S3 endpoint on loopback: the protocol from `s3s`, the storage our own.
//!
//! It does what Call Ledger and its console ask of S3, the way S3 answers: conditional writes
//! with one winner, checksums, multipart uploads, ranges, tags and presigned URLs. An operation
//! it does not know is refused with `NotImplemented`, and so is a condition it can't check.
//! A bucket keeps versions once it is told to. Absent on purpose: access control, encryption, storage classes, lifecycle.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::error_handling::HandleError;
use axum::serve::ListenerExt;
use http::StatusCode;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, GetBucketVersioningInput, GetBucketVersioningOutput, GetObjectInput,
    GetObjectOutput, GetObjectTaggingInput, GetObjectTaggingOutput, HeadBucketInput, HeadBucketOutput,
    HeadObjectInput, HeadObjectOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsV2Input, ListObjectsV2Output,
    ListPartsInput, ListPartsOutput, PutBucketVersioningInput, PutBucketVersioningOutput, PutObjectInput,
    PutObjectOutput, PutObjectTaggingInput, PutObjectTaggingOutput, UploadPartInput, UploadPartOutput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{HttpError, S3Request, S3Response, S3Result, s3_error};
use tokio::net::TcpListener;

use self::store::Store;
use crate::server::{self, Server};
use crate::{Credentials, Storage};

mod objects;
mod multipart;
mod listing;
mod versions;
mod condition;
mod receive;
mod store;
mod model;
mod folder;
mod blob;

#[cfg(test)]
mod tests;

/// A running S3 endpoint. Dropping this does not stop it; the future given to [`serve`] does.
#[derive(Debug)]
pub struct S3 {
    /// Where it listens. Use it as an IP address: the SDK then addresses buckets by path.
    pub address: SocketAddr,
    server: Server,
}

/// Opens the storage and serves it on `listener`, on a thread of its own, until `shutdown`
/// resolves. A folder's data is in `<folder>/s3`.
///
/// Only requests signed with `credentials` are answered, in a header or a presigned URL.
///
/// # Errors
/// The folder can't be used, is in use by another process, or holds what can't be read.
pub fn serve(
    listener: TcpListener,
    storage: &Storage,
    credentials: &Credentials,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<S3> {
    let store = Store::open(storage).context("could not open the local S3 storage")?;
    let mut builder = S3ServiceBuilder::new(Backend(Arc::new(store)));
    builder.set_auth(SimpleAuth::from_single(
        credentials.access_key_id.clone(),
        credentials.secret_access_key.clone(),
    ));
    let service = HandleError::new(builder.build(), |error: HttpError| async move {
        tracing::error!(?error, "an S3 request failed");
        StatusCode::INTERNAL_SERVER_ERROR
    });
    let server = server::start("s3", listener, shutdown, |listener, stop| async {
        // Small answers must not wait for the client's delayed acknowledgement.
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        axum::serve(listener, Router::new().fallback_service(service))
            .with_graceful_shutdown(async {
                let _ = stop.await;
            })
            .await
            .context("the local S3 endpoint failed")
    })?;
    Ok(S3 { address: server.address, server })
}

impl S3 {
    /// Resolves once the endpoint has stopped and let go of its storage: at most about a second
    /// after `shutdown`, even if a client sent half a request and waits.
    ///
    /// # Errors
    /// The endpoint failed while it ran.
    pub async fn stopped(self) -> anyhow::Result<()> {
        self.server.ended().await
    }
}

struct Backend(Arc<Store>);

/// Copies an input's checksums.
macro_rules! checksums_of {
    ($input:expr) => {
        $crate::s3::model::Checksums {
            crc32: $input.checksum_crc32.clone(),
            crc32c: $input.checksum_crc32c.clone(),
            crc64nvme: $input.checksum_crc64nvme.clone(),
            sha1: $input.checksum_sha1.clone(),
            sha256: $input.checksum_sha256.clone(),
        }
    };
}

/// Adds checksums to an output: the fields are the same in all of them, the types are not.
macro_rules! with_checksums {
    ($output:expr, $checksums:expr) => {{
        let mut output = $output;
        let checksums: $crate::s3::model::Checksums = $checksums;
        output.checksum_crc32 = checksums.crc32;
        output.checksum_crc32c = checksums.crc32c;
        output.checksum_crc64nvme = checksums.crc64nvme;
        output.checksum_sha1 = checksums.sha1;
        output.checksum_sha256 = checksums.sha256;
        output
    }};
}

use {checksums_of, with_checksums};

/// Runs `work`, which blocks and must not stop halfway, even if the client goes away.
async fn blocking<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> S3Result<T> + Send + 'static,
) -> S3Result<T> {
    let store = Arc::clone(store);
    tokio::task::spawn_blocking(move || work(&store))
        .await
        .map_err(|error| s3_error!(error, InternalError))?
}

#[async_trait::async_trait]
impl s3s::S3 for Backend {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = request.input.bucket;
        let location = Some(format!("/{bucket}"));
        if !blocking(&self.0, move |store| store.create_bucket(&bucket)).await? {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.0.with_bucket(&request.input.bucket, |_| ())?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        objects::put(&self.0, request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        objects::get(&self.0, request)
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        objects::head(&self.0, request.input).map(S3Response::new)
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        versions::delete(&self.0, request.input).await.map(S3Response::new)
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        versions::delete_all(&self.0, request.input).await.map(S3Response::new)
    }

    async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        versions::set(&self.0, request.input).await.map(S3Response::new)
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        versions::get(&self.0, &request.input.bucket).map(S3Response::new)
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        versions::list(&self.0, request.input).map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        listing::list(&self.0, request.input).map(S3Response::new)
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        objects::tagging(&self.0, &request.input).map(S3Response::new)
    }

    async fn put_object_tagging(
        &self,
        request: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        objects::set_tagging(&self.0, request.input).await?;
        Ok(S3Response::new(PutObjectTaggingOutput::default()))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let output = multipart::create(&self.0, request.input).await?;
        Ok(S3Response::new(output))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        multipart::upload_part(&self.0, request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let output = multipart::complete(&self.0, request.input).await?;
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = request.input;
        blocking(&self.0, move |store| store.abort(&input.bucket, &input.key, &input.upload_id)).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        multipart::list_uploads(&self.0, request.input).map(S3Response::new)
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        multipart::list_parts(&self.0, request.input).map(S3Response::new)
    }
}
