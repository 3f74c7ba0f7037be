//! Lists, whose members keep the order in which they were sent.
//!
//! A list has a part for each body that sent one. Where every member has an id, the list that is shown has of
//! each id the member of the last body; where one has none, it is the list of the last body as it stands.

use std::collections::HashSet;

use serde_json::Value;

use super::{LargeValue, Stamp};

/// The parts of one list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct List {
    /// In the order of their bodies; no two are of one body.
    pub(super) parts: Vec<Part>,
    /// Whether some member of some body had no id, so that the last part stands alone.
    pub(super) stands_whole: bool,
}

/// The part of a list that is of one body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) stamp: Stamp,
    /// Empty if they are in the bucket.
    pub(super) members: Vec<Value>,
    /// The places that the members had in the body's list; empty if they are 0, 1, 2 and so on.
    pub(super) places: Vec<u32>,
    /// Where the members are, if they are in the bucket.
    pub(super) large: Option<LargeValue>,
}

impl List {
    /// The list of one body.
    pub(super) fn of_body(members: Vec<Value>) -> Self {
        let stands_whole = lacks_an_id(&members);
        Self { parts: vec![Part { members, ..Part::default() }], stands_whole }
    }

    /// Gives every part a stamp.
    pub(super) fn stamp(&mut self, stamp: Stamp) {
        self.parts.iter_mut().for_each(|part| part.stamp = stamp);
    }

    /// Both lists: every part of either that a reader may still come to see.
    pub(super) fn merge(self, other: Self) -> Self {
        let stands_whole = self.stands_whole || other.stands_whole;
        let mut parts = self.parts;
        parts.extend(other.parts);
        // One body's part is the same in both, but for what was dropped from it and where it is kept.
        parts.sort_by_key(|part| (part.stamp, part.large.is_some(), std::cmp::Reverse(part.members.len())));
        parts.dedup_by_key(|part| part.stamp);
        if stands_whole {
            parts.drain(..parts.len().saturating_sub(1));
        } else {
            drop_replaced(&mut parts);
        }
        Self { parts, stands_whole }
    }

    /// The members as they are shown.
    pub(super) fn shown(&self) -> Vec<Value> {
        if self.stands_whole {
            return self.parts.last().map_or_else(Vec::new, |part| part.members.clone());
        }
        let mut shown = Vec::new();
        let mut ids = HashSet::new();
        for (body, part) in self.parts.iter().enumerate().rev() {
            for (index, member) in part.members.iter().enumerate().rev() {
                if id(member).is_none_or(|id| ids.insert(id)) {
                    shown.push((part.place(index), body, member));
                }
            }
        }
        shown.sort_by_key(|(place, body, _)| (*place, *body));
        shown.into_iter().map(|(_, _, member)| member.clone()).collect()
    }
}

impl Part {
    /// The place of a member in its body's list.
    fn place(&self, index: usize) -> u32 {
        let place = self.places.get(index).copied();
        place.unwrap_or_else(|| u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Leaves the members of which a test says that they stay.
    fn retain(&mut self, mut stays: impl FnMut(&Value) -> bool) {
        let places: Vec<u32> = (0..self.members.len()).map(|index| self.place(index)).collect();
        let kept: Vec<_> = std::mem::take(&mut self.members)
            .into_iter()
            .zip(places)
            .filter(|(member, _)| stays(member))
            .collect();
        let is_plain = kept.iter().enumerate().all(|(index, (_, place))| *place as usize == index);
        let (members, places) = kept.into_iter().unzip();
        self.members = members;
        self.places = if is_plain { Vec::new() } else { places };
    }
}

/// Drops the members that a later part replaces. The last part stays as it is: it may come to stand alone.
fn drop_replaced(parts: &mut Vec<Part>) {
    let Some((last, earlier)) = parts.split_last_mut() else { return };
    if earlier.is_empty() {
        return;
    }
    let mut ids: HashSet<String> = last.members.iter().filter_map(id).map(|id| id.to_string()).collect();
    for part in earlier.iter_mut().rev() {
        if part.large.is_none() {
            part.retain(|member| id(member).is_none_or(|id| !ids.contains(&id.to_string())));
            ids.extend(part.members.iter().filter_map(id).map(|id| id.to_string()));
        }
    }
    parts.retain(|part| part.large.is_some() || !part.members.is_empty());
}

/// Whether a member has no id.
pub(super) fn lacks_an_id(members: &[Value]) -> bool {
    members.iter().any(|member| id(member).is_none())
}

/// The id of a member.
fn id(member: &Value) -> Option<&Value> {
    member.get("id").filter(|id| id.is_string() || id.is_number())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(body: u8, members: Value) -> List {
        let Value::Array(members) = members else { panic!("no list") };
        let mut list = List::of_body(members);
        list.stamp(Stamp { body: [body; 16], ..Stamp::default() });
        list
    }

    /// Merges in every order of three, and both ways of grouping them.
    fn shown(lists: [List; 3]) -> Vec<Value> {
        let [a, b, c] = lists;
        let mut all = Vec::new();
        for [a, b, c] in [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]]
        {
            let merged = a.clone().merge(b.clone()).merge(c.clone());
            all.push(merged.clone().merge(a.clone()).shown());
            all.push(a.clone().merge(b.clone().merge(c.clone())).shown());
            all.push(merged.shown());
        }
        all.dedup();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn of_each_id_the_last_body_counts_and_its_places_are_kept() {
        let shown = shown([
            list(
                1,
                json!([{ "id": "a", "text": "helo" }, { "id": "x", "text": "x" }, { "id": "b", "text": "by" }]),
            ),
            list(
                2,
                json!([{ "id": "a", "text": "hello" }, { "id": 7, "text": "seven" }, { "id": 7, "text": "7" }]),
            ),
            list(3, json!([{ "id": "b", "text": "bye" }])),
        ]);
        let texts: Vec<_> = shown.iter().map(|member| member["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["hello", "bye", "x", "7"]);
    }

    #[test]
    fn one_member_without_an_id_leaves_the_list_of_the_last_body_as_it_stands() {
        let last = json!([{ "id": "a" }, { "id": "a", "text": "again" }]);
        let shown = shown([
            list(1, json!([{ "id": "x" }])),
            list(2, json!([{ "text": "no id" }, { "id": "y" }])),
            list(3, last.clone()),
        ]);
        assert_eq!(Value::Array(shown), last);
    }

    #[test]
    fn what_a_later_body_replaces_is_not_kept() {
        let old = list(1, json!([{ "id": "a" }, { "id": "b" }]));
        let merged = old.merge(list(2, json!([{ "id": "a" }])));
        assert_eq!(merged.parts[0].members, [json!({ "id": "b" })]);
        assert_eq!(merged.parts[0].places, [1]);
    }
}
