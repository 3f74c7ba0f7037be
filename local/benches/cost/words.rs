//! Sentences in the languages that callers speak: English, Hindi, Hindi in Latin letters, Swahili.

use fastrand::Rng;

/// The words of one language. Common words come first, as in speech: a word's chance falls with its place.
const LANGUAGES: [&str; 4] = [
    "the to is my order you for and a please was call I account today payment can not tomorrow number back \
     we on delivery address yesterday agent would like confirm change appointment with refund because still \
     waiting thank invoice Monday morning again balance received customer shipped tracking loan quotation \
     follow-up interested price later callback cancel subscription technician visit resolved satisfied meter \
     installment Nairobi Friday upgrade manager details sent email office document insurance branch problem",
    "है के में मेरा आप की से नहीं ऑर्डर का हाँ जी भुगतान कल करना खाता आज नंबर चाहिए पता समय डॉक्टर धन्यवाद किस्त \
     बदलना बताना सोमवार गाड़ी बिजली दुकान सामान वापस सही गलत जल्दी बीमा किराया भेजना समझना शुरू बंद",
    "hai mera ka haan ji nahi aap ki order kal payment kya ho se theek account mein tak aaj number chahiye \
     batao delivery karna bhej paisa wapas abhi tension dukaan gaadi baat dhanyavaad somvaar kisht samay",
    "ya na ni kwa oda yangu sawa malipo leo kesho akaunti namba tafadhali asante habari nyumba mkopo bima \
     kulipa kubadilisha kutuma simu umeme maji duka ndiyo hapana Jumatatu shilingi risiti mteja tiketi safari",
];

/// How often each language speaks, in a hundred.
const SHARES: [u8; 4] = [70, 8, 12, 10];

/// A sentence of `least` to `most` words in one language.
pub(crate) fn text(random: &mut Rng, least: usize, most: usize) -> String {
    let mut draw = random.u8(0..100);
    let language = SHARES.iter().zip(LANGUAGES).find_map(|(share, words)| {
        let found = draw < *share;
        draw = draw.saturating_sub(*share);
        found.then_some(words)
    });
    let words: Vec<_> = language.unwrap_or(LANGUAGES[0]).split_whitespace().collect();
    let count = random.usize(least..=most);
    let mut text = String::new();
    for index in 0..count {
        // The square of a uniform draw prefers the front of the list.
        let place = random.f64().powi(2) * words.len() as f64;
        let word = words[(place as usize).min(words.len() - 1)];
        let separator = match (index, random.u8(0..10)) {
            (0, _) => "",
            (_, 0) => ", ",
            _ => " ",
        };
        text.push_str(separator);
        if index == 0 {
            text.extend(word.chars().next().into_iter().flat_map(char::to_uppercase));
            text.extend(word.chars().skip(1));
        } else {
            text.push_str(word);
        }
    }
    text.push('.');
    text
}
