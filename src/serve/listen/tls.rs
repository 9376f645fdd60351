//! HTTPS: with the certificate of a file, or with one that is made on the spot and that browsers do not know.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum Certificate {
    /// Files in PEM: the chain of certificates, and the key.
    Files {
        /// The chain.
        chain: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Made for these names and addresses; it ends with the server.
    Made(Vec<String>),
}

type Parts = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What takes TLS connections.
///
/// # Errors
/// The files cannot be read or do not belong together.
pub fn acceptor(certificate: &Certificate) -> Result<TlsAcceptor, String> {
    let (chain, key) = match certificate {
        Certificate::Files { chain, key } => read(chain, key)?,
        Certificate::Made(names) => made(names)?,
    };
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| format!("the certificate cannot be used with this key: {error}"))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(chain: &Path, key: &Path) -> Result<Parts, String> {
    let wrong =
        |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}; a file in PEM is needed", path.display());
    let certificates = CertificateDer::pem_file_iter(chain).map_err(|error| wrong(chain, &error))?;
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(chain, &error))?;
    if certificates.is_empty() {
        return Err(wrong(chain, &"holds no certificate"));
    }
    Ok((certificates, PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?))
}

fn made(names: &[String]) -> Result<Parts, String> {
    let failed = |error: rcgen::Error| format!("cannot make a certificate: {error}");
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = CertificateParams::new(names).and_then(|params| params.self_signed(&key)).map_err(failed)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| format!("cannot make a key: {error}"))?;
    Ok((vec![certificate.der().clone()], key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_and_wrong_files_are_named() {
        assert!(acceptor(&Certificate::Made(vec!["localhost".into(), "192.168.1.7".into()])).is_ok());
        let folder = tempfile::tempdir().unwrap();
        let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
        let files = Certificate::Files { chain: chain.clone(), key: key.clone() };
        assert!(acceptor(&files).err().unwrap().contains("chain.pem"));
        std::fs::write(&chain, "nothing").unwrap();
        assert!(acceptor(&files).err().unwrap().contains("holds no certificate"));
    }
}
