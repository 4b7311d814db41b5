//! AMQP itself: headers, frames, windows, credit, idle time.

use crate::{
    client::{Arrived, Client, message},
    support::World,
};
use servicebus_emulator::{
    Options,
    amqp::{Attach, Begin, DeliveryState, Open, Performative, Role, Terminus, Transfer, Value, frame::SASL_HEADER, lookup},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn an_unknown_protocol_is_told_the_right_one() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.emulator.amqp_address().unwrap()).await.unwrap();
    stream.write_all(b"MQTT\x00\x01\x00\x00").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, SASL_HEADER);
}

#[tokio::test]
async fn a_malformed_frame_closes_its_connection_and_no_other() {
    let world = World::start().await;
    let mut good = world.connect().await;
    let sender = good.sender("q").await;
    let garbage: [&[u8]; 5] = [
        b"\x00\x00\x00\x04\x02\x00\x00\x00",
        b"\xff\xff\xff\xff\x02\x00\x00\x00",
        b"\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x10\xff",
        b"\x00\x00\x00\x0c\x02\x07\x00\x00\x00\x53\x10\x45",
        b"\x00\x00\x00\x0c\x02\x00\x00\x05\x00\x53\x13\x45",
    ];
    for bytes in garbage {
        let mut bad = world.connect().await;
        bad.raw(bytes).await;
        let closed = bad.until(|arrived| match arrived {
            Arrived::Close(error) => Some(error.clone()),
            _ => None,
        });
        assert_eq!(closed.await.unwrap().condition, "amqp:connection:framing-error");
        assert!(bad.is_closed().await);
        assert_eq!(good.publish(sender, &message("still here")).await, DeliveryState::Accepted);
    }
}

#[tokio::test]
async fn an_unknown_entity_is_attached_with_nulls_and_then_detached() {
    let world = World::start().await;
    let mut client = world.connect().await;
    for (role, source, target) in [
        (Role::Sender, "here", "nowhere"),
        (Role::Receiver, "nowhere", "here"),
        (Role::Receiver, "t/Subscriptions/nobody", "here"),
        (Role::Receiver, "t/$DeadLetterQueue", "here"),
        (Role::Sender, "here", "nowhere/$management"),
    ] {
        let error = client.attach(role, Some(Terminus::source(source)), Some(Terminus::target(target)), |_| {}).await.unwrap_err();
        assert_eq!(error.condition, "amqp:not-found", "{source} {target}");
    }
    client.sender("q").await;
}

#[tokio::test]
async fn a_subscription_is_for_receiving_and_a_topic_for_sending() {
    let world = World::start().await;
    let mut client = world.connect().await;
    for (role, source, target) in
        [(Role::Sender, "here", "t/Subscriptions/a"), (Role::Receiver, "t", "here"), (Role::Sender, "here", "q/$DeadLetterQueue")]
    {
        let error = client.attach(role, Some(Terminus::source(source)), Some(Terminus::target(target)), |_| {}).await.unwrap_err();
        assert_eq!(error.condition, "amqp:not-allowed", "{source} {target}");
    }
}

#[tokio::test]
async fn an_attach_is_answered_with_what_clients_look_for() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let mode = |attach: &mut Attach| attach.snd_settle_mode = Some(0);
    let (_, attach) = client.attach(Role::Receiver, Some(Terminus::source("q")), Some(Terminus::target("here")), mode).await.unwrap();
    assert_eq!((attach.role, attach.initial_delivery_count, attach.max_message_size), (Role::Sender, Some(0), None));
    assert_eq!((attach.snd_settle_mode, attach.rcv_settle_mode), (Some(0), Some(1)));
    assert_eq!(attach.source.unwrap().address(), Some("q"));
    let (_, attach) = client.attach(Role::Sender, Some(Terminus::source("here")), Some(Terminus::target("q")), |_| {}).await.unwrap();
    assert_eq!(attach.max_message_size, Some(262_144));
    assert_eq!(lookup(&attach.properties, "com.microsoft:max-message-batch-size"), Some(&Value::Ulong(262_144)));
}

#[tokio::test]
async fn no_more_is_sent_than_there_is_credit_for() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    for number in 0..5 {
        client.publish(sender, &message(&number.to_string())).await;
    }
    let link = client.receiver("q").await;
    client.credit(link, 0, 2, false).await;
    client.delivery(link).await;
    client.delivery(link).await;
    client.assert_quiet().await;
    client.credit(link, 2, 1, false).await;
    assert_eq!(client.delivery(link).await.text(), "2");
    client.assert_quiet().await;
}

#[tokio::test]
async fn a_drain_gives_what_there_is_and_takes_the_credit_away() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    client.publish(sender, &message("one")).await;
    let link = client.receiver("q").await;
    assert_eq!(client.drain(link, 0, 10).await.len(), 1);
    client.publish(sender, &message("two")).await;
    client.assert_quiet().await;
    assert_eq!(client.drain(link, 10, 10).await.len(), 1);
}

#[tokio::test]
async fn the_peers_session_window_is_respected() {
    let world = World::start().await;
    let mut client =
        Client::connect_with(world.emulator.amqp_address().unwrap(), Open { container_id: "small".into(), ..Open::default() }, 3).await;
    let sender = client.sender("q").await;
    for number in 0..10 {
        client.publish(sender, &message(&number.to_string())).await;
    }
    let link = client.receiver("q").await;
    client.credit(link, 0, 10, false).await;
    for number in 0..10 {
        if number > 0 && number % 3 == 0 {
            client.assert_quiet().await;
            client.credit(link, number, 10 - number, false).await;
        }
        assert_eq!(client.delivery(link).await.text(), number.to_string());
    }
}

#[tokio::test]
async fn small_frames_and_a_small_window_carry_a_large_message() {
    let world = World::start().await;
    let open = Open { container_id: "tiny".into(), max_frame_size: Some(512), ..Open::default() };
    let mut client = Client::connect_with(world.emulator.amqp_address().unwrap(), open, 7).await;
    let sender = client.sender("q").await;
    client.publish(sender, &message(&"x".repeat(20_000))).await;
    let link = client.receiver("q").await;
    client.credit(link, 0, 1, false).await;
    let (mut bytes, mut frames) = (Vec::new(), 0);
    loop {
        let next = client.until(|arrived| match arrived {
            Arrived::Transfer { delivery, more, has_id, .. } => Some((delivery.clone(), *more, *has_id)),
            _ => None,
        });
        let (part, more, has_id) = next.await;
        assert!(part.bytes.len() < 512);
        assert_eq!(has_id, frames == 0);
        frames += 1;
        bytes.extend(part.bytes);
        if !more {
            break;
        }
        if frames % 7 == 0 {
            client.credit(link, 0, 1, false).await;
        }
    }
    let whole = servicebus_emulator::amqp::Message::decode(&bytes).unwrap();
    assert_eq!(crate::client::body(&whole).len(), 20_000);
}

#[tokio::test]
async fn credit_and_window_of_a_sender_are_renewed() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    let mut credit = 1000_u32;
    for number in 0..6000 {
        client.start_publish(sender, &message(&number.to_string()), None).await;
        credit -= 1;
        if credit == 400 {
            let renewed = client.until(|arrived| match arrived {
                Arrived::Flow(flow) if flow.handle == Some(sender) => Some((flow.delivery_count, flow.link_credit)),
                _ => None,
            });
            let (Some(count), Some(granted)) = renewed.await else { panic!("no credit") };
            credit = count + granted - (number + 1);
        }
    }
    assert_eq!(client.outcome(Role::Receiver, 5999).await, DeliveryState::Accepted);
}

#[tokio::test]
async fn more_than_the_credit_detaches_the_link() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let sender = client.sender("q").await;
    // Frames that are never finished use credit up without giving a reason to renew it.
    let mut bytes = Vec::new();
    message("x").encode(&mut bytes);
    let transfer = |id| Transfer { handle: sender, delivery_id: Some(id), delivery_tag: Some(b"t"), aborted: false, ..Transfer::default() };
    for id in 0..2000 {
        client.send(&Performative::Transfer(Transfer { settled: Some(true), more: true, ..transfer(id) }), &[]).await;
        client.send(&Performative::Transfer(Transfer { handle: sender, aborted: true, ..Transfer::default() }), &[]).await;
    }
    assert_eq!(client.detached(sender).await.unwrap().condition, "amqp:link:transfer-limit-exceeded");
}

#[tokio::test]
async fn an_unattached_handle_ends_the_session() {
    let world = World::start().await;
    let mut client = world.connect().await;
    client.send(&Performative::Transfer(Transfer { handle: 77, delivery_id: Some(0), ..Transfer::default() }), b"").await;
    let ended = client.until(|arrived| match arrived {
        Arrived::End(error) => Some(error.clone()),
        _ => None,
    });
    assert_eq!(ended.await.unwrap().condition, "amqp:session:unattached-handle");
}

#[tokio::test]
async fn a_silent_peer_is_kept_alive_and_a_dead_one_is_let_go() {
    let world = World::of(Options { idle_time_out: Duration::from_millis(400), admin: None, ..Options::default() }).await;
    let mut client = Client::greet(world.emulator.amqp_address().unwrap()).await;
    client.send(&Performative::Open(Open { container_id: "idle".into(), idle_time_out: Some(300), ..Open::default() }), &[]).await;
    let Arrived::Open(open) = client.next().await else { panic!("open comes first") };
    assert_eq!(open.idle_time_out, Some(400));
    assert_eq!(client.next().await, Arrived::Heartbeat);
    let closed = client.until(|arrived| match arrived {
        Arrived::Close(error) => Some(error.clone()),
        _ => None,
    });
    assert_eq!(closed.await.unwrap().condition, "amqp:connection:forced");
}

#[tokio::test]
async fn transactions_are_refused_in_words() {
    let world = World::start().await;
    let mut client = world.connect().await;
    let mut coordinator = Vec::new();
    // attach(name "c", handle 0, role sender, ..., target coordinator)
    coordinator.extend(b"\x00\x53\x12\xc0\x15\x07\xa1\x01c\x43\x42\x40\x40\x00\x53\x28\x45\x00\x53\x30\x45");
    let size = u8::try_from(coordinator.len() - 5).unwrap();
    coordinator[4] = size;
    let mut out = Vec::new();
    servicebus_emulator::amqp::frame::write(&mut out, servicebus_emulator::amqp::frame::Kind::Amqp, 0, |out| out.extend(&coordinator));
    client.raw(&out).await;
    assert_eq!(client.detached(0).await.unwrap().condition, "amqp:not-implemented");
}

#[tokio::test]
async fn a_session_can_end_and_begin_again() {
    let world = World::start().await;
    let mut client = world.connect().await;
    client.sender("q").await;
    client.send(&Performative::End(servicebus_emulator::amqp::End { error: None }), &[]).await;
    client.until(|arrived| matches!(arrived, Arrived::End(None)).then_some(())).await;
    let begin = Begin { remote_channel: None, next_outgoing_id: 0, incoming_window: 10, outgoing_window: 10, handle_max: None };
    client.send(&Performative::Begin(begin), &[]).await;
    let answer = client.until(|arrived| match arrived {
        Arrived::Begin(begin) => Some(begin.remote_channel),
        _ => None,
    });
    assert_eq!(answer.await, Some(0));
    client.sender("q").await;
}
