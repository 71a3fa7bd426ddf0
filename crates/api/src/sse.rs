//! The small part of server-sent events that the client needs: lines of `data:`, ended by an empty
//! line.

/// Longest event that is kept.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// An event longer than the client keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {EVENT_BYTES_MAX} bytes")]
pub struct TooLong;

/// Splits a stream of bytes into the data of events.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    data: String,
}

impl Parser {
    /// Takes the next bytes; returns the data of the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut complete = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                self.line.push(byte);
                if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                    return Err(TooLong);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_string();
            self.line.clear();
            if line.is_empty() {
                if !self.data.is_empty() {
                    complete.push(std::mem::take(&mut self.data));
                }
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        Ok(complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_any_cut_of_the_stream() {
        let text = b": hello\n\nid: 1.0\nevent: block\ndata: {\"a\":\ndata: 1}\n\nid: 1.1\r\ndata:x\r\n\r\n";
        for cut in 0..text.len() {
            let mut parser = Parser::default();
            let mut events = parser.push(&text[..cut]).expect("short");
            events.extend(parser.push(&text[cut..]).expect("short"));
            assert_eq!(events, ["{\"a\":\n1}", "x"]);
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut parser = Parser::default();
        let chunk = vec![b'a'; 1 << 16];
        assert!((0..=16).any(|_| parser.push(&chunk) == Err(TooLong)));
    }
}
