//! The name of whom a certificate is: from a certificate that an accepted authority has signed, and from no other.

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, FromDer as _, Oid, Tag, Utf8String, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::Fault;
use crate::config;

/// `userPrincipalName` in a subject alternative name ([MS-WCCE] 2.2.2.7.7.4).
const UPN: Oid<'static> = oid!(1.3.6.1.4.1.311.20.2.3);
/// `UID` in a distinguished name (RFC 4519 section 2.39).
const UID: Oid<'static> = oid!(0.9.2342.19200300.100.1.1);
/// The longest serial number that RFC 5280 allows, in hex.
const SERIAL_DIGITS: usize = 40;

/// Whom a good certificate names.
#[derive(Debug, PartialEq, Eq)]
pub struct Subject {
    /// The user name.
    pub name: String,
    /// The certificate's serial number in hex, by which its authority's lists call it.
    pub serial: String,
}

/// `domain`: taken off the name, which must be of it; empty = the name is taken whole.
pub(super) fn of(
    certificate: &CertificateDer<'_>,
    part: config::Subject,
    domain: &str,
) -> Result<Subject, Fault> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| Fault::Unreadable)?;
    let mut names = names(&certificate, part).into_iter();
    let name = match (names.next(), names.next()) {
        (None, _) => return Err(Fault::NoName),
        (Some(_), Some(_)) => return Err(Fault::SeveralNames),
        (Some(name), None) => without_domain(&name, domain).ok_or(Fault::OtherDomain)?.to_owned(),
    };
    if name.is_empty() {
        return Err(Fault::NoName);
    }
    let serial = data_encoding::HEXLOWER.encode(certificate.raw_serial());
    Ok(Subject { name, serial: serial.chars().take(SERIAL_DIGITS).collect() })
}

fn names(certificate: &X509Certificate<'_>, part: config::Subject) -> Vec<String> {
    let attribute = |oid: &Oid<'_>| {
        let values = certificate.subject().iter_by_oid(oid).filter_map(|value| value.as_str().ok());
        values.map(str::to_owned).collect()
    };
    let alternative = |wanted: fn(&GeneralName<'_>) -> Option<String>| {
        let extension = certificate.subject_alternative_name().ok().flatten();
        let names = extension.map(|extension| &extension.value.general_names).into_iter().flatten();
        names.filter_map(wanted).collect()
    };
    match part {
        config::Subject::Cn => attribute(&x509_parser::oid_registry::OID_X509_COMMON_NAME),
        config::Subject::Uid => attribute(&UID),
        config::Subject::Email => alternative(|name| match name {
            GeneralName::RFC822Name(address) => Some((*address).to_owned()),
            _ => None,
        }),
        config::Subject::Upn => alternative(|name| match name {
            GeneralName::OtherName(kind, value) if *kind == UPN => principal(value),
            _ => None,
        }),
    }
}

/// `[0] EXPLICIT UTF8String`, to the last byte.
fn principal(value: &[u8]) -> Option<String> {
    let (rest, wrapper) = Any::from_der(value).ok()?;
    let (inner_rest, name) = Utf8String::from_der(wrapper.data).ok()?;
    (rest.is_empty() && inner_rest.is_empty() && wrapper.tag() == Tag(0)).then(|| name.string())
}

fn without_domain<'a>(name: &'a str, domain: &str) -> Option<&'a str> {
    if domain.is_empty() {
        return Some(name);
    }
    let (name, of) = name.rsplit_once('@')?;
    of.eq_ignore_ascii_case(domain).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_domain_loses_it_and_no_other_is_taken() {
        for (name, domain, expected) in [
            ("1234567890@mil", "mil", Some("1234567890")),
            ("1234567890@MIL", "mil", Some("1234567890")),
            ("a@b@mil", "mil", Some("a@b")),
            ("1234567890@mil.example", "mil", None),
            ("1234567890@xmil", "mil", None),
            ("1234567890", "mil", None),
            ("1234567890@mil", "", Some("1234567890@mil")),
        ] {
            assert_eq!(without_domain(name, domain), expected, "{name} {domain}");
        }
    }

    #[test]
    fn a_principal_name_is_a_wrapped_text_and_nothing_more() {
        assert_eq!(principal(b"\xa0\x07\x0c\x05a@mil"), Some("a@mil".to_owned()));
        for wrong in [
            &b""[..],
            b"\xa0\x07",
            b"\x0c\x05a@mil",
            b"\xa0\x07\x0c\x05a@mil\x00",
            b"\xa0\x08\x0c\x05a@mil\x00",
            b"\xa0\x07\x16\x05a@mil",
            b"\xa0\x04\x0c\x02\xff\xfe",
            b"\xa1\x07\x0c\x05a@mil",
        ] {
            assert_eq!(principal(wrong), None, "{wrong:?}");
        }
    }
}
