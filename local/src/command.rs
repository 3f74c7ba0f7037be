//! The commands: each file has a command's options, its help with examples, and its code.

use anyhow::Context as _;
use clap::Args;
use local::sample::Sample;

pub(crate) mod demo;
pub(crate) mod serve;
pub(crate) mod send;
pub(crate) mod event;
pub(crate) mod resign;
pub(crate) mod item;
pub(crate) mod verify;
pub(crate) mod erase;
pub(crate) mod reapply;

/// The changes to a sample before it is signed.
#[derive(Args)]
pub(crate) struct Changes {
    /// Change a field before signing: `data.call_id=…` in JSON, `CallSid=…` in a form. Repeatable.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl Changes {
    /// A sample with these changes.
    fn load(&self, name: &str) -> anyhow::Result<Sample> {
        let mut sample = Sample::load(name)?;
        for change in &self.set {
            let (path, value) =
                change.split_once('=').with_context(|| format!("--set {change}: write it as PATH=VALUE"))?;
            sample.change(path, value)?;
        }
        Ok(sample)
    }

    /// Whether a field is among those that change.
    fn has(&self, path: &str) -> bool {
        self.set.iter().any(|change| change.split_once('=').is_some_and(|(changed, _)| changed == path))
    }
}

/// Writes logs to standard error; `RUST_LOG` overrides the level. Libraries stay at warnings: at finer
/// levels they show requests.
fn log(level: &str) {
    let ours = format!("warn,dynoxide=error,local={level},shared={level},recordings={level},query={level}");
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| ours.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
