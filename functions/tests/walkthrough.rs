//! The main job, end to end.

use crate::support::Service;

#[tokio::test]
async fn an_order_is_stored_published_and_the_customer_is_told() {
    let service = Service::start().await;
    let id = service.place().await;
    assert_eq!(service.timeline(&id).await, ["order.created"]);

    assert_eq!(service.relay().await, 1);
    service.receive(1).await;

    assert_eq!(service.timeline(&id).await, ["order.created", "event.published", "event.received", "delivery.succeeded"]);
    let told = service.channel.told();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].order.to_string(), told[0].news.as_str(), told[0].attempt), (id, "created", 1));
}
