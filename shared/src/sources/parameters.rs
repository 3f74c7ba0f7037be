//! The only operation of SSM Parameter Store that is needed.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout_at};

use crate::aws::operation::{RefusedError, Service, Unsigned, cause, may_pass};

/// The operation, as its header names it.
const TARGET: &str = "AmazonSSM.GetParametersByPath";

/// The most parameters that Parameter Store puts on a page.
const PAGE: u8 = 10;

/// How many pages are read: 500 parameters.
const MAX_PAGES: usize = 50;

/// The pause before the second attempt at a page; doubled for each one after it, with jitter. Parameter Store
/// answers forty requests a second in all, and many functions may start at once.
const FIRST_PAUSE: Duration = Duration::from_millis(150);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(1_200);

/// Reads parameters.
#[derive(Clone, Debug)]
pub(crate) struct ParameterStore(Operation<Request, Page, RefusedError>);

/// A parameter. Its value is a secret, and redacts itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Why not all parameters could be read, in words without a value.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct UnreadError {
    pub(crate) cause: String,
    /// Whether they may be read when they are asked for again.
    pub(crate) may_pass: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    path: String,
    with_decryption: bool,
    max_results: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

impl ParameterStore {
    pub(crate) fn new(ssm: Service) -> Self {
        let request = |request: Request| {
            Ok(Unsigned {
                method: "POST",
                path: "/".to_owned(),
                headers: vec![
                    ("content-type", "application/x-amz-json-1.1".to_owned()),
                    ("x-amz-target", TARGET.to_owned()),
                ],
                body: Bytes::from(serde_json::to_vec(&request)?),
            })
        };
        // serde's error is left out: it quotes values, and these are secrets.
        let page = |body: &[u8]| {
            serde_json::from_slice(body).map_err(|_| "the answer is not a page of parameters".into())
        };
        Self(ssm.operation("GetParametersByPath", request, page))
    }

    /// The parameters right under a path, decrypted, read page by page. What may pass, such as throttling, is
    /// waited out until a deadline.
    ///
    /// # Errors
    /// Not all of them could be read.
    pub(crate) async fn get_parameters_by_path(
        &self,
        path: &str,
        deadline: Instant,
    ) -> Result<Vec<Parameter>, UnreadError> {
        let (mut parameters, mut next_token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let request =
                Request { path: path.to_owned(), with_decryption: true, max_results: PAGE, next_token };
            let page = self.page(request, deadline).await?;
            parameters.extend(page.parameters);
            next_token = page.next_token;
            if next_token.is_none() {
                return Ok(parameters);
            }
        }
        Err(UnreadError { cause: "there are too many".to_owned(), may_pass: false })
    }

    async fn page(&self, request: Request, deadline: Instant) -> Result<Page, UnreadError> {
        let mut pause = FIRST_PAUSE;
        let mut unread = UnreadError { cause: "no answer in time".to_owned(), may_pass: true };
        loop {
            match timeout_at(deadline, self.0.invoke(request.clone())).await {
                Ok(Ok(page)) => return Ok(page),
                Ok(Err(error)) => {
                    unread = UnreadError { cause: cause(&error).to_owned(), may_pass: may_pass(&error) };
                }
                Err(_) => return Err(unread),
            }
            let pausing = pause.mul_f64(0.5 + fastrand::f64());
            if !unread.may_pass || Instant::now() + pausing >= deadline {
                return Err(unread);
            }
            sleep(pausing).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Parameter").field("name", &self.name).finish_non_exhaustive()
    }
}
