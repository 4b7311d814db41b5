//! Which function a request goes to, and whether; what the host reads in a folder (contract §5.1, §6).

use super::{KEY, Rig, http_function, notify_function, options, settings, stage};
use crate::support::functions_host::{
    FunctionsHost, Generation, Options, Settings, Stage,
    functions::{DataType, Shape, Trigger},
};
use reqwest::{Client, Method};
use serde_json::json;

const ID: &str = "7f3c1c58-5a0e-4a39-8a3a-2f0b8f6d9e01";

#[tokio::test]
async fn a_path_or_a_verb_that_no_function_has_is_an_empty_404() {
    let rig = Rig::start(options("is right")).await;
    let http = Client::new();
    for (method, path, status) in [
        (Method::POST, "/api/orders".to_owned(), 200),
        (Method::POST, "/API/Orders/".to_owned(), 200),
        (Method::GET, format!("/api/orders/{ID}"), 200),
        (Method::GET, "/api/orders".to_owned(), 404),
        (Method::DELETE, format!("/api/orders/{ID}"), 404),
        (Method::HEAD, format!("/api/orders/{ID}"), 404),
        (Method::OPTIONS, "/api/orders".to_owned(), 404),
        (Method::GET, "/api/orders/abc".to_owned(), 404),
        (Method::GET, "/".to_owned(), 404),
        // A function that has another trigger has no path.
        (Method::POST, "/Notify".to_owned(), 404),
        (Method::POST, "/api/Notify".to_owned(), 404),
    ] {
        let url = format!("{}{path}", rig.host.base_url());
        let response = http.request(method.clone(), url).header("x-functions-key", KEY).send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        assert!(status == 200 || response.bytes().await.unwrap().is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn a_key_is_asked_for_unless_the_function_is_anonymous() {
    let mut open = http_function("open", &["get"]);
    open["bindings"][0]["authLevel"] = json!("anonymous");
    let mut closed = http_function("closed", &["get"]);
    closed["bindings"][0]["authLevel"] = json!("admin");
    let mut default = http_function("default", &["get"]);
    default["bindings"][0].as_object_mut().unwrap().remove("authLevel");
    let stage = stage().with_function("Open", &open).with_function("Closed", &closed).with_function("Default", &default);
    let rig = Rig::on(stage, options("is right")).await;
    let http = Client::new();
    for (target, key, status) in [
        ("/api/open", None, 200),
        ("/api/default", None, 401),
        ("/api/default", Some("wrong"), 401),
        ("/api/default", Some(KEY), 200),
        ("/api/default?code=abc%3D", None, 200),
        ("/api/default?code=wrong", None, 401),
        // The header is what counts.
        ("/api/default?code=abc%3D", Some("wrong"), 401),
        ("/api/closed", Some(KEY), 401),
        // Without a function there is nothing to have a key for.
        ("/api/nothing", None, 404),
    ] {
        let mut request = http.get(format!("{}{target}", rig.host.base_url()));
        if let Some(key) = key {
            request = request.header("x-functions-key", key);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{target} {key:?}");
        assert!(status == 200 || response.bytes().await.unwrap().is_empty(), "{target}");
    }
}

#[tokio::test]
async fn the_first_function_by_name_has_the_request() {
    let stage = stage()
        .with_function("zebra", &http_function("animals/{name}", &[]))
        .with_function("Ant", &http_function("animals/{name}", &["get"]))
        .with_function("bee", &http_function("animals/bee", &["get", "put"]));
    let rig = Rig::on(stage, options("is right")).await;
    let names: Vec<_> = rig.host.functions().into_iter().map(|function| function.name).collect();
    assert_eq!(names, ["Ant", "bee", "CreateOrder", "GetOrder", "Notify", "zebra"]);
    let http = Client::new();
    for (method, function) in [(Method::GET, "Ant"), (Method::PUT, "bee"), (Method::DELETE, "zebra")] {
        let url = format!("{}/api/animals/bee", rig.host.base_url());
        assert_eq!(http.request(method, url).header("x-functions-key", KEY).send().await.unwrap().status(), 200);
        let wanted = format!("Executed 'Functions.{function}' (Succeeded");
        rig.host.records().wait_for(&wanted, |record| record.text.starts_with(&wanted).then_some(())).await;
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_a_413_with_and_without_a_length() {
    let settings = settings("is right").with("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "1000");
    let rig = Rig::start(Options { settings, ..options("is right") }).await;
    let post = || Client::new().post(format!("{}/api/orders", rig.host.base_url())).header("x-functions-key", KEY);
    assert_eq!(post().body(vec![b'x'; 1000]).send().await.unwrap().status(), 200);
    let response = post().body(vec![b'x'; 1001]).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (413, ""));
    let pieces = futures_util::stream::iter([vec![b'x'; 500], vec![b'x'; 501]].map(Ok::<_, std::convert::Infallible>));
    assert_eq!(post().body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn a_function_that_cannot_be_indexed_is_left_out_and_named() {
    let mut two = http_function("two", &["get"]);
    two["bindings"][1] = two["bindings"][0].clone();
    let mut spelled = http_function("spelled", &["get"]);
    spelled["bindings"][0]["name"] = json!("not_a_name");
    let mut sideways = http_function("sideways", &["get"]);
    sideways["bindings"][0]["direction"] = json!("sideways");
    let stage = stage()
        .with_function("1st", &http_function("first", &["get"]))
        .with_function("Host", &http_function("host", &["get"]))
        .with_function("Two", &two)
        .with_function("Spelled", &spelled)
        .with_function("Sideways", &sideways)
        .with_function("None", &json!({ "bindings": [] }))
        .with_function("Unresolved", &http_function("%NO_SUCH_SETTING%", &["get"]))
        .with_function("Timer", &json!({ "bindings": [{ "type": "timerTrigger", "direction": "in", "name": "t", "schedule": "hourly" }] }))
        .with_function("Blob", &json!({ "bindings": [{ "type": "blobTrigger", "direction": "in", "name": "b" }] }));
    std::fs::create_dir_all(stage.join("src/Nested")).unwrap();
    std::fs::write(stage.join("src/Nested/function.json"), notify_function().to_string()).unwrap();
    let no_bus: Settings =
        Settings::from([("STAND_IN_HANDLER", "is right"), ("ORDERS_TOPIC", "orders"), ("NOTIFY_SUBSCRIPTION", "notify")]);
    let rig = Rig::on(stage, Options { settings: no_bus, ..options("is right") }).await;
    let errors: Vec<_> = rig.host.indexing_errors().iter().map(ToString::to_string).collect();
    let expected = [
        ("1st", "'1st' is not a valid function name"),
        ("Blob", "'blobtrigger' are not registered"),
        ("Host", "'Host' is not a valid function name"),
        ("None", "At least one binding"),
        ("Notify", "connection string 'ServiceBus' is missing or empty"),
        ("Sideways", "'sideways' is not a direction"),
        ("Spelled", "binding name not_a_name is invalid"),
        ("Timer", "'hourly' was not recognized"),
        ("Two", "Multiple trigger bindings"),
        ("Unresolved", "'%NO_SUCH_SETTING%' does not resolve"),
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, (function, reason)) in errors.iter().zip(expected) {
        assert!(error.starts_with(&format!("The '{function}' function is in error")) && error.contains(reason), "{error}");
    }
    assert_eq!(rig.host.complaints(), errors);
    assert_eq!(rig.host.functions().into_iter().map(|function| function.name).collect::<Vec<_>>(), ["CreateOrder", "GetOrder"]);
}

#[tokio::test]
async fn settings_are_resolved_where_a_function_names_them() {
    let rig = Rig::start(options("is right")).await;
    let notify = rig.host.functions().into_iter().find(|function| function.name == "Notify").unwrap();
    let Trigger::ServiceBus { topic, subscription, namespace, data_type } = notify.trigger else { panic!("it has a Service Bus trigger") };
    let expected = ("orders", "notify", "contoso-orders.servicebus.windows.net", DataType::Binary);
    assert_eq!((topic.as_str(), subscription.as_str(), namespace.as_str(), data_type), expected);
}

#[tokio::test]
async fn functions_can_be_listed_or_disabled() {
    let only =
        settings("is right").with("AzureFunctionsJobHost__functions__0", "getorder").with("AzureFunctionsJobHost__functions__1", "Notify");
    let rig = Rig::start(Options { settings: only.with("AzureWebJobs.Notify.Disabled", "true"), ..options("is right") }).await;
    assert_eq!(rig.host.functions().into_iter().map(|function| function.name).collect::<Vec<_>>(), ["GetOrder"]);
}

#[tokio::test]
async fn the_generation_and_the_flags_decide_the_shape() {
    let flag = |name: &str, value: &str| (format!("AzureFunctionsJobHost__customHandler__enable{name}HttpRequest"), value.to_owned());
    for (generation, off, shape) in [
        (Generation::Proxying, None, Shape::Proxied),
        (Generation::Forwarding, None, Shape::Forwarded),
        (Generation::Proxying, Some("Proxying"), Shape::Forwarded),
        // An older host does not know the flag that is left.
        (Generation::Forwarding, Some("Forwarding"), Shape::Envelope),
    ] {
        let mut settings = settings("is right");
        if let Some((name, value)) = off.map(|name| flag(name, "false")) {
            settings.set(&name, value);
        }
        let rig = Rig::start(Options { generation, settings, ..options("is right") }).await;
        let Trigger::Http { shape: found, .. } = rig.host.functions().remove(0).trigger else { panic!("it has an HTTP trigger") };
        assert_eq!(found, shape, "{generation:?} without {off:?}");
        assert!(rig.host.records().all()[0].text.contains(generation.version()), "the host says which version it imitates");
    }
}

#[tokio::test]
async fn a_host_json_that_the_host_refuses_is_refused() {
    let description = json!({ "defaultExecutablePath": "handler" });
    for (host_json, reason) in [
        (json!({ "customHandler": { "description": description } }), "version must be"),
        (json!({ "version": "2.0" }), "Missing worker Description"),
        (json!({ "version": "2.0", "customHandler": { "description": { "arguments": ["a"] } } }), "DefaultExecutablePath cannot be empty"),
        (json!({ "version": "2.0", "customHandler": { "type": "grpc", "description": description } }), "type must be http"),
        (
            json!({ "version": "2.0", "customHandler": { "description": description }, "functionTimeout": "soon" }),
            "functionTimeout must be",
        ),
        (json!({ "version": "2.0", "customHandler": { "description": description } }), "No job functions found"),
    ] {
        let stage = Stage::empty(&host_json);
        let refused = FunctionsHost::start(stage.path(), options("is right")).await.unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}
