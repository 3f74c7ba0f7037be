//! The operations that the code calls, and their resources: extend these tables when the code calls more.

use self::By::{Everyone, Ledger, Own};

/// Calls of operations in one place.
pub(super) struct Calls {
    /// The file, or the beginning of its path.
    pub(super) at: &'static str,
    /// The operations.
    pub(super) of: &'static [&'static str],
    /// Who makes them.
    pub(super) by: By,
    /// The resources, as the template names them.
    pub(super) on: &'static [&'static str],
    /// The partition keys, or the prefixes of a list of objects, that the calls are limited to, as patterns; `<reader>` is as in [`SOURCES`]. None for calls
    /// on indexes, on objects and on whatever else has none, and for those that must reach every call.
    pub(super) under: &'static [&'static str],
}

/// The partition keys of a provider: of calls, and of bodies that name no call.
const OWN_KEYS: &[&str] = &["CALL#<reader>#*", "EVENT#<reader>#*"];

/// The partition keys of every provider.
const ALL_KEYS: &[&str] = &["EVENT#*", "CALL#*"];

/// The functions of the ledger that erase, or delete what quarantine has left in the bucket. One function calls them.
const ERASE: &[&str] = &[
    "has_anything",
    "erase_call",
    "erase_old_call",
    "erase_delivery",
    "erase_recording",
    "erase_again",
    "erase_again_of",
    "reapply",
    "discard",
    "kept",
    "replay",
    "clear_spare",
];

/// Who reaches a call.
pub(super) enum By {
    /// Whoever calls one of these functions of the ledger, or the one of that name in `shared::api`.
    Ledger(&'static [&'static str]),
    /// This function, whose crate it is.
    Own(&'static str),
    /// Every function.
    Everyone,
}

const TABLE: &str = "${CallsTable.Arn}";
const VALUES: &str = "${RecordingsBucket.Arn}/values/*";
const EVIDENCE: &str = "${RecordingsBucket.Arn}/evidence/*";
const QUARANTINE: &str = "${RecordingsBucket.Arn}/quarantine/*";
const RECORDINGS: &str = "${RecordingsBucket.Arn}/recordings/*";
const ERASURES: &str = "${RecordingsBucket.Arn}/erasures/*";
const BUCKET: &str = "${RecordingsBucket.Arn}";
const WORK: &str = "${CallsTable.Arn}/index/work";
/// The sources of whoever calls: `<reader>` is who that is, and every provider for the copier.
const SOURCES: &str =
    "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${SourcesPath}/<reader>";

/// Where the calls of operations are, who makes them, and on what.
pub(super) const CALLS: &[Calls] = &[
    Calls {
        at: "shared/src/ledger.rs",
        of: &["get_item"],
        by: Ledger(&["warm_up", "apply"]),
        on: &[TABLE],
        under: OWN_KEYS,
    },
    Calls {
        at: "shared/src/ledger/write.rs",
        of: &["transact_write_items"],
        by: Ledger(&["apply"]),
        on: &[TABLE],
        under: OWN_KEYS,
    },
    Calls {
        at: "shared/src/ledger/jobs.rs",
        of: &["get_item"],
        by: Ledger(&["look"]),
        on: &[TABLE],
        under: &["CALL#*"],
    },
    Calls {
        at: "shared/src/ledger/erase.rs",
        of: &["put_item", "update_item"],
        by: Ledger(ERASE),
        on: &[TABLE],
        under: ALL_KEYS,
    },
    Calls {
        at: "shared/src/ledger.rs",
        of: &["get_item"],
        by: Ledger(&["erase_delivery", "erase_recording", "erase_again", "erase_again_of", "kept", "replay"]),
        on: &[TABLE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/erase/survey.rs",
        of: &["query"],
        by: Ledger(ERASE),
        on: &[TABLE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/erase/survey.rs",
        of: &["delete_item"],
        by: Ledger(ERASE),
        on: &[TABLE],
        under: ALL_KEYS,
    },
    Calls {
        at: "shared/src/ledger/erase/objects.rs",
        of: &["list_object_versions"],
        by: Ledger(ERASE),
        on: &[BUCKET],
        under: &["recordings/*", "values/*", "evidence/*", "quarantine/*"],
    },
    Calls {
        at: "shared/src/ledger/erase/objects.rs",
        of: &["delete_object"],
        by: Ledger(ERASE),
        on: &[RECORDINGS, VALUES, EVIDENCE, QUARANTINE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/values.rs",
        of: &["put_object"],
        by: Ledger(ERASE),
        on: &[ERASURES],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/erase/again.rs",
        of: &["update_item"],
        by: Ledger(&["erase_again"]),
        on: &[TABLE],
        under: ALL_KEYS,
    },
    Calls {
        at: "shared/src/ledger/retention.rs",
        of: &["get_item"],
        by: Ledger(&["progress"]),
        on: &[TABLE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/retention.rs",
        of: &["put_item"],
        by: Ledger(&["note_progress"]),
        on: &[TABLE],
        under: &["UPKEEP#*"],
    },
    Calls {
        at: "shared/src/ledger/retention.rs",
        of: &["scan"],
        by: Ledger(&["old_calls"]),
        on: &["${CallsTable.Arn}/index/by-time"],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/retention.rs",
        of: &["query"],
        by: Ledger(&["old_recordings"]),
        on: &[TABLE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/values.rs",
        of: &["put_object"],
        by: Ledger(&["apply"]),
        on: &[EVIDENCE, QUARANTINE, VALUES],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/write.rs",
        of: &["transact_write_items"],
        by: Ledger(&["replay", "rebuild"]),
        on: &[TABLE],
        under: ALL_KEYS,
    },
    // What leaves quarantine expires, so its evidence moves to where evidence expires.
    Calls {
        at: "shared/src/ledger/values.rs",
        of: &["put_object"],
        by: Ledger(&["discard", "replay"]),
        on: &[EVIDENCE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/values.rs",
        of: &["put_object"],
        by: Ledger(&["replay", "rebuild"]),
        on: &[VALUES],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/values.rs",
        of: &["get_object"],
        by: Ledger(&["discard", "kept", "replay"]),
        on: &[QUARANTINE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/values.rs",
        of: &["get_object"],
        by: Ledger(&["body"]),
        on: &[EVIDENCE, QUARANTINE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/rebuild.rs",
        of: &["query"],
        by: Ledger(&["remembered"]),
        on: &[TABLE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/quarantine.rs",
        of: &["delete_item"],
        by: Ledger(ERASE),
        on: &[TABLE],
        under: ALL_KEYS,
    },
    Calls { at: "shared/src/ledger/due.rs", of: &["query"], by: Ledger(&["due"]), on: &[WORK], under: &[] },
    Calls {
        at: "shared/src/ledger/change.rs",
        of: &["update_item"],
        by: Ledger(&["lease", "renew", "finish", "make_due", "erase_soon"]),
        on: &[TABLE],
        under: &["CALL#*"],
    },
    Calls {
        at: "shared/src/ledger/change.rs",
        of: &["update_item"],
        by: Ledger(ERASE),
        on: &[TABLE],
        under: ALL_KEYS,
    },
    Calls {
        at: "shared/src/ledger/read/story.rs",
        of: &["query"],
        by: Ledger(&["story", "recording"]),
        on: &[TABLE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/read/raw.rs",
        of: &["query"],
        by: Ledger(&["delivery", "quarantined", "erasable", "discard", "replay", "clear_spare"]),
        on: &[TABLE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/read/waiting.rs",
        of: &["query"],
        by: Ledger(&["unstored", "quarantine"]),
        on: &[WORK],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/audit.rs",
        of: &["put_item"],
        by: Ledger(&["note"]),
        on: &[TABLE],
        under: &["AUDIT#*"],
    },
    Calls {
        at: "shared/src/ledger/audit.rs",
        of: &["query"],
        by: Ledger(&["notes"]),
        on: &[TABLE],
        under: &[],
    },
    Calls {
        at: "shared/src/ledger/read/listing.rs",
        of: &["query"],
        by: Ledger(&["calls"]),
        on: &[
            "${CallsTable.Arn}/index/by-time",
            "${CallsTable.Arn}/index/by-from",
            "${CallsTable.Arn}/index/by-to",
        ],
        under: &[],
    },
    Calls { at: "shared/src", of: &["get_parameters_by_path"], by: Everyone, on: &[SOURCES], under: &[] },
    Calls {
        at: "functions/recordings/src/upload",
        of: &[
            "put_object",
            "head_object",
            "get_object",
            "create_multipart_upload",
            "upload_part",
            "complete_multipart_upload",
            "abort_multipart_upload",
        ],
        by: Own("recordings"),
        on: &[RECORDINGS],
        under: &[],
    },
    Calls {
        at: "functions/query/src/large.rs",
        of: &["get_object"],
        by: Own("query"),
        on: &[VALUES],
        under: &[],
    },
    Calls {
        at: "functions/query/src/delivery.rs",
        of: &["get_object"],
        by: Own("query"),
        on: &[EVIDENCE, QUARANTINE],
        under: &[],
    },
    Calls {
        at: "functions/query/src/recording.rs",
        of: &["get_object"],
        by: Own("query"),
        on: &[RECORDINGS],
        under: &[],
    },
];
