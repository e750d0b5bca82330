//! Reads XML strictly: every element closed in order, every value quoted, every letter that means something escaped.

/// An element: its name, its attributes, the text directly inside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
}

impl Element {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub fn number(&self, key: &str) -> f64 {
        self.get(key).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{key} of {self:?}"))
    }
}

/// All elements in the order in which they open.
pub fn elements(document: &str) -> Vec<Element> {
    let mut rest = document.strip_prefix("<!DOCTYPE html>\n").unwrap_or(document);
    let (mut found, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    while let Some(start) = rest.find('<') {
        let text = unescaped(&rest[..start]);
        match open.last() {
            Some(&parent) => found[parent].text.push_str(&text),
            None => assert!(text.trim().is_empty(), "text outside: {text}"),
        }
        let end = start + tag_length(&rest[start..]);
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop().unwrap_or_else(|| panic!("</{name}> closes nothing"));
            assert_eq!(found[last].name, name, "closed out of order");
            continue;
        }
        assert!(found.is_empty() || !open.is_empty(), "a second root: {tag}");
        found.push(element(tag.trim_end_matches('/')));
        if !tag.ends_with('/') {
            open.push(found.len() - 1);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "left open: {open:?}, left over: {rest}");
    found
}

/// Up to the `>` that is in no quotes.
fn tag_length(text: &str) -> usize {
    let mut quoted = false;
    let ends = |(_, letter): &(usize, char)| {
        quoted ^= *letter == '"';
        *letter == '>' && !quoted
    };
    let mut letters = text.char_indices();
    letters.find(ends).unwrap_or_else(|| panic!("a tag that does not end")).0
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{tag}");
    let mut attributes = Vec::new();
    while let Some((key, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("quotes in <{tag}"));
        let key = key.trim().to_string();
        assert!(attributes.iter().all(|(other, _)| *other != key), "{key} twice in <{tag}");
        attributes.push((key, unescaped(value)));
        rest = after;
    }
    assert!(rest.trim().is_empty(), "left over in <{tag}: {rest}");
    Element { name: name.into(), attributes, text: String::new() }
}

fn unescaped(text: &str) -> String {
    assert!(!text.contains('<'), "{text}");
    let known = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'")];
    let plain = known.iter().fold(text.to_string(), |text, (code, letter)| text.replace(code, letter));
    assert!(!plain.replace("&amp;", "").contains('&'), "an & that is not escaped: {text}");
    plain.replace("&amp;", "&")
}
