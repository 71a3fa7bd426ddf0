//! The certificate and key with which a public API is served over TLS.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;

/// Where certificate and key are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, and those between it and its authority's, in this order.
    pub certificate: PathBuf,
    /// Its key; not readable by everybody.
    pub key: PathBuf,
}

/// Why TLS cannot be served, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used.
    #[error("the file {path} of [tls] in node.toml cannot be used: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The two do not belong together, or are of a kind that is not known.
    #[error("the certificate {certificate} cannot be served with the key {key}: {reason}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        reason: rustls::Error,
    },
}

impl TlsFiles {
    /// Reads and checks both.
    ///
    /// # Errors
    /// [`TlsError`], before anything is served.
    pub fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let fault = |path: &Path, reason: String| TlsError::File { path: path.into(), reason };
        let certificates = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| fault(&self.certificate, error.to_string()))?;
        if certificates.is_empty() {
            let reason = "it holds no certificate: give one in PEM, which begins with \
                          -----BEGIN CERTIFICATE-----";
            return Err(fault(&self.certificate, reason.into()));
        }
        let mode = fs::metadata(&self.key).map_err(|error| fault(&self.key, error.to_string()))?;
        if mode.permissions().mode() & 0o007 != 0 {
            let reason = format!("everybody can read it: run chmod 600 {}", self.key.display());
            return Err(fault(&self.key, reason));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            fault(&self.key, format!("it holds no private key in PEM ({error})"))
        })?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(|reason| TlsError::Pair {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
                reason,
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
