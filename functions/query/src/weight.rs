//! The weight of an answer: its size inside the JSON that Lambda takes.

use std::io;

use serde::Serialize;

/// The heaviest answer. Lambda takes 6 MB from a function, and the body is text inside JSON there.
pub(crate) const MAX_WEIGHT: usize = 5 * 1024 * 1024;

/// The size of a value as JSON inside a JSON string: quotes and backslashes count twice.
pub(crate) fn weight(value: &impl Serialize) -> usize {
    let mut scale = Scale(0);
    // This can't fail: the scale takes every byte, and the value was read from JSON.
    let _ = serde_json::to_writer(&mut scale, value);
    scale.0
}

/// Takes room for a weight, if there is enough.
pub(crate) fn take(room: &mut usize, weight: usize) -> bool {
    let left = room.checked_sub(weight);
    *room = left.unwrap_or(*room);
    left.is_some()
}

struct Scale(usize);

impl io::Write for Scale {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        self.0 += json.len() + json.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_weight_is_the_size_inside_a_string() {
        let value = json!({ "text": "say \"hello\"\n", "emoji": "📞", "back": "\\", "number": 1.5 });
        let inside = Value::String(value.to_string()).to_string();
        assert_eq!(weight(&value), inside.len() - 2);
    }
}
