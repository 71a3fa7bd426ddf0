//! A connection whose other end has to read: what waits to be sent must go at a least pace, or the
//! connection is closed, and all that was held for it is free.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The least pace.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long nothing at all may be read.
    pub grace: Duration,
    /// Bytes a second that have to be read on average after that.
    pub bytes_per_second: u64,
}

impl Pace {
    /// How long something may have been waiting of which so many bytes went out.
    fn patience(self, sent: u64) -> Duration {
        self.grace + Duration::from_millis(sent.saturating_mul(1_000) / self.bytes_per_second)
    }
}

/// A stream that fails when its other end does not read.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    pace: Pace,
    waiting: Option<Waiting>,
}

/// Since when something has been waiting to be sent, and what went out meanwhile.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    sent: u64,
    timer: Pin<Box<Sleep>>,
}

impl Waiting {
    fn new() -> Self {
        let since = Instant::now();
        Self { since, sent: 0, timer: Box::pin(tokio::time::sleep_until(since)) }
    }

    /// Ready when the other end was too slow.
    fn poll(&mut self, pace: Pace, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.since + pace.patience(self.sent);
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(context)
    }
}

impl<S> Paced<S> {
    /// Watches over a stream.
    pub fn new(stream: S, pace: Pace) -> Self {
        Self { stream, pace, waiting: None }
    }

    fn watch(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if let Some(waiting) = &mut self.waiting {
                    waiting.sent += bytes as u64;
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let waiting = self.waiting.get_or_insert_with(Waiting::new);
                ready!(waiting.poll(self.pace, context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads")))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, buffer);
        this.watch(written, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, buffers);
        this.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(context))?;
        // All is out: whoever waits for the next request or event is not slow.
        this.waiting = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const PACE: Pace = Pace { grace: Duration::from_millis(20), bytes_per_second: 1 << 20 };

    #[test]
    fn who_reads_slowly_has_time_in_proportion() {
        let pace = Pace { grace: Duration::from_secs(10), bytes_per_second: 8 << 10 };
        for (sent, seconds) in [(0, 10), (1_000, 10), (8 << 10, 11), (256 << 10, 42)] {
            assert_eq!(pace.patience(sent).as_secs(), seconds, "after {sent} bytes");
        }
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_off() {
        let (ours, _theirs) = tokio::io::duplex(1 << 10);
        let sent = Paced::new(ours, PACE).write_all(&vec![7; 200 << 10]).await;
        assert_eq!(sent.expect_err("nobody reads").kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_byte_now_and_then_keeps_nothing_alive() {
        let (ours, mut theirs) = tokio::io::duplex(1);
        let trickle = tokio::spawn(async move {
            // As fast as the clock ticks, and still far too slow.
            while theirs.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let sent = Paced::new(ours, PACE).write_all(&vec![7; 200 << 10]).await;
        assert_eq!(sent.expect_err("hardly anybody reads").kind(), io::ErrorKind::TimedOut);
        trickle.await.expect("no panic");
    }

    #[tokio::test]
    async fn who_has_read_all_may_rest() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut paced = Paced::new(ours, Pace { grace: Duration::from_secs(600), ..PACE });
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            theirs.read_to_end(&mut read).await.expect("it ends");
            read.len()
        });
        paced.write_all(&[7; 1_000]).await.expect("it is read");
        assert!(paced.waiting.is_some(), "the pipe is short");
        paced.flush().await.expect("flushed");
        assert!(paced.waiting.is_none());
        drop(paced);
        assert_eq!(reading.await.expect("no panic"), 1_000);
    }
}
