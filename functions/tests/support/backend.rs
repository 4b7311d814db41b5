//! What a promise of the store is asked of.

use super::Service;
use orders::{
    app::Settings,
    store::{self, Database, Store},
};
use std::sync::Arc;
use tempfile::TempDir;

#[derive(Clone)]
pub struct Backend {
    database: Database,
    folder: Arc<TempDir>,
}

impl Backend {
    /// A SQLite file of its own, not made yet.
    pub fn sqlite() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self { database: Database::Sqlite(folder.path().join("orders.sqlite")), folder }
    }

    pub fn of(database: Database) -> Self {
        Self { database, folder: Arc::new(tempfile::tempdir().unwrap()) }
    }

    /// Another process's view of the same database, as it were.
    pub fn store(&self) -> Arc<dyn Store> {
        store::open(&self.database)
    }

    /// A service on it, with the schema up to date.
    pub async fn service(&self) -> Service {
        let settings = Settings { default_channels: vec!["recorder".into()], ..Settings::default() };
        Service::on_store(self.store(), Arc::clone(&self.folder), settings).await
    }

    /// A database that is there and has no schema.
    pub fn make_empty(&self) {
        if let Database::Sqlite(path) = &self.database {
            std::fs::File::create(path).unwrap();
        }
    }
}
