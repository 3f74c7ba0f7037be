//! Conditional requests: `If-Match` and `If-None-Match`.

use s3s::dto::{ETag, ETagCondition};
use s3s::{S3Result, s3_error};

use super::model::Object;

/// When a write may replace what is there.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
#[derive(Debug, Default)]
pub(super) enum WriteCondition {
    #[default]
    Always,
    Absent,
    Present,
    Matches(ETag),
}

impl WriteCondition {
    pub(super) fn from_headers(
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<WriteCondition> {
        match (if_match, if_none_match) {
            (None, None) => Ok(WriteCondition::Always),
            (None, Some(ETagCondition::Any)) => Ok(WriteCondition::Absent),
            (Some(ETagCondition::Any), None) => Ok(WriteCondition::Present),
            (Some(ETagCondition::ETag(etag)), None) => Ok(WriteCondition::Matches(etag)),
            (None, Some(ETagCondition::ETag(_))) => {
                Err(s3_error!(NotImplemented, "If-None-Match takes only * when writing"))
            }
            (Some(_), Some(_)) => {
                Err(s3_error!(NotImplemented, "If-Match and If-None-Match can't be combined when writing"))
            }
        }
    }

    pub(super) fn check(&self, current: Option<&Object>) -> S3Result<()> {
        match (self, current) {
            (WriteCondition::Always, _)
            | (WriteCondition::Absent, None)
            | (WriteCondition::Present, Some(_)) => Ok(()),
            (WriteCondition::Matches(etag), Some(object)) if etag.value() == object.etag => Ok(()),
            (WriteCondition::Present | WriteCondition::Matches(_), None) => Err(s3_error!(NoSuchKey)),
            (WriteCondition::Absent | WriteCondition::Matches(_), Some(_)) => {
                Err(s3_error!(PreconditionFailed))
            }
        }
    }
}

/// Decides whether a read may answer with the object: 412 or 304 if not.
pub(super) fn check_read(
    object: &Object,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let matches = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    };
    if if_match.is_some_and(|condition| !matches(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(matches) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}
