use super::arrangement::Running;
use crate::support::process::until;

pub async fn an_event_that_nobody_received_reaches_its_customer(running: &Running) {
    let id = running.place().await;
    assert!(running.publish().await.iter().any(|message| message.subject == id));
    // The subscription loses it. After `UNRECEIVED_AFTER` a sweep hands it over.
    let timeline = until("the sweep tells the customer", || async {
        running.sweep().await;
        let timeline = running.timeline(&id).await;
        timeline.contains(&"delivery.succeeded".to_owned()).then_some(timeline)
    })
    .await;
    assert_eq!(timeline, ["order.created", "event.published", "event.received", "delivery.succeeded"]);
    assert_eq!(running.told(&id), ["created"]);
}
