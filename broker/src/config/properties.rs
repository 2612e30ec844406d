//! Java's properties format, as far as Kafka's `server.properties` uses it: `key=value` or `key: value`, comments after
//! `#` or `!`, a line continued by a backslash at its end. Escapes are not interpreted.

/// The assignments in `text`, in order; a line without `=` or `:` is a key with an empty value.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    let mut assignments = Vec::new();
    let mut continued = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        if continued.is_empty() && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        if let Some(begun) = line.strip_suffix('\\') {
            continued.push_str(begun);
            continue;
        }
        continued.push_str(line);
        let (key, value) = continued.split_once(['=', ':']).unwrap_or((&continued, ""));
        assignments.push((key.trim().to_owned(), value.trim().to_owned()));
        continued.clear();
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blanks_colons_and_continued_lines_are_read() {
        let text = "# a=1\n! b=2\n\n c = 3 \nd:4\nlisteners=PLAINTEXT://:1,\\\n  SSL://:2\nflag\n";
        let expected = [("c", "3"), ("d", "4"), ("listeners", "PLAINTEXT://:1,SSL://:2"), ("flag", "")];
        assert_eq!(parse(text), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
