//! What is asked for: the place, the page of a list, and whether something is to be replaced.

use hyper::{HeaderMap, Method, Uri, header};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// What the service puts on a page where nothing is said, and the most that it does.
const PAGE: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Health,
    Namespace,
    Queues,
    Topics,
    /// A queue or a topic.
    Entity(String),
    Subscriptions {
        topic: String,
    },
    Subscription {
        topic: String,
        name: String,
    },
    Rules {
        topic: String,
        subscription: String,
    },
    Rule {
        topic: String,
        subscription: String,
        name: String,
    },
}

impl Place {
    /// Names of queues and topics may have slashes, those of subscriptions and rules have none.
    fn of(path: &str) -> Option<Self> {
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let path = path.trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
        match parts[..] {
            [""] => return None,
            [part] if is(part, "health") => return Some(Self::Health),
            [part] if is(part, "$namespaceinfo") => return Some(Self::Namespace),
            [first, second] if is(first, "$Resources") && is(second, "queues") => return Some(Self::Queues),
            [first, second] if is(first, "$Resources") && is(second, "topics") => return Some(Self::Topics),
            [first, ..] if is(first, "$Resources") => return None,
            _ => {}
        }
        let at = |distance: usize| {
            let index = parts.len().checked_sub(distance).filter(|index| *index > 0)?;
            is(parts[index], "subscriptions").then(|| parts[..index].join("/"))
        };
        let part = |distance: usize| parts[parts.len() - distance].to_owned();
        if let Some(topic) = at(4).filter(|_| is(parts[parts.len() - 2], "rules")) {
            return Some(Self::Rule { topic, subscription: part(3), name: part(1) });
        }
        if let Some(topic) = at(3).filter(|_| is(parts[parts.len() - 1], "rules")) {
            return Some(Self::Rules { topic, subscription: part(2) });
        }
        if let Some(topic) = at(2) {
            return Some(Self::Subscription { topic, name: part(1) });
        }
        if let Some(topic) = at(1) {
            return Some(Self::Subscriptions { topic });
        }
        Some(Self::Entity(path.to_owned()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) skip: usize,
    pub(super) top: usize,
}

impl Page {
    /// KEDA's client doubles the `?`, so that a parameter has it in its name.
    fn of(query: &str) -> Result<Self, String> {
        let mut page = Self { skip: 0, top: PAGE };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let number = || value.parse().map_err(|_| format!("{name} must be a whole number, not {value:?}"));
            match name.trim_start_matches('?').to_ascii_lowercase().as_str() {
                "$skip" => page.skip = number()?,
                "$top" => page.top = number()?.clamp(1, PAGE),
                _ => {}
            }
        }
        Ok(page)
    }
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) place: Place,
    pub(super) page: Page,
    /// `If-Match: *`: what is put replaces what is there.
    pub(super) replace: bool,
    /// Scheme and host, as the client wrote it.
    pub(super) base: String,
}

impl Request {
    /// # Errors
    /// HTTP status and a sentence.
    pub(super) fn of(method: Method, uri: &Uri, headers: &HeaderMap, secure: bool) -> Result<Self, (u16, String)> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(Cow::Borrowed);
        let host = header(header::HOST).or_else(|| uri.authority().map(|authority| authority.as_str().into()));
        let place = Place::of(uri.path()).ok_or_else(|| (404, format!("There is nothing at {}.", uri.path())))?;
        let page = Page::of(uri.query().unwrap_or_default()).map_err(|complaint| (400, complaint))?;
        let replace = header(header::IF_MATCH).is_some_and(|value| value.trim() == "*");
        let scheme = if secure { "https" } else { "http" };
        let base = format!("{scheme}://{}", host.as_deref().unwrap_or("localhost"));
        Ok(Self { method, place, page, replace, base })
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, Place};

    #[test]
    fn a_path_says_what_is_asked_for_in_any_case() {
        let text = str::to_owned;
        for (path, place) in [
            ("/health", Place::Health),
            ("/$namespaceinfo", Place::Namespace),
            ("/$Resources/queues", Place::Queues),
            ("/%24Resources/Topics/", Place::Topics),
            ("/orders", Place::Entity(text("orders"))),
            ("/eu/orders", Place::Entity(text("eu/orders"))),
            ("/orders/Subscriptions", Place::Subscriptions { topic: text("orders") }),
            ("/eu/orders/subscriptions/", Place::Subscriptions { topic: text("eu/orders") }),
            ("/orders/Subscriptions/notify", Place::Subscription { topic: text("orders"), name: text("notify") }),
            ("/orders/subscriptions/notify/rules", Place::Rules { topic: text("orders"), subscription: text("notify") }),
            (
                "/orders/Subscriptions/notify/Rules/$Default",
                Place::Rule { topic: text("orders"), subscription: text("notify"), name: text("$Default") },
            ),
            ("/subscriptions", Place::Entity(text("subscriptions"))),
        ] {
            assert_eq!(Place::of(path), Some(place), "{path}");
        }
        assert_eq!([Place::of("/"), Place::of("/$Resources/relays"), Place::of("/%ff")], [None, None, None]);
    }

    #[test]
    fn a_page_is_found_in_whatever_query_the_client_makes() {
        assert_eq!(Page::of("").unwrap(), Page { skip: 0, top: 100 });
        assert_eq!(Page::of("%3F=&api-version=2021-05").unwrap(), Page { skip: 0, top: 100 });
        assert_eq!(Page::of("?%24skip=2&api-version=2021-05").unwrap(), Page { skip: 2, top: 100 });
        assert_eq!(Page::of("$skip=5&$top=7").unwrap(), Page { skip: 5, top: 7 });
        assert_eq!(Page::of("$top=9999").unwrap().top, 100);
        assert_eq!(Page::of("$skip=-1").unwrap_err(), "$skip must be a whole number, not \"-1\"");
    }
}
