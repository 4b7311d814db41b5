//! The handler's process from its first start to its last end (contract §2).

use super::{KEY, Rig, handlers, options, settings, stage};
use crate::support::functions_host::{Options, Settled, State, Subscription, message::Message, records::Level};
use serde_json::{Value, json};
use std::{fs, time::Duration};

async fn environment(rig: &Rig) -> Value {
    rig.host.records().wait_for("the handler's environment", |record| handlers::environment_of(&record.text)).await
}

#[tokio::test]
async fn the_handler_has_the_settings_and_the_hosts_five_variables() {
    let rig = Rig::start(options("is right")).await;
    let environment = environment(&rig).await;
    let port = rig.host.handler_port().to_string();
    let id = environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"].clone();
    assert_eq!(id.as_str().unwrap().len(), 36);
    let root = fs::canonicalize(rig.stage.path()).unwrap();
    let expected = json!({
        "FUNCTIONS_CUSTOMHANDLER_PORT": port,
        "FUNCTIONS_HTTPWORKER_PORT": port,
        "FUNCTIONS_CUSTOMHANDLER_WORKER_ID": id,
        "FUNCTIONS_HTTPWORKER_ID": id,
        "FUNCTIONS_APP_ROOT_PATH": rig.stage.path(),
        "ORDERS_TOPIC": "orders",
        "PATH": null,
        "directory": root
    });
    assert_eq!(environment, expected);
}

#[tokio::test]
async fn invocations_wait_for_the_handler_and_any_answer_at_root_is_ready() {
    // This handler answers 404 at `/`, after a while.
    let rig = Rig::start(options("is slow at /")).await;
    assert_eq!(rig.host.state(), State::Initializing);
    let outcome = rig.host.deliver("Notify", Message::new("{}")).await;
    assert_eq!((outcome.settled, rig.host.state()), (Settled::Completed, State::Initialized));
}

#[tokio::test]
async fn a_killed_handler_is_started_again_on_the_same_port_until_the_third_time() {
    let rig = Rig::start(options("is right")).await;
    rig.host.ready().await.unwrap();
    let port = rig.host.handler_port();
    for starts in [2, 3] {
        rig.host.kill_handler().await;
        rig.host.started(starts).await;
        assert_eq!(rig.host.deliver("Notify", Message::new("{}")).await.settled, Settled::Completed);
        assert_eq!((rig.host.starts(), rig.host.handler_port()), (starts, port));
    }
    let url = rig.host.base_url();
    rig.host.kill_handler().await;
    assert_eq!(rig.host.stopped().await, "Exceeded http worker restart retry count. Shutting down Functions Host");
    let refused = reqwest::Client::new().get(format!("{url}/api/orders")).send().await.unwrap_err();
    assert!(refused.is_connect(), "{refused}");
}

#[tokio::test]
async fn a_handler_that_asks_for_a_restart_gets_one_as_often_as_it_likes() {
    let subscription = Subscription { max_delivery_count: 5, ..Subscription::default() };
    let rig = Rig::start(Options { subscription, ..options("asks for a restart") }).await;
    assert_eq!(rig.host.deliver("Notify", Message::new("{}")).await.attempts.len(), 5);
    // Three counted errors would have ended it.
    rig.host.started(5).await;
    rig.host.ready().await.unwrap();
    assert_eq!(rig.host.complaints().iter().filter(|complaint| complaint.contains("Exceeded")).count(), 0);
}

#[tokio::test]
async fn a_handler_that_cannot_be_spawned_leaves_the_first_invocation_to_stop_the_host() {
    let settings = settings("is right")
        .with("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath", "no-such-handler")
        .with("AzureFunctionsJobHost__customHandler__initializationTimeout", "00:00:00.1");
    let rig = Rig::start(Options { settings, ..options("is right") }).await;
    let outcome = rig.host.deliver("Notify", Message::new("{}")).await;
    assert_eq!(outcome.settled, Settled::Left);
    assert_eq!(rig.host.stopped().await, "Initialization timed out");
    let complaints = rig.host.complaints().join("\n");
    for wanted in ["Failed to start Worker Channel. Process fileName: no-such-handler", "Final functionDispatcher state: Initializing"] {
        assert!(complaints.contains(wanted), "{complaints}");
    }
}

#[tokio::test]
async fn the_time_out_of_one_function_fails_what_every_other_has_in_flight() {
    let settings = settings("never replies").with("AzureFunctionsJobHost__functionTimeout", "00:00:01.5");
    let subscription = Subscription { max_delivery_count: 1, ..Subscription::default() };
    let rig = Rig::start(Options { settings, subscription, ..options("never replies") }).await;
    rig.host.ready().await.unwrap();
    let early = rig.host.deliver("Notify", Message::new("{}"));
    let late = async {
        rig.host.records().wait_for("the first is under way", |record| record.text.contains("received").then_some(())).await;
        rig.host.deliver("Notify", Message::new("{}")).await
    };
    let (early, late) = tokio::join!(early, late);
    let faults: Vec<String> =
        [early, late].into_iter().map(|outcome| outcome.attempts[0].result.clone().unwrap_err().to_string()).collect();
    assert!(faults[0].starts_with("Timeout value of 1.5s"), "{faults:?}");
    assert!(faults[1].starts_with("An error occurred while sending the request") || faults[1].starts_with("Timeout value"), "{faults:?}");
}

#[tokio::test]
async fn after_a_restart_the_next_handler_is_there_before_the_last_one_is_killed() {
    let rig = Rig::start(options("is right")).await;
    rig.host.ready().await.unwrap();
    let first = rig.host.handler_port();
    let overlap = rig.host.restart().await.unwrap();
    assert!(overlap.is_running() && overlap.handler_port() == first && rig.host.handler_port() != first);
    // The last one still answers who holds a connection to it; what comes in goes to the next.
    let last = reqwest::get(format!("http://127.0.0.1:{first}/")).await.unwrap();
    assert_eq!(last.status(), 404);
    let http = reqwest::Client::new();
    let answer = http.post(format!("{}/api/orders", rig.host.base_url())).header("x-functions-key", KEY).send().await.unwrap();
    let received: Value = answer.json().await.unwrap();
    assert!(received["headers"].to_string().contains(&format!("127.0.0.1:{}", rig.host.handler_port())));
    overlap.end().await;
    assert!(reqwest::get(format!("http://127.0.0.1:{first}/")).await.unwrap_err().is_connect());
    assert_eq!(rig.host.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_sequential_restart_ends_the_last_handler_first() {
    let settings = settings("is right").with("AzureFunctionsJobHost__sequentialRestart", "true");
    let rig = Rig::on(stage(), Options { settings, ..options("is right") }).await;
    rig.host.ready().await.unwrap();
    let overlap = rig.host.restart().await.unwrap();
    assert!(!overlap.is_running());
    assert_eq!(rig.host.deliver("Notify", Message::new("{}")).await.settled, Settled::Completed);
}

#[tokio::test]
async fn a_lock_that_runs_out_makes_a_twin_and_the_first_result_counts_for_nothing() {
    let settings = settings("never replies")
        .with("AzureFunctionsJobHost__functionTimeout", "00:00:01.5")
        .with("AzureFunctionsJobHost__extensions__serviceBus__maxAutoLockRenewalDuration", "00:00:00.1");
    let subscription = Subscription { max_delivery_count: 2, lock_duration: Duration::from_millis(100) };
    let rig = Rig::start(Options { settings, subscription, ..options("never replies") }).await;
    rig.host.ready().await.unwrap();
    let outcome = rig.host.deliver("Notify", Message::new("{}")).await;
    assert_eq!(outcome.attempts.iter().map(|attempt| attempt.lock_was_lost).collect::<Vec<_>>(), [true, true]);
    assert_eq!(rig.received().len(), 2);
}

#[tokio::test]
async fn no_more_messages_are_under_way_than_the_host_is_told() {
    let settings = settings("never replies")
        .with("AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls", "3")
        .with("AzureFunctionsJobHost__functionTimeout", "00:00:01.5");
    let subscription = Subscription { max_delivery_count: 1, ..Subscription::default() };
    let rig = Rig::start(Options { settings, subscription, ..options("never replies") }).await;
    rig.host.ready().await.unwrap();
    let deliveries = (0..4).map(|_| rig.host.deliver("Notify", Message::new("{}")));
    let all = futures_util::future::join_all(deliveries);
    tokio::pin!(all);
    let third = rig.host.records().wait_for("three are under way", |_| (rig.received().len() == 3).then_some(()));
    tokio::select! {
        _ = &mut all => panic!("they ended before three were under way"),
        () = third => {}
    }
    all.await;
    let order: Vec<bool> = rig
        .host
        .records()
        .all()
        .iter()
        .filter(|record| record.text.contains("received {") || (record.level == Level::Error && record.text.contains("(Failed")))
        .map(|record| record.text.contains("received {"))
        .collect();
    assert_eq!(order[..4], [true, true, true, false], "the fourth waits until one has ended");
}
