//! From the text of an expression to its words.

use std::{fmt, iter::Peekable, str::Chars};

/// The service's quota for the text of a filter and for that of an action, in characters. It also bounds what reading costs.
const LENGTH: usize = 1024;

/// Why an expression is not accepted, and where that shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {position}: {complaint}")]
pub struct SqlError {
    /// Characters, from 1.
    pub position: usize,
    pub complaint: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword or a regular identifier.
    Word(String),
    /// An identifier in brackets or double quotation marks.
    Name(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// Without its `@`.
    Parameter(String),
    Symbol(&'static str),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "{word}"),
            Self::Name(name) => write!(f, "[{name}]"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Parameter(name) => write!(f, "@{name}"),
            Self::Symbol(symbol) => write!(f, "{symbol}"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// Longer ones first, since the first that fits is taken.
const SYMBOLS: [&str; 17] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", ";", "+", "-", "*", "/", "%"];

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    /// Characters that were taken.
    taken: usize,
}

/// All tokens with their positions; the last one is `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, SqlError> {
    if text.chars().nth(LENGTH).is_some() {
        return Err(SqlError { position: LENGTH + 1, complaint: format!("an expression has at most {LENGTH} characters") });
    }
    let mut lexer = Lexer { rest: text.chars().peekable(), taken: 0 };
    let mut tokens = Vec::new();
    loop {
        while lexer.take_if(char::is_whitespace).is_some() {}
        let position = lexer.taken + 1;
        let token = lexer.token().map_err(|complaint| SqlError { position, complaint })?;
        let end = token == Token::End;
        tokens.push((token, position));
        if end {
            return Ok(tokens);
        }
    }
}

impl Lexer<'_> {
    fn take(&mut self) -> Option<char> {
        let taken = self.rest.next();
        self.taken += usize::from(taken.is_some());
        taken
    }

    fn take_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.rest.peek().copied().filter(|next| wanted(*next))?;
        self.take()
    }

    fn token(&mut self) -> Result<Token, String> {
        let Some(first) = self.rest.peek().copied() else { return Ok(Token::End) };
        match first {
            '\'' => self.quoted('\'').map(Token::Text),
            '"' => self.quoted('"').map(Token::Name),
            '[' => self.quoted(']').map(Token::Name),
            '@' => {
                self.take();
                let name = self.word();
                if name.is_empty() { Err("a parameter needs a name after @".into()) } else { Ok(Token::Parameter(name)) }
            }
            _ if first.is_ascii_digit() => self.number(),
            _ if first.is_alphabetic() => Ok(Token::Word(self.word())),
            _ => self.symbol(first),
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(next) = self.take_if(|next| next == '_' || next.is_alphanumeric()) {
            word.push(next);
        }
        word
    }

    /// Up to `end`, which stands twice where it is meant.
    fn quoted(&mut self, end: char) -> Result<String, String> {
        self.take();
        let mut text = String::new();
        loop {
            match self.take() {
                Some(next) if next == end => {
                    if self.take_if(|next| next == end).is_none() {
                        return Ok(text);
                    }
                    text.push(end);
                }
                Some(next) => text.push(next),
                None => return Err(format!("what begins here has no closing {end}")),
            }
        }
    }

    fn number(&mut self) -> Result<Token, String> {
        let mut text = self.digits();
        let mut whole = true;
        if self.take_if(|next| next == '.').is_some() {
            whole = false;
            let fraction = self.digits();
            if fraction.is_empty() {
                return Err(format!("{text}. needs a digit after its point"));
            }
            text = format!("{text}.{fraction}");
        }
        if self.take_if(|next| matches!(next, 'e' | 'E')).is_some() {
            whole = false;
            let sign = self.take_if(|next| matches!(next, '+' | '-')).map(String::from).unwrap_or_default();
            let exponent = self.digits();
            if exponent.is_empty() {
                return Err(format!("{text}E needs a whole number as exponent"));
            }
            text = format!("{text}E{sign}{exponent}");
        }
        if whole {
            return text.parse().map(Token::Int).map_err(|_| format!("{text} is more than {}", i64::MAX));
        }
        match text.parse() {
            Ok(value) if f64::is_finite(value) => Ok(Token::Float(value)),
            _ => Err(format!("{text} is more than a double holds")),
        }
    }

    fn digits(&mut self) -> String {
        let mut digits = String::new();
        while let Some(next) = self.take_if(|next| next.is_ascii_digit()) {
            digits.push(next);
        }
        digits
    }

    fn symbol(&mut self, first: char) -> Result<Token, String> {
        self.take();
        let second = self.rest.peek().copied();
        let two = |symbol: &str| second.is_some_and(|second| symbol.chars().eq([first, second]));
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| two(symbol)) {
            self.take();
            return Ok(Token::Symbol(symbol));
        }
        let one = SYMBOLS.into_iter().find(|symbol| symbol.chars().eq([first]));
        one.map(Token::Symbol).ok_or_else(|| format!("{first:?} has no meaning in an expression"))
    }
}
