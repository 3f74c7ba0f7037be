//! Dictionaries: typical text of a provider, so that its short bodies compress well.

/// A zstd dictionary, 8 KiB.
///
/// Every frame that was ever made with a dictionary must stay readable. So a dictionary is never changed
/// or removed: a better one is added behind it, with the next version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dictionary {
    /// `provider << 4 | version`, both counted from 1. The number also stands in the dictionary's bytes 4
    /// to 8 and in each frame that is made with it.
    pub(crate) number: u32,
    /// The dictionary as zstd trains it.
    pub(crate) content: &'static [u8],
}
