use super::{
    Attach, Begin, Close, DecodeError, Decoder, DeliveryState, Detach, Disposition, End, Error, Flow, Message, Open, Performative,
    Properties, Role, Sasl, Terminus, Transfer, Value, encode,
    frame::{self, Frame, Kind},
    message::Header,
};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z:-]{0,12}", "\\PC{0,300}"]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u8>().prop_map(Value::Ubyte),
        any::<u16>().prop_map(Value::Ushort),
        prop_oneof![0..300_u32, any::<u32>()].prop_map(Value::Uint),
        prop_oneof![0..300_u64, any::<u64>()].prop_map(Value::Ulong),
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        prop_oneof![-200..200_i32, any::<i32>()].prop_map(Value::Int),
        prop_oneof![-200..200_i64, any::<i64>()].prop_map(Value::Long),
        (-1e9..1e9_f32).prop_map(Value::Float),
        (-1e9..1e9_f64).prop_map(Value::Double),
        any::<[u8; 4]>().prop_map(Value::Decimal32),
        any::<[u8; 8]>().prop_map(Value::Decimal64),
        any::<[u8; 16]>().prop_map(Value::Decimal128),
        any::<char>().prop_map(Value::Char),
        any::<i64>().prop_map(Value::Timestamp),
        any::<[u8; 16]>().prop_map(|bytes| Value::Uuid(Uuid::from_bytes(bytes))),
        vec(any::<u8>(), 0..300).prop_map(Value::Binary),
        text().prop_map(Value::String),
        text().prop_map(Value::Symbol),
    ]
}

/// Arrays of one type, whose elements may themselves be described.
fn array() -> impl Strategy<Value = Value> {
    prop_oneof![
        vec(any::<i64>().prop_map(Value::Long), 0..20).prop_map(Value::Array),
        vec(any::<bool>().prop_map(Value::Bool), 0..20).prop_map(Value::Array),
        vec(text().prop_map(Value::Symbol), 0..20).prop_map(Value::Array),
        vec(Just(Value::Null), 0..20).prop_map(Value::Array),
        (any::<u64>(), vec(text(), 1..5))
            .prop_map(|(code, texts)| Value::Array(texts.into_iter().map(|text| Value::described(code, Value::String(text))).collect())),
        vec(vec(scalar(), 0..4).prop_map(Value::List), 0..4).prop_map(Value::Array),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![scalar(), array()].prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::List),
            vec((scalar(), inner.clone()), 0..8).prop_map(Value::Map),
            (scalar(), inner).prop_map(|pair| Value::Described(Box::new(pair))),
        ]
    })
}

fn map() -> impl Strategy<Value = Vec<(Value, Value)>> {
    vec((text().prop_map(Value::Symbol), scalar()), 0..5)
}

fn error() -> impl Strategy<Value = Error> {
    (text(), option::of(text()), map()).prop_map(|(condition, description, info)| Error { condition, description, info })
}

fn state() -> impl Strategy<Value = DeliveryState> {
    prop_oneof![
        (any::<u32>(), any::<u64>())
            .prop_map(|(section_number, section_offset)| DeliveryState::Received { section_number, section_offset }),
        Just(DeliveryState::Accepted),
        Just(DeliveryState::Released),
        option::of(error()).prop_map(DeliveryState::Rejected),
        (option::of(any::<bool>()), option::of(any::<bool>()), map()).prop_map(|(delivery_failed, undeliverable_here, annotations)| {
            DeliveryState::Modified { delivery_failed, undeliverable_here, annotations }
        }),
        value().prop_map(|value| DeliveryState::Other(Value::described(0x34, value))),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    any::<bool>().prop_map(Role::from)
}

fn terminus() -> impl Strategy<Value = Terminus> {
    (text(), option::of(option::of(text()))).prop_map(|(address, session)| {
        let mut terminus = Terminus::source(&address);
        if let Some(session) = session {
            terminus.set_filter("com.microsoft:session-filter", 0x0013_7000_000c, session.map_or(Value::Null, Value::String));
        }
        terminus
    })
}

fn performative() -> impl Strategy<Value = Performative<'static>> {
    let open = (text(), option::of(text()), option::of(any::<u32>()), option::of(any::<u16>()), option::of(any::<u32>()), map());
    let attach = (
        (text(), any::<u32>(), role(), option::of(0..3_u8), option::of(0..2_u8)),
        (option::of(terminus()), option::of(terminus()), option::of(any::<u32>()), option::of(any::<u64>()), map()),
    );
    let windows = (any::<u32>(), any::<u32>(), any::<u32>());
    let link = (
        option::of(any::<u32>()),
        option::of(any::<u32>()),
        option::of(any::<u32>()),
        option::of(any::<u32>()),
        any::<bool>(),
        any::<bool>(),
    );
    prop_oneof![
        open.prop_map(|(container_id, hostname, max_frame_size, channel_max, idle_time_out, properties)| {
            Performative::Open(Open { container_id, hostname, max_frame_size, channel_max, idle_time_out, properties })
        }),
        (option::of(any::<u16>()), windows, option::of(any::<u32>())).prop_map(
            |(remote_channel, (next_outgoing_id, incoming_window, outgoing_window), handle_max)| {
                Performative::Begin(Begin { remote_channel, next_outgoing_id, incoming_window, outgoing_window, handle_max })
            }
        ),
        attach.prop_map(
            |(
                (name, handle, role, snd_settle_mode, rcv_settle_mode),
                (source, target, initial_delivery_count, max_message_size, properties),
            )| {
                let attach = Attach {
                    name,
                    handle,
                    role,
                    snd_settle_mode,
                    rcv_settle_mode,
                    source,
                    target,
                    initial_delivery_count,
                    max_message_size,
                    properties,
                };
                Performative::Attach(attach.into())
            }
        ),
        (option::of(any::<u32>()), windows, link).prop_map(
            |(
                next_incoming_id,
                (incoming_window, next_outgoing_id, outgoing_window),
                (handle, delivery_count, link_credit, available, drain, echo),
            )| {
                Performative::Flow(Flow {
                    next_incoming_id,
                    incoming_window,
                    next_outgoing_id,
                    outgoing_window,
                    handle,
                    delivery_count,
                    link_credit,
                    available,
                    drain,
                    echo,
                })
            }
        ),
        (any::<u32>(), option::of(any::<u32>()), option::of(any::<u32>()), option::of(any::<bool>()), any::<bool>(), option::of(state()))
            .prop_map(|(handle, delivery_id, message_format, settled, more, state)| {
                Performative::Transfer(Transfer {
                    handle,
                    delivery_id,
                    delivery_tag: Some(b"0123456789abcdef"),
                    message_format,
                    settled,
                    more,
                    rcv_settle_mode: None,
                    state,
                    aborted: more,
                })
            }),
        (role(), any::<u32>(), option::of(any::<u32>()), any::<bool>(), option::of(state())).prop_map(
            |(role, first, last, settled, state)| { Performative::Disposition(Disposition { role, first, last, settled, state }) }
        ),
        (any::<u32>(), any::<bool>(), option::of(error())).prop_map(|(handle, closed, error)| Performative::Detach(Detach {
            handle,
            closed,
            error
        })),
        option::of(error()).prop_map(|error| Performative::End(End { error })),
        option::of(error()).prop_map(|error| Performative::Close(Close { error })),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let header = (any::<bool>(), any::<u8>(), option::of(any::<u32>()), any::<bool>(), any::<u32>());
    let properties = (option::of(scalar()), option::of(text()), option::of(text()), option::of(any::<i64>()), option::of(any::<u32>()));
    (header, properties, map(), map(), value()).prop_map(|(header, properties, annotations, application, body)| {
        let (durable, priority, ttl, first_acquirer, delivery_count) = header;
        let (message_id, subject, group_id, creation_time, group_sequence) = properties;
        let message_id = message_id.filter(|id| *id != Value::Null);
        let properties = Properties { message_id, subject, creation_time, group_id, group_sequence, ..Properties::default() };
        let mut message = Message::of_value(properties, &application, &body);
        message.header = Header { durable, priority, ttl, first_acquirer, delivery_count };
        message.annotations = annotations;
        message
    })
}

fn encoded(performative: &Performative<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    performative.encode(&mut out);
    out
}

proptest! {
    #[test]
    fn a_value_is_read_as_it_was_written(value in value()) {
        let mut out = Vec::new();
        encode::value(&mut out, &value);
        let mut decoder = Decoder::new(&out);
        prop_assert_eq!(decoder.value(), Ok(value));
        prop_assert!(decoder.is_empty());
        let mut decoder = Decoder::new(&out);
        prop_assert_eq!(decoder.skip(), Ok(()));
        prop_assert!(decoder.is_empty());
    }

    #[test]
    fn a_performative_is_read_as_it_was_written(performative in performative(), payload in vec(any::<u8>(), 0..40)) {
        let mut out = encoded(&performative);
        let expected: &[u8] = if matches!(performative, Performative::Transfer(_)) {
            out.extend(&payload);
            &payload
        } else {
            &[]
        };
        prop_assert_eq!(Performative::decode(&out), Ok((performative, expected)));
    }

    #[test]
    fn a_message_is_read_as_it_was_written(message in message()) {
        let mut out = Vec::new();
        message.encode(&mut out);
        prop_assert_eq!(Message::decode(&out), Ok(message));
    }

    #[test]
    fn every_truncation_of_a_performative_is_an_error(performative in performative()) {
        let out = encoded(&performative);
        for length in 0..out.len() {
            prop_assert!(Performative::decode(&out[..length]).is_err(), "{} of {} bytes were enough", length, out.len());
        }
    }

    #[test]
    fn every_truncation_of_a_value_is_an_error(value in value()) {
        let mut out = Vec::new();
        encode::value(&mut out, &value);
        for length in 0..out.len() {
            prop_assert!(Decoder::new(&out[..length]).value().is_err());
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = frame::split(&bytes, 65_536);
        let _ = Performative::decode(&bytes);
        let _ = Sasl::decode(&bytes);
        if let Ok(message) = Message::decode(&bytes) {
            let _ = (message.value(), message.data(), message.application_properties());
        }
    }

    #[test]
    fn a_changed_byte_makes_another_value_or_an_error(performative in performative(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut out = encoded(&performative);
        let at = at.index(out.len());
        out[at] = byte;
        let _ = Performative::decode(&out);
    }

    #[test]
    fn rewritten_properties_are_read_back(message in message(), application in map()) {
        let mut message = message;
        let body = message.body().to_vec();
        message.rewrite(&application);
        prop_assert_eq!(message.application_properties(), Ok(application));
        prop_assert_eq!(message.body(), body);
        let mut out = Vec::new();
        message.encode(&mut out);
        prop_assert_eq!(Message::decode(&out), Ok(message));
    }
}

#[test]
fn a_frame_is_split_off_when_it_is_all_there() {
    let mut out = Vec::new();
    frame::write(&mut out, Kind::Amqp, 7, |out| out.extend(b"body"));
    let size = out.len();
    out.extend(b"next");
    assert_eq!(frame::split(&out, 512), Ok(Some((Frame { kind: Kind::Amqp, channel: 7, body: b"body" }, size))));
    for length in 0..size {
        assert_eq!(frame::split(&out[..length], 512), Ok(None));
    }
    assert!(frame::split(&out, size - 1).is_err());
}

#[test]
fn a_named_descriptor_is_as_good_as_a_number() {
    let named = b"\x00\xa3\x0famqp:close:list\x45";
    assert_eq!(Performative::decode(named), Ok((Performative::Close(Close { error: None }), &[][..])));
    assert!(Performative::decode(b"\x00\xa3\x0famqp:clone:list\x45").is_err());
}

#[test]
fn an_error_always_has_three_elements() {
    let error = Error { condition: "amqp:not-found".into(), description: None, info: Vec::new() };
    let out = encoded(&Performative::Close(Close { error: Some(error) }));
    let Ok(Value::Described(close)) = Decoder::new(&out).value() else { panic!("no close") };
    let Value::List(fields) = close.1 else { panic!("no list") };
    let Value::Described(error) = &fields[0] else { panic!("no error") };
    assert_eq!(error.1, Value::List(vec![Value::symbol("amqp:not-found"), Value::Null, Value::Null]));
}

#[test]
fn the_offer_of_mechanisms_is_an_array_even_of_one() {
    let mut out = Vec::new();
    Sasl::Mechanisms(vec!["ANONYMOUS".into()]).encode(&mut out);
    let Ok(Value::Described(offer)) = Decoder::new(&out).value() else { panic!("no offer") };
    assert_eq!(offer.1, Value::List(vec![Value::Array(vec![Value::symbol("ANONYMOUS")])]));
}

#[test]
fn nesting_and_counts_are_bounded() {
    let deep = [0xc0, 0x7f, 0x01].repeat(100);
    assert!(Decoder::new(&deep).value().is_err());
    let described = [0].repeat(100);
    assert!(matches!(Decoder::new(&described).value(), Err(DecodeError::Depth { .. })));
    assert!(matches!(Decoder::new(&described).skip(), Err(DecodeError::Depth { .. })));
    let nulls = b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40";
    assert!(matches!(Decoder::new(nulls).value(), Err(DecodeError::Count { .. })));
    let list = b"\xd0\x00\x00\x00\x05\xff\xff\xff\xff\x40";
    assert!(matches!(Decoder::new(list).value(), Err(DecodeError::Count { .. })));
}

#[test]
fn a_message_with_sections_out_of_order_is_none() {
    let application_before_properties = b"\x00\x53\x74\xc1\x01\x00\x00\x53\x73\x45";
    assert!(Message::decode(application_before_properties).is_err());
    let two_values = b"\x00\x53\x77\x40\x00\x53\x77\x40";
    assert!(Message::decode(two_values).is_err());
    let two_data = b"\x00\x53\x75\xa0\x01a\x00\x53\x75\xa0\x01b";
    assert_eq!(Message::decode(two_data).unwrap().data(), Ok(vec![&b"a"[..], b"b"]));
}
