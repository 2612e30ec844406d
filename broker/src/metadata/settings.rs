//! What a setting is: the values it takes, and how DescribeConfigs shows it. The tables themselves are
//! [`super::TOPIC_SETTINGS`] and the broker's own in `config`.

/// The values a setting takes (Kafka's `ConfigDef.Type` with its validator).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A 32-bit number from the first to the second bound, both included.
    Int(i32, i32),
    /// A 64-bit number from the first to the second bound, both included.
    Long(i64, i64),
    /// A decimal number from the first to the second bound, both included.
    Double(f64, f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any text.
    Text,
    /// Words separated by commas, each one of these; any words when empty.
    List(&'static [&'static str]),
}

impl Kind {
    /// Checks `value` and returns it in canonical form (no surrounding blanks, lower-case booleans); the error says
    /// what is expected.
    pub fn parse(&self, value: &str) -> Result<String, String> {
        let value = value.trim();
        let accepted = match *self {
            Kind::Boolean => {
                let lower = value.to_ascii_lowercase();
                return match lower.as_str() {
                    "true" | "false" => Ok(lower),
                    _ => Err(self.mismatch(value)),
                };
            }
            Kind::Int(min, max) => value.parse().is_ok_and(|number: i32| (min..=max).contains(&number)),
            Kind::Long(min, max) => value.parse().is_ok_and(|number: i64| (min..=max).contains(&number)),
            Kind::Double(min, max) => value.parse().is_ok_and(|number: f64| (min..=max).contains(&number)),
            Kind::OneOf(words) => words.contains(&value),
            Kind::Text => true,
            Kind::List(words) => words.is_empty() || value.split(',').all(|word| words.contains(&word.trim())),
        };
        if accepted { Ok(value.to_owned()) } else { Err(self.mismatch(value)) }
    }

    /// What is expected, as a phrase: "a number from 1 to 9".
    pub fn expected(&self) -> String {
        let range = |min: i64, max: i64, largest: i64| match (min, max) {
            (min, max) if min == max => min.to_string(),
            (min, max) if max == largest && min == -largest - 1 => "a whole number".to_owned(),
            (min, max) if max == largest => format!("a whole number of at least {min}"),
            (min, max) => format!("a whole number from {min} to {max}"),
        };
        match *self {
            Kind::Boolean => "true or false".to_owned(),
            Kind::Int(min, max) => range(min.into(), max.into(), i32::MAX.into()),
            Kind::Long(min, max) => range(min, max, i64::MAX),
            Kind::Double(min, max) => format!("a number from {min} to {max}"),
            Kind::OneOf(words) => format!("one of {}", words.join(", ")),
            Kind::Text => "text".to_owned(),
            Kind::List([]) => "words separated by commas".to_owned(),
            Kind::List(words) => format!("some of {}, separated by commas", words.join(", ")),
        }
    }

    fn mismatch(&self, value: &str) -> String {
        format!("expected {}, got {value:?}", self.expected())
    }
}

/// Where a value comes from (Kafka's `ConfigEntry.ConfigSource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Given for the topic.
    Topic,
    /// Given to the broker when it started.
    Broker,
    /// Nobody said otherwise.
    Default,
}

/// One of the places that a value can come from, most specific first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    /// The setting's name there.
    pub name: &'static str,
    /// Its value there.
    pub value: String,
    /// The place.
    pub source: Source,
}

/// A setting as DescribeConfigs shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The setting's name.
    pub name: &'static str,
    /// The value in force; `None` where Kafka has null.
    pub value: Option<String>,
    /// The values it takes.
    pub kind: Kind,
    /// Where the value comes from.
    pub source: Source,
    /// Whether a running broker cannot change it.
    pub read_only: bool,
    /// The places the value can come from, as Kafka lists them: the one in force first, if it lists that one.
    pub synonyms: Vec<Synonym>,
    /// One sentence about it.
    pub doc: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_wrong_kind_is_told_what_is_expected() {
        assert_eq!(Kind::Int(1, i32::MAX).parse("0").unwrap_err(), "expected a whole number of at least 1, got \"0\"");
        assert_eq!(Kind::Int(0, 9).parse("x").unwrap_err(), "expected a whole number from 0 to 9, got \"x\"");
        assert_eq!(Kind::Boolean.parse("yes").unwrap_err(), "expected true or false, got \"yes\"");
        assert!(Kind::Double(0.0, 1.0).parse("NaN").is_err());
        assert!(Kind::List(&["compact", "delete"]).parse("delete,shred").is_err());
    }

    #[test]
    fn a_value_is_kept_in_canonical_form() {
        assert_eq!(Kind::Boolean.parse(" TRUE").as_deref(), Ok("true"));
        assert_eq!(Kind::Long(-1, i64::MAX).parse(" -1 ").as_deref(), Ok("-1"));
        assert_eq!(Kind::List(&["compact", "delete"]).parse("delete, compact").as_deref(), Ok("delete, compact"));
    }
}
