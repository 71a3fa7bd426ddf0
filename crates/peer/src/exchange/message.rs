//! What of each message is signed: the digest of its fields other than the envelope.
//!
//! The digest is BLAKE3, not SHA-256: at a mebibyte a message, hashing twice on each side with
//! SHA-256 would cost as much as the encrypted transport itself. It covers fields, not the protobuf
//! encoding, because that is not canonical.

use crate::exchange::proto::{
    AskRequest, AskResponse, BackwardRequest, BackwardResponse, DescribeRequest, DescribeResponse,
    Envelope, ForwardRequest, ForwardResponse, Tensor,
};

/// Feeds fields to the digest, each preceded by its length.
#[derive(Default)]
pub struct Fields(blake3::Hasher);

impl Fields {
    /// Adds a field of bytes.
    pub fn bytes(&mut self, field: &[u8]) -> &mut Self {
        self.0.update(&(field.len() as u64).to_le_bytes());
        self.0.update(field);
        self
    }

    /// Adds an integer as eight little-endian bytes.
    pub fn integer(&mut self, field: impl Into<u64>) -> &mut Self {
        self.bytes(&field.into().to_le_bytes())
    }

    /// Adds a tensor as dtype, shape and data; an absent one as an unspecified empty tensor.
    pub fn tensor(&mut self, tensor: Option<&Tensor>) -> &mut Self {
        let Some(tensor) = tensor else {
            return self.integer(0_u64).bytes(&[]).bytes(&[]);
        };
        let shape: Vec<u8> =
            tensor.shape.iter().flat_map(|&dimension| u64::from(dimension).to_le_bytes()).collect();
        self.integer(tensor.dtype.unsigned_abs()).bytes(&shape).bytes(&tensor.data)
    }

    /// The digest of what was fed.
    #[must_use]
    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// A message that travels in a signed envelope.
pub trait Message {
    /// The gRPC method that it belongs to.
    const METHOD: &'static str;
    /// Whether it answers a request.
    const RESPONSE: bool;

    /// The envelope, if there is one.
    fn envelope(&self) -> Option<&Envelope>;
    /// Puts the envelope in.
    fn set_envelope(&mut self, envelope: Envelope);
    /// Feeds every other field in order of its number.
    fn fields(&self, fields: &mut Fields);

    /// Digest of every field other than the envelope.
    fn body(&self) -> [u8; 32] {
        let mut fields = Fields::default();
        self.fields(&mut fields);
        fields.finish()
    }
}

/// Implements [`Message`] for a generated type: method, direction, and the fields in order.
macro_rules! message {
    ($type:ty, $method:literal, $response:literal, |$message:ident, $fields:ident| $feed:expr) => {
        impl Message for $type {
            const METHOD: &'static str = $method;
            const RESPONSE: bool = $response;
            fn envelope(&self) -> Option<&Envelope> {
                self.envelope.as_ref()
            }
            fn set_envelope(&mut self, envelope: Envelope) {
                self.envelope = Some(envelope);
            }
            fn fields(&self, $fields: &mut Fields) {
                let $message = self;
                $feed;
            }
        }
    };
}

impl Message for DescribeRequest {
    const METHOD: &'static str = "Describe";
    const RESPONSE: bool = false;

    fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_ref()
    }

    fn set_envelope(&mut self, envelope: Envelope) {
        self.envelope = Some(envelope);
    }

    /// It has no other field.
    fn fields(&self, _fields: &mut Fields) {}
}

message!(DescribeResponse, "Describe", true, |message, fields| fields
    .bytes(message.name.as_bytes())
    .bytes(message.version.as_bytes())
    .bytes(message.modality.as_bytes())
    .integer(message.context)
    .integer(message.width)
    .integer(message.vocabulary)
    .integer(message.batch_max)
    .integer(message.message_bytes_max)
    .integer(message.price_per_byte)
    .integer(message.steps)
    .integer(message.ask_text_max)
    .integer(message.ask_bytes_max));
message!(ForwardRequest, "Forward", false, |message, fields| fields
    .tensor(message.input.as_ref())
    .integer(message.keep));
message!(ForwardResponse, "Forward", true, |message, fields| fields
    .tensor(message.output.as_ref()));
message!(BackwardRequest, "Backward", false, |message, fields| fields
    .bytes(&message.forward_id)
    .tensor(message.gradient.as_ref()));
message!(BackwardResponse, "Backward", true, |message, fields| fields.integer(message.applied));
message!(AskRequest, "Ask", false, |message, fields| fields
    .bytes(&message.text)
    .integer(message.bytes)
    .bytes(&message.payment)
    .integer(message.seed));
message!(AskResponse, "Ask", true, |message, fields| fields
    .integer(message.index)
    .bytes(&message.network)
    .bytes(&message.student)
    .integer(message.done)
    .bytes(&message.asked.concat())
    .integer(message.requests)
    .integer(message.cost)
    .bytes(&message.payment_hash));
