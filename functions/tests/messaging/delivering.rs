use super::{Hold, account};
use crate::{behaviour::arrangement::Running, service_bus::SUBSCRIPTION, support::process::until};
use servicebus_emulator::Loss;
use std::time::Duration;

const JUST_NOW: Duration = Duration::ZERO;

pub async fn a_message_whose_handler_dies_comes_again(running: &Running) -> Vec<String> {
    let (id, message) = running.lose(JUST_NOW).await;
    let hold = Hold::of(running).await;
    running.send(&message).await;
    running.takes_in(&message, 1).await;
    running.kill().await;
    hold.release().await;
    running.until(&id, "delivery.succeeded", 1).await;
    account::of(running, &id).await
}

pub async fn a_message_whose_lock_is_lost_is_handled_twice_and_told_once(running: &Running) -> Vec<String> {
    let faults = running.broker.as_ref().unwrap().emulator.faults();
    let (id, message) = running.lose(JUST_NOW).await;
    let hold = Hold::of(running).await;
    running.send(&message).await;
    running.takes_in(&message, 1).await;
    // Nobody can renew it now.
    faults.pause();
    faults.paused().await;
    until("the lock runs out", || async { (account::failures(running, &id) == 1).then_some(()) }).await;
    faults.resume();
    running.takes_in(&message, 2).await;
    hold.release().await;
    running.until(&id, "delivery.succeeded", 1).await;
    account::of(running, &id).await
}

pub async fn a_message_whose_completion_got_lost_comes_again_harmlessly(running: &Running) -> Vec<String> {
    let (id, message) = running.lose(JUST_NOW).await;
    running.broker.as_ref().unwrap().emulator.faults().lose_settlements(SUBSCRIPTION, 1, Loss::Request);
    running.send(&message).await;
    running.takes_in(&message, 2).await;
    running.until(&id, "delivery.succeeded", 1).await;
    account::of(running, &id).await
}

pub async fn an_event_that_was_published_twice_is_told_once(running: &Running) -> Vec<String> {
    let (id, message) = running.lose(JUST_NOW).await;
    for _ in 0..2 {
        running.send(&message).await;
    }
    running.takes_in(&message, 2).await;
    running.until(&id, "delivery.succeeded", 1).await;
    account::of(running, &id).await
}
