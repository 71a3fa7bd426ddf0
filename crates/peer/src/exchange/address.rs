//! Where others are: networks that one party is likely to hold as a whole, and addresses that
//! anybody on the internet can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bits of an IPv6 address that name a network: a customer is given at least so much of it.
const IPV6_NETWORK_BITS: u32 = 64;

/// The party behind an address, as far as the address tells: one IPv4 address, or the /64 of an
/// IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpAddr);

impl Network {
    /// The network that an address belongs to.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                let kept = u128::MAX << (128 - IPV6_NETWORK_BITS);
                Self(Ipv6Addr::from_bits(address.to_bits() & kept).into())
            }
        }
    }
}

/// A block of addresses: its first, and how many leading bits they share.
type Block<Address> = (Address, u32);

/// Blocks of IPv4 addresses that are not of the internet (IANA's special-purpose registry).
const NOT_PUBLIC_V4: [Block<Ipv4Addr>; 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The part of IPv6 that is given out for the internet (RFC 4291), and the blocks within it that
/// are not: protocol assignments, documentation, and what leads to IPv4 addresses by itself.
const PUBLIC_V6: Block<Ipv6Addr> = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const NOT_PUBLIC_V6: [Block<Ipv6Addr>; 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of the internet: not private, loopback, link-local, multicast,
/// reserved or for documentation. An IPv4 address written as IPv6 counts as what it is.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let lies_in = |(first, bits): &Block<Ipv4Addr>| {
                (address.to_bits() ^ first.to_bits()) >> (32 - bits) == 0
            };
            !NOT_PUBLIC_V4.iter().any(lies_in)
        }
        IpAddr::V6(address) => {
            let lies_in = |(first, bits): &Block<Ipv6Addr>| {
                (address.to_bits() ^ first.to_bits()) >> (128 - bits) == 0
            };
            lies_in(&PUBLIC_V6) && !NOT_PUBLIC_V6.iter().any(lies_in)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_of_the_internet_are_told_from_all_others() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001:80b::200e",
            "::ffff:8.8.8.8",
        ];
        for text in public {
            assert!(is_public(address(text)), "{text}");
        }
        let others = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "100::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in others {
            assert!(!is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_ipv4_by_the_address() {
        let of = |text| Network::of(address(text));
        assert_eq!(of("2a00:1:2:3::1"), of("2a00:1:2:3:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2a00:1:2:3::1"), of("2a00:1:2:4::1"));
        assert_ne!(of("1.1.1.1"), of("1.1.1.2"));
        assert_eq!(of("::ffff:1.1.1.1"), of("1.1.1.1"));
    }
}
