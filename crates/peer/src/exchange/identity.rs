//! A peer's identity on the network is its hot key: the Ed25519 key of its TLS certificate, of its
//! signed messages and of its entry on the ledger are one and the same.
//!
//! Certificates are self-signed and carry nothing but the key: who holds the key proves it in the
//! TLS 1.3 handshake (`CertificateVerify`, checked by the verifiers below), and what the key may do
//! stands on the ledger. So there are no authorities, names or expiry dates to check; TLS 1.2,
//! resumption and early data are off, because each would let a connection exist without that proof.

use muster_ledger::crypto::{PublicKey, SecretKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme, client, server, version,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Object identifier of Ed25519 in certificates (RFC 8410).
const ED25519: &str = "1.3.101.112";
/// Largest certificate that is parsed; ours have about 300 bytes.
const CERTIFICATE_BYTES_MAX: usize = 4096;

/// Why an identity could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate could not be made from the key.
    #[error("cannot make a certificate for the hot key: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS refused the certificate or key.
    #[error("TLS does not accept the hot key's certificate: {0}")]
    Tls(#[from] Error),
}

/// A hot key with its certificate.
pub struct Identity {
    secret: SecretKey,
    public: PublicKey,
    certificate: CertificateDer<'static>,
    pkcs8: Zeroizing<Vec<u8>>,
    provider: Arc<CryptoProvider>,
}

impl Identity {
    /// Makes the certificate for the key of `seed`.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`] if the certificate cannot be made.
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, IdentityError> {
        let seed = Zeroizing::new(seed);
        let secret = SecretKey::from_seed(*seed);
        // PKCS #8 of an Ed25519 key (RFC 8410, section 7): a fixed prefix and the seed.
        let mut pkcs8 = Zeroizing::new(vec![
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ]);
        pkcs8.extend_from_slice(seed.as_slice());
        let pair = rcgen::KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()))?;
        let certificate = rcgen::CertificateParams::default().self_signed(&pair)?.der().clone();
        let provider = CryptoProvider {
            cipher_suites: ring::ALL_CIPHER_SUITES
                .iter()
                .copied()
                .filter(|suite| suite.tls13().is_some())
                .collect(),
            ..ring::default_provider()
        };
        Ok(Self {
            public: secret.public(),
            secret,
            certificate,
            pkcs8,
            provider: Arc::new(provider),
        })
    }

    /// The hot key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The hot key's secret half.
    #[must_use]
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.pkcs8.to_vec()).into()
    }

    /// TLS for calls to the peer with key `expected`; any other key fails the handshake.
    ///
    /// # Errors
    /// [`IdentityError::Tls`] if rustls refuses the key.
    pub fn client_config(&self, expected: PublicKey) -> Result<ClientConfig, IdentityError> {
        let verifier =
            Arc::new(HotKeyVerifier { expected: Some(expected), provider: self.provider.clone() });
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(vec![self.certificate.clone()], self.private_key())?;
        config.resumption = client::Resumption::disabled();
        config.enable_sni = false;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// TLS for answering: every caller must prove that it holds the Ed25519 key that it shows.
    ///
    /// # Errors
    /// [`IdentityError::Tls`] if rustls refuses the key.
    pub fn server_config(&self) -> Result<ServerConfig, IdentityError> {
        let verifier = Arc::new(HotKeyVerifier { expected: None, provider: self.provider.clone() });
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate.clone()], self.private_key())?;
        config.session_storage = Arc::new(server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

/// The Ed25519 key in a certificate.
///
/// # Errors
/// [`Error`] if it is no X.509 certificate of an Ed25519 key, or of one that needs no secret.
pub fn key_of(certificate: &CertificateDer<'_>) -> Result<PublicKey, Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadEncoding);
    if certificate.len() > CERTIFICATE_BYTES_MAX {
        return Err(bad());
    }
    let (rest, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| bad())?;
    let info = parsed.public_key();
    let key = info.subject_public_key.data.as_ref();
    if !rest.is_empty() || info.algorithm.algorithm.to_id_string() != ED25519 {
        return Err(bad());
    }
    let key = PublicKey(key.try_into().map_err(|_| bad())?);
    if key.is_valid() { Ok(key) } else { Err(bad()) }
}

/// Accepts exactly one certificate of an Ed25519 key, the expected one where one is expected, and
/// has the handshake's signature checked against it.
#[derive(Debug)]
struct HotKeyVerifier {
    expected: Option<PublicKey>,
    provider: Arc<CryptoProvider>,
}

impl HotKeyVerifier {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        if !intermediates.is_empty() {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        }
        let key = key_of(certificate)?;
        if self.expected.is_some_and(|expected| expected != key) {
            return Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ));
        }
        Ok(())
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }
}

/// TLS 1.2 is never negotiated.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled))
}

impl ServerCertVerifier for HotKeyVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(certificate, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for HotKeyVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(certificate, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of a key of small order: for it anybody could finish the handshake.
    #[test]
    fn a_certificate_of_a_key_without_a_secret_is_refused() {
        let identity = Identity::from_seed([7; 32]).expect("a certificate");
        assert_eq!(key_of(&identity.certificate), Ok(identity.public()));
        let bytes = identity.certificate.to_vec();
        let at = bytes.windows(32).position(|window| *window == identity.public().0);
        let at = at.expect("the key is in its certificate");
        for weak in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            let mut forged = bytes.clone();
            forged[at..at + 32].copy_from_slice(&weak);
            assert!(key_of(&CertificateDer::from(forged)).is_err(), "{weak:?}");
        }
    }
}
