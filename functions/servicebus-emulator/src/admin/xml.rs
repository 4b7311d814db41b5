//! Writing XML: every text is escaped, and what XML can't hold is replaced.

use quick_xml::escape::escape;

#[derive(Debug)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn new() -> Self {
        Self(r#"<?xml version="1.0" encoding="utf-8"?>"#.into())
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    pub(super) fn element(&mut self, name: &str, attributes: &[(&str, &str)], content: impl FnOnce(&mut Self)) {
        self.begin(name, attributes);
        self.0.push('>');
        content(self);
        self.end(name);
    }

    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.0.push_str("/>");
    }

    /// An element with a text and nothing else.
    pub(super) fn leaf(&mut self, name: &str, text: impl AsRef<str>) {
        self.element(name, &[], |xml| xml.text(text.as_ref()));
    }

    pub(super) fn text(&mut self, text: &str) {
        // XML 1.0, section 2.2: most control characters can't stand in it, not even as references.
        let allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        if text.chars().all(allowed) {
            self.0.push_str(&escape(text));
        } else {
            let text: String = text.chars().map(|character| if allowed(character) { character } else { '\u{fffd}' }).collect();
            self.0.push_str(&escape(&text));
        }
    }
}
