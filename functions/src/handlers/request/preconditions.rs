//! `If-Match` and `If-None-Match` (RFC 9110 §13.1).

use crate::error::Problem;
use axum::http::{HeaderMap, StatusCode, header};

/// The version that a write is made against (RFC 9110 §13.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch;

impl IfMatch {
    /// # Errors
    /// 428 without `If-Match` (RFC 6585 §3), 412 when none of its tags is the order's; a weak tag never is.
    pub fn check(headers: &HeaderMap, version: u32) -> Result<(), Problem> {
        let Some(wanted) = Wanted::read(headers, &header::IF_MATCH) else {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition-required",
                "Say which version you change",
                "send the order's ETag as If-Match, so that nobody's change is lost",
            ));
        };
        if wanted.any(|tag| !tag.is_weak && tag.is_of(version)) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "stale",
            "The order has changed meanwhile",
            "If-Match names another version than the order has; read it again",
        ))
    }

    /// The order moved on between our reading and our writing.
    pub fn lost() -> Problem {
        Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "stale",
            "The order has changed meanwhile",
            "another change came first; read it again",
        )
    }
}

/// Whether the client has this version already (RFC 9110 §13.1.2: weak comparison).
pub fn is_current(headers: &HeaderMap, version: u32) -> bool {
    Wanted::read(headers, &header::IF_NONE_MATCH).is_some_and(|wanted| wanted.any(|tag| tag.is_of(version)))
}

/// What such a header names.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'h> {
    /// `*`, as the whole value.
    Any,
    /// A list of entity tags; of a value that is none, no tag at all.
    Of(Vec<Tag<'h>>),
}

/// An entity tag (RFC 9110 §8.8.3), without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag<'h> {
    opaque: &'h [u8],
    is_weak: bool,
}

impl Tag<'_> {
    fn is_of(self, version: u32) -> bool {
        self.opaque == version.to_string().as_bytes()
    }
}

impl<'h> Wanted<'h> {
    /// `None` where there is no such header. Several are one list (RFC 9110 §5.3).
    fn read(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<Self> {
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
        let mut tags = Vec::new();
        match values.as_slice() {
            [] => None,
            [b"*"] => Some(Self::Any),
            values if values.iter().all(|value| read_list(value, &mut tags).is_some()) => Some(Self::Of(tags)),
            _ => Some(Self::Of(vec![])),
        }
    }

    fn any(&self, test: impl Fn(Tag<'h>) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Of(tags) => tags.iter().any(|tag| test(*tag)),
        }
    }
}

/// Reads `[ entity-tag ] *( OWS "," OWS [ entity-tag ] )`; `None` when it is something else.
fn read_list<'h>(mut rest: &'h [u8], tags: &mut Vec<Tag<'h>>) -> Option<()> {
    loop {
        rest = rest.trim_ascii_start();
        if !matches!(rest.first(), None | Some(b',')) {
            let tag;
            (tag, rest) = read_tag(rest)?;
            tags.push(tag);
            rest = rest.trim_ascii_start();
        }
        match rest.split_first() {
            None => return Some(()),
            Some((b',', behind)) => rest = behind,
            Some(_) => return None,
        }
    }
}

/// Reads `[ "W/" ] DQUOTE *etagc DQUOTE` at the beginning; gives what stands behind it as well.
fn read_tag(text: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let (is_weak, quoted) = text.strip_prefix(b"W/").map_or((false, text), |behind| (true, behind));
    let behind = quoted.strip_prefix(b"\"")?;
    let end = behind.iter().position(|byte| *byte == b'"')?;
    let (opaque, rest) = (&behind[..end], &behind[end + 1..]);
    // Space is no part of a tag, and the controls are none either.
    let is_tag = opaque.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    is_tag.then_some((Tag { opaque, is_weak }, rest))
}
