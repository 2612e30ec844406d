//! Which key each message has.

use std::fmt;
use std::str::FromStr;

/// `--key`: which keys.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySpec {
    /// No key.
    None,
    /// `N`: one of N keys, each as likely.
    Uniform {
        /// Number of keys.
        keys: u64,
    },
    /// `zipf:N:S`: one of N keys, the r-th most frequent with a weight of r^−S.
    Zipf {
        /// Number of keys.
        keys: u64,
        /// The exponent, above 0.
        exponent: f64,
    },
    /// `payload:$.user`, `payload:field=1`: a field of the payload file's line.
    Payload(FieldPath),
}

/// Where in a line the key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldPath {
    /// `$.a.b`: members of a JSON object.
    Json(Vec<String>),
    /// `field=N`: the N-th of the fields that blanks separate, from 1.
    Field(usize),
}

/// A `--key` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no key choice ({reason}); expected none, N, zipf:N:S, payload:$.member or payload:field=N")]
pub struct KeySpecError {
    /// The text.
    pub got: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for KeySpec {
    type Err = KeySpecError;

    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        panic!("being built")
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("being built")
    }
}
