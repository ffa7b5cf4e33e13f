use std::error::Error;
use std::io::Read;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::MAX_MESSAGE;
use crate::order::order_service_server::{OrderService, OrderServiceServer};
use crate::order::{Order, OrderApiCreate};

struct Orders;

#[tonic::async_trait]
impl OrderService for Orders {
    async fn create(&self, request: Request<OrderApiCreate>) -> Result<Response<Order>, Status> {
        let request = request.into_inner();
        Ok(Response::new(Order {
            order_id: request.order_id,
            user_id: request.user_id,
            remark: request.remark,
            reason_id: request.reason_id,
        }))
    }
}

/// Serves orders until standard input ends.
pub async fn serve() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    println!("{{\"port\": {}}}", listener.local_addr()?.port());
    let orders = OrderServiceServer::new(Orders)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    // Given a listener of ours, tonic does not set this itself.
    let connections = TcpListenerStream::new(listener);
    let connections = tokio_stream::StreamExt::map(connections, |accepted| {
        accepted.inspect(|stream| drop(stream.set_nodelay(true)))
    });
    Server::builder()
        .add_service(orders)
        .serve_with_incoming(connections)
        .await?;
    Ok(())
}
