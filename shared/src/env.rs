//! Every environment variable the functions read, and reading them.

use std::env;

/// The table of calls, deliveries and recordings. Set by the template.
pub const TABLE_NAME: &str = "TABLE_NAME";
/// The bucket of recordings and large bodies. Set by the template.
pub const BUCKET_NAME: &str = "BUCKET_NAME";
/// Where the sources are in SSM Parameter Store: `<this>/<provider>/<source>`. Set by the template.
pub const SOURCES_PATH: &str = "SOURCES_PATH";
/// All sources as JSON, in place of [`SOURCES_PATH`]. For local runs; empty counts as unset.
pub const SOURCES: &str = "SOURCES";
/// How many days the deliveries' bodies are kept, 1 to 3650. Optional, 400.
pub const EVIDENCE_RETENTION_DAYS: &str = "EVIDENCE_RETENTION_DAYS";
/// How many days after its last delivery a call is kept, 0 to 36500. Optional, 0: for ever.
pub const RECORD_RETENTION_DAYS: &str = "RECORD_RETENTION_DAYS";
/// How many days after its call's last delivery a recording is kept, 0 to 36500. Optional, 0: for ever.
pub const RECORDING_RETENTION_DAYS: &str = "RECORDING_RETENTION_DAYS";
/// The largest recording that is copied, in bytes. Optional, 1 GiB.
pub const RECORDING_MAX_BYTES: &str = "RECORDING_MAX_BYTES";
/// The stack's name, which tells its metrics from others. Set by the template.
pub const STACK_NAME: &str = "STACK_NAME";
/// The region. Set by Lambda.
pub const AWS_REGION: &str = "AWS_REGION";
/// The credentials' id. Set by Lambda, as the two that follow.
pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// The credentials' secret.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// The credentials' session. Optional.
pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// Another endpoint for DynamoDB. Optional; for local runs. Empty counts as unset.
pub const AWS_ENDPOINT_URL_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
/// Another endpoint for S3. Optional; for local runs. Empty counts as unset.
pub const AWS_ENDPOINT_URL_S3: &str = "AWS_ENDPOINT_URL_S3";
/// Another endpoint for SSM. Optional; for local runs. Empty counts as unset.
pub const AWS_ENDPOINT_URL_SSM: &str = "AWS_ENDPOINT_URL_SSM";

/// The environment. It remembers everything that is wrong with its variables, so that one error says all
/// of it.
#[derive(Debug, Default)]
pub struct Environment {
    problems: Vec<String>,
}

/// Everything that is wrong with the environment. The function does not start.
#[derive(Debug, thiserror::Error)]
#[error("the function can't start: {}", .0.join("; "))]
pub struct EnvironmentError(Vec<String>);

impl Environment {
    /// A variable that must be set.
    pub fn required(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    /// A variable that may be unset or empty.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        match env::var(name) {
            Ok(value) => Some(value).filter(|value| !value.is_empty()),
            Err(env::VarError::NotPresent) => None,
            Err(env::VarError::NotUnicode(_)) => {
                self.problems.push(format!("{name} is not UTF-8"));
                None
            }
        }
    }

    /// A whole number within a range, or its default.
    pub fn number(&mut self, name: &'static str, default: u64, range: std::ops::RangeInclusive<u64>) -> u64 {
        let Some(text) = self.optional(name) else { return default };
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.problems.push(format!(
                    "{name} is not a whole number from {} to {}",
                    range.start(),
                    range.end()
                ));
                default
            }
        }
    }

    /// Adds a problem that something else found in a variable's value.
    pub fn problem(&mut self, name: &'static str, problem: impl std::fmt::Display) {
        self.problems.push(format!("{name}: {problem}"));
    }

    /// Whether nothing was wrong so far.
    pub fn is_right(&self) -> bool {
        self.problems.is_empty()
    }

    /// The value, unless anything was wrong.
    ///
    /// # Errors
    /// Everything that was wrong. Whoever deploys can fix it.
    pub fn finish<T>(self, value: T) -> Result<T, EnvironmentError> {
        if self.problems.is_empty() { Ok(value) } else { Err(EnvironmentError(self.problems)) }
    }
}
