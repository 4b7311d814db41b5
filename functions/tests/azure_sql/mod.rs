//! How the store behaves towards a SQL Server: towards a scripted one, and what that server is told.

mod connecting;
mod failing;
mod lost_answers;
mod round_trips;
mod secrets;

use crate::support::{
    Service,
    client::order,
    sql_server,
    tds::{Cell, Column, Peer, Reply, Request, Set, Welcome},
};
use orders::{
    domain::{event::Event, new_order::NewOrder, node::Node, order::Order, timestamp::Timestamp},
    store::{self, Addition, Database, SCHEMA_WANTED, Store, azure_sql::Server},
};
use std::{sync::Arc, time::Duration};

/// Long enough for a busy machine, short enough to be waited for.
const DEADLINE: Duration = Duration::from_secs(3);

fn now() -> Timestamp {
    Timestamp::from_millis(crate::support::START)
}

fn login_any(_: &crate::support::tds::Login, _: usize) -> Welcome {
    Welcome::Accept
}

/// The question after the schema, which each new connection asks; everything else goes to `otherwise`.
fn with_schema(otherwise: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> impl Fn(&Request, usize) -> Reply + Send + Sync + 'static {
    move |request, _| {
        if request.sql.contains("MAX(version)") {
            Reply::Sets(vec![Set(vec![Column::BigInt], vec![vec![Cell::BigInt(SCHEMA_WANTED)]])])
        } else {
            otherwise(request)
        }
    }
}

/// Requests other than the one after the schema.
fn asked(peer: &Peer) -> Vec<Request> {
    peer.look(|seen| seen.requests.iter().filter(|request| !request.sql.contains("MAX(version)")).cloned().collect())
}

/// What `ADD` says of an order that it stored.
fn stored() -> Reply {
    Reply::Sets(vec![Set(vec![Column::Binary, Column::Text], vec![vec![Cell::Null, Cell::Null]])])
}

fn server(peer: &Peer) -> Server {
    let text = format!("{};User Id=orders;Password=pa55-w0rd", peer.connection_string());
    Server { deadline: DEADLINE, ..sql_server::server(&text) }
}

fn open(server: Server) -> Arc<dyn Store> {
    store::open(&Database::AzureSql(Box::new(server)))
}

async fn addition() -> Addition {
    let service = Service::start().await;
    let text = order().to_string();
    let new = NewOrder::parse(&Node::parse(&text).unwrap(), &["recorder"]).unwrap();
    let order = Order::place(new, service.app.order_id());
    let event = Event::created(&order, service.app.event_id(), None);
    Addition { order, event, lease_until: None, record: None }
}
