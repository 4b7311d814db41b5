//! A function is a name used three times: folder, handler file, route. And every setting is where a user looks for it.

use crate::support::Service;
use axum::{body::Body, http::Method};
use orders::{
    app::{Console, Settings},
    config::SETTINGS,
    router,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Nobody else sets these.
const SET_BY_THE_PLATFORM: [&str; 3] = ["FUNCTIONS_CUSTOMHANDLER_PORT", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every function folder with the bindings in it.
fn functions() -> BTreeMap<String, Vec<Value>> {
    let folders = fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap().path());
    folders
        .filter(|path| path.join("function.json").exists())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, json(&path.join("function.json"))["bindings"].as_array().unwrap().clone())
        })
        .collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[test]
fn every_function_has_a_handler_file_and_every_handler_a_folder() {
    let from_folders: BTreeSet<String> = functions().keys().map(|name| snake_case(name)).collect();
    let helpers = ["mod", "request"];
    let from_files: BTreeSet<String> = fs::read_dir(root().join("functions/src/handlers"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|stem| !helpers.contains(&stem.as_str()))
        .collect();
    assert_eq!(from_folders, from_files, "folders with a function.json (left) and handler files (right) differ");
}

#[tokio::test]
async fn every_function_is_routed_at_the_path_its_folder_names() {
    let service = Service::with(Settings { console: Console::Open, ..Settings::default() }).await;
    for (name, bindings) in functions() {
        let trigger = &bindings[0];
        let (method, path) = match trigger["type"].as_str().unwrap() {
            "httpTrigger" => {
                let route = trigger["route"].as_str().unwrap();
                assert!(!route.contains(':'), "{name}: the route {route} has a constraint, so the host would answer in our place");
                let path = route.replace("{id}", "1").replace("{check}", "live").replace("{*file}", "index.html");
                (trigger["methods"][0].as_str().unwrap().to_uppercase(), format!("/api/{path}"))
            }
            _ => ("POST".to_owned(), format!("/{name}")),
        };
        let method: Method = method.parse().unwrap();
        let answer = service.call(method.clone(), &path, &[], Body::empty()).await;
        let unrouted = answer.status == 405 || answer.text.contains("no-such-path");
        assert!(!unrouted, "{name}: {method} {path} is not routed");
        let template = trigger["route"].as_str().map_or_else(|| format!("/{name}"), |route| format!("/api/{route}"));
        assert_eq!(router::function_at(&method, &template), name, "{method} {template} has another name in the log");
    }
}

#[test]
fn http_functions_have_one_trigger_and_one_output_so_that_the_host_forwards() {
    for (name, bindings) in functions() {
        if bindings[0]["type"] != "httpTrigger" {
            continue;
        }
        let kinds: Vec<_> = bindings.iter().map(|binding| (binding["type"].as_str(), binding["direction"].as_str())).collect();
        assert_eq!(kinds, [(Some("httpTrigger"), Some("in")), (Some("http"), Some("out"))], "{name}: the host would send an envelope");
        // The console asks for keys of its own, on every host.
        let open = ["Docs", "Health", "OpenApi"].contains(&name.as_str()) || name.starts_with("Console");
        assert_eq!(bindings[0]["authLevel"], if open { "anonymous" } else { "function" }, "{name}: wrong authLevel");
    }
}

#[test]
fn every_setting_is_in_the_example_settings_and_in_the_readme() {
    let example = json(&root().join("local.settings.example.json"));
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let in_functions = functions().into_values().flatten().flat_map(|binding| {
        let texts: Vec<String> = binding.as_object().unwrap().values().filter_map(Value::as_str).map(str::to_owned).collect();
        texts.into_iter().filter_map(|text| text.strip_prefix('%')?.strip_suffix('%').map(str::to_owned))
    });
    let read = SETTINGS.iter().map(|setting| setting.name.to_owned());
    for name in in_functions.chain(read) {
        assert!(readme.contains(&format!("| `{name}` |")), "README.md: the table of settings lacks {name}");
        let shown = SET_BY_THE_PLATFORM.contains(&name.as_str()) || example["Values"].get(&name).is_some();
        assert!(shown, "local.settings.example.json lacks {name}");
    }
}
