//! Runs a server on a thread and a runtime of its own.
//!
//! Graceful shutdown alone waits for every connection: one client that sent half a request would hold
//! it up for ever, and its task would keep the store open. Here the connections belong to the server's
//! runtime and end with it. Also, SQLite and fsync block, and do not run in the handlers' runtime.

use std::future::Future;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

/// How long requests under way may take to finish after shutdown was asked for.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(1);

/// A server that runs until its `shutdown` future resolves, also when this handle is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    ended: oneshot::Receiver<anyhow::Result<()>>,
}

impl Server {
    /// Resolves once the server has ended, with every connection closed and its store released.
    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.ended.await.context("the server's thread panicked")?
    }
}

/// Starts `serve` on a new thread called `name`.
///
/// `serve` receives the listener and a future that resolves when it should stop accepting; what
/// it captures is dropped before [`Server::ended`] resolves.
pub(crate) fn start<Serve, Serving>(
    name: &str,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
    serve: Serve,
) -> anyhow::Result<Server>
where
    Serve: FnOnce(TcpListener, oneshot::Receiver<()>) -> Serving + Send + 'static,
    Serving: Future<Output = anyhow::Result<()>>,
{
    let address = listener.local_addr()?;
    // A listener belongs to the runtime that made it; taken out, it can join the new one.
    let listener = listener.into_std()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (end, ended) = oneshot::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let result = runtime.block_on(async move {
            let (stop, stopping) = oneshot::channel();
            let serving = serve(TcpListener::from_std(listener)?, stopping);
            tokio::pin!(serving);
            tokio::select! {
                result = &mut serving => return result,
                () = shutdown => drop(stop),
            }
            tokio::time::timeout(SHUTDOWN_LIMIT, serving).await.unwrap_or(Ok(()))
        });
        runtime.shutdown_timeout(SHUTDOWN_LIMIT);
        // If the receiver is gone, the result is not needed.
        let _ = end.send(result);
    })?;
    Ok(Server { address, ended })
}
