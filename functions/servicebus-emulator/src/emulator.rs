//! Starting and stopping.

use crate::{
    admin::{self, Counts},
    broker::{Address, Broker},
    clock::{Clock, SystemClock},
    config::Config,
    faults::Faults,
    journal::{Journal, JournalError},
    listen,
    server::Server,
    transport::{Tls, TlsError},
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinSet, time};

/// How long connections may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Port 0 is any free one. `None` is not to listen.
///
/// Every AMQP port takes plain AMQP, TLS (where there is a certificate) and AMQP over WebSocket: the first byte tells. There
/// are three addresses because clients have three default ports.
#[derive(Debug, Clone)]
pub struct Options {
    pub config: Config,
    pub amqp: Option<SocketAddr>,
    pub amqp_tls: Option<SocketAddr>,
    pub websocket: Option<SocketAddr>,
    /// The ATOM API over HTTP, and over HTTPS where there is a certificate.
    pub admin: Option<SocketAddr>,
    pub admin_tls: Option<SocketAddr>,
    /// None is to make one if `amqp_tls` or `admin_tls` needs it.
    pub certificate: Option<Certificate>,
    /// A folder in which messages outlive the process; none is to keep them in memory only.
    pub data: Option<PathBuf>,
    pub clock: Arc<dyn Clock>,
    pub faults: Faults,
    /// A connection on which nothing arrives for so long is closed. At most 49 days.
    pub idle_time_out: Duration,
}

#[derive(Debug, Clone)]
pub enum Certificate {
    /// For the loopback and for more DNS names or addresses, by an authority that lives as long as the process.
    Generated { names: Vec<String> },
    /// Certificates, the server's own first, and its private key, in PEM form.
    Pem { certificates: String, key: String },
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: Config::default(),
            amqp: Some((Ipv4Addr::LOCALHOST, 5672).into()),
            amqp_tls: None,
            websocket: None,
            admin: Some((Ipv4Addr::LOCALHOST, 5300).into()),
            admin_tls: None,
            certificate: None,
            data: None,
            clock: Arc::new(SystemClock),
            faults: Faults::default(),
            idle_time_out: Duration::from_mins(4),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{address} can't be listened on: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Certificate(#[from] TlsError),
    #[error(transparent)]
    Data(#[from] JournalError),
}

/// Runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Emulator {
    broker: Arc<Broker>,
    faults: Faults,
    amqp: Option<SocketAddr>,
    amqp_tls: Option<SocketAddr>,
    websocket: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    admin_tls: Option<SocketAddr>,
    authority: Option<String>,
    tasks: JoinSet<()>,
}

/// Listens when it returns.
pub async fn start(options: Options) -> Result<Emulator, StartError> {
    let tls = certificate(&options)?;
    let broker = Arc::new(Broker::new(options.config, options.clock));
    if let Some(folder) = &options.data {
        let (journal, records) = Journal::open(folder)?;
        broker.keep(journal, records);
    }
    let server = Server { broker: broker.clone(), faults: options.faults.clone(), idle_time_out: options.idle_time_out };
    let server = Arc::new(server);
    let mut tasks = JoinSet::new();
    let mut bound = [None; 3];
    for (address, bound) in [options.amqp, options.amqp_tls, options.websocket].into_iter().zip(&mut bound) {
        let Some(address) = address else { continue };
        let (listener, address) = bind(address).await?;
        options.faults.port_added();
        tasks.spawn(listen::run(listener, address, tls.clone(), server.clone()));
        *bound = Some(address);
    }
    let mut admin = [None; 2];
    for (address, bound) in [options.admin, options.admin_tls].into_iter().zip(&mut admin) {
        let Some(address) = address else { continue };
        let (listener, address) = bind(address).await?;
        tasks.spawn(admin::serve(listener, tls.clone(), broker.clone()));
        *bound = Some(address);
    }
    let ticking = broker.clone();
    tasks.spawn(async move { ticking.run().await });
    let [amqp, amqp_tls, websocket] = bound;
    let [admin, admin_tls] = admin;
    let authority = tls.and_then(|tls| tls.authority().map(str::to_owned));
    Ok(Emulator { broker, faults: options.faults, amqp, amqp_tls, websocket, admin, admin_tls, authority, tasks })
}

fn certificate(options: &Options) -> Result<Option<Tls>, TlsError> {
    let now = options.clock.now();
    match &options.certificate {
        Some(Certificate::Pem { certificates, key }) => Tls::from_pem(certificates, key).map(Some),
        Some(Certificate::Generated { names }) => Tls::generate(names, now).map(Some),
        None if options.amqp_tls.is_some() || options.admin_tls.is_some() => Tls::generate(&[], now).map(Some),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let fault = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}

impl Emulator {
    pub fn amqp_address(&self) -> Option<SocketAddr> {
        self.amqp
    }

    pub fn amqp_tls_address(&self) -> Option<SocketAddr> {
        self.amqp_tls
    }

    pub fn websocket_address(&self) -> Option<SocketAddr> {
        self.websocket
    }

    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    pub fn admin_tls_address(&self) -> Option<SocketAddr> {
        self.admin_tls
    }

    /// The certificate of the authority that was made, in PEM form: what clients have to trust.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// As Microsoft's emulator has it, with the port. Empty if there is no AMQP listener.
    pub fn connection_string(&self) -> String {
        self.amqp.map_or_else(String::new, |address| {
            format!(
                "Endpoint=sb://{address};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
            )
        })
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.broker.clock
    }

    /// Of a queue, a topic or a subscription (`topic/Subscriptions/name`).
    pub fn counts(&self, entity: &str) -> Option<Counts> {
        self.broker.counts(&Address::parse(entity))
    }

    /// Connections are dropped. When it returns, the ports are free, and what was to be kept is on disk.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        // Connections were told to end with the tasks that had accepted them; the last one closes the journal.
        let ended = async {
            while Arc::strong_count(&self.broker) > 1 {
                tokio::task::yield_now().await;
            }
        };
        if time::timeout(FAREWELL, ended).await.is_err() {
            tracing::warn!("Connections are still there after the stop");
        }
    }
}
