//! A certificate authority of one's own (RFC 5280), for the daemon alone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

/// For how long the authority is good.
const AUTHORITY_DAYS: i32 = 3650;

/// An authority and what is kept of it.
pub(super) struct Authority {
    /// In PEM.
    pub(super) certificate: String,
    /// In PEM.
    pub(super) key: Zeroizing<String>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both in PEM.
pub(super) struct Made {
    pub(super) certificate: String,
    pub(super) key: Zeroizing<String>,
}

impl Authority {
    pub(super) fn make() -> Result<Self, rcgen::Error> {
        let params = params();
        let pair = KeyPair::generate()?;
        let certificate = params.self_signed(&pair)?.pem();
        let key = Zeroizing::new(pair.serialize_pem());
        Ok(Self { certificate, key, issuer: Issuer::new(params, pair) })
    }

    /// The authority of these files; what is wrong with them otherwise.
    pub(super) fn load(certificate: &str, key: &Zeroizing<String>) -> Result<Self, String> {
        // What the parser says may quote the key.
        let pair = KeyPair::from_pem(key).map_err(|_| "it is not a private key in PEM".to_owned())?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes());
        let is_of_key = |der: &[u8]| der.windows(pair.public_key_raw().len()).any(|part| part == pair.public_key_raw());
        if !der.is_ok_and(|der| is_of_key(&der)) {
            return Err("ca.crt beside it is not this key's: put the right one back".to_owned());
        }
        // All that a certificate says of its issuer follows from the key and from what is the same for every authority.
        Ok(Self { certificate: certificate.to_owned(), key: key.clone(), issuer: Issuer::new(params(), pair) })
    }

    /// A new key, certified for a server of these names.
    pub(super) fn certify(&self, names: Vec<SanType>, days: i32) -> Result<Made, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.distinguished_name.push(DnType::CommonName, "Ampoule daemon");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        set_validity(&mut params, days);
        let pair = KeyPair::generate()?;
        let certificate = params.signed_by(&pair, &self.issuer)?.pem();
        Ok(Made { certificate, key: Zeroizing::new(pair.serialize_pem()) })
    }
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    // It signs the daemon's certificates and no further authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Ampoule authority");
    set_validity(&mut params, AUTHORITY_DAYS);
    params
}

/// From yesterday, for clients whose clock is slow.
fn set_validity(params: &mut CertificateParams, days: i32) {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let date = |days: i32| {
        let date = today.saturating_add(days.days());
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    (params.not_before, params.not_after) = (date(-1), date(days));
}
