//! The address: could the appliance listen there? Bound for a moment, but not listened on, so nobody can connect.

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use super::store::Usage;
use super::{Code, Outcome};
use crate::config::Config;

pub(super) fn check(config: &Config, usage: &Usage) -> Outcome {
    let Some(address) = config.listen.socket() else {
        return Outcome::skipped("listen.address is not an address");
    };
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let bound = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).and_then(|socket| {
        // As the listener will have it: connections that have just ended do not count.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)
    });
    let mut outcome = Outcome::new();
    match bound {
        Ok(()) => outcome.find(format!("{address} is free")),
        Err(rustix::io::Errno::ADDRINUSE) if *usage == Usage::Served => {
            outcome.find(format!("{address} is in use, as it should be while the appliance is served"));
        }
        Err(error) => {
            let advice = match error {
                rustix::io::Errno::ADDRINUSE => {
                    "end what listens there (`ss -ltnp` names it), or change listen.address"
                }
                rustix::io::Errno::ADDRNOTAVAIL => {
                    "give listen.address an address of this machine, or 0.0.0.0"
                }
                rustix::io::Errno::ACCESS => "ports below 1024 need a right: choose one above, such as 8443",
                _ => "correct listen.address",
            };
            outcome.fail(Code::Failure, format!("{address}: {error}"), advice);
        }
    }
    outcome
}
