use super::arrangement::Running;
use std::time::Duration;

/// More than `UNRECEIVED_AFTER`.
const LONG_AGO: Duration = Duration::from_hours(1);

pub async fn an_event_that_nobody_received_reaches_its_customer(running: &Running) {
    let (id, _) = running.lose(LONG_AGO).await;
    let timeline = running.until_swept(&id, "delivery.succeeded", 1).await;
    assert_eq!(timeline, ["order.created", "event.published", "event.received", "delivery.succeeded"]);
    assert_eq!(running.news(&id), ["created"]);
}
