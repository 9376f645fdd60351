//! The names under which the server answers. A page elsewhere can make its own name point to this machine (DNS rebinding); its requests
//! then come with that name.

use std::net::{IpAddr, SocketAddr};

/// The server's own names, without ports.
#[derive(Clone, Debug)]
pub struct Names {
    hosts: Vec<String>,
    port: u16,
    is_secure: bool,
}

impl Names {
    /// Those of a server that listens on `host` (a name or an address).
    pub fn new(host: &str, address: SocketAddr, is_secure: bool) -> Self {
        let mut hosts = vec![host.trim_matches(['[', ']']).to_ascii_lowercase()];
        if address.ip().is_loopback() {
            hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        }
        if let Some(name) = sysinfo::System::host_name().filter(|_| address.ip().is_unspecified()) {
            let name = name.to_ascii_lowercase();
            hosts.extend([format!("{name}.local"), name]);
        }
        Self { hosts, port: address.port(), is_secure }
    }

    /// The port on which the server listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a `Host` is one of them. `local`: the address at which the connection arrived, which no foreign name stands for.
    pub fn is_own(&self, host: &str, local: IpAddr) -> bool {
        let default = if self.is_secure { 443 } else { 80 };
        let Some((name, port)) = split(host, default) else { return false };
        let is_local = || name.parse::<IpAddr>().is_ok_and(|ip| ip == local && !ip.is_unspecified());
        port == self.port && (self.hosts.contains(&name) || is_local())
    }

    /// Whether an `Origin` is the server's own.
    pub fn is_own_origin(&self, origin: &str, local: IpAddr) -> bool {
        let scheme = if self.is_secure { "https://" } else { "http://" };
        origin.strip_prefix(scheme).is_some_and(|host| self.is_own(host, local))
    }
}

/// `Name:PORT`, `[::1]:PORT` or a name alone → the name in lower case, and the port.
fn split(host: &str, default: u16) -> Option<(String, u16)> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, after) = rest.split_once(']')?;
            (name, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.map_or(Some(default), |port| port.parse().ok().filter(|_| digits(port)))?;
    Some((name.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_with_the_own_port_are_accepted() {
        let names = Names::new("127.0.0.1", "127.0.0.1:8000".parse().unwrap(), false);
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        for host in ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000"] {
            assert!(names.is_own(host, local), "{host}");
        }
        for host in [
            "",
            "evil.example:8000",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:8001",
            "localhost.evil.example:8000",
            "[::1",
            "[::1]8000",
            "127.0.0.1:8000:8000",
            "127.0.0.1:+8000",
            "user@127.0.0.1:8000",
            "0.0.0.0:8000",
            "127.0.0.1:8000/",
        ] {
            assert!(!names.is_own(host, local), "{host}");
        }
        assert!(names.is_own_origin("http://localhost:8000", local));
        for origin in
            ["null", "https://localhost:8000", "http://localhost:8001", "http://evil.example", "localhost:8000"]
        {
            assert!(!names.is_own_origin(origin, local), "{origin}");
        }
    }

    #[test]
    fn everywhere_means_the_address_that_was_reached() {
        let names = Names::new("0.0.0.0", "0.0.0.0:443".parse().unwrap(), true);
        let local: IpAddr = "192.168.1.7".parse().unwrap();
        assert!(names.is_own("192.168.1.7", local) && names.is_own_origin("https://192.168.1.7", local));
        assert!(!names.is_own("192.168.1.8", local) && !names.is_own("evil.example", local));
    }
}
