//! Path and query as they come out of the host when it forwards (contract §5.2): taken apart, and put together again.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// What `Uri.AbsolutePath` escapes, `%` itself aside.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
/// What `UrlEncoder.Default` leaves as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `path` and `query` as in the client's request line.
pub fn forwarded(path: &str, query: Option<&str>) -> String {
    let pairs = merged(query.unwrap_or_default());
    let rebuilt: Vec<String> = pairs.iter().map(|(name, values)| format!("{}={}", encode(name), encode(&values.join(",")))).collect();
    let path = absolute_path(path);
    if rebuilt.is_empty() { path } else { format!("{path}?{}", rebuilt.join("&")) }
}

/// Names without regard to case, in the order of their first appearance; the values of one name together.
pub fn merged(query: &str) -> Vec<(String, Vec<String>)> {
    let mut pairs: Vec<(String, Vec<String>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        match pairs.iter_mut().find(|(known, _)| known.to_lowercase() == name.to_lowercase()) {
            Some((_, values)) => values.push(value),
            None => pairs.push((name, vec![value])),
        }
    }
    pairs
}

fn decode(text: &str) -> String {
    percent_decode(text.replace('+', " ").as_bytes()).decode_utf8_lossy().into_owned()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// Kestrel decodes the path, but for `%2F`; `Uri` escapes it again, and takes a decoded `?` or `#` for the end of it.
fn absolute_path(path: &str) -> String {
    let kept = path.replace("%2F", "%252F").replace("%2f", "%252f");
    let decoded = percent_decode(kept.as_bytes()).decode_utf8().map_or_else(|_| path.to_owned(), std::borrow::Cow::into_owned);
    let decoded = decoded.split(['?', '#']).next().unwrap_or_default().replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    let parts: Vec<&str> = decoded.trim_start_matches('/').split('/').collect();
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        match *part {
            ".." => drop(segments.pop()),
            "." => {}
            part => {
                segments.push(part);
                continue;
            }
        }
        if is_last {
            segments.push("");
        }
    }
    format!("/{}", segments.iter().map(|segment| escape(segment)).collect::<Vec<_>>().join("/"))
}

/// A `%` that begins no escape is escaped; one that does stays.
fn escape(segment: &str) -> String {
    let mut escaped = String::new();
    let mut rest = segment;
    while let Some(at) = rest.find('%') {
        escaped.extend(utf8_percent_encode(&rest[..at], PATH));
        let begins = rest.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        escaped.push_str(if begins { "%" } else { "%25" });
        rest = &rest[at + 1..];
    }
    escaped.extend(utf8_percent_encode(rest, PATH));
    escaped
}

#[cfg(test)]
mod tests {
    use super::forwarded;

    #[test]
    fn a_query_is_rebuilt_with_each_name_once() {
        for (query, expected) in [
            ("x=1&x=2&code=abc%3D", "?x=1%2C2&code=abc%3D"),
            ("b=1&a=2&B=3", "?b=1%2C3&a=2"),
            ("key", "?key="),
            ("&&a=b+c&", "?a=b%20c"),
            ("a=%E2%82%AC", "?a=%E2%82%AC"),
            ("", ""),
        ] {
            assert_eq!(forwarded("/api/orders", Some(query)), format!("/api/orders{expected}"), "{query}");
        }
        assert_eq!(forwarded("/api/orders", None), "/api/orders");
    }

    #[test]
    fn a_path_is_decoded_and_encoded_again() {
        for (path, expected) in [
            ("/api/orders/7F3C1C58-5A0E-4A39-8A3A-2F0B8F6D9E01", "/api/orders/7F3C1C58-5A0E-4A39-8A3A-2F0B8F6D9E01"),
            ("/api/orders/a%20b", "/api/orders/a%20b"),
            ("/api/orders/a%2Fb", "/api/orders/a%2Fb"),
            ("/api/orders/a%3Fb", "/api/orders/a"),
            ("/api/orders/a%23b", "/api/orders/a"),
            ("/api/orders/%41", "/api/orders/A"),
            ("/api/orders/%7Ba%7D", "/api/orders/%7Ba%7D"),
            ("/api/orders/zo%C3%AB", "/api/orders/zo%C3%AB"),
            ("/api/orders/50%25", "/api/orders/50%25"),
            ("/api/orders/%ff", "/api/orders/%ff"),
            ("/api/orders/%2e%2e/x", "/api/x"),
            ("/api/orders/", "/api/orders/"),
            ("/", "/"),
        ] {
            assert_eq!(forwarded(path, None), expected, "{path}");
        }
    }
}
