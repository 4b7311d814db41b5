//! Files that settings name: looked at before the process says that it is there.

use super::{AUTHORITIES, ConfigError, FILE, wrong};
use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

/// The file of authorities, if one is named.
pub(super) fn authorities(get: &impl Fn(&str) -> Option<String>) -> Result<Option<PathBuf>, ConfigError> {
    let Some(path) = get(AUTHORITIES).map(PathBuf::from) else { return Ok(None) };
    let pem = fs::read(&path).map_err(|error| wrong(AUTHORITIES, format!("cannot be read: {}: {error}", path.display())))?;
    let mut certificates = CertificateDer::pem_slice_iter(&pem).peekable();
    if certificates.peek().is_none() || certificates.any(|certificate| certificate.is_err()) {
        return Err(wrong(AUTHORITIES, format!("must be a file of PEM certificates, and {} is none", path.display())));
    }
    Ok(Some(path))
}

/// Makes the file that notifications are appended to, if it is not there.
pub(super) fn appendable(path: &Path) -> Result<(), ConfigError> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(wrong(FILE, format!("is not a regular file: {}", path.display())));
    }
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map(drop).map_err(|error| wrong(FILE, format!("cannot be written: {}: {error}", path.display())))
}
