//! Why calls end: the providers' words, as causes of ITU-T Q.850.

/// A hangup cause: its name, and its Q.850 value where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The name used in the record.
    pub name: &'static str,
    /// The cause value of Q.850.
    pub q850: Option<u8>,
}

const fn q850(value: u8, name: &'static str) -> Cause {
    Cause { name, q850: Some(value) }
}

const fn other(name: &'static str) -> Cause {
    Cause { name, q850: None }
}

/// The cause that a provider's word means; `None` for a word that is not documented.
pub fn cause(raw: &str) -> Option<Cause> {
    Some(match raw.to_ascii_lowercase().as_str() {
        "unallocated_number" | "not_found" => q850(1, "unallocated_number"),
        "normal_clearing" | "client_initiated" | "participant_removed" | "room_deleted" => {
            q850(16, "normal_clearing")
        }
        "user_busy" | "busy" => q850(17, "user_busy"),
        "no_user_response" => q850(18, "no_user_response"),
        "no_answer" | "user_unavailable" => q850(19, "no_answer"),
        "call_rejected" | "user_rejected" => q850(21, "call_rejected"),
        "destination_out_of_order" => q850(27, "destination_out_of_order"),
        "normal_unspecified" => q850(31, "normal_unspecified"),
        "network_out_of_order" | "sip_trunk_failure" => q850(38, "network_out_of_order"),
        "normal_temporary_failure" | "temporary_failure" | "server_shutdown" | "media_failure" => {
            q850(41, "normal_temporary_failure")
        }
        "recovery_on_timer_expire" => q850(102, "recovery_on_timer_expire"),
        "originator_cancel" | "canceled" | "cancelled" => other("originator_cancel"),
        "timeout" | "connection_timeout" => other("timeout"),
        "time_limit" | "max_duration_reached" => other("time_limit"),
        "unspecified" | "unknown" | "unknown_reason" => other("unspecified"),
        _ => return None,
    })
}
