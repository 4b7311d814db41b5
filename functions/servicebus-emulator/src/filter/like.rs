//! The pattern of LIKE.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(char),
    /// `_`
    One,
    /// `%`
    Any,
}

#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

impl Pattern {
    /// # Errors
    /// An escape that is not one character, or one that stands before nothing.
    pub(super) fn new(pattern: &str, escape: Option<&str>) -> Result<Self, String> {
        let escape = match escape.map(|escape| (escape, escape.chars().collect::<Vec<_>>())) {
            None => None,
            Some((_, characters)) if characters.len() == 1 => characters.first().copied(),
            Some((text, _)) => return Err(format!("ESCAPE takes one character, not '{text}'")),
        };
        let mut parts = Vec::new();
        let mut characters = pattern.chars();
        while let Some(next) = characters.next() {
            parts.push(match next {
                next if Some(next) == escape => match characters.next() {
                    Some(escaped) => Part::Literal(escaped),
                    None => return Err(format!("the pattern '{pattern}' ends with its escape character")),
                },
                '%' => Part::Any,
                '_' => Part::One,
                next => Part::Literal(next),
            });
        }
        Ok(Self(parts))
    }

    /// Goes back only to the last `%`, so that no text takes more than its length times the pattern's.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut part, mut at) = (0, 0);
        let mut retry = None;
        while at < text.len() {
            match self.0.get(part) {
                Some(Part::Any) => {
                    retry = Some((part, at));
                    part += 1;
                }
                Some(Part::One) => (part, at) = (part + 1, at + 1),
                Some(Part::Literal(literal)) if *literal == text[at] => (part, at) = (part + 1, at + 1),
                _ => match &mut retry {
                    Some((any, from)) => {
                        *from += 1;
                        (part, at) = (*any + 1, *from);
                    }
                    None => return false,
                },
            }
        }
        self.0[part..].iter().all(|part| *part == Part::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::new(pattern, Some("\\")).unwrap().matches(text)
    }

    #[test]
    fn percent_is_any_text_and_underscore_one_character() {
        assert!(like("order.created", "order.%"));
        assert!(like("order.", "order.%"));
        assert!(!like("orders.created", "order.%"));
        assert!(like("größe", "gr__e"));
        assert!(!like("grue", "gr__e"));
        assert!(like("abcabd", "%ab_"));
        assert!(like("aXbXc", "a%b%c"));
        assert!(!like("aXbX", "a%b%c"));
        assert!(like("", "%") && like("", "") && !like("", "_"));
    }

    #[test]
    fn an_escaped_character_is_meant_as_it_is() {
        assert!(like("ABC%", "ABC\\%"));
        assert!(!like("ABCD", "ABC\\%"));
        assert_eq!(Pattern::new("a!", Some("!")).unwrap_err(), "the pattern 'a!' ends with its escape character");
        assert_eq!(Pattern::new("a", Some("!!")).unwrap_err(), "ESCAPE takes one character, not '!!'");
        assert_eq!(Pattern::new("a", Some("")).unwrap_err(), "ESCAPE takes one character, not ''");
    }
}
