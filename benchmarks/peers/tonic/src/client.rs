use std::error::Error;
use std::io::BufRead;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::order::OrderApiCreate;
use crate::order::order_service_client::OrderServiceClient;
use crate::window::{Figures, Window};
use crate::{Job, MAX_MESSAGE};

/// One line of the parent.
#[derive(Deserialize)]
struct Measurement {
    in_flight: usize,
    seconds: f64,
}

/// Measures calls on one channel for each line of standard input.
pub async fn call(job: &Job) -> Result<(), Box<dyn Error>> {
    let order: OrderApiCreate = serde_json::from_str(&std::fs::read_to_string(&job.request)?)?;
    let address = format!("http://127.0.0.1:{}", job.port);
    let channel = Endpoint::from_shared(address)?.connect().await?;
    let client = OrderServiceClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    for line in std::io::stdin().lock().lines() {
        let one: Measurement = serde_json::from_str(&line?)?;
        measure(
            &client,
            &order,
            job.server_pid,
            one.in_flight,
            one.seconds / 4.0,
        )
        .await?;
        let found = measure(&client, &order, job.server_pid, one.in_flight, one.seconds).await?;
        println!("{}", serde_json::to_string(&found)?);
    }
    Ok(())
}

/// Calls with so many tasks until the time is over.
async fn measure(
    client: &OrderServiceClient<Channel>,
    order: &OrderApiCreate,
    server_pid: u32,
    in_flight: usize,
    seconds: f64,
) -> Result<Figures, Box<dyn Error>> {
    let window = Window::open(server_pid)?;
    let until = window.begun + Duration::from_secs_f64(seconds);
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        tasks.spawn(again_and_again(client.clone(), order.clone(), until));
    }
    let mut taken = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        taken.extend(ended??);
    }
    window.close(taken)
}

async fn again_and_again(
    mut client: OrderServiceClient<Channel>,
    order: OrderApiCreate,
    until: Instant,
) -> Result<Vec<Duration>, Status> {
    let mut taken = Vec::new();
    let mut begun = Instant::now();
    while begun < until {
        client.create(Request::new(order.clone())).await?;
        let ended = Instant::now();
        taken.push(ended - begun);
        begun = ended;
    }
    Ok(taken)
}
