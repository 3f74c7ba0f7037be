//! The copy job of the recording that a delivery announces.

use super::{Condition, Kind, Planner, Write};
use crate::event::{CallEvent, RecordingLink};
use crate::ledger::item::{self, recording};
use crate::ledger::key;
use crate::record::Record;

impl Planner<'_> {
    /// The ids under which the job of a recording may be: the one that is announced, and those that the record has.
    ///
    /// A recording that was announced under several ids has one job, under the id that came first. Which one
    /// that is can't be told from the record.
    fn ids<'a>(self, link: &'a RecordingLink, record: &'a Record) -> Vec<&'a str> {
        let known = self.seen.call.as_ref().map(|call| call.record.recording_ids()).unwrap_or_default();
        let others = record.ids_of_recording(&link.recording_id).into_iter();
        let others = others.filter(|id| *id != link.recording_id && known.contains(id));
        [&*link.recording_id].into_iter().chain(others).collect()
    }

    /// The sort keys of the jobs that were not looked for, unless one was found. A transaction finds out about one of
    /// them, by its condition. With more, it could make a second job.
    pub(super) fn jobs_unknown(self, event: &CallEvent, record: &Record) -> Vec<String> {
        let Some(link) = &event.recording else { return Vec::new() };
        let sks = self.ids(link, record).into_iter().map(key::recording_sk);
        let looked_for = sks.map(|sk| (self.seen.recordings.get(&sk), sk)).collect::<Vec<_>>();
        if looked_for.iter().any(|(found, _)| matches!(found, Some(Some(_)))) {
            return Vec::new();
        }
        looked_for.into_iter().filter(|(found, _)| found.is_none()).map(|(_, sk)| sk).collect()
    }

    /// The copy job of a link that is new, or newer than the one of the job that was seen.
    pub(super) fn recording(self, event: &CallEvent, record: &Record) -> Option<Write> {
        let Self { entry, seen, .. } = self;
        let link = event.recording.as_ref()?;
        let ids = self.ids(link, record);
        let looked_for = |id: &&&str| seen.recordings.get(&key::recording_sk(id));
        let Some(job) = ids.iter().find_map(|id| looked_for(&id).and_then(Option::as_ref)) else {
            let id = ids.iter().find(|id| looked_for(id).is_none()).copied().unwrap_or(&link.recording_id);
            let item = recording::write(&entry.pk, &event.call_id, id, link, entry.applied_at);
            return Some(Write { kind: Kind::Recording, item, condition: Condition::New });
        };
        if item::is_newer(job) || !recording::is_newer_link(link, job) {
            return None;
        }
        let version = item::number(recording::version(job));
        let condition = Condition::Seen { attribute: "version", value: Some(version) };
        let item = recording::relink(job, link, entry.applied_at);
        Some(Write { kind: Kind::Recording, item, condition })
    }
}
