//! The whole bundle in one process on embedded stores.
//!
//! The stores speak the real protocols on loopback, so the handlers and the AWS SDK in front of
//! them are the same as in Lambda: [`dynamodb`] is dynoxide, [`s3`] is our own backend behind
//! `s3s`, and [`stream`] stands in for Lambda's event source mapping.

use std::fmt;
use std::path::PathBuf;

pub mod stack;
pub mod gateway;
pub mod stream;
pub mod dynamodb;
pub mod s3;
mod server;
pub mod embedded;
pub mod keys;
pub mod sample;
pub mod origin;
pub mod client;
pub mod demo;
pub mod program;
pub mod job;
pub mod reapply;
#[cfg(test)]
mod sdk;

/// Where a store keeps its data.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In memory, gone when the store stops.
    Memory,
    /// In this folder, which is made when missing. Everything acknowledged survives `kill -9`.
    /// Each store uses names of its own inside, so they can share one folder.
    Folder(PathBuf),
}

/// The one key pair the local S3 endpoint accepts.
#[derive(Clone)]
pub struct Credentials {
    /// The `AWS_ACCESS_KEY_ID` of a client.
    pub access_key_id: String,
    /// The `AWS_SECRET_ACCESS_KEY` of a client.
    pub secret_access_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
