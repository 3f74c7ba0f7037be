//! What an origin says of a recording: it counts where the bytes leave the answer open.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderName};
use url::Url;

/// What one hears, or sees as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
}

/// The announced type and the name of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    by_name: Option<Kind>,
    by_type: Option<Kind>,
}

impl Told {
    /// Takes the type from an answer, and the name from the answer or its URL.
    pub(crate) fn of(headers: &HeaderMap, url: &Url) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let path = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let by_name = text(CONTENT_DISPOSITION).and_then(file_name).and_then(kind_of_name);
        let by_type = text(CONTENT_TYPE).map(str::trim_start).and_then(|content_type| {
            let is = |kind: &str| {
                content_type.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind))
            };
            if is("audio/") { Some(Kind::Audio) } else { is("video/").then_some(Kind::Video) }
        });
        Self { by_name: by_name.or_else(|| kind_of_name(path)), by_type }
    }

    /// The kind that is told. A name that stands for one kind only is chosen by a person or a program that
    /// knows; the type is often guessed from the name.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.by_name.or(self.by_type)
    }
}

/// The name in `attachment; filename="r.m4a"`.
fn file_name(disposition: &str) -> Option<&str> {
    let parameters = disposition.split(';').map(str::trim_start);
    let names = ["filename*=", "filename="];
    parameters.filter_map(|parameter| names.iter().find_map(|name| parameter.strip_prefix(name))).next()
}

/// The kind that the ending of a name stands for. `mp4`, `webm` and `3gp` stand for both.
fn kind_of_name(name: &str) -> Option<Kind> {
    let (_, ending) = name.trim().trim_matches('"').rsplit_once('.')?;
    Some(match &*ending.to_ascii_lowercase() {
        "m4a" | "m4b" | "aac" | "mp3" | "wav" | "ogg" | "oga" | "opus" | "weba" | "mka" | "amr" | "flac" => {
            Kind::Audio
        }
        "m4v" | "mov" | "mkv" | "ogv" | "avi" => Kind::Video,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(headers: &[(HeaderName, &str)], url: &str) -> Option<Kind> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        Told::of(&headers, &url.parse().unwrap()).kind()
    }

    #[test]
    fn the_name_and_the_type_tell_the_kind() {
        let (audio, video) = (Some(Kind::Audio), Some(Kind::Video));
        assert_eq!(told(&[], "https://h.example/a/r.M4A?x=y.mov"), audio);
        assert_eq!(told(&[], "https://h.example/r.mov"), video);
        for open in ["https://h.example/r.mp4", "https://h.example/", "https://h.example/r"] {
            assert_eq!(told(&[], open), None);
            assert_eq!(told(&[(CONTENT_TYPE, "Audio/MP4; codecs=mp4a")], open), audio);
            assert_eq!(told(&[(CONTENT_TYPE, "video/mp4")], open), video);
            assert_eq!(told(&[(CONTENT_TYPE, "binary/octet-stream")], open), None);
            assert_eq!(told(&[(CONTENT_DISPOSITION, "attachment; filename=\"r.m4a\"")], open), audio);
            assert_eq!(told(&[(CONTENT_DISPOSITION, "attachment; filename*=UTF-8''r.m4a")], open), audio);
        }
        assert_eq!(told(&[(CONTENT_TYPE, "video/mp4")], "https://h.example/r.m4a"), audio);
    }
}
