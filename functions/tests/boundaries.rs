//! Which room may name which: what the compiler does not hold inside one crate.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every source file, by its path below `functions/src`, without its unit tests.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions/src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        (path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), code)
    };
    paths.into_iter().filter(|path| !path.ends_with("tests.rs")).map(source).collect()
}

/// The rooms that a file names by `crate::…`, also inside braces.
fn rooms_named(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (index, character) in list.char_indices() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if depth == 0 && start && c.is_alphabetic() => {
                        rooms.push(word(&list[index..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            rooms.push(word(rest));
        }
    }
    rooms
}

fn assert_names_only(room: &str, allowed: &[&str]) {
    let files: Vec<_> = sources().into_iter().filter(|(path, _)| path.starts_with(&format!("{room}/"))).collect();
    assert!(!files.is_empty(), "there is no room {room}");
    for (path, code) in files {
        for named in rooms_named(&code) {
            assert!(allowed.contains(&named.as_str()), "{path} names {named}; {room} may name only {}", allowed.join(", "));
        }
    }
}

#[test]
fn the_domain_names_nothing_else_of_ours() {
    assert_names_only("domain", &["domain"]);
}

#[test]
fn store_bus_and_channels_name_only_the_domain() {
    for room in ["store", "bus", "channels"] {
        assert_names_only(room, &[room, "domain"]);
    }
}

#[test]
fn axum_stops_where_http_ends() {
    for (path, code) in sources() {
        let may = ["handlers/", "host/", "commands/"].iter().any(|room| path.starts_with(room))
            || ["router.rs", "error.rs"].contains(&path.as_str());
        assert!(may || !code.contains("axum::"), "{path} names axum");
    }
}

#[test]
fn sql_stays_in_the_store_and_the_environment_in_config() {
    for (path, code) in sources() {
        assert!(path.starts_with("store/") || !code.contains("sqlx"), "{path} names sqlx");
        assert!(path == "config.rs" || !code.contains("env::var"), "{path} reads the environment");
    }
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    for (path, code) in sources() {
        assert!(code.lines().count() <= 400, "{path} has more than 400 lines: split it by subject");
    }
}

#[test]
fn names_inside_braces_are_found() {
    assert_eq!(rooms_named("use crate::{app::{App, X}, store, domain::{a::B}};"), ["app", "store", "domain"]);
    assert_eq!(rooms_named("use crate::bus::Bus;"), ["bus"]);
}
