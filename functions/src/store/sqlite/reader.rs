//! Reading single orders: all that are asked for at one moment are read by one statement.

use super::{
    super::{Result, StoreError},
    bulk::Around,
    connect::{self, fault, stored},
};
use crate::domain::{id::OrderId, order::Stored};
use futures_util::FutureExt;
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

const QUEUE: usize = 4096;
const DEADLINE: Duration = Duration::from_secs(10);
/// Sizes of statement; a smaller number of ids is filled up with its last one.
const SIZES: [usize; 5] = [1, 4, 16, 32, 64];

type Asked = (OrderId, oneshot::Sender<Result<Option<Stored>>>);

#[derive(Debug)]
pub(super) struct Reader {
    asked: mpsc::Sender<Asked>,
}

impl Reader {
    pub(super) fn start(path: &Path) -> Self {
        let (asked, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(work(path.to_owned(), waiting));
        Self { asked }
    }

    pub(super) async fn order(&self, id: OrderId) -> Result<Option<Stored>> {
        let (reply, answer) = oneshot::channel();
        self.asked.try_send((id, reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Full,
            mpsc::error::TrySendError::Closed(_) => StoreError::Unavailable("the reader could not go on".into()),
        })?;
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(StoreError::Unavailable("the reader could not go on".into())),
            Err(_) => Err(StoreError::Deadline),
        }
    }
}

/// Goes on whatever happens: a panic fails those who wait at that moment, and not all who come after them.
async fn work(path: PathBuf, mut waiting: mpsc::Receiver<Asked>) {
    while AssertUnwindSafe(serve(&path, &mut waiting)).catch_unwind().await.is_err() {
        tracing::error!("the reader panicked and goes on with a fresh connection");
    }
}

async fn serve(path: &Path, waiting: &mut mpsc::Receiver<Asked>) {
    const ORDERS: Around = ("SELECT id, version, document FROM orders WHERE id IN (", "?", ")");
    let texts = SIZES.map(|size| -> Arc<str> { format!("{} {}{}", ORDERS.0, vec![ORDERS.1; size].join(", "), ORDERS.2).into() });
    let mut connection: Option<SqliteConnection> = None;
    let mut asked: Vec<Asked> = Vec::new();
    while waiting.recv_many(&mut asked, SIZES[SIZES.len() - 1]).await > 0 {
        match read(path, &mut connection, &texts, &asked).await {
            Ok(found) => {
                for (id, reply) in asked.drain(..) {
                    // A client that has gone leaves nobody to answer; two may ask for one order.
                    drop(reply.send(Ok(found.get(&id).cloned())));
                }
            }
            Err(error) => {
                connection = None;
                for (_, reply) in asked.drain(..) {
                    drop(reply.send(Err(error.clone())));
                }
            }
        }
    }
}

async fn read(
    path: &Path,
    connection: &mut Option<SqliteConnection>,
    texts: &[Arc<str>],
    asked: &[Asked],
) -> Result<HashMap<OrderId, Stored>> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(connect::reader(path).await?),
    };
    let size = SIZES.iter().position(|size| *size >= asked.len()).unwrap_or(SIZES.len() - 1);
    let mut query = sqlx::query(AssertSqlSafe(Arc::clone(&texts[size])));
    for index in 0..SIZES[size] {
        let (id, _) = &asked[index.min(asked.len() - 1)];
        query = query.bind(id.0.as_bytes().as_slice());
    }
    let rows = query.fetch_all(open).await.map_err(|error| fault(&error))?;
    rows.iter().map(|row| stored(row).map(|stored| (stored.id, stored))).collect()
}
