//! Resolving names: the connection goes to checked addresses, so nothing can change in between.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::guard::Policy;

/// Resolves a name with the system's resolver, and answers its addresses only if all may be used.
#[derive(Clone, Debug)]
pub(super) struct CheckedResolver(pub(super) Policy);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            policy.admit(&found)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
