//! Resolving names: the connection goes to checked addresses, so nothing can change in between.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::guard::Policy;

/// Returns a name's addresses only if all of them may be used.
pub(super) struct CheckedResolver {
    policy: Policy,
    lookup: Arc<dyn Resolve>,
}

pub(super) struct SystemResolver;

impl CheckedResolver {
    /// Returns a resolver that checks the addresses of every lookup.
    pub(super) fn new(policy: Policy, lookup: impl Resolve + 'static) -> Self {
        Self { policy, lookup: Arc::new(lookup) }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (self.policy.clone(), self.lookup.resolve(name));
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup.await?.collect();
            policy.admit(&found)?;
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}
