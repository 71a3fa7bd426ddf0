//! Who asks, as far as limits tell one from another.
//!
//! An IPv4 address is one asker. Whoever has one IPv6 address has 2^64 of them, so that a /64 is
//! one. Behind a reverse proxy everybody comes from the proxy's address: a node that is told of
//! the proxy takes the address that the proxy wrote into `X-Forwarded-For`.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

/// The header into which a proxy writes whom it answers.
const FORWARDED: &str = "x-forwarded-for";

/// One asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// This machine, or a proxy in front of it: no limits but those for all together.
    Local,
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address.
    V6(u64),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        // An IPv4 address that came in over an IPv6 socket is that IPv4 address.
        match address.to_canonical() {
            address if address.is_loopback() => Self::Local,
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl Source {
    /// Who asks, as it was noted where the connection came in; what came over none is this
    /// machine's own.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::Local)
    }
}

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The reverse proxies that this node is told of.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpAddr>);

impl Proxies {
    /// These proxies.
    #[must_use]
    pub fn new(addresses: &[IpAddr]) -> Self {
        Self(addresses.iter().map(IpAddr::to_canonical).collect())
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Who holds a connection from this address.
    #[must_use]
    pub fn holder(&self, address: IpAddr) -> Source {
        if self.has(address) { Source::Local } else { address.into() }
    }

    /// Who asks over a connection from this address: of what a proxy forwarded, the last address
    /// that is not a proxy's own. What stands before it was written by whoever asked, and is
    /// believed no more than anything else that strangers write.
    #[must_use]
    pub fn asker(&self, address: IpAddr, headers: &HeaderMap) -> Source {
        if !self.has(address) {
            return address.into();
        }
        let written = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = written.flat_map(|value| value.split(',')).map(str::trim).collect();
        for hop in hops.into_iter().rev() {
            match hop.parse::<IpAddr>() {
                Ok(hop) if self.has(hop) => {}
                Ok(hop) => return hop.into(),
                Err(_) => break,
            }
        }
        Source::Local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_asker_is_an_ipv4_address_or_the_first_half_of_an_ipv6_one() {
        let of = |text: &str| Source::from(address(text));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(of(local), Source::Local, "{local}");
        }
    }

    #[test]
    fn a_header_counts_only_where_a_proxy_wrote_it() {
        let forwarded = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED, value.parse().expect("a value"));
            }
            headers
        };
        let proxies = Proxies::new(&[address("127.0.0.1"), address("10.0.0.9")]);
        let stranger = Source::from(address("192.0.2.1"));
        // What a stranger writes before the proxy's own word counts for nothing.
        for values in [
            &["192.0.2.1"][..],
            &["198.51.100.7, 192.0.2.1"],
            &["198.51.100.7", "192.0.2.1"],
            &["192.0.2.1, 10.0.0.9"],
            &["rubbish, 192.0.2.1"],
        ] {
            let asker = proxies.asker(address("127.0.0.1"), &forwarded(values));
            assert_eq!(asker, stranger, "{values:?}");
        }
        for values in [&[][..], &["rubbish"], &["192.0.2.1, rubbish"]] {
            let asker = proxies.asker(address("10.0.0.9"), &forwarded(values));
            assert_eq!(asker, Source::Local, "{values:?}");
        }
        let liar = proxies.asker(address("198.51.100.7"), &forwarded(&["192.0.2.1"]));
        assert_eq!(liar, address("198.51.100.7").into());
        let none = Proxies::default();
        assert_eq!(none.asker(address("127.0.0.1"), &forwarded(&["192.0.2.1"])), Source::Local);
    }
}
