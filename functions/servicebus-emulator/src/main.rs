//! The emulator as a process of its own.

use servicebus_emulator::{Certificate, Options, config::Config, start};
use std::{
    io::{self, Write},
    net::Ipv4Addr,
    process::ExitCode,
};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "servicebus-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options::default();
    let (mut certificate, mut key) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--port" => {
                let port: u16 = value()?.parse().map_err(|_| "--port is a number from 0 to 65535")?;
                options.amqp = options.amqp.map(|mut address| {
                    address.set_port(port);
                    address
                });
            }
            "--data" => options.data = Some(value()?.into()),
            "--tls-port" => {
                let port: u16 = value()?.parse().map_err(|_| "--tls-port is a number from 0 to 65535")?;
                options.amqp_tls = Some((Ipv4Addr::LOCALHOST, port).into());
            }
            "--certificate" => certificate = Some(read(&value()?)?),
            "--key" => key = Some(read(&value()?)?),
            "--config" => {
                let path = value()?;
                options.config = Config::parse(&read(&path)?).map_err(|error| format!("{path}: {error}"))?;
            }
            "--admin-port" => {
                let port: u16 = value()?.parse().map_err(|_| "--admin-port is a number from 0 to 65535")?;
                options.admin = Some((Ipv4Addr::LOCALHOST, port).into());
            }
            other => return Err(format!("{other} is unknown").into()),
        }
    }
    options.certificate = match (certificate, key) {
        (Some(certificates), Some(key)) => Some(Certificate::Pem { certificates, key }),
        (None, None) => None,
        _ => return Err("--certificate and --key need each other".into()),
    };
    let emulator = start(options).await?;
    writeln!(io::stdout(), "{}", emulator.connection_string())?;
    asked_to_end().await?;
    emulator.stop().await;
    Ok(())
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

/// Ctrl-C, or what a service manager sends.
async fn asked_to_end() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
