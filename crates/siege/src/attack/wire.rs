//! HTTP/1.1 by hand, from whatever address: what a well-behaved client does not do.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long an answer's first line may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A receive buffer as small as the system makes it: whoever does not read leaves the rest to the
/// other end.
const SMALL_BUFFER: u32 = 4 << 10;

/// A connection from an address.
pub async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Many connections from one address to one door need no port of their own kept for them.
    socket.set_reuseaddr(true)?;
    socket.bind((from, 0).into())?;
    dial(socket, to).await
}

/// The same, with a receive buffer that is soon full.
pub async fn connect_narrow(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_recv_buffer_size(SMALL_BUFFER)?;
    socket.bind((from, 0).into())?;
    dial(socket, to).await
}

async fn dial(socket: TcpSocket, to: SocketAddr) -> io::Result<TcpStream> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(PATIENCE, socket.connect(to)).await.map_err(late)?
}

/// A question, the only one of its connection.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: market\r\nconnection: close\r\n\r\n").into_bytes()
}

/// A question after which others may follow.
pub fn again(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: market\r\n\r\n").into_bytes()
}

/// The head of a request with a body of so many bytes.
pub fn post(path: &str, bytes: usize) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: market\r\ncontent-type: application/octet-stream\r\n\
         content-length: {bytes}\r\nconnection: close\r\n\r\n"
    )
    .into_bytes()
}

/// Sends a request over a connection of its own; the status of the answer, if there is one. The
/// answer is read to its end.
pub async fn ask(from: Ipv4Addr, to: SocketAddr, request: &[&[u8]]) -> Option<u16> {
    status(&answer(from, to, request).await?)
}

/// The same; with the status, the answer's document, which is null where it is not whole or none.
pub async fn ask_for(
    from: Ipv4Addr,
    to: SocketAddr,
    request: &[&[u8]],
) -> Option<(u16, serde_json::Value)> {
    let answer = answer(from, to, request).await?;
    let start = answer.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4);
    let body = start.and_then(|start| answer.get(start..)).unwrap_or_default();
    Some((status(&answer)?, serde_json::from_slice(body).unwrap_or_default()))
}

async fn answer(from: Ipv4Addr, to: SocketAddr, request: &[&[u8]]) -> Option<Vec<u8>> {
    let mut stream = connect(from, to).await.ok()?;
    for part in request {
        // It may answer, and hang up, before it has heard all.
        if stream.write_all(part).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // What came before the connection was cut off may be an answer.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    Some(answer)
}

/// The status in the first line of an answer.
pub fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// Waits until the other end hangs up, and reads what it says before.
pub async fn hung_up(stream: &mut TcpStream) -> Vec<u8> {
    let mut words = Vec::new();
    // Closed or reset: it is over.
    let _ = stream.read_to_end(&mut words).await;
    words
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn the_first_line_has_the_status() {
        assert_eq!(status(b"HTTP/1.1 429 Too Many Requests\r\n"), Some(429));
        assert_eq!(status(b"HTTP/1.1 4"), None);
        assert_eq!(status(b""), None);
    }
}
