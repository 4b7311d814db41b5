//! How an order changes: what a client may ask for, and what becomes of the order and its events.

use super::{
    event::EventKind,
    fault::{At, Fault, Faults, Members},
    new_order::{MAX_METADATA, MAX_METADATA_VALUE, MAX_NAME, email, metadata_key},
    node::Node,
    order::{CancelReason, Cancellation, Order},
    status::Status,
    timestamp::Timestamp,
};

pub const MAX_NOTE: usize = 500;

/// A checked JSON merge-patch (RFC 7396) of the parts of an order that may change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub status: Option<Status>,
    pub customer_name: Option<String>,
    /// `Some(None)` takes the address away.
    pub customer_email: Option<Option<String>>,
    pub metadata: MetadataChange,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum MetadataChange {
    #[default]
    Keep,
    /// The patch said `null`: all pairs go.
    Clear,
    /// `None` takes the pair away.
    Merge(Vec<(String, Option<String>)>),
}

/// A checked request to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel(pub Cancellation);

/// The order after a change; the kind of event that tells of it, when its status changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub order: Order,
    pub event: Option<EventKind>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("an order that is {from} cannot become {to}")]
    Transition { from: Status, to: Status },
    #[error("the order would break a limit")]
    Limit(Vec<Fault>),
}

impl Change {
    pub fn parse(body: &Node<'_>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let mut change = Self::default();
        let root = At::Root;
        let Some(members) = Members::of(body, &root, &["status", "customer", "metadata"], &mut faults) else {
            return Err(faults.0);
        };
        if let Some(node) = members.get("status") {
            change.status = status(node, &At::Member(&root, "status"), &mut faults);
        }
        if let Some(node) = members.get("customer") {
            let at = At::Member(&root, "customer");
            if let Some(inner) = Members::of(node, &at, &["name", "email"], &mut faults) {
                change.customer_name = inner.get("name").and_then(|node| faults.text(&At::Member(&at, "name"), node, 1, MAX_NAME));
                change.customer_email = inner.get("email").and_then(|node| match node {
                    Node::Null => Some(None),
                    _ => email(node, &At::Member(&at, "email"), &mut faults).map(Some),
                });
            }
        }
        if let Some(node) = members.get("metadata") {
            change.metadata = metadata(node, &At::Member(&root, "metadata"), &mut faults);
        }
        if faults.0.is_empty() { Ok(change) } else { Err(faults.0) }
    }
}

fn status(node: &Node<'_>, at: &At<'_>, faults: &mut Faults) -> Option<Status> {
    let Node::Text(text) = node else {
        faults.wrong_type(at, "a string", node);
        return None;
    };
    match Status::parse(text) {
        Some(Status::Cancelled) => {
            faults.add(at, "forbidden", "an order is cancelled by POST /api/orders/{id}/cancel, which takes a reason");
            None
        }
        Some(status) => Some(status),
        None => {
            faults.add(at, "format", format!("must be one of {}", Status::names()));
            None
        }
    }
}

fn metadata(node: &Node<'_>, at: &At<'_>, faults: &mut Faults) -> MetadataChange {
    match node {
        Node::Null => MetadataChange::Clear,
        Node::Object(pairs) => {
            let mut changes = Vec::new();
            for (key, value) in pairs {
                let here = At::Member(at, key);
                let Some(key) = metadata_key(key, &here, faults) else { continue };
                if matches!(value, Node::Null) {
                    changes.push((key, None));
                } else if let Some(value) = faults.text(&here, value, 0, MAX_METADATA_VALUE) {
                    changes.push((key, Some(value)));
                }
            }
            MetadataChange::Merge(changes)
        }
        _ => {
            faults.wrong_type(at, "an object or null", node);
            MetadataChange::Keep
        }
    }
}

impl Cancel {
    pub fn parse(body: &Node<'_>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let root = At::Root;
        let Some(members) = Members::of(body, &root, &["reason", "note"], &mut faults) else {
            return Err(faults.0);
        };
        let at = At::Member(&root, "reason");
        let reason = members.required("reason", &root, &mut faults).and_then(|node| {
            let found = match node {
                Node::Text(text) => CancelReason::ALL.into_iter().find(|reason| reason.as_str() == text),
                _ => None,
            };
            if found.is_none() {
                faults.add(&at, "format", format!("must be one of {}", CancelReason::ALL.map(CancelReason::as_str).join(", ")));
            }
            found
        });
        let note = members.get("note").and_then(|node| faults.text(&At::Member(&root, "note"), node, 1, MAX_NOTE));
        match reason {
            Some(reason) if faults.0.is_empty() => Ok(Self(Cancellation { reason, note })),
            _ => Err(faults.0),
        }
    }
}

impl Order {
    /// The order after the change, or `None` when the change asks for nothing that is not so already.
    pub fn change(&self, change: &Change, now: Timestamp) -> Result<Option<Changed>, Refusal> {
        let mut next = self.clone();
        if let Some(name) = &change.customer_name {
            next.customer.name.clone_from(name);
        }
        if let Some(email) = &change.customer_email {
            next.customer.email.clone_from(email);
        }
        match &change.metadata {
            MetadataChange::Keep => {}
            MetadataChange::Clear => next.metadata.clear(),
            MetadataChange::Merge(pairs) => {
                for (key, value) in pairs {
                    match value {
                        Some(value) => next.metadata.insert(key.clone(), value.clone()),
                        None => next.metadata.remove(key),
                    };
                }
            }
        }
        if next.metadata.len() > MAX_METADATA {
            let mut faults = Faults::default();
            let count = next.metadata.len();
            faults.add(
                &At::Member(&At::Root, "metadata"),
                "count",
                format!("must leave at most {MAX_METADATA} members, and leaves {count}"),
            );
            return Err(Refusal::Limit(faults.0));
        }
        let event = match change.status {
            Some(status) if status != self.status => {
                self.step_to(status)?;
                next.status = status;
                Some(EventKind::StatusChanged)
            }
            _ => None,
        };
        Ok((next != *self).then(|| Changed { order: next.advanced(now), event }))
    }

    /// The cancelled order, or `None` when it is cancelled already: the first reason stands.
    pub fn cancel(&self, cancel: &Cancel, now: Timestamp) -> Result<Option<Changed>, Refusal> {
        if self.status == Status::Cancelled {
            return Ok(None);
        }
        self.step_to(Status::Cancelled)?;
        let order = Self { status: Status::Cancelled, cancellation: Some(cancel.0.clone()), ..self.clone() };
        Ok(Some(Changed { order: order.advanced(now), event: Some(EventKind::Cancelled) }))
    }

    fn step_to(&self, to: Status) -> Result<(), Refusal> {
        if self.status.may_become(to) { Ok(()) } else { Err(Refusal::Transition { from: self.status, to }) }
    }

    /// A clock that went back never makes an order older than it was.
    fn advanced(self, now: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: now.max(self.updated_at), ..self }
    }
}
