//! A message's properties section (3.2.4).

use super::{
    decode::{Decoder, Result},
    encode,
    fields::{Fields, ListWriter},
    value::Value,
};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    /// A string, ulong, UUID or binary.
    pub message_id: Option<Value>,
    pub user_id: Option<Vec<u8>>,
    pub to: Option<String>,
    pub subject: Option<String>,
    pub reply_to: Option<String>,
    pub correlation_id: Option<Value>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub absolute_expiry_time: Option<i64>,
    pub creation_time: Option<i64>,
    /// Service Bus's session id.
    pub group_id: Option<String>,
    pub group_sequence: Option<u32>,
    pub reply_to_group_id: Option<String>,
}

impl Properties {
    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "properties")?;
        let properties = Self {
            message_id: fields.next(Decoder::any)?,
            user_id: fields.next(Decoder::binary)?.map(Into::into),
            to: fields.text()?,
            subject: fields.text()?,
            reply_to: fields.text()?,
            correlation_id: fields.next(Decoder::any)?,
            content_type: fields.text()?,
            content_encoding: fields.text()?,
            absolute_expiry_time: fields.next(Decoder::timestamp)?,
            creation_time: fields.next(Decoder::timestamp)?,
            group_id: fields.text()?,
            group_sequence: fields.next(Decoder::uint)?,
            reply_to_group_id: fields.text()?,
        };
        fields.end()?;
        Ok(properties)
    }

    /// The section with its descriptor.
    pub fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, 0x73)
            .value(self.message_id.as_ref())
            .put(self.user_id.as_deref(), encode::binary)
            .string(self.to.as_deref())
            .string(self.subject.as_deref())
            .string(self.reply_to.as_deref())
            .value(self.correlation_id.as_ref())
            .symbol(self.content_type.as_deref())
            .symbol(self.content_encoding.as_deref())
            .put(self.absolute_expiry_time, encode::timestamp)
            .put(self.creation_time, encode::timestamp)
            .string(self.group_id.as_deref())
            .uint(self.group_sequence)
            .string(self.reply_to_group_id.as_deref())
            .end();
    }
}
