//! The only operation of SSM Parameter Store that is needed.

use std::fmt;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::aws::operation::{RefusedError, Service, Unsigned, cause};

/// The operation, as its header names it.
const TARGET: &str = "AmazonSSM.GetParametersByPath";

/// The most pages that are read: 500 parameters.
const MAX_PAGES: usize = 50;

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

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    path: String,
    with_decryption: bool,
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

    /// The parameters directly under a path, decrypted.
    pub(crate) async fn get_parameters_by_path(&self, path: &str) -> Result<Vec<Parameter>, String> {
        let (mut parameters, mut next_token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let request = Request { path: path.to_owned(), with_decryption: true, next_token };
            let page = self.0.invoke(request).await.map_err(|error| cause(&error).to_owned())?;
            parameters.extend(page.parameters);
            next_token = page.next_token;
            if next_token.is_none() {
                return Ok(parameters);
            }
        }
        Err("there are more than 500".to_owned())
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Parameter").field("name", &self.name).finish_non_exhaustive()
    }
}
