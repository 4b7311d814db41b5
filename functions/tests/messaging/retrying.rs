use super::account;
use crate::behaviour::arrangement::Running;

pub async fn a_customer_who_cannot_be_told_is_tried_again_after_longer_and_longer_waits(running: &Running) -> Vec<String> {
    // The folder that the channel writes to goes away, and comes back.
    std::fs::remove_dir_all(running.path("told")).unwrap();
    let id = running.place().await;
    running.until_swept(&id, "delivery.retrying", 2).await;
    std::fs::create_dir(running.path("told")).unwrap();
    running.until_swept(&id, "delivery.succeeded", 1).await;
    account::of(running, &id).await
}
