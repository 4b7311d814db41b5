//! `orders keys new`: makes an API key.

use crate::keys;
use anyhow::Context;

/// Prints an entry for `ORDERS_KEYS`.
#[expect(clippy::print_stdout, reason = "the key is the command's output")]
pub fn generate(name: &str) -> anyhow::Result<()> {
    let entry = format!("{name}={}", keys::generate().context("the system gives no random numbers")?);
    keys::Keys::parse(&entry).context("this name cannot be used")?;
    println!("{entry}");
    Ok(())
}
