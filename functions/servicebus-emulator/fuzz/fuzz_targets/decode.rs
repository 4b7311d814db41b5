//! Whatever bytes arrive, the decoder gives a value or an error, and what it accepts it can write and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use servicebus_emulator::amqp::{Message, Performative, Sasl, frame};

fuzz_target!(|bytes: &[u8]| {
    let _ = frame::split(bytes, 65_536);
    let _ = Sasl::decode(bytes);
    if let Ok((performative, payload)) = Performative::decode(bytes) {
        let mut out = Vec::new();
        performative.encode(&mut out);
        out.extend_from_slice(payload);
        let mut again = Vec::new();
        let (read, _) = Performative::decode(&out).expect("what was written can be read");
        read.encode(&mut again);
        again.extend_from_slice(payload);
        assert_eq!(out, again);
    }
    if let Ok(message) = Message::decode(bytes) {
        let _ = (message.value(), message.data(), message.application_properties());
    }
});
