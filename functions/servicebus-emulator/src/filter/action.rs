//! What a rule changes in the messages that it takes.

use super::{
    SqlError, SubjectMut, Value, evaluate,
    parser::Parser,
    sql::Parameters,
    syntax::{Property, Term},
};

/// The service's quota.
const STATEMENTS: usize = 32;

#[derive(Debug, Clone, PartialEq)]
enum Statement {
    Set(Property, Term),
    Remove(Property),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    expression: String,
    parameters: Parameters,
    statements: Vec<Statement>,
}

impl Action {
    /// `SET` and `REMOVE` statements, with semicolons between them or without.
    ///
    /// # Errors
    /// The first thing that isn't in the documented grammar, and its position.
    pub fn parse(expression: &str) -> Result<Self, SqlError> {
        Self::with_parameters(expression, Parameters::default())
    }

    /// As `parse`, with values for parameters.
    pub fn with_parameters(expression: &str, parameters: Parameters) -> Result<Self, SqlError> {
        let mut parser = Parser::new(expression, &parameters)?;
        let mut statements = Vec::new();
        loop {
            let position = parser.position();
            statements.push(statement(&mut parser)?);
            if statements.len() > STATEMENTS {
                return Err(SqlError { position, complaint: format!("an action has at most {STATEMENTS} statements") });
            }
            while parser.take_symbol(";") {}
            if parser.end().is_ok() {
                break;
            }
        }
        Ok(Self { expression: expression.to_owned(), parameters, statements })
    }

    /// As it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// One statement after the other; each sees what those before it did.
    ///
    /// # Errors
    /// What can't be calculated or set, in words. Statements before that have been done.
    pub fn apply(&self, subject: &mut dyn SubjectMut) -> Result<(), String> {
        for statement in &self.statements {
            match statement {
                Statement::Set(property, term) => {
                    let value = evaluate::value(term, subject)?.into_owned();
                    set(property, value, subject)?;
                }
                Statement::Remove(Property::User(name)) => subject.remove_property(name),
                Statement::Remove(Property::System(name)) => subject.set_system(name, Value::Null)?,
            }
        }
        Ok(())
    }
}

fn statement(parser: &mut Parser<'_>) -> Result<Statement, SqlError> {
    if parser.take_word("set") {
        let property = parser.property()?;
        parser.expect_symbol("=")?;
        return Ok(Statement::Set(property, parser.term()?));
    }
    if parser.take_word("remove") { parser.property().map(Statement::Remove) } else { Err(parser.unexpected("SET or REMOVE")) }
}

fn set(property: &Property, value: Value, subject: &mut dyn SubjectMut) -> Result<(), String> {
    match property {
        Property::System(name) if value == Value::Null => subject.set_system(name, Value::Null),
        Property::System(name) => {
            let text = value.to_text().ok_or_else(|| format!("sys.{name} takes a text, not {}", value.kind()))?;
            subject.set_system(name, Value::Text(text.into_owned()))
        }
        Property::User(name) => {
            // A property keeps its type where C# converts without being asked to.
            let value = match (subject.property(name), value) {
                #[expect(clippy::cast_precision_loss, reason = "C# widens long to double the same way")]
                (Some(Value::Float(_)), Value::Int(value)) => Value::Float(value as f64),
                (_, value) => value,
            };
            subject.set_property(name, value);
            Ok(())
        }
    }
}
