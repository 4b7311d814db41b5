//! A folder as it is deployed: host.json, the binary and the function folders side by side.

use serde_json::Value;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

#[derive(Debug)]
pub struct Stage(TempDir);

impl Stage {
    /// This application, as it is in the checkout: its host.json, its functions, the binary under test.
    pub fn app() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let stage = Self::empty(&read(&root.join("host.json")));
        for entry in fs::read_dir(root.join("functions")).unwrap() {
            let path = entry.unwrap().path();
            if path.join("function.json").exists() {
                stage.add_function(path.file_name().unwrap().to_str().unwrap(), &read(&path.join("function.json")));
            }
        }
        let name =
            read(&stage.path().join("host.json"))["customHandler"]["description"]["defaultExecutablePath"].as_str().unwrap().to_owned();
        symlink(env!("CARGO_BIN_EXE_orders"), stage.path().join(name)).unwrap();
        stage
    }

    pub fn empty(host_json: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("host.json"), host_json.to_string()).unwrap();
        Self(folder)
    }

    pub fn add_function(&self, name: &str, function_json: &Value) {
        let folder = self.0.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("function.json"), function_json.to_string()).unwrap();
    }

    #[must_use]
    pub fn with_function(self, name: &str, function_json: &Value) -> Self {
        self.add_function(name, function_json);
        self
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
