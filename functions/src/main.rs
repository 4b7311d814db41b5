//! Parses the command and runs it.

#[cfg(not(feature = "dev"))]
use clap::CommandFactory;
use clap::{Parser, Subcommand};
use orders::{
    commands,
    config::{self, Role, SETTINGS},
    handlers::open_api,
};
use std::process::ExitCode;

// musl's own allocator is slow under load; glibc's is as fast as this one and keeps less memory.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Takes orders over HTTP, stores them, publishes their events and tells the customer.
///
/// Without a command: `functions` when the Functions host started this process, else `dev`.
#[derive(Parser)]
#[command(version, after_long_help = settings_table())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Everything in one process on embedded defaults: SQLite, a Service Bus emulator, notifications in the log and a file
    #[cfg(feature = "dev")]
    Dev {
        /// Where to listen, on 127.0.0.1 only
        #[arg(long, default_value_t = 7071)]
        port: u16,
        /// Where the data is kept over restarts
        #[arg(long, value_name = "FOLDER", default_value = ".orders")]
        data: std::path::PathBuf,
    },
    /// The custom handler that the Azure Functions host starts and calls
    Functions,
    /// The HTTP functions without the Functions host, with relay and sweep
    Api,
    /// The receiver without the Functions host, with relay, sweep and health checks
    Worker,
    /// Brings the database's schema up to what this binary needs
    Migrate,
    /// A Service Bus emulator alone, for `func start` and other processes
    #[cfg(feature = "dev")]
    Emulator(commands::emulator::Arguments),
    /// Looks at the messages that were put aside, hands them to Notify again, or removes them
    Dlq {
        #[command(subcommand)]
        command: commands::dlq::Command,
    },
    /// Keeps the list of addresses that no e-mail is sent to
    Suppressions {
        #[command(subcommand)]
        command: commands::suppressions::Command,
    },
    /// Shows what became of notifications, has them tried again, or gives them up
    Deliveries {
        #[command(subcommand)]
        command: commands::deliveries::Command,
    },
    /// Tells what happened to an order and whether the customer was told
    Timeline {
        /// The order's id
        order: String,
        /// One JSON object, as the API gives it but for the reasons, which stand whole
        #[arg(long)]
        json: bool,
    },
    /// Registers endpoints that are told by webhook, shows, tries and removes them
    Webhooks {
        #[command(subcommand)]
        command: commands::webhooks::Command,
    },
    /// Makes API keys for `orders api`
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Prints the OpenAPI description
    Openapi,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Prints a fresh key as an entry for `ORDERS_KEYS`
    New {
        /// Whose key it is, to tell keys apart in logs and when they are replaced
        #[arg(default_value = "default")]
        name: String,
    },
}

fn settings_table() -> String {
    let rows: Vec<String> = SETTINGS
        .iter()
        .map(|setting| format!("  {:<30} {}\n  {:<30}   default: {}", setting.name, setting.meaning, "", setting.default))
        .collect();
    format!("Settings (environment variables):\n{}", rows.join("\n"))
}

fn default_command() -> Command {
    if config::under_functions_host() {
        return Command::Functions;
    }
    #[cfg(feature = "dev")]
    return Command::Dev { port: 7071, data: ".orders".into() };
    #[cfg(not(feature = "dev"))]
    Arguments::command().error(clap::error::ErrorKind::MissingSubcommand, "say what this process is").exit()
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or_else(default_command);
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the process ends here; the Functions host shows stderr as errors")]
            {
                eprintln!("orders: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        #[cfg(feature = "dev")]
        Command::Emulator(arguments) => commands::emulator::run(arguments).await,
        #[cfg(feature = "dev")]
        Command::Dev { port, data } => commands::dev::run(port, data).await,
        Command::Functions => commands::serve::run(Role::Functions).await,
        Command::Api => commands::serve::run(Role::Api).await,
        Command::Worker => commands::serve::run(Role::Worker).await,
        Command::Migrate => commands::migrate::run().await,
        Command::Dlq { command } => Box::pin(commands::dlq::run(command)).await,
        Command::Suppressions { command } => commands::suppressions::run(command).await,
        Command::Deliveries { command } => commands::deliveries::run(command).await,
        Command::Timeline { order, json } => commands::timeline::run(&order, json).await,
        Command::Webhooks { command } => commands::webhooks::run(command).await,
        Command::Keys { command: KeysCommand::New { name } } => commands::keys::generate(&name),
        Command::Openapi => {
            #[expect(clippy::print_stdout, reason = "the description is the command's output")]
            {
                println!("{}", open_api::document().to_pretty_json()?);
            }
            Ok(())
        }
    }
}
