//! The bundled font: how wide texts are, and where they may be broken.

use skrifa::MetadataProvider;
use skrifa::instance::{LocationRef, Size};

/// How wide a text is at a size, in the units of the drawing. Bold letters are wider.
pub fn width(text: &str, size: f64, bold: bool) -> f64 {
    let data = if bold { dejavu::sans::bold() } else { dejavu::sans::regular() };
    let font = skrifa::FontRef::new(data).expect("the bundled font is a font");
    let metrics = font.glyph_metrics(Size::new(size as f32), LocationRef::default());
    let charmap = font.charmap();
    let advance = |character: char| {
        let glyph = charmap.map(character).unwrap_or_default();
        f64::from(metrics.advance_width(glyph).unwrap_or(size as f32))
    };
    text.chars().map(advance).sum()
}

/// Breaks a text between words into lines that are at most so wide; a word that is wider stays
/// whole.
pub fn wrap(text: &str, size: f64, bold: bool, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if width(&longer, size, bold) <= limit {
                *line = longer;
                continue;
            }
        }
        lines.push(word.to_owned());
    }
    lines
}
