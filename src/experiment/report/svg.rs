//! SVG as text: elements one after another, every value and word escaped.

use std::fmt::Write;

/// A picture that grows by one element at a time; lengths are in pixels, y downwards.
pub struct Canvas {
    body: String,
}

/// Where a text stands from its point on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// To the right.
    Start,
    /// On both sides.
    Middle,
    /// To the left.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    /// Height of the letters.
    pub size: f64,
    /// Colour.
    pub colour: &'static str,
    /// Whether in bold.
    pub bold: bool,
    /// Where it stands.
    pub anchor: Anchor,
}

impl Canvas {
    /// An empty picture.
    pub fn new() -> Self {
        Self { body: String::new() }
    }

    /// Adds an element without content.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let _ = write!(self.body, "<{name}");
        self.attributes(attributes);
        self.body.push_str("/>\n");
    }

    fn attributes(&mut self, attributes: &[(&str, &str)]) {
        for (key, value) in attributes {
            let _ = write!(self.body, " {key}=\"{}\"", escaped(value));
        }
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64, dashes: &str) {
        let (x1, y1, x2, y2) = (px(from.0), px(from.1), px(to.0), px(to.1));
        let width = width.to_string();
        let mut attributes =
            vec![("x1", &*x1), ("y1", &*y1), ("x2", &*x2), ("y2", &*y2), ("stroke", colour), ("stroke-width", &*width)];
        if !dashes.is_empty() {
            attributes.push(("stroke-dasharray", dashes));
        }
        self.element("line", &attributes);
    }

    /// A filled rectangle.
    pub fn rectangle(&mut self, corner: (f64, f64), size: (f64, f64), fill: &str) {
        let (x, y, width, height) = (px(corner.0), px(corner.1), px(size.0), px(size.1));
        self.element("rect", &[("x", &x), ("y", &y), ("width", &width), ("height", &height), ("fill", fill)]);
    }

    /// A text; `turn` in degrees, clockwise about its point.
    pub fn text(&mut self, at: (f64, f64), words: &str, look: Type, turn: f64) {
        let anchor = match look.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y) = (px(at.0), px(at.1));
        let _ = write!(self.body, "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"", look.size, look.colour);
        if look.anchor != Anchor::Start {
            let _ = write!(self.body, " text-anchor=\"{anchor}\"");
        }
        if look.bold {
            self.body.push_str(" font-weight=\"600\"");
        }
        if turn != 0.0 {
            let _ = write!(self.body, " transform=\"rotate({turn} {x} {y})\"");
        }
        let _ = writeln!(self.body, ">{}</text>", escaped(words));
    }

    /// The whole file; `name` is what a reader who cannot see the picture is told.
    pub fn finish(self, width: f64, height: f64, name: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" \
             aria-label=\"{}\" font-family=\"system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif\">\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            escaped(name),
            self.body,
            w = px(width),
            h = px(height),
        )
    }
}

/// A length to a tenth of a pixel.
pub fn px(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // Adding zero makes minus zero plain.
    (rounded + 0.0).to_string()
}

/// A text as it may stand in XML and HTML, inside elements and inside quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML has no other control characters.
            letter if letter.is_control() && !matches!(letter, '\n' | '\t') => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

/// About how wide a text is, by kinds of letters of a common sans-serif face.
pub fn width_of(text: &str, size: f64) -> f64 {
    let of = |letter: char| match letter {
        'i' | 'j' | 'l' | 't' | 'f' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')' | ' ' | 'I' => 0.32,
        'm' | 'w' | 'M' | 'W' | '—' | '‖' => 0.86,
        letter if letter.is_uppercase() => 0.68,
        letter if letter.is_ascii() => 0.56,
        '⁰' | '¹' | '²' | '³' | '⁴' | '⁵' | '⁶' | '⁷' | '⁸' | '⁹' | '⁻' => 0.38,
        _ => 0.62,
    };
    text.chars().map(of).sum::<f64>() * size
}

/// A text in lines of at most this width, broken between words.
pub fn lines(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width_of(line, size) + width_of(word, size) + 0.32 * size <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// Bytes in base 64, as the address of a picture inside a page has them.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        for sextet in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * sextet) & 63) as usize];
            text.push(if sextet <= three.len() { letter as char } else { '=' });
        }
    }
    text
}
