//! Message sections (3.2). What a broker doesn't change stays in the bytes that the sender wrote.

use super::{
    decode::{DecodeError, Decoder, Result},
    encode,
    fields::{Fields, ListWriter},
    properties::Properties,
    value::Value,
};
use std::ops::Range;

/// Service Bus's message format of a batch: data sections that are messages.
pub const BATCH_FORMAT: u32 = 0x8001_3700;

const HEADER: u64 = 0x70;
const DELIVERY_ANNOTATIONS: u64 = 0x71;
const MESSAGE_ANNOTATIONS: u64 = 0x72;
const PROPERTIES: u64 = 0x73;
const APPLICATION_PROPERTIES: u64 = 0x74;
const DATA: u64 = 0x75;
const SEQUENCE: u64 = 0x76;
const VALUE: u64 = 0x77;
const FOOTER: u64 = 0x78;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub durable: bool,
    /// 4 is the default.
    pub priority: u8,
    /// Milliseconds.
    pub ttl: Option<u32>,
    pub first_acquirer: bool,
    pub delivery_count: u32,
}

impl Default for Header {
    fn default() -> Self {
        Self { durable: false, priority: 4, ttl: None, first_acquirer: false, delivery_count: 0 }
    }
}

impl Header {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        let mut fields = Fields::read(decoder, "header")?;
        let header = Self {
            durable: fields.next(Decoder::boolean)?.unwrap_or(false),
            priority: fields.next(Decoder::ubyte)?.unwrap_or(4),
            ttl: fields.next(Decoder::uint)?,
            first_acquirer: fields.next(Decoder::boolean)?.unwrap_or(false),
            delivery_count: fields.next(Decoder::uint)?.unwrap_or(0),
        };
        fields.end()?;
        Ok(header)
    }

    /// Every field is written, defaults too: clients read the list by position.
    pub fn encode(&self, out: &mut Vec<u8>) {
        ListWriter::new(out, HEADER)
            .boolean(self.durable)
            .ubyte(Some(self.priority))
            .uint(self.ttl)
            .boolean(self.first_acquirer)
            .uint(self.delivery_count)
            .end();
    }
}

/// A message. Its delivery annotations are dropped: they are for one hop only.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub header: Header,
    pub annotations: Vec<(Value, Value)>,
    properties: Properties,
    /// Properties, application properties, body and footer.
    bare: Vec<u8>,
    application: Range<usize>,
}

impl Message {
    /// # Errors
    /// What is no message: sections that are unknown or out of order (3.2), values that don't decode.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut decoder = Decoder::new(bytes);
        let (mut header, mut annotations, mut properties) = (Header::default(), Vec::new(), Properties::default());
        // Where the bare message and the body begin, and where the application properties lie.
        let (mut bare, mut body, mut application) = (None, None, None);
        let mut last = 0;
        while !decoder.is_empty() {
            let start = decoder.position();
            let code = decoder.descriptor()?;
            // Data and sequence sections may be many.
            if code < last || (code == last && !matches!(code, DATA | SEQUENCE)) {
                return Err(DecodeError::Invalid("a message's sections are out of order"));
            }
            last = code;
            if code >= PROPERTIES {
                bare.get_or_insert(start);
            }
            if code >= DATA {
                body.get_or_insert(start);
            }
            match code {
                HEADER => header = Header::decode(&mut decoder)?,
                MESSAGE_ANNOTATIONS => annotations = decoder.map()?.unwrap_or_default(),
                PROPERTIES => properties = Properties::decode(&mut decoder)?,
                APPLICATION_PROPERTIES => {
                    decoder.map()?;
                    application = Some(start..decoder.position());
                }
                DELIVERY_ANNOTATIONS | DATA | SEQUENCE | VALUE | FOOTER => decoder.skip()?,
                code => return Err(DecodeError::Descriptor(format!("0x{code:x}, where a message section is due,"))),
            }
        }
        let bare = bare.unwrap_or(bytes.len());
        let body = body.unwrap_or(bytes.len());
        let application = application.unwrap_or(body..body);
        let application = application.start - bare..application.end - bare;
        Ok(Self { header, annotations, properties, bare: bytes[bare..].to_vec(), application })
    }

    /// A message with one amqp-value section.
    pub fn of_value(properties: Properties, application: &[(Value, Value)], body: &Value) -> Self {
        let mut section = Vec::new();
        encode::descriptor(&mut section, VALUE);
        encode::value(&mut section, body);
        Self::of_section(properties, application, &section)
    }

    /// A message with one data section.
    pub fn of_data(properties: Properties, application: &[(Value, Value)], body: &[u8]) -> Self {
        let mut section = Vec::new();
        encode::descriptor(&mut section, DATA);
        encode::binary(&mut section, body);
        Self::of_section(properties, application, &section)
    }

    pub(crate) fn of_section(properties: Properties, application: &[(Value, Value)], body: &[u8]) -> Self {
        let mut message = Self { header: Header::default(), annotations: Vec::new(), properties, bare: body.to_vec(), application: 0..0 };
        message.rewrite(application);
        message
    }

    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// # Errors
    /// None for a message that came from `decode`, which has read the map before.
    pub fn application_properties(&self) -> Result<Vec<(Value, Value)>> {
        if self.application.is_empty() {
            return Ok(Vec::new());
        }
        let mut decoder = Decoder::new(&self.bare[self.application.clone()]);
        decoder.descriptor()?;
        Ok(decoder.map()?.unwrap_or_default())
    }

    /// Properties, application properties, body and footer as they are sent.
    pub fn bare(&self) -> &[u8] {
        &self.bare
    }

    /// Body and footer.
    pub fn body(&self) -> &[u8] {
        &self.bare[self.application.end..]
    }

    /// The contents of the data sections: of a batch, its messages.
    ///
    /// # Errors
    /// A body that has other sections.
    pub fn data(&self) -> Result<Vec<&[u8]>> {
        let mut decoder = Decoder::new(self.body());
        let mut data = Vec::new();
        while !decoder.is_empty() {
            match decoder.descriptor()? {
                DATA => data.extend(decoder.binary()?),
                FOOTER => decoder.skip()?,
                _ => return Err(DecodeError::Invalid("the body has a section that is not data")),
            }
        }
        Ok(data)
    }

    /// The value of an amqp-value body.
    ///
    /// # Errors
    /// A body of another kind.
    pub fn value(&self) -> Result<Value> {
        let mut decoder = Decoder::new(self.body());
        match decoder.descriptor()? {
            VALUE => decoder.value(),
            _ => Err(DecodeError::Invalid("the body is not an amqp-value")),
        }
    }

    pub fn set_properties(&mut self, properties: Properties) {
        self.properties = properties;
        let mut bare = Vec::with_capacity(self.bare.len() + 48);
        self.properties.encode(&mut bare);
        let start = bare.len();
        bare.extend_from_slice(&self.bare[self.application.start..]);
        self.application = start..start + self.application.len();
        self.bare = bare;
    }

    /// Replaces properties (as `properties()` holds them) and application properties.
    pub fn rewrite(&mut self, application: &[(Value, Value)]) {
        let mut bare = Vec::with_capacity(self.bare.len() + 64);
        if self.properties != Properties::default() {
            self.properties.encode(&mut bare);
        }
        let start = bare.len();
        if !application.is_empty() {
            encode::descriptor(&mut bare, APPLICATION_PROPERTIES);
            encode::map(&mut bare, application);
        }
        let end = bare.len();
        bare.extend_from_slice(self.body());
        self.application = start..end;
        self.bare = bare;
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        put_annotations(out, MESSAGE_ANNOTATIONS, &self.annotations);
        out.extend_from_slice(&self.bare);
    }
}

fn put_annotations(out: &mut Vec<u8>, code: u64, annotations: &[(Value, Value)]) {
    if !annotations.is_empty() {
        encode::descriptor(out, code);
        encode::map(out, annotations);
    }
}

/// Starts a message-annotations section whose entries the caller writes one by one.
pub(crate) fn open_annotations(out: &mut Vec<u8>) -> encode::Opened {
    encode::descriptor(out, MESSAGE_ANNOTATIONS);
    encode::open(out, encode::MAP)
}

/// The delivery annotation under which a lock token travels beside the delivery tag.
pub(crate) fn put_lock_token(out: &mut Vec<u8>, token: uuid::Uuid) {
    encode::descriptor(out, DELIVERY_ANNOTATIONS);
    let opened = encode::open(out, encode::MAP);
    encode::symbol(out, "x-opt-lock-token");
    encode::uuid(out, token);
    encode::close(out, opened, 2);
}
