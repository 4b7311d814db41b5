//! Whatever is done to an order, in whatever sequence, it stays what it must be.

use orders::{
    clock::Ids,
    domain::{
        change::{Cancel, Change, MetadataChange},
        event::Event,
        id::{EventId, OrderId},
        new_order::NewOrder,
        order::{CancelReason, Cancellation, Customer, Line, Order, Preferences},
        status::{Status, TRANSITIONS},
        timestamp::Timestamp,
    },
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug, Clone)]
enum Command {
    Change(Change),
    Cancel(CancelReason),
}

fn any_change() -> impl Strategy<Value = Change> {
    let status = prop::option::of(prop::sample::select(vec![Status::Placed, Status::Confirmed, Status::Shipped, Status::Delivered]));
    let metadata = prop_oneof![
        3 => Just(MetadataChange::Keep),
        1 => Just(MetadataChange::Clear),
        2 => prop::collection::vec(("[a-z]", prop::option::of("[a-z]{0,3}")), 0..30).prop_map(MetadataChange::Merge),
    ];
    let email = prop::option::of(prop::option::of(Just("a@b".to_owned())));
    (status, prop::option::of("[A-Z][a-z]{1,5}"), email, metadata).prop_map(|(status, customer_name, customer_email, metadata)| Change {
        status,
        customer_name,
        customer_email,
        metadata,
    })
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => any_change().prop_map(Command::Change),
        1 => prop::sample::select(CancelReason::ALL.to_vec()).prop_map(Command::Cancel),
    ]
}

fn any_order() -> impl Strategy<Value = NewOrder> {
    let line = ("[A-Z]{1,5}", 1..=10_000_i64, 0..=1_000_000_i64).prop_map(|(sku, quantity, unit_price)| Line {
        sku,
        name: None,
        quantity,
        unit_price,
        line_total: quantity * unit_price,
    });
    prop::collection::vec(line, 1..10).prop_map(|lines| NewOrder {
        customer: Customer { name: "Ada".into(), email: None },
        currency: "EUR".into(),
        lines,
        notify: Preferences::default(),
        metadata: BTreeMap::new(),
    })
}

/// What must hold from one state of an order to the next.
fn assert_follows(before: &Order, after: &Order, event: Option<&Event>) {
    assert_eq!(after.version, before.version + 1);
    assert_eq!((after.id, after.created_at, &after.lines, after.total), (before.id, before.created_at, &before.lines, before.total));
    assert!(after.updated_at >= before.updated_at, "an order does not grow younger");
    assert!(after.metadata.len() <= 20);
    assert_eq!(after.cancellation.is_some(), after.status == Status::Cancelled);
    if after.status == before.status {
        assert_eq!(event, None, "an event without a change of status");
    } else {
        assert!(TRANSITIONS.contains(&(before.status, after.status)), "{} to {}", before.status, after.status);
        let event = event.expect("a change of status has its event");
        assert_eq!((event.order_id, event.sequence), (after.id, after.version));
        let told = Event::parse(event.to_json().unwrap().as_bytes()).unwrap();
        assert_eq!(&told.order, after);
    }
}

proptest! {
    #[test]
    fn total_version_status_and_events_stay_consistent(
        new in any_order(),
        commands in prop::collection::vec((any_command(), -5_000..100_000_i64), 0..40),
    ) {
        let ids = Ids::default();
        let mut now = Timestamp::from_millis(1_772_446_530_000);
        let mut order = Order::place(new, OrderId(ids.next(now)));
        prop_assert_eq!(order.total, order.lines.iter().map(|line| line.line_total).sum::<i64>());
        let mut sequences = vec![order.version];
        for (command, passed) in commands {
            // The clock may go back a little.
            now = Timestamp::from_millis(now.millis() + passed);
            let outcome = match &command {
                Command::Change(change) => order.change(change, now),
                Command::Cancel(reason) => order.cancel(&Cancel(Cancellation { reason: *reason, note: None }), now),
            };
            // A refusal, or a change that changes nothing, leaves the order as it was.
            let Ok(Some(changed)) = outcome else { continue };
            let event = Event::changed(&changed, EventId(Uuid::from_u128(1)), None);
            assert_follows(&order, &changed.order, event.as_ref());
            sequences.extend(event.map(|event| event.sequence));
            order = changed.order;
        }
        prop_assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]));
        let read: Order = serde_json::from_str(&order.document()).unwrap();
        prop_assert_eq!(read, order);
    }
}
