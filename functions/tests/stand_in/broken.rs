//! Handlers that are wrong, each in its own way: the stand-in lets none of them pass, and says what is wrong.

use super::{Rig, options};
use crate::support::functions_host::{
    DeliveryOutcome, MAX_DELIVERY_COUNT_EXCEEDED, Options, Settled, State, Subscription, message::Message,
};
use futures_util::future::join_all;
use std::time::Duration;

/// Two deliveries are enough.
fn brief(handler: &str) -> Options {
    let subscription = Subscription { max_delivery_count: 2, ..Subscription::default() };
    Options { subscription, http_client_margin: Duration::from_millis(300), ..options(handler) }
}

fn with(options: Options, setting: &str, value: &str) -> Options {
    Options { settings: options.settings.with(&format!("AzureFunctionsJobHost__{setting}"), value), ..options }
}

async fn deliver(rig: &Rig) -> DeliveryOutcome {
    rig.host.deliver("Notify", Message::new("{}")).await
}

fn assert_complaint(rig: &Rig, wanted: &str) {
    let complaints = rig.host.complaints();
    assert!(complaints.iter().any(|complaint| complaint.contains(wanted)), "nobody complained of {wanted:?}: {complaints:#?}");
}

/// A reply that fails the invocation: each delivery is spent on it, and the process lives on.
#[tokio::test]
async fn a_reply_that_the_host_cannot_take_burns_every_delivery() {
    for (handler, complaint) in [
        ("replies 500", "Response status code does not indicate success: 500"),
        ("redirects", "Response status code does not indicate success: 302"),
        ("replies with text", "UnsupportedMediaTypeException: no formatter reads content with media type 'text/plain'"),
        ("replies without a type", "no formatter reads content with media type 'application/octet-stream'"),
        ("replies with malformed JSON", "Invalid HttpResponseMessage: malformed JSON"),
        ("replies with an array", "Invalid HttpResponseMessage: cannot deserialize []"),
    ] {
        let rig = Rig::start(brief(handler)).await;
        let outcome = deliver(&rig).await;
        assert_eq!(outcome.settled, Settled::DeadLettered { reason: MAX_DELIVERY_COUNT_EXCEEDED }, "{handler}");
        assert_eq!(outcome.attempts.iter().map(|attempt| attempt.delivery_count).collect::<Vec<_>>(), [1, 2], "{handler}");
        assert!(outcome.attempts.iter().all(|attempt| attempt.result.is_err()), "{handler}");
        assert_complaint(&rig, complaint);
        assert_eq!(rig.host.starts(), 1, "{handler}");
    }
}

#[tokio::test]
async fn an_empty_reply_hangs_until_the_time_out_and_costs_the_process() {
    let hang = async |(handler, complaint)| {
        let rig = Rig::start(with(brief(handler), "functionTimeout", "00:00:01")).await;
        let outcome = deliver(&rig).await;
        assert_eq!(outcome.settled, Settled::DeadLettered { reason: MAX_DELIVERY_COUNT_EXCEEDED }, "{handler}");
        assert_complaint(&rig, "Timeout value of 1s was exceeded by function: Notify");
        assert_complaint(&rig, complaint);
        // Not counted as errors: the host goes on with the third process.
        rig.host.started(3).await;
        rig.host.ready().await.unwrap();
        assert_eq!(rig.host.starts(), 3, "{handler}");
    };
    let handlers = [
        ("replies with nothing", "its reply is empty, which completes nothing"),
        ("replies 204", "its reply is empty, which completes nothing"),
        ("replies null", "its reply is null, which completes nothing"),
        ("never replies", "was exceeded by function: Notify"),
    ];
    join_all(handlers.map(hang)).await;
}

#[tokio::test]
async fn a_log_on_stderr_is_a_log_of_errors() {
    let rig = Rig::start(brief("logs on stderr")).await;
    assert_eq!(deliver(&rig).await.settled, Settled::Completed);
    rig.host.records().wait_for("the warning", |record| record.text.starts_with("WARN").then_some(())).await;
    assert_eq!(rig.host.complaints(), ["INFO a message was taken in", "WARN it was a strange one"]);
}

#[tokio::test]
async fn a_handler_that_cannot_be_reached_stops_the_host_at_the_third_try() {
    let stop = async |(handler, complaint)| {
        let options = with(brief(handler), "functionTimeout", "00:00:00.5");
        let rig = Rig::start(with(options, "customHandler__initializationTimeout", "00:00:01.5")).await;
        assert_eq!(rig.host.stopped().await, "Exceeded http worker restart retry count. Shutting down Functions Host", "{handler}");
        assert_complaint(&rig, complaint);
        assert_complaint(&rig, "Exceeded http worker restart retry count");
        assert_eq!(rig.host.starts(), 3, "{handler}");
        assert_eq!(deliver(&rig).await.settled, Settled::Left, "{handler}: the message stays in the subscription");
    };
    let handlers = [
        ("listens on IPv6", "but at [::1]; bind IPv4"),
        ("never binds", "nothing listens at 127.0.0.1"),
        ("never answers", "never answers GET /"),
        ("exits with 0", "nothing listens at 127.0.0.1"),
        ("crashes", "exit status: 3. second / third / the last words"),
    ];
    join_all(handlers.map(stop)).await;
}

#[tokio::test]
async fn a_handler_that_exits_with_0_is_never_started_again() {
    let rig = Rig::start(brief("exits with 0 when called")).await;
    let outcome = deliver(&rig).await;
    assert_eq!(outcome.settled, Settled::DeadLettered { reason: MAX_DELIVERY_COUNT_EXCEEDED });
    assert_complaint(&rig, "exited with code 0: it is not started again");
    assert_complaint(&rig, "Connection refused");
    assert_eq!((rig.host.starts(), rig.host.state()), (1, State::Initialized));
}

#[tokio::test]
async fn a_handler_that_crashes_at_each_message_stops_the_host() {
    let options = brief("crashes when called");
    let subscription = Subscription { max_delivery_count: 10, ..options.subscription };
    let rig = Rig::start(Options { subscription, ..options }).await;
    let outcome = deliver(&rig).await;
    assert_eq!((outcome.settled, outcome.attempts.len()), (Settled::Left, 3));
    assert_complaint(&rig, "exit status: 101");
    assert_complaint(&rig, "Exceeded http worker restart retry count");
}

#[tokio::test]
async fn a_slow_root_is_complained_of_at_the_start_and_at_each_ping() {
    let rig = Rig::start(Options { slow_ping: Duration::from_millis(100), ..brief("is slow at /") }).await;
    rig.host.ready().await.unwrap();
    assert_complaint(&rig, "GET / took");
    let before = rig.host.complaints().len();
    rig.host.ping().await.unwrap();
    assert_eq!(rig.host.complaints().len(), before + 1);
}

#[tokio::test]
async fn a_handler_that_speaks_no_http_passes_for_ready_and_fails_every_call() {
    let rig = Rig::start(brief("speaks no HTTP")).await;
    rig.host.ready().await.unwrap();
    assert_complaint(&rig, "not HTTP, which the host takes for ready");
    assert_eq!(deliver(&rig).await.settled, Settled::DeadLettered { reason: MAX_DELIVERY_COUNT_EXCEEDED });
    assert_complaint(&rig, "An error occurred while sending the request");
}
