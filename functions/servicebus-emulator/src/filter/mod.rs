//! Which messages a subscription takes, and what a rule changes in those that it takes.
//!
//! Microsoft's "Subscription Rule SQL Filter Syntax" and "Subscription Rule SQL Action Syntax" say what is accepted. Where the
//! service says nothing of its own, operators behave as in C#, as those documents ask for.

mod action;
mod correlation;
mod evaluate;
mod lexer;
mod like;
mod parser;
mod sql;
mod subject;
mod syntax;
mod value;

pub use action::Action;
pub use correlation::CorrelationFilter;
pub use lexer::SqlError;
pub use sql::{Parameters, SqlFilter};
pub use subject::{Subject, SubjectMut};
pub use value::Value;

#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    True,
    False,
    Correlation(CorrelationFilter),
    Sql(SqlFilter),
}

impl Filter {
    /// A filter that can't be evaluated for a message, because it compares a text with a number for instance, doesn't take it.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::Correlation(filter) => filter.matches(subject),
            Self::Sql(filter) => filter.matches(subject),
        }
    }
}

#[cfg(test)]
mod tests;
