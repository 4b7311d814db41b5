//! From words to what they mean: a descent through the precedences, from OR down to constants.

use super::{
    SqlError, Value,
    lexer::{Token, tokens},
    like::Pattern,
    sql::Parameters,
    subject::SYSTEM,
    syntax::{Comparison, Condition, Operator, Property, Term},
};

/// Parentheses, NOTs and signs inside one another. A bound to the stack; nobody writes half as many.
const DEPTH: usize = 64;
/// They can't be regular identifiers.
const RESERVED: [&str; 12] = ["and", "escape", "exists", "false", "in", "is", "like", "not", "null", "or", "remove", "set"];

/// A parenthesis may turn out to hold either.
enum Parsed {
    Condition(Condition),
    Term(Term),
}

pub(super) struct Parser<'a> {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
    parameters: &'a Parameters,
}

type Result<T> = std::result::Result<T, SqlError>;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &str, parameters: &'a Parameters) -> Result<Self> {
        Ok(Self { tokens: tokens(text)?, next: 0, depth: 0, parameters })
    }

    /// The whole text as one condition.
    pub(super) fn filter(&mut self) -> Result<Condition> {
        let condition = self.condition(Self::or)?;
        self.end()?;
        Ok(condition)
    }

    pub(super) fn end(&self) -> Result<()> {
        if *self.peek() == Token::End { Ok(()) } else { Err(self.unexpected("the end")) }
    }

    pub(super) fn term(&mut self) -> Result<Term> {
        self.as_term(Self::sum)
    }

    fn peek(&self) -> &Token {
        // The list ends with `End`, which is never passed.
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    pub(super) fn position(&self) -> usize {
        self.tokens.get(self.next).map_or(1, |(_, position)| *position)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += usize::from(token != Token::End);
        token
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(next) if *next == symbol);
        self.next += usize::from(found);
        found
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(next) if next.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected(symbol)) }
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    pub(super) fn unexpected(&self, wanted: &str) -> SqlError {
        fault(self.position(), format!("{wanted} is missing before {}", self.peek()))
    }

    fn condition(&mut self, read: impl FnOnce(&mut Self) -> Result<Parsed>) -> Result<Condition> {
        let position = self.position();
        match read(self)? {
            Parsed::Condition(condition) => Ok(condition),
            Parsed::Term(_) => Err(fault(position, "a value is no condition; compare it, as in flag = TRUE")),
        }
    }

    fn as_term(&mut self, read: impl FnOnce(&mut Self) -> Result<Parsed>) -> Result<Term> {
        let position = self.position();
        match read(self)? {
            Parsed::Term(term) => Ok(term),
            Parsed::Condition(_) => Err(fault(position, "a condition is no value")),
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEPTH {
            return Err(fault(self.position(), format!("more than {DEPTH} levels inside one another")));
        }
        self.depth += 1;
        let parsed = read(self);
        self.depth -= 1;
        parsed
    }

    fn or(&mut self) -> Result<Parsed> {
        self.chain("or", Self::and, Condition::Any)
    }

    fn and(&mut self) -> Result<Parsed> {
        self.chain("and", Self::not, Condition::All)
    }

    fn chain(
        &mut self,
        word: &str,
        read: impl Fn(&mut Self) -> Result<Parsed>,
        join: impl FnOnce(Vec<Condition>) -> Condition,
    ) -> Result<Parsed> {
        let position = self.position();
        let first = read(self)?;
        if !matches!(self.peek(), Token::Word(next) if next.eq_ignore_ascii_case(word)) {
            return Ok(first);
        }
        let Parsed::Condition(first) = first else {
            return Err(fault(position, format!("{} joins conditions, and this is a value", word.to_uppercase())));
        };
        let mut parts = vec![first];
        while self.take_word(word) {
            parts.push(self.condition(&read)?);
        }
        Ok(Parsed::Condition(join(parts)))
    }

    fn not(&mut self) -> Result<Parsed> {
        if self.take_word("not") {
            let inner = self.deeper(|parser| parser.condition(Self::not))?;
            return Ok(Parsed::Condition(negated(inner)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Parsed> {
        let position = self.position();
        let left = self.sum()?;
        let operator = match self.peek() {
            Token::Symbol("=") => Comparison::Equal,
            Token::Symbol("<>" | "!=") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            Token::Word(word) if ["is", "not", "in", "like"].iter().any(|known| word.eq_ignore_ascii_case(known)) => {
                let Parsed::Term(term) = left else { return Err(fault(position, "a condition is no value")) };
                return self.predicate(term, position).map(Parsed::Condition);
            }
            _ => return Ok(left),
        };
        let Parsed::Term(left) = left else { return Err(fault(position, "a condition is no value")) };
        self.take();
        Ok(Parsed::Condition(Condition::Compare(left, operator, self.term()?)))
    }

    /// `IS NULL`, `IN` and `LIKE` after their first operand, with or without `NOT`.
    fn predicate(&mut self, term: Term, position: usize) -> Result<Condition> {
        if self.take_word("is") {
            let not = self.take_word("not");
            self.expect_word("NULL")?;
            if !matches!(term, Term::Property(_) | Term::Named(_)) {
                return Err(fault(position, "IS NULL asks for a property"));
            }
            return Ok(negated_if(not, Condition::IsNull(term)));
        }
        let not = self.take_word("not");
        let condition = if self.take_word("in") {
            self.expect_symbol("(")?;
            let mut list = vec![self.term()?];
            while self.take_symbol(",") {
                list.push(self.term()?);
            }
            self.expect_symbol(")")?;
            Condition::In(term, list)
        } else if self.take_word("like") {
            self.like(term)?
        } else {
            return Err(self.unexpected("IN or LIKE"));
        };
        Ok(negated_if(not, condition))
    }

    fn like(&mut self, text: Term) -> Result<Condition> {
        let position = self.position();
        let pattern = self.term()?;
        let escape = if self.take_word("escape") { Some(self.term()?) } else { None };
        // What is wrong with a pattern that doesn't depend on the message is said at once.
        if let Term::Constant(Value::Text(pattern)) = &pattern {
            let checked = match &escape {
                None => Pattern::new(pattern, None),
                Some(Term::Constant(Value::Text(escape))) => Pattern::new(pattern, Some(escape)),
                Some(_) => return Ok(Condition::Like { text, pattern: Term::Constant(Value::Text(pattern.clone())), escape }),
            };
            checked.map_err(|complaint| fault(position, complaint))?;
        }
        Ok(Condition::Like { text, pattern, escape })
    }

    fn sum(&mut self) -> Result<Parsed> {
        self.calculation(Self::product, &[("+", Operator::Plus), ("-", Operator::Minus)])
    }

    fn product(&mut self) -> Result<Parsed> {
        self.calculation(Self::sign, &[("*", Operator::Times), ("/", Operator::Divide), ("%", Operator::Remainder)])
    }

    fn calculation(&mut self, read: impl Fn(&mut Self) -> Result<Parsed>, operators: &[(&str, Operator)]) -> Result<Parsed> {
        let position = self.position();
        let mut left = read(self)?;
        while let Some((_, operator)) = operators.iter().find(|(symbol, _)| self.take_symbol(symbol)) {
            let Parsed::Term(term) = left else { return Err(fault(position, "a condition is no value")) };
            let right = self.as_term(&read)?;
            left = Parsed::Term(Term::Calculate(Box::new(term), *operator, Box::new(right)));
        }
        Ok(left)
    }

    fn sign(&mut self) -> Result<Parsed> {
        let minus = self.take_symbol("-");
        if !minus && !self.take_symbol("+") {
            return self.primary();
        }
        let term = self.deeper(|parser| parser.as_term(Self::sign))?;
        Ok(Parsed::Term(match term {
            term if !minus => term,
            Term::Constant(Value::Int(value)) => Term::Constant(Value::Int(-value)),
            Term::Constant(Value::Float(value)) => Term::Constant(Value::Float(-value)),
            term => Term::Negate(Box::new(term)),
        }))
    }

    fn primary(&mut self) -> Result<Parsed> {
        if self.take_symbol("(") {
            let inner = self.deeper(Self::or)?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        if self.take_word("exists") {
            self.expect_symbol("(")?;
            let property = self.property()?;
            self.expect_symbol(")")?;
            return Ok(Parsed::Condition(Condition::Exists(property)));
        }
        let position = self.position();
        let constant = match self.peek().clone() {
            Token::Text(text) => Value::Text(text),
            Token::Int(value) => Value::Int(value),
            Token::Float(value) => Value::Float(value),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Value::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Value::Bool(false),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Value::Null,
            Token::Parameter(name) => match self.parameters.get(&name) {
                Some(value) => value.clone(),
                None => return Err(fault(position, format!("no value is given for the parameter @{name}"))),
            },
            Token::Word(word) if matches!(self.tokens.get(self.next + 1), Some((Token::Symbol("("), _))) => {
                return self.function(&word, position).map(Parsed::Term);
            }
            Token::Word(_) | Token::Name(_) => return self.property().map(|property| Parsed::Term(Term::Property(property))),
            _ => return Err(self.unexpected("a value")),
        };
        self.take();
        Ok(Parsed::Term(Term::Constant(constant)))
    }

    fn function(&mut self, name: &str, position: usize) -> Result<Term> {
        let calculated = ["property", "p"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if !calculated && !name.eq_ignore_ascii_case("newid") {
            return Err(fault(position, format!("there is no function {name}, only newid(), property() and p()")));
        }
        self.take();
        self.expect_symbol("(")?;
        let term = if calculated { Term::Named(Box::new(self.deeper(Self::term)?)) } else { Term::NewId };
        self.expect_symbol(")")?;
        Ok(term)
    }

    pub(super) fn property(&mut self) -> Result<Property> {
        let position = self.position();
        let first = self.identifier()?;
        if !self.take_symbol(".") {
            return Ok(Property::User(first));
        }
        if first.eq_ignore_ascii_case("user") {
            return self.identifier().map(Property::User);
        }
        if !first.eq_ignore_ascii_case("sys") {
            let complaint = format!("{first} is no scope, only sys and user are (a name with a point is written [{first}.name])");
            return Err(fault(position, complaint));
        }
        let position = self.position();
        let name = self.identifier()?;
        let known = SYSTEM.into_iter().find(|known| known.eq_ignore_ascii_case(&name));
        known.map(Property::System).ok_or_else(|| {
            let complaint = format!("sys.{name} is not supported, only sys.{} are", SYSTEM.join(", sys."));
            fault(position, complaint)
        })
    }

    fn identifier(&mut self) -> Result<String> {
        match self.peek().clone() {
            Token::Word(word) if RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved)) => {
                Err(fault(self.position(), format!("{word} is a reserved word; as a name it is written [{word}]")))
            }
            Token::Word(name) | Token::Name(name) if !name.is_empty() => {
                self.take();
                Ok(name)
            }
            _ => Err(self.unexpected("the name of a property")),
        }
    }
}

fn fault(position: usize, complaint: impl Into<String>) -> SqlError {
    SqlError { position, complaint: complaint.into() }
}

fn negated(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn negated_if(not: bool, condition: Condition) -> Condition {
    if not { negated(condition) } else { condition }
}
