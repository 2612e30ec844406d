//! Which process listens at an address of this machine: `/proc/net/tcp` gives the socket's inode, `/proc/PID/fd` its owner.

use std::fs;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::num::NonZeroI32;

/// State of a listening socket in `/proc/net/tcp` (`TCP_LISTEN`).
const LISTEN: &str = "0A";

/// The process that listens at the first of `HOST:PORT[,…]` that is a loopback address; `None` where there is none or its
/// descriptors cannot be seen.
pub(super) fn owner_of(bootstrap_servers: &str) -> Option<NonZeroI32> {
    let address = resolved(bootstrap_servers).find(|address| address.ip().is_loopback())?;
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, address.port()))
        .collect();
    inodes.iter().find_map(|inode| holder(&format!("socket:[{inode}]")))
}

/// Whether every address is one of this machine's loopback.
pub(super) fn is_loopback(bootstrap_servers: &str) -> bool {
    let mut addresses = resolved(bootstrap_servers).map(|address| address.ip()).peekable();
    addresses.peek().is_some() && addresses.all(|ip: IpAddr| ip.is_loopback())
}

fn resolved(bootstrap_servers: &str) -> impl Iterator<Item = SocketAddr> {
    bootstrap_servers.split(',').filter_map(|address| address.trim().to_socket_addrs().ok()).flatten()
}

/// Inodes of the sockets of one table that listen at `port`. A line's fields: slot, local address (`IP:PORT` in
/// hexadecimal), remote address, state, queues, timer, retransmits, user, time-out, inode.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let port = format!("{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
            (local_port == port && *fields.get(3)? == LISTEN).then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        })
        .collect()
}

fn holder(socket: &str) -> Option<NonZeroI32> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: NonZeroI32 = process.file_name().to_str()?.parse().ok()?;
        let mut descriptors = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        descriptors
            .any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == socket))
            .then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listening_socket_leads_to_this_process() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        assert_eq!(owner_of(&address).map(NonZeroI32::get), i32::try_from(std::process::id()).ok());
        assert!(is_loopback(&address));
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0\n\
            1: 0100007F:2384 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0\n";
        assert_eq!(listening_inodes(table, 9092), ["101"]);
    }
}
