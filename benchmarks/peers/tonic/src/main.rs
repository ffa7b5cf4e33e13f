//! Serves or calls orders over gRPC, as the argument says in JSON.

mod client;
mod server;
mod window;

use std::error::Error;

use serde::Deserialize;

/// The generated code.
pub mod order {
    tonic::include_proto!("order.v1");
}

/// What the benchmark's own children are told, as far as it matters here.
#[derive(Deserialize)]
pub struct Job {
    role: String,
    port: u16,
    server_pid: u32,
    /// The path of the order to send, in JSON.
    request: String,
}

/// The limit that grpcio has in this benchmark, too.
const MAX_MESSAGE: usize = 64 << 20;

/// There is one core, and one thread is the fastest on it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).ok_or("the job is missing")?;
    let job: Job = serde_json::from_str(&text)?;
    match job.role.as_str() {
        "call" => client::call(&job).await,
        _ => server::serve().await,
    }
}
