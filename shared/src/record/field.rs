//! The fields a record can have: one table, which is also the shape of the API's answer.

/// One field of the normalized record.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Where it stands in the answer; dots separate the levels.
    pub path: &'static str,
    /// The kind of its value.
    pub shape: Shape,
    /// Its meaning, with the unit.
    pub about: &'static str,
}

/// The kind of value at a field's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One value, null while unknown.
    Value,
    /// Texts that are one value together; an empty list while unknown.
    Texts,
    /// A set that only grows.
    Set,
    /// A list in the order in which it was sent.
    List,
    /// An object whose names the provider chooses.
    Map,
}

/// The path of the call's status.
pub(super) const STATUS: &str = "status";

/// Returns whether a path is one of a list.
pub(super) fn is_list(path: &str) -> bool {
    FIELDS.iter().any(|field| field.shape == Shape::List && field.path == path)
}

/// Returns whether a path is one of a status. Of two statuses, the one of the later event does not always stay.
pub(super) fn is_status(path: &str) -> bool {
    path == STATUS || path == "dial.status" || path.ends_with(".provider_status")
}

/// Values that have several forms or parts, which always are of one body: the start of their paths.
const IN_FORMS: [(&str, &str); 6] = [
    ("from.", "from"),
    ("to.", "to"),
    ("duration_", "duration"),
    ("hangup.", "hangup"),
    ("dial.", "dial"),
    ("cost.", "cost"),
];

/// Returns the name of the value that a path is of: the path itself, unless the value has several forms.
pub(super) fn value_of(path: &str) -> &str {
    IN_FORMS.into_iter().find(|(start, _)| path.starts_with(start)).map_or(path, |(_, value)| value)
}

/// The last part of the path of a recording's links, `recordings.<id>.links`: a set of marks that is not shown.
pub(super) const LINKS: &str = "links";

/// The path of the map whose entries have fields of their own: `recordings.<id>.<field>`.
pub(super) const RECORDINGS: &str = "recordings";

/// Returns whether a path is in [`FIELDS`], or an entry of one of its maps.
pub(super) fn is_known(path: &str) -> bool {
    FIELDS.iter().any(|field| match field.shape {
        Shape::Value | Shape::Texts | Shape::Set | Shape::List => field.path == path,
        Shape::Map => map_entry(field, path).is_some(),
    })
}

/// The name of a map's entry, if the path is one.
pub(super) fn map_entry<'a>(field: &Field, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(field.path)?.strip_prefix('.')
}

/// The path of an entry in a map field.
pub fn field(map: &str, entry: &str) -> super::Path {
    [map, ".", entry].concat().into()
}

const fn value(path: &'static str, about: &'static str) -> Field {
    Field { path, shape: Shape::Value, about }
}

const fn texts(path: &'static str, about: &'static str) -> Field {
    Field { path, shape: Shape::Texts, about }
}

const fn list(path: &'static str, about: &'static str) -> Field {
    Field { path, shape: Shape::List, about }
}

const fn set(path: &'static str, about: &'static str) -> Field {
    Field { path, shape: Shape::Set, about }
}

const fn map(path: &'static str, about: &'static str) -> Field {
    Field { path, shape: Shape::Map, about }
}

/// Every field of the normalized record, in the order of the answer.
pub const FIELDS: &[Field] = &[
    value("account_id", "The account at the provider."),
    value("call_id", "The provider's id of the call."),
    set("aliases", "Other ids of the same call."),
    value("leg_id", "The leg of the call that the event is about."),
    value("session_id", "The whole call that the leg belongs to."),
    value("parent_call_id", "The call that dialled this one."),
    set("parent_call_aliases", "Other ids of the parent call."),
    value("connection_id", "The provider's connection or application."),
    value("number_id", "The provider's id of the number."),
    value("organization_id", "The organization at the provider."),
    value("user_id", "The user at the provider."),
    value(
        STATUS,
        "queued, ringing, in_progress, completed, busy, no_answer, canceled, failed, voicemail or unknown.",
    ),
    value("direction", "inbound, outbound, internal or unknown."),
    value("call_type", "The provider's own word for the kind of call."),
    value("channel", "pstn, sip, web or unknown."),
    value("from.raw", "The caller as the provider wrote it."),
    value("from.e164", "The caller's number, +<country><number>."),
    value("from.sip_uri", "The caller's SIP address."),
    value("to.raw", "The called party as the provider wrote it."),
    value("to.e164", "The called number, +<country><number>."),
    value("to.sip_uri", "The called SIP address."),
    value("remote_party.number", "The number of the party outside."),
    value("remote_party.name", "The name of the party outside."),
    value("remote_party.email", "The e-mail address of the party outside."),
    value("agent.id", "The agent that handled the call."),
    value("agent.name", "The agent's name."),
    value("agent.version_id", "The version of the agent."),
    value("initiated_at", "When the call was placed, RFC 3339 UTC."),
    value("record_created_at", "When the provider created its record, RFC 3339 UTC."),
    value("started_at", "When the call started, RFC 3339 UTC."),
    value("answered_at", "When the call was answered, RFC 3339 UTC."),
    value("ended_at", "When the call ended, RFC 3339 UTC."),
    value("duration_seconds", "How long the call lasted, whole seconds."),
    value("duration_basis", "What the duration counts: answered, total or unknown."),
    value("hangup.cause", "Why the call ended, the name of the Q.850 cause."),
    value("hangup.q850", "The Q.850 cause value."),
    value("hangup.raw", "The reason as the provider wrote it."),
    value("hangup.sip_code", "The SIP status code."),
    value("hangup.party", "Who ended it: caller, callee, system or unknown."),
    value("hangup.actor", "What ended it: human, ai_agent, platform or unknown."),
    value("error.code", "The provider's error code."),
    value("error.message", "The provider's error message."),
    value("dial.call_id", "The call that this one dialled."),
    texts("dial.aliases", "Other ids of the dialled call."),
    value("dial.status", "The dialled call's status."),
    value("dial.duration_seconds", "The dialled call's duration, whole seconds."),
    value("stir.attestation", "The STIR/SHAKEN attestation level, A, B or C."),
    value("stir.validated", "Whether the STIR/SHAKEN signature was valid."),
    value("quality.mos", "Mean opinion score, 1 to 5."),
    value("quality.jitter_ms", "Jitter in milliseconds."),
    value("quality.packet_loss", "Packet loss as the provider counts it."),
    value("quality.latency_ms", "Latency in milliseconds."),
    value("quality.raw", "The quality statistics as the provider wrote them."),
    value("cost.amount", "What the call cost, a decimal string."),
    value("cost.currency", "ISO 4217 code of the amount."),
    value("cost.unit", "What the amount counts where it is not money."),
    value("campaign.id", "The campaign or batch."),
    value("campaign.contact_id", "The contact in the campaign."),
    value("campaign.attempt", "Which attempt at the contact this call was, from 1."),
    value("campaign.follow_up_scheduled", "Whether another call was scheduled."),
    value("transcript.text", "The transcript as one text."),
    list("transcript.turns", "The transcript, turn by turn."),
    value("analysis.summary", "What the call was about."),
    value("analysis.sentiment", "positive, neutral or negative."),
    value("analysis.disposition", "How the call was classified."),
    value("analysis.goals_met", "Whether the call reached its goal."),
    value("analysis.next_steps", "What is to be done next."),
    map("analysis.variables", "What was extracted: {value, comment} by name."),
    list("tool_calls", "What the agent called during or after the call."),
    map("metadata", "What the owner attached to the call."),
    value("links.console", "The call in the provider's console."),
    set("events", "The events this record was built from."),
    map(RECORDINGS, "The recordings, by id."),
    map("extensions", "What has no common home, under the provider's own names."),
    set("warnings", "What could not be read as documented."),
];
