//! The operations of the SDK, with the actions they need.

/// The SDK's operations by the methods that begin them, with the actions they need.
///
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>
pub(super) const OPERATIONS: &[(&str, &[&str])] = &[
    ("get_item", &["dynamodb:GetItem"]),
    ("put_item", &["dynamodb:PutItem"]),
    ("update_item", &["dynamodb:UpdateItem"]),
    ("delete_item", &["dynamodb:DeleteItem"]),
    ("query", &["dynamodb:Query"]),
    ("scan", &["dynamodb:Scan"]),
    ("batch_get_item", &["dynamodb:BatchGetItem"]),
    ("batch_write_item", &["dynamodb:BatchWriteItem"]),
    ("transact_get_items", &["dynamodb:GetItem"]),
    // Each of its members needs its own: see MEMBERS.
    ("transact_write_items", &[]),
    ("get_object", &["s3:GetObject"]),
    // Asking for an object's head is reading it.
    ("head_object", &["s3:GetObject"]),
    ("put_object", &["s3:PutObject"]),
    ("delete_object", &["s3:DeleteObject"]),
    ("list_objects_v2", &["s3:ListBucket"]),
    ("list_object_versions", &["s3:ListBucketVersions"]),
    // Of one that is deleted for good, the code asks for another action: see `Call::versioned`.
    ("create_multipart_upload", &["s3:PutObject"]),
    ("upload_part", &["s3:PutObject"]),
    ("complete_multipart_upload", &["s3:PutObject"]),
    ("abort_multipart_upload", &["s3:AbortMultipartUpload"]),
    ("get_parameter", &["ssm:GetParameter"]),
    ("get_parameters", &["ssm:GetParameters"]),
    ("get_parameters_by_path", &["ssm:GetParametersByPath"]),
];

/// The members of a transaction, by their builders, with the actions they need.
pub(super) const MEMBERS: &[(&str, &str)] = &[
    ("Put", "dynamodb:PutItem"),
    ("Update", "dynamodb:UpdateItem"),
    ("Delete", "dynamodb:DeleteItem"),
    ("ConditionCheck", "dynamodb:ConditionCheckItem"),
];

/// Calls that look like an operation and are none: the file, and the expression.
pub(super) const NO_CALLS: &[(&str, &str)] = &[("shared/src/draft/recording.rs", "url.query()")];
