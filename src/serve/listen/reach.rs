//! Where other machines find this one.

use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Addresses of examples, which lie in no network (RFC 5737, RFC 3849): the way there begins as the way to any other machine.
const ELSEWHERE: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// The address under which other machines of the network reach this one; `None` without a network. Phones and headsets reach it more surely
/// than the machine's name. A socket is made for it, and no packet is sent.
pub fn own_address() -> Option<IpAddr> {
    let own = |(any, far): (&str, &str)| {
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(far).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
    };
    ELSEWHERE.into_iter().find_map(own)
}

/// Name or address, and port, for a link to a server that was told to listen on `host` and does on `socket`.
pub fn reached_at(host: &str, socket: SocketAddr, own: Option<IpAddr>) -> String {
    let port = socket.port();
    match (socket.ip(), own) {
        // An IPv4 server is not reached at an IPv6 address.
        (ip, Some(own)) if ip.is_unspecified() && (ip.is_ipv6() || own.is_ipv4()) => {
            SocketAddr::new(own, port).to_string()
        }
        (ip, _) if ip.is_unspecified() => {
            let name = sysinfo::System::host_name().unwrap_or_else(|| "localhost".into());
            format!("{}:{port}", name.to_ascii_lowercase())
        }
        (ip, _) if ip.is_loopback() || host.contains(':') => socket.to_string(),
        _ => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_where_others_reach_the_server() {
        let own = Some("192.168.1.7".parse().unwrap());
        let of = |host: &str, socket: &str, own| reached_at(host, socket.parse().unwrap(), own);
        assert_eq!(of("0.0.0.0", "0.0.0.0:8443", own), "192.168.1.7:8443");
        assert_eq!(of("::", "[::]:8443", own), "192.168.1.7:8443");
        assert_eq!(of("::", "[::]:8443", Some("fd00::7".parse().unwrap())), "[fd00::7]:8443");
        assert!(of("0.0.0.0", "0.0.0.0:8443", None).ends_with(":8443"));
        assert!(!of("0.0.0.0", "0.0.0.0:8443", Some("fd00::7".parse().unwrap())).contains("fd00"));
        assert_eq!(of("127.0.0.1", "127.0.0.1:80", own), "127.0.0.1:80");
        assert_eq!(of("::1", "[::1]:80", own), "[::1]:80");
        assert_eq!(of("workstation.local", "192.168.1.7:80", own), "workstation.local:80");
    }

    #[test]
    fn the_own_address_is_one_that_others_can_use() {
        if let Some(ip) = own_address() {
            assert!(!ip.is_loopback() && !ip.is_unspecified());
        }
    }
}
