//! A port that nothing listens on.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Below the range from which the kernel takes the ports of outgoing connections: between this and the handler's own
/// bind, the many clients of other tests cannot come upon it. The real host binds port 0 and closes it again.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(0..COUNT)));

pub fn free() -> u16 {
    let candidates = std::iter::repeat_with(|| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT).take(COUNT.into());
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.into_iter().find(is_free).expect("there is a free port")
}
