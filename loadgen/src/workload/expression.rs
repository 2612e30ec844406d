//! The language of `--partitioner explicit:EXPR`.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = atom { ("*" | "/" | "%") atom }
//! atom    = number | "seq" | "producer" | "key" "[" [number] ":" [number] "]" | "(" sum ")"
//! ```
//!
//! `seq` counts the producer's messages from 0, `producer` is its index, `key[A:B]` the bytes A up to B of the key read
//! as a decimal number, as `int(key[A:B])` in Python. Division rounds down, and `%` is never negative for a positive
//! divisor, as in Python too.

use std::fmt;
use std::str::FromStr;

use super::partitioner::PartitionError;

/// An explicit choice of the partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    text: String,
    root: Node,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Number(i64),
    Sequence,
    Producer,
    KeyPart { from: usize, to: usize },
    Binary { operator: u8, left: Box<Node>, right: Box<Node> },
}

/// Longer texts are refused, which bounds how deep parentheses nest.
const MAX_TEXT_BYTES: usize = 256;

impl Expression {
    /// The value for one message.
    pub fn value(&self, key: Option<&[u8]>, sequence: u64, producer: u16) -> Result<i64, PartitionError> {
        self.root.value(key, sequence, producer)
    }

    /// Whether it reads the key.
    pub fn reads_key(&self) -> bool {
        self.root.reads_key()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(format!("{} bytes, expected at most {MAX_TEXT_BYTES}", text.len()));
        }
        let mut parser = Parser { rest: text };
        let root = parser.sum()?;
        match parser.peek() {
            None => Ok(Expression { text: text.to_owned(), root }),
            Some(_) => Err(parser.unexpected("the end")),
        }
    }
}

impl Node {
    fn value(&self, key: Option<&[u8]>, sequence: u64, producer: u16) -> Result<i64, PartitionError> {
        match self {
            Node::Number(number) => Ok(*number),
            Node::Sequence => i64::try_from(sequence).map_err(|_| PartitionError::NoValue),
            Node::Producer => Ok(i64::from(producer)),
            Node::KeyPart { from, to } => key_part(key.ok_or(PartitionError::NoKey)?, *from, *to),
            Node::Binary { operator, left, right } => {
                let left = left.value(key, sequence, producer)?;
                let right = right.value(key, sequence, producer)?;
                let value = match operator {
                    b'+' => left.checked_add(right),
                    b'-' => left.checked_sub(right),
                    b'*' => left.checked_mul(right),
                    b'/' => left.checked_div_euclid(right),
                    _ => left.checked_rem_euclid(right),
                };
                value.ok_or(PartitionError::NoValue)
            }
        }
    }

    fn reads_key(&self) -> bool {
        match self {
            Node::KeyPart { .. } => true,
            Node::Binary { left, right, .. } => left.reads_key() || right.reads_key(),
            Node::Number(_) | Node::Sequence | Node::Producer => false,
        }
    }
}

/// The bytes `from` up to `to` of the key, cut to its length, as a decimal number.
fn key_part(key: &[u8], from: usize, to: usize) -> Result<i64, PartitionError> {
    let part = key.get(from.min(key.len())..to.min(key.len())).unwrap_or_default();
    let digits = std::str::from_utf8(part).ok().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| PartitionError::NotANumber {
        key: String::from_utf8_lossy(key).into_owned(),
        part: String::from_utf8_lossy(part).into_owned(),
    })
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn sum(&mut self) -> Result<Node, String> {
        let mut left = self.product()?;
        while let Some(operator) = self.take_one_of(b"+-") {
            left = Node::Binary { operator, left: Box::new(left), right: Box::new(self.product()?) };
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Node, String> {
        let mut left = self.atom()?;
        while let Some(operator) = self.take_one_of(b"*/%") {
            let right = self.atom()?;
            if operator != b'*' && right == Node::Number(0) {
                return Err("it divides by zero".to_owned());
            }
            left = Node::Binary { operator, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Node, String> {
        if self.take_one_of(b"(").is_some() {
            let inner = self.sum()?;
            self.expect(b')')?;
            return Ok(inner);
        }
        if let Some(number) = self.number()? {
            return Ok(Node::Number(number));
        }
        match self.word() {
            "seq" => Ok(Node::Sequence),
            "producer" => Ok(Node::Producer),
            "key" => self.key_part(),
            "" => Err(self.unexpected("a number, seq, producer, key[A:B] or (")),
            word => Err(format!("{word:?} is unknown; there are seq, producer and key[A:B]")),
        }
    }

    fn key_part(&mut self) -> Result<Node, String> {
        self.expect(b'[')?;
        let from = self.number()?.unwrap_or(0) as usize;
        self.expect(b':')?;
        let to = self.number()?.map_or(usize::MAX, |to| to as usize);
        self.expect(b']')?;
        if from >= to {
            return Err(format!("key[{from}:{to}] is empty"));
        }
        Ok(Node::KeyPart { from, to })
    }

    fn number(&mut self) -> Result<Option<i64>, String> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return Ok(None);
        }
        digits.parse().map(Some).map_err(|_| format!("{digits} is too large"))
    }

    fn word(&mut self) -> &str {
        self.take_while(|byte| byte.is_ascii_alphabetic())
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &str {
        self.rest = self.rest.trim_start();
        let length = self.rest.bytes().take_while(|byte| wanted(*byte)).count();
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn take_one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let next = self.peek().filter(|byte| wanted.contains(byte))?;
        self.rest = &self.rest[1..];
        Some(next)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), String> {
        match self.take_one_of(&[wanted]) {
            Some(_) => Ok(()),
            None => Err(self.unexpected(&format!("{:?}", char::from(wanted)))),
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start();
        self.rest.bytes().next()
    }

    fn unexpected(&self, wanted: &str) -> String {
        match self.rest {
            "" => format!("it ends where {wanted} was expected"),
            rest => format!("{rest:?} stands where {wanted} was expected"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, key: &str) -> Result<i64, PartitionError> {
        text.parse::<Expression>().unwrap().value(Some(key.as_bytes()), 10, 3)
    }

    #[test]
    fn precedence_parentheses_and_rounding_are_as_in_python() {
        assert_eq!(value("1 + 2 * 3", ""), Ok(7));
        assert_eq!(value("(1+2)*3", ""), Ok(9));
        assert_eq!(value("7 - 2 - 1", ""), Ok(4));
        assert_eq!(value("seq*producer % 4", ""), Ok(2));
        assert_eq!(value("(0 - 7) % 3", ""), Ok(2));
        assert_eq!(value("(0 - 7) / 2", ""), Ok(-4));
    }

    #[test]
    fn a_part_of_the_key_is_read_as_a_decimal_number_cut_to_the_key() {
        assert_eq!(value("key[0:2] % 6", "08x"), Ok(2));
        assert_eq!(value("key[1:]", "x123"), Ok(123));
        assert_eq!(value("key[:9]", "42"), Ok(42));
    }

    #[test]
    fn a_message_without_a_value_is_an_error_and_no_panic() {
        let not_a_number =
            |part: &str, key: &str| Err(PartitionError::NotANumber { key: key.to_owned(), part: part.to_owned() });
        assert_eq!(value("key[0:2]", "x1"), not_a_number("x1", "x1"));
        assert_eq!(value("key[0:2]", ""), not_a_number("", ""));
        assert_eq!(value("key[5:9]", "ab"), not_a_number("", "ab"));
        assert_eq!(value("key[0:2]", "é"), not_a_number("é", "é"));
        assert_eq!(value("1 % (seq - 10)", ""), Err(PartitionError::NoValue));
        assert_eq!(value("9223372036854775807 + 1", ""), Err(PartitionError::NoValue));
        assert_eq!("key[0:1]".parse::<Expression>().unwrap().value(None, 0, 0), Err(PartitionError::NoKey));
    }

    #[test]
    fn what_is_no_expression_is_refused_where_it_goes_wrong() {
        for text in ["", "+", "1 +", "(1", "1)", "1 2", "key", "key[", "key[1", "key[2:1]", "x", "-1", "5 % 0", "é"] {
            assert!(text.parse::<Expression>().is_err(), "{text:?} was read");
        }
        assert!("(".repeat(300).parse::<Expression>().is_err());
        assert_eq!("1 + ".parse::<Expression>().unwrap_err(), {
            "it ends where a number, seq, producer, key[A:B] or ( was expected"
        });
    }
}
