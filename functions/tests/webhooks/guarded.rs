//! Addresses that only we can reach, and certificates that nobody vouches for.

use super::{near, receiver::Receiver, service};
use orders::{
    channels::webhook::{Reach, Settings},
    domain::delivery::News,
    https,
};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use std::sync::Arc;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

#[tokio::test]
async fn an_address_of_this_machine_is_refused_before_anything_is_connected_to() {
    let public = Settings { reach: Reach::Public, ..near() };
    for host in ["127.0.0.1", "[::1]", "0x7f000001", "[::ffff:127.0.0.1]"] {
        let (service, receiver) = (service(public.clone(), false).await, Receiver::start().await);
        service.register("erp", &format!("https://{host}:{}/", receiver.port), "WEBHOOK_KEY_ONE", &[News::Created]).await;
        let id = service.tell().await;
        let told = service.told(&id).await.pop().unwrap();
        assert_eq!(told["kind"], "delivery.failed", "{host}");
        let reason = told["reason"].as_str().unwrap();
        assert!(reason.contains("has an address that webhooks are not sent to: "), "{host}: {reason}");
        assert_eq!(receiver.connections(), 0, "{host}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_told_and_asked_for_again() {
    let (service, receiver) = (service(Settings { reach: Reach::Public, ..near() }, false).await, Receiver::start().await);
    service.register("erp", &format!("https://localhost:{}/", receiver.port), "WEBHOOK_KEY_ONE", &[News::Created]).await;
    let id = service.tell().await;
    let told = service.told(&id).await.pop().unwrap();
    assert_eq!(told["kind"], "delivery.retrying", "names may lead elsewhere in a while");
    assert!(told["reason"].as_str().unwrap().starts_with("the host has an address that webhooks are not sent to: "), "{told}");
    assert_eq!((receiver.connections(), service.app.store.outages().await.unwrap()), (0, vec![]));
}

#[tokio::test]
async fn outside_development_plain_http_is_refused() {
    let (service, receiver) = (service(Settings { reach: Reach::Public, ..near() }, false).await, Receiver::start().await);
    service.registers(&receiver).await;
    let id = service.tell().await;
    assert_eq!(service.told(&id).await[0]["reason"], "the URL must begin with https://");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn in_development_too_the_clouds_metadata_is_out_of_reach() {
    let service = service(near(), false).await;
    service.register("erp", "http://169.254.169.254/metadata/identity", "WEBHOOK_KEY_ONE", &[News::Created]).await;
    let id = service.tell().await;
    let reason = service.told(&id).await[0]["reason"].clone();
    assert_eq!(reason, "the URL has an address that webhooks are not sent to: 169.254.169.254");
}

#[tokio::test]
async fn a_receiver_is_who_its_certificate_says() {
    let issuer = CertifiedIssuer::self_signed(authority(), KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let receiver = Receiver::with_tls(TlsAcceptor::from(Arc::new(config))).await;
    let trusted = [issuer.der().clone()];
    for (authorities, host, kind) in [
        (&trusted[..], "localhost", "delivery.succeeded"),
        (&trusted, "127.0.0.1", "delivery.retrying"),
        (&[], "localhost", "delivery.retrying"),
    ] {
        let tls = Some(https::tls(authorities).unwrap());
        let service = service(Settings { tls, ..near() }, false).await;
        service.register("erp", &format!("https://{host}:{}/", receiver.port), "WEBHOOK_KEY_ONE", &[News::Created]).await;
        let id = service.tell().await;
        let told = service.told(&id).await.pop().unwrap();
        assert_eq!(told["kind"], kind, "{told}");
        assert!(kind == "delivery.succeeded" || told["reason"].as_str().unwrap().contains("certificate"), "{told}");
    }
    assert_eq!(receiver.requests().len(), 1);
}

fn authority() -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority
}
