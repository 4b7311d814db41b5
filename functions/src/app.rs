//! What a handler may use, and nothing more.

mod places;
mod to_its_end;
mod waiting;

pub use places::{Places, Turn};
pub use waiting::Waiting;

use crate::{
    bus::{Bus, Subscription},
    channels::{Channel, Channels, Unreadable},
    clock::{Clock, Ids},
    domain::{
        attempt::Policy,
        circuit::Circuit,
        delivery::{NewDelivery, News, channels_for},
        event::{Event, Received},
        id::{DeliveryId, EventId, OrderId},
        idempotency::IdempotencyKey,
        rotating::Rotating,
        settle::Rules,
        timestamp::Timestamp,
        trace::Trace,
    },
    keys::Keys,
    store::Store,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use to_its_end::ToItsEnd;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::task::TaskTracker;

/// Deliveries of messages just taken in that one process holds at the same time, begun or not: enough that no attempt waits
/// for a message, and so few that a process that dies leaves few behind.
pub const HELD_AT_ONCE: u32 = 256;
/// Deliveries claimed by the sweep that one process holds at the same time, begun or not.
pub const SWEPT_AT_ONCE: u32 = 100;

/// Bytes that large request bodies may hold at the same time; a quarter of what a pod has.
const BODIES: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub struct App {
    pub store: Arc<dyn Store>,
    /// None: events stay in the outbox for a process that has one.
    pub bus: Option<Arc<dyn Bus>>,
    /// Where this process receives from, once it does.
    pub subscription: OnceLock<Arc<dyn Subscription>>,
    pub channels: Channels,
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
    pub ids: Ids,
    pub in_flight: InFlight,
    /// Where a committed event goes straight to the relay of this process, if it has one.
    pub outgoing: Outgoing,
    /// Rung after each commit that leaves an event in the outbox for whoever claims it.
    pub relay_bell: Notify,
    /// Rung when something became due at a time the sweep does not know of.
    pub sweep_bell: Notify,
    pub attempts: Places,
    /// Bytes of memory for the bodies of requests.
    pub bodies: Arc<Semaphore>,
    /// A place for each delivery of a message, taken before the message is taken in.
    pub held: Arc<Semaphore>,
    /// A place for each delivery that the sweep claims, taken before it is claimed.
    pub swept: Arc<Semaphore>,
    pub waiting: Waiting,
    /// Kept by all that publish.
    pub circuit: Circuit,
    /// What goes on behind the requests, and is waited for before the process ends.
    pub background: TaskTracker,
    draining: AtomicBool,
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// The channels of orders that choose none.
    pub default_channels: Vec<String>,
    /// The channels whose unknown outcomes are not made good by sending again.
    pub at_most_once: Vec<String>,
    /// How long an idempotency key is kept.
    pub idempotency: Duration,
    /// How long published events and finished deliveries are kept.
    pub retention: Duration,
    /// After this time a published event that nobody received is handed to Notify directly.
    pub unreceived_after: Duration,
    /// How long a claimed row belongs to its process.
    pub lease: Duration,
    /// The longest that the sweep sleeps.
    pub sweep_max_sleep: Duration,
    /// How long an invocation of Notify tries to reach the store; below the host's `functionTimeout`.
    pub notify_patience: Duration,
    pub console: Console,
    /// Whether an answer may go on and on. The Functions host hands on whole answers alone.
    pub streams: bool,
}

/// Who may use the operators' page.
#[derive(Debug, Clone, Default)]
pub enum Console {
    /// Nobody: it is not there.
    #[default]
    Off,
    /// Everybody who can reach this process.
    Open,
    /// Whoever has one of these keys.
    Keys(Rotating<Keys>),
}

impl Console {
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_channels: vec!["log".into()],
            at_most_once: vec![],
            idempotency: Duration::from_hours(24),
            retention: Duration::from_hours(720),
            unreceived_after: Duration::from_mins(15),
            lease: Duration::from_secs(30),
            sweep_max_sleep: Duration::from_secs(30),
            notify_patience: Duration::from_secs(45),
            console: Console::Off,
            streams: false,
        }
    }
}

impl App {
    pub fn new(store: Arc<dyn Store>, bus: Option<Arc<dyn Bus>>, channels: Channels, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        Self {
            store,
            bus,
            subscription: OnceLock::new(),
            channels,
            clock,
            settings,
            ids: Ids::default(),
            in_flight: InFlight::default(),
            outgoing: Outgoing::default(),
            relay_bell: Notify::new(),
            sweep_bell: Notify::new(),
            circuit: Circuit::default(),
            attempts: Places::default(),
            bodies: Arc::new(Semaphore::new(BODIES)),
            held: Arc::new(Semaphore::new(HELD_AT_ONCE as usize)),
            swept: Arc::new(Semaphore::new(SWEPT_AT_ONCE as usize)),
            waiting: Waiting::default(),
            background: TaskTracker::new(),
            draining: AtomicBool::new(false),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn order_id(&self) -> OrderId {
        OrderId(self.ids.next(self.now()))
    }

    pub fn event_id(&self) -> EventId {
        EventId(self.ids.next(self.now()))
    }

    /// One delivery for each channel that the order's news goes over and each recipient there.
    ///
    /// # Errors
    /// When a channel cannot say whom it would tell.
    pub async fn deliveries_for(&self, received: &Received) -> Result<Vec<NewDelivery>, Unreadable> {
        let mut deliveries = Vec::new();
        let Some(news) = News::of(received.event.kind, &received.order) else { return Ok(deliveries) };
        for name in channels_for(&received.order, &self.settings.default_channels) {
            let channel = self.channels.get(name);
            let recipients = match channel {
                Some(channel) => channel.recipients(news, &received.order).await?,
                // The attempt fails and says why, on the timeline, instead of nothing being there.
                None if news.notifies() => vec![String::new()],
                None => vec![],
            };
            for recipient in recipients {
                let endpoint = channel.and_then(|channel| channel.endpoint(&recipient));
                deliveries.push(NewDelivery { id: DeliveryId(self.ids.next(self.now())), channel: name.clone(), recipient, endpoint });
            }
        }
        Ok(deliveries)
    }

    /// By what rules this channel's attempts are settled.
    pub fn rules(&self, channel: &dyn Channel) -> Rules {
        let at_most_once = self.settings.at_most_once.iter().any(|name| name == channel.name());
        let policy = if at_most_once { Policy::AtMostOnce } else { Policy::AtLeastOnce };
        Rules { policy, backoff: channel.backoff(), can_ask: channel.can_ask() }
    }

    /// A place for an event that goes straight to the relay; none while the bus is out, when events are better claimed one
    /// by one.
    pub fn place_in_relay(&self) -> Option<mpsc::OwnedPermit<Event>> {
        if self.circuit.open_until().is_some() { None } else { self.outgoing.reserve() }
    }

    /// What is out of the bus at the moment, for people.
    pub fn bus_outage(&self) -> Option<String> {
        let publishing = self.bus.as_ref().and_then(|bus| bus.outage());
        publishing.or_else(|| self.subscription.get().and_then(|subscription| subscription.outage()))
    }

    /// Does this to its end, even when whoever awaits it goes away, as a handler does whose client hung up.
    pub fn to_its_end<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> ToItsEnd<T> {
        ToItsEnd::new(&self.background, work)
    }

    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Events that wait in memory for the relay; their rows are leased to this process. What finds no place is claimed.
#[derive(Debug, Default)]
pub struct Outgoing(OnceLock<mpsc::Sender<Event>>);

/// Events that may wait in memory.
const OUTGOING: usize = 1024;

impl Outgoing {
    /// The end that the relay takes from; `None` when one is taken already.
    pub fn open(&self) -> Option<mpsc::Receiver<Event>> {
        let (sender, receiver) = mpsc::channel(OUTGOING);
        self.0.set(sender).is_ok().then_some(receiver)
    }

    /// A place for one event, held before it is committed; `None` when there is no relay or no place.
    pub fn reserve(&self) -> Option<mpsc::OwnedPermit<Event>> {
        self.0.get()?.clone().try_reserve_owned().ok()
    }
}

/// A trace for a request that brought none.
pub fn fresh_trace() -> Trace {
    Trace { trace_id: fastrand::u128(1..), span_id: fastrand::u64(1..), flags: 1 }
}

/// The idempotency keys of requests that are under way in this process.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashMap<IdempotencyKey, usize>>);

/// Holds a key's place until it is dropped.
#[derive(Debug)]
pub struct Place<'a> {
    keys: &'a InFlight,
    key: IdempotencyKey,
    /// Whether no other request with this key was under way.
    pub is_first: bool,
}

impl InFlight {
    pub fn enter(&self, key: &IdempotencyKey) -> Place<'_> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = keys.entry(key.clone()).or_insert(0);
        *count += 1;
        Place { keys: self, key: key.clone(), is_first: *count == 1 }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut keys = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = keys.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                keys.remove(&self.key);
            }
        }
    }
}
