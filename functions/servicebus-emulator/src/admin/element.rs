//! Reading XML into a tree, by local names: clients choose their prefixes.

use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

/// Twice what a rule with parameters needs. A bound to what is kept while reading.
const DEPTH: usize = 16;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    /// The `type` attribute (XML Schema, part 1, section 2.6.1) without its prefix, `SqlFilter` for instance.
    pub(super) kind: Option<String>,
    nil: bool,
    text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// # Errors
    /// Why it is no XML, as the end of a sentence.
    pub(super) fn parse(xml: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
        // The first is the document itself.
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|error| format!("is no XML: {error}"))? {
                Event::Start(start) if open.len() <= DEPTH => open.push(Self::begin(&start)?),
                Event::Start(_) => return Err(format!("has more than {DEPTH} elements inside one another")),
                Event::Empty(start) => {
                    let element = Self::begin(&start)?;
                    open.last_mut().ok_or("ends early")?.children.push(element);
                }
                Event::End(_) => {
                    let element = open.pop().ok_or("ends early")?;
                    open.last_mut().ok_or("has an end without a beginning")?.children.push(element);
                }
                Event::Text(text) => open.last_mut().ok_or("ends early")?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut().ok_or("ends early")?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().map_err(|error| format!("is no XML: {error}"))?;
                    let text = &mut open.last_mut().ok_or("ends early")?.text;
                    match (character, resolve_predefined_entity(&reference)) {
                        (Some(character), _) => text.push(character),
                        (None, Some(known)) => text.push_str(known),
                        (None, None) => return Err(format!("has the entity &{};, which is not known", &*reference)),
                    }
                }
                Event::DocType(_) => return Err("has a document type, which is not taken".into()),
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
        let document = open.pop().filter(|_| open.is_empty()).ok_or("ends before its elements do")?;
        let mut roots = document.children.into_iter();
        match (roots.next(), roots.next()) {
            (Some(root), None) => Ok(root),
            _ => Err("has no single root element".into()),
        }
    }

    fn begin(start: &BytesStart<'_>) -> Result<Self, String> {
        let mut element = Self { name: start.local_name().as_ref().to_owned(), ..Self::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("is no XML: {error}"))?;
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|error| format!("is no XML: {error}"))?;
            match attribute.key.local_name().as_ref() {
                "type" => element.kind = Some(value.rsplit(':').next().unwrap_or_default().to_owned()),
                "nil" => element.nil = matches!(&*value, "true" | "1"),
                _ => {}
            }
        }
        Ok(element)
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name && !child.nil)
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text as it stands, white space too.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A child's text without white space around it; `None` if there is nothing else.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }
}
