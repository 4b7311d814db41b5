use super::*;
use crate::{
    bus::service_bus::{ConnectionString, Login, Settings},
    clock::{Clock as _, SystemClock},
};
use servicebus_emulator::{Emulator, Options, config};

const PATIENCE: Duration = Duration::from_secs(20);

async fn broker() -> Emulator {
    let properties = config::EntityProperties::default();
    let subscription = config::SubscriptionConfig { name: "notify".into(), properties: properties.clone(), rules: vec![] };
    let topic = config::TopicConfig { name: "orders".into(), properties, subscriptions: vec![subscription] };
    let config = config::Config { topics: vec![topic], ..Default::default() };
    servicebus_emulator::start(Options { config, amqp: Some(([127, 0, 0, 1], 0).into()), admin: None, ..Options::default() }).await.unwrap()
}

#[tokio::test]
async fn when_the_bus_is_back_the_receiver_attaches_at_once_and_is_out_until_then() {
    let emulator = broker().await;
    let login = Login::ConnectionString(ConnectionString::parse(&emulator.connection_string()).unwrap());
    let settings = Settings::new(login, "orders", "notify");
    let client = ServiceBusClient::new(settings, Arc::new(|| SystemClock.now())).unwrap();
    emulator.faults().pause();
    emulator.faults().paused().await;
    let hour = Duration::from_hours(1);
    let receiver = Receiver::start_with(client.clone(), Backoff { first: hour, longest: hour });
    let mut rhythm = tokio::time::interval(Duration::from_millis(10));
    let out = async {
        while !client.outage().is_some_and(|outage| outage.contains("orders/Subscriptions/notify: ")) {
            rhythm.tick().await;
        }
    };
    timeout(PATIENCE, out).await.expect("the subscription's outage is named");

    emulator.faults().resume();
    // Somebody else opens the connection.
    let opens = async {
        while client.connection().await.is_err() {
            rhythm.tick().await;
        }
    };
    timeout(PATIENCE, opens).await.expect("the bus is back");
    assert!(client.outage().is_some() || receiver.shared.current_link().is_some(), "no outage, and nothing is received");
    let back = async {
        while client.outage().is_some() {
            rhythm.tick().await;
        }
    };
    timeout(PATIENCE, back).await.expect("the receiver is back long before its hour is over");
    assert!(receiver.shared.current_link().is_some());
}
