//! A filter written in SQL.

use super::{SqlError, Subject, Value, evaluate, parser::Parser, syntax::Condition};

/// Values for the `@names` of an expression. Names are the same in any case, and with or without their `@`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(pub Vec<(String, Value)>);

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let known = |given: &str| given.trim_start_matches('@').eq_ignore_ascii_case(name);
        self.0.iter().find(|(given, _)| known(given)).map(|(_, value)| value)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct SqlFilter {
    expression: String,
    parameters: Parameters,
    condition: Condition,
}

impl SqlFilter {
    /// # Errors
    /// The first thing that isn't in the documented grammar, and its position.
    pub fn parse(expression: &str) -> Result<Self, SqlError> {
        Self::with_parameters(expression, Parameters::default())
    }

    /// As `parse`, with values for parameters.
    pub fn with_parameters(expression: &str, parameters: Parameters) -> Result<Self, SqlError> {
        let condition = Parser::new(expression, &parameters)?.filter()?;
        Ok(Self { expression: expression.to_owned(), parameters, condition })
    }

    /// As it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub(super) fn matches(&self, subject: &dyn Subject) -> bool {
        evaluate::holds(&self.condition, subject) == Ok(Some(true))
    }
}
