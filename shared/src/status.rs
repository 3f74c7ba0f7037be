//! The statuses of a call: their names, and which of them are final.

/// The status of a call, in the order in which a later one replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// No event stated one.
    Unknown,
    /// Placed, and not ringing yet.
    Queued,
    /// Ringing.
    Ringing,
    /// Answered, and not ended yet.
    InProgress,
    /// A voicemail answered.
    Voicemail,
    /// Nobody answered.
    NoAnswer,
    /// The called party was busy.
    Busy,
    /// Canceled before it was answered.
    Canceled,
    /// It could not be made.
    Failed,
    /// Answered and ended.
    Completed,
}

impl Status {
    /// Every status, in the order in which people read them.
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::Ringing,
        Self::InProgress,
        Self::Completed,
        Self::Busy,
        Self::NoAnswer,
        Self::Canceled,
        Self::Failed,
        Self::Voicemail,
        Self::Unknown,
    ];

    /// The name in records and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in_progress",
            Self::Voicemail => "voicemail",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
            Self::Completed => "completed",
        }
    }

    /// Returns the status of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether the call has ended: a final status does not change any more.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Unknown | Self::Queued | Self::Ringing | Self::InProgress => false,
            Self::Voicemail
            | Self::NoAnswer
            | Self::Busy
            | Self::Canceled
            | Self::Failed
            | Self::Completed => true,
        }
    }

    /// Returns the status that a provider's word means, and how the word is written; `None` for a word that no
    /// provider documents, and for `unknown`.
    pub fn from_word(word: &str) -> Option<(Self, Spelling)> {
        let name = word.to_ascii_lowercase().replace('-', "_");
        let status = match name.as_str() {
            "initiated" => Self::Queued,
            "started" => Self::Ringing,
            "answered" => Self::InProgress,
            "cancelled" => Self::Canceled,
            name => {
                let known = Self::from_name(name).filter(|status| *status != Self::Unknown)?;
                return Some((known, Spelling::Ours));
            }
        };
        Some((status, Spelling::Other))
    }
}

/// How a provider writes a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As the name of the status, in any case, also with hyphens.
    Ours,
    /// In another word.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_has_every_status_once() {
        let mut all = Status::ALL.to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), all[0], all[9]), (10, Status::Unknown, Status::Completed));
    }

    #[test]
    fn a_word_means_a_status_however_it_is_written() {
        assert_eq!(Status::from_word("No-Answer"), Some((Status::NoAnswer, Spelling::Ours)));
        assert_eq!(Status::from_word("cancelled"), Some((Status::Canceled, Spelling::Other)));
        assert_eq!(Status::from_word("initiated"), Some((Status::Queued, Spelling::Other)));
        for undocumented in ["", "unknown", "no answer", "done"] {
            assert_eq!(Status::from_word(undocumented), None, "{undocumented}");
        }
    }
}
