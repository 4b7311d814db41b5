use super::arrangement::Running;
use crate::support::process::until;
use std::time::Duration;

/// More than `UNRECEIVED_AFTER`.
const LONG_AGO: Duration = Duration::from_hours(1);

pub async fn an_event_that_nobody_received_reaches_its_customer(running: &Running) {
    let (id, _) = running.lose(LONG_AGO).await;
    let timeline = until("the sweep tells the customer", || async {
        running.sweep().await;
        let timeline = running.timeline(&id).await;
        timeline.contains(&"delivery.succeeded".to_owned()).then_some(timeline)
    })
    .await;
    assert_eq!(timeline, ["order.created", "event.published", "event.received", "delivery.succeeded"]);
    assert_eq!(running.news(&id), ["created"]);
}
