//! A provider that can be asked: what it says of an attempt in doubt comes before what the policy says.

use crate::support::Service;
use orders::{
    app::{App, Settings},
    channels::{Channel, Channels, Journal, Unreadable},
    domain::{
        attempt::{Asked, Attempt},
        delivery::{News, Notification},
        order::Order,
    },
    router,
    store::ledger::{State, Wanted},
};
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Takes each notification as an operation, says so, and then answers as the test wants.
#[derive(Debug, Default)]
struct Provider {
    attempts: Mutex<VecDeque<Attempt>>,
    asked: Mutex<VecDeque<Asked>>,
    sent: AtomicUsize,
    /// The references that it was asked about.
    references: Mutex<Vec<Option<String>>>,
    /// The next attempt never ends.
    hangs: Mutex<bool>,
}

#[async_trait::async_trait]
impl Channel for Provider {
    fn name(&self) -> &'static str {
        "provider"
    }

    async fn recipients(&self, _news: News, _order: &Order) -> Result<Vec<String>, Unreadable> {
        Ok(vec!["ada".into()])
    }

    fn endpoint(&self, _recipient: &str) -> Option<String> {
        Some("provider".into())
    }

    async fn deliver(&self, notification: &Notification<'_>, journal: &dyn Journal) -> Attempt {
        self.sent.fetch_add(1, Ordering::SeqCst);
        journal.sent(&format!("operation-{}", notification.attempt)).await;
        if std::mem::take(&mut *self.hangs.lock().unwrap()) {
            std::future::pending::<()>().await;
        }
        self.attempts.lock().unwrap().pop_front().unwrap_or(Attempt::Delivered { provider_id: Some("m-1".into()) })
    }

    fn can_ask(&self) -> bool {
        true
    }

    async fn ask(&self, _notification: &Notification<'_>, provider_ref: Option<&str>) -> Asked {
        self.references.lock().unwrap().push(provider_ref.map(str::to_owned));
        self.asked.lock().unwrap().pop_front().unwrap_or(Asked::CannotBeAsked)
    }
}

struct World {
    service: Service,
    provider: Arc<Provider>,
    order: String,
}

impl World {
    /// An order whose first attempt ended so: in doubt.
    async fn in_doubt(at_most_once: bool) -> Self {
        let (service, provider) = (Service::start().await, Arc::new(Provider::default()));
        let settings = Settings {
            default_channels: vec!["provider".into()],
            at_most_once: if at_most_once { vec!["provider".into()] } else { vec![] },
            ..Settings::default()
        };
        let channels = Channels::new(vec![Arc::clone(&provider) as _]);
        let store = Arc::clone(&service.app.store);
        let app = Arc::new(App::new(store, Some(Arc::clone(&service.bus)), channels, Arc::clone(&service.clock) as _, settings));
        let service = Service { router: router::functions_host(Arc::clone(&app)), app, ..service };
        let reason = "it took it and the connection broke".to_owned();
        let ended = Attempt::Unknown { reason, provider_ref: Some("operation-1".into()), retry_after: None };
        provider.attempts.lock().unwrap().push_back(ended);
        let order = service.place().await;
        service.relay().await;
        service.receive(1).await;
        Self { service, provider, order }
    }

    /// The provider says this, when it is asked next.
    async fn says(&self, asked: Asked) {
        self.provider.asked.lock().unwrap().push_back(asked);
        self.service.clock.advance(Duration::from_hours(1));
        self.service.sweep().await;
    }

    async fn told(&self) -> Vec<Value> {
        let entries = self.service.whole_timeline(&self.order).await;
        let is_past = |kind: &str| kind.starts_with("delivery.") && !["waiting", "sending", "paused"].contains(&&kind[9..]);
        entries.into_iter().filter(|entry| is_past(entry["kind"].as_str().unwrap())).collect()
    }

    async fn state(&self) -> State {
        self.service.app.store.deliveries(&Wanted { limit: 1, ..Wanted::default() }).await.unwrap()[0].state
    }

    fn sent(&self) -> usize {
        self.provider.sent.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn what_the_provider_delivered_is_not_sent_again_and_its_attempt_is_set_right() {
    let world = World::in_doubt(false).await;
    assert_eq!(world.told().await[0]["kind"], "delivery.unknown");
    world.says(Asked::Delivered { provider_id: Some("m-7".into()) }).await;
    let told = world.told().await;
    assert_eq!((told.len(), told[0]["kind"].as_str(), told[0]["attempt"].as_u64()), (1, Some("delivery.succeeded"), Some(1)));
    assert_eq!((world.sent(), world.state().await), (1, State::Succeeded));
    assert_eq!(*world.provider.references.lock().unwrap(), [Some("operation-1".to_owned())]);
}

#[tokio::test]
async fn what_the_provider_never_took_is_sent_again_under_either_policy() {
    for at_most_once in [false, true] {
        let world = World::in_doubt(at_most_once).await;
        world.says(Asked::NotTaken).await;
        assert_eq!((world.sent(), world.state().await), (2, State::Succeeded));
    }
}

#[tokio::test]
async fn while_the_provider_is_not_finished_or_away_it_is_asked_again_and_nothing_is_sent() {
    let world = World::in_doubt(false).await;
    world.says(Asked::UnderWay { retry_after: None }).await;
    assert_eq!(world.told().await.pop().unwrap()["reason"], "the provider has not finished with attempt 1");
    world.says(Asked::Down { reason: "no connection".into(), retry_after: None }).await;
    let told = world.told().await.pop().unwrap();
    assert_eq!(told["reason"], "the provider cannot be asked about attempt 1: no connection");
    assert_eq!(world.service.app.store.outages().await.unwrap()[0].endpoint, "provider");
    world.says(Asked::Delivered { provider_id: None }).await;
    assert_eq!((world.sent(), world.state().await), (1, State::Succeeded));
    assert_eq!(world.provider.references.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_the_provider_could_not_deliver_has_failed() {
    let world = World::in_doubt(false).await;
    world.says(Asked::Failed { reason: "the mailbox is full".into() }).await;
    let told = world.told().await.pop().unwrap();
    assert_eq!(told["reason"], "the provider says of attempt 1: the mailbox is full");
    assert_eq!((world.sent(), world.state().await), (1, State::Failed), "nothing is unknown any more");
}

#[tokio::test]
async fn where_the_provider_cannot_say_the_policy_decides() {
    let world = World::in_doubt(false).await;
    world.says(Asked::CannotBeAsked).await;
    assert_eq!((world.sent(), world.state().await), (2, State::Succeeded));
    let world = World::in_doubt(true).await;
    world.says(Asked::CannotBeAsked).await;
    assert_eq!((world.sent(), world.state().await), (1, State::Unknown));
    let told = world.told().await.pop().unwrap();
    assert_eq!(told["reason"], "nobody knows how attempt 1 ended (told at most once, so not sent again)");
    assert_eq!(told["kind"], "delivery.unknown");
}

#[tokio::test]
async fn an_operation_that_was_written_down_is_asked_about_after_its_process_died() {
    let world = World::in_doubt(false).await;
    world.says(Asked::NotTaken).await;
    *world.provider.hangs.lock().unwrap() = true;
    let order = world.service.place().await;
    world.service.relay().await;
    // The process dies while the provider works: its task is dropped.
    let delivered = world.service.subscription.receive().await.unwrap();
    orders::work::notify::take(&world.service.app, &delivered.message.body, None, 1).await.unwrap();
    crate::support::process::until("the operation is written down", || async {
        let wanted = Wanted { limit: 1, ..Wanted::default() };
        world.service.app.store.deliveries(&wanted).await.unwrap()[0].provider_ref.clone()
    })
    .await;
    let Service { folder, clock, .. } = &world.service;
    let other = Service::on(Arc::clone(folder), Settings::default()).await;
    clock.advance(Duration::from_mins(1));
    let claimed = other.app.store.claim_deliveries(10, world.service.app.now(), Duration::from_secs(30)).await.unwrap().remove(0);
    assert_eq!(claimed.received.order.id.to_string(), order);
    let doubt = claimed.doubt.unwrap();
    assert_eq!((doubt.attempt, doubt.provider_ref.as_deref()), (1, Some("operation-1")));
}
