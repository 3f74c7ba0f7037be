//! The least that a function behind API Gateway can be: it answers with the body it got. What the
//! bundle's functions are measured beside, by `cargo bench -p local --bench bootstraps`.

use lambda_http::lambda_runtime::Error;
use lambda_http::{Body, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(async |request: Request| {
        Ok::<_, Error>(Response::new(Body::from(request.into_body().to_vec())))
    }))
    .await
}
