//! Files that settings name: looked at before the process says that it is there.

use super::{AUTHORITIES, ConfigError, FILE, wrong};
use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

/// The authorities to trust besides the web's: those in the file, if one is named.
pub(super) fn authorities(get: &impl Fn(&str) -> Option<String>) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let Some(path) = get(AUTHORITIES).map(PathBuf::from) else { return Ok(vec![]) };
    let pem = fs::read(&path).map_err(|error| wrong(AUTHORITIES, format!("cannot be read: {}: {error}", path.display())))?;
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(wrong(AUTHORITIES, format!("must be a file of PEM certificates, and {} is none", path.display()))),
    }
}

/// Makes the file that notifications are appended to, if it is not there.
pub(super) fn appendable(path: &Path) -> Result<(), ConfigError> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(wrong(FILE, format!("is not a regular file: {}", path.display())));
    }
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map(drop).map_err(|error| wrong(FILE, format!("cannot be written: {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authorities.pem");
        let read = || authorities(&|_: &str| Some(path.display().to_string()));
        let said = read().unwrap_err().to_string();
        assert!(said.starts_with(&format!("SSL_CERT_FILE cannot be read: {}: ", path.display())), "{said}");
        fs::write(&path, "these are none").unwrap();
        let said = read().unwrap_err().to_string();
        assert_eq!(said, format!("SSL_CERT_FILE must be a file of PEM certificates, and {} is none", path.display()));
        assert!(authorities(&|_: &str| None).unwrap().is_empty());
    }
}
