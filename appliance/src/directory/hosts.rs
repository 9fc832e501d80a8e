//! `/etc/hosts` (hosts(5)), read by ourselves: there is no DNS client, and libc's resolver would load libraries into
//! a static executable.

use std::net::IpAddr;

/// More of a hosts file is not read, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// The addresses of a name, in the file's order; an address is its own.
pub fn resolve(name: &str, hosts: &str) -> Vec<IpAddr> {
    if let Ok(address) = name.parse() {
        return vec![address];
    }
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let named = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address: IpAddr = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_hosts_5_describes_them() {
        let hosts = "127.0.0.1 localhost\n# 10.0.0.9 dc1\n10.0.0.1\tDC1.example dc1 # the first\n\
                     fd00::1 dc1\nnonsense dc1\n10.0.0.2 dc10\n";
        let found = |name| resolve(name, hosts).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found("dc1"), ["10.0.0.1", "fd00::1"]);
        assert_eq!(found("dc1.EXAMPLE"), ["10.0.0.1"]);
        assert_eq!(found("dc2"), [""; 0]);
        assert_eq!(found("10.9.8.7"), ["10.9.8.7"]);
        assert_eq!(found("::1"), ["::1"]);
        assert_eq!(found("the"), [""; 0]);
    }
}
