//! Webhooks, to real receivers: good ones, bad ones, and addresses that must not be reached.

mod answers;
mod copies;
mod guarded;
mod operating;
mod outages;
pub mod receiver;
mod signed;

use crate::support::Service;
use orders::{
    app::{App, Settings},
    channels::{self, Channels, Keyring, Setup, webhook},
    domain::{delivery::News, webhook::Endpoint},
    https, router,
    store::ledger::{Entry, Wanted},
    work::directory::StoreDirectory,
};
use receiver::Receiver;
use secrecy::SecretString;
use serde_json::Value;
use std::{path::Path, sync::Arc, time::Duration};

const KEY: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const OLD_KEY: &str = "whsec_ZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp+goaKjpA==";

#[derive(Debug)]
struct Keys;

#[async_trait::async_trait]
impl Keyring for Keys {
    async fn key(&self, name: &str) -> Result<SecretString, String> {
        match name {
            "WEBHOOK_KEY_ONE" => Ok(KEY.into()),
            "WEBHOOK_KEY_TWO" => Ok(format!("{KEY} {OLD_KEY}").into()),
            _ => Err(format!("{name} is not set")),
        }
    }
}

/// As in development, and impatient.
fn near() -> webhook::Settings {
    webhook::Settings {
        reach: webhook::Reach::Private,
        answer_within: Duration::from_millis(700),
        register_for: Duration::ZERO,
        tls: Some(https::tls(&[]).unwrap()),
        ..webhook::Settings::default()
    }
}

/// A service whose only channel are webhooks.
async fn service(webhook: webhook::Settings, at_most_once: bool) -> Service {
    let service = Service::start().await;
    let clock = Arc::clone(&service.clock);
    let now: channels::Now = Arc::new(move || orders::clock::Clock::now(clock.as_ref()));
    let store = Arc::clone(&service.app.store);
    let setup = Setup {
        file: Path::new("nowhere"),
        email: None,
        webhook: &webhook,
        directory: Arc::new(StoreDirectory::new(Arc::clone(&store), Arc::clone(&now))),
        keyring: Arc::new(Keys),
        now,
    };
    let channels = Channels::new(vec![channels::open("webhook", &setup).unwrap()]);
    let settings = Settings {
        default_channels: vec!["webhook".into()],
        // A test's clock may be far from the world's, which the commands go by.
        retention: Duration::from_hours(24 * 365 * 200),
        at_most_once: if at_most_once { vec!["webhook".into()] } else { vec![] },
        ..Settings::default()
    };
    let app = Arc::new(App::new(store, Some(Arc::clone(&service.bus)), channels, Arc::clone(&service.clock) as _, settings));
    Service { router: router::functions_host(Arc::clone(&app)), app, ..service }
}

impl Service {
    async fn register(&self, name: &str, url: &str, key_name: &str, events: &[News]) {
        let (url, key_name, created_at) = (url.into(), key_name.into(), self.app.now());
        let endpoint = Endpoint { name: name.into(), url, events: events.to_vec(), key_name, created_at, disabled: None };
        self.app.store.put_webhook_endpoint(endpoint).await.unwrap();
    }

    /// An endpoint that is told what customers are told.
    async fn registers(&self, receiver: &Receiver) {
        let url = format!("http://localhost:{}/hooks", receiver.port);
        self.register("erp", &url, "WEBHOOK_KEY_ONE", &[News::Created, News::Shipped, News::Cancelled]).await;
    }

    /// Places an order and has Notify take its event in; gives its id.
    async fn tell(&self) -> String {
        let id = self.place().await;
        self.relay().await;
        self.receive(1).await;
        id
    }

    /// What an operator's timeline says of attempts and decisions.
    async fn told(&self, id: &str) -> Vec<Value> {
        let entries = self.whole_timeline(id).await;
        let is_past = |kind: &str| kind.starts_with("delivery.") && !["waiting", "sending", "paused"].contains(&&kind[9..]);
        entries.into_iter().filter(|entry| is_past(entry["kind"].as_str().unwrap())).collect()
    }

    async fn entries(&self) -> Vec<Entry> {
        self.app.store.deliveries(&Wanted { limit: 1000, ..Wanted::default() }).await.unwrap()
    }
}
