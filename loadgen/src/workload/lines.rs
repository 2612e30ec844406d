//! The messages of `--payload-file`: one a line, as they are.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::keys::FieldPath;

/// A payload file's messages, without the line's end (`\n` or `\r\n`). Empty lines are left out; the last line needs no
/// end; the bytes need not be UTF-8.
#[derive(Debug)]
pub struct Lines {
    text: Vec<u8>,
    /// Keys that do not stand in the text as they are.
    keys: Vec<u8>,
    lines: Vec<Line>,
    without_key: usize,
    empty: usize,
    cut: bool,
}

/// Positions fit in 32 bits because of [`Lines::LIMIT_BYTES`].
#[derive(Debug, Clone, Copy)]
struct Line {
    start: u32,
    end: u32,
    /// Range in `keys`; empty with a start of `NO_KEY` where the line has none.
    key_start: u32,
    key_end: u32,
}

const NO_KEY: u32 = u32::MAX;

/// A payload file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds no line with anything in it.
    #[error("{} holds no messages: it is empty, or every line is", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No line has the field that the key is to come from.
    #[error("no line of {} has the key's field", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

impl Lines {
    /// What is loaded of a larger file; a line that the limit cuts is left out.
    pub const LIMIT_BYTES: u64 = 256 << 20;

    /// Loads a file's first [`Lines::LIMIT_BYTES`], and the key of each line where `key` names its field.
    pub fn load(path: &Path, key: Option<&FieldPath>) -> Result<Lines, LinesError> {
        let io = |source| LinesError::Io { path: path.to_owned(), source };
        let mut text = Vec::new();
        let mut file = File::open(path).map_err(io)?;
        file.by_ref().take(Self::LIMIT_BYTES).read_to_end(&mut text).map_err(io)?;
        let cut = text.len() as u64 == Self::LIMIT_BYTES && file.read(&mut [0]).map_err(io)? > 0;
        let lines = Self::split(text, cut, key);
        if lines.lines.is_empty() {
            return Err(LinesError::Empty { path: path.to_owned() });
        }
        if key.is_some() && lines.without_key == lines.count() {
            return Err(LinesError::NoKey { path: path.to_owned() });
        }
        Ok(lines)
    }

    /// Number of messages.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// Lines without the key's field; they are sent without a key.
    pub fn without_key(&self) -> usize {
        self.without_key
    }

    /// Lines with nothing in them, which are not sent.
    pub fn empty(&self) -> usize {
        self.empty
    }

    /// Whether the file was larger than the limit.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// A message and its key.
    #[inline]
    pub(super) fn line(&self, index: usize) -> (&[u8], Option<&[u8]>) {
        let line = self.lines[index];
        let key = (line.key_start != NO_KEY).then(|| &self.keys[line.key_start as usize..line.key_end as usize]);
        (&self.text[line.start as usize..line.end as usize], key)
    }

    fn split(mut text: Vec<u8>, cut: bool, key: Option<&FieldPath>) -> Lines {
        if cut {
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            text.truncate(whole);
        }
        let (mut keys, mut lines, mut without_key, mut empty) = (Vec::new(), Vec::new(), 0, 0);
        let mut start = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let content = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
            if !content.is_empty() {
                let key = key.and_then(|path| path.extract(content, &mut keys));
                without_key += usize::from(key.is_none());
                let key = key.unwrap_or(NO_KEY as usize..NO_KEY as usize);
                let end = start + content.len();
                let (key_start, key_end) = (key.start as u32, key.end as u32);
                lines.push(Line { start: start as u32, end: end as u32, key_start, key_end });
            }
            empty += usize::from(content.is_empty());
            start += line.len();
        }
        Lines { text, keys, lines, without_key: if key.is_some() { without_key } else { 0 }, empty, cut }
    }
}

impl FieldPath {
    /// Appends a line's key to `keys` and gives its range; `None` where the line has no such field.
    fn extract(&self, line: &[u8], keys: &mut Vec<u8>) -> Option<Range<usize>> {
        let start = keys.len();
        match self {
            FieldPath::Field(number) => {
                let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
                keys.extend_from_slice(fields.nth(number - 1)?);
            }
            FieldPath::Json(members) => {
                let object: serde_json::Value = serde_json::from_slice(line).ok()?;
                match members.iter().try_fold(&object, |value, member| value.get(member))? {
                    serde_json::Value::String(text) => keys.extend_from_slice(text.as_bytes()),
                    number @ serde_json::Value::Number(_) => keys.extend_from_slice(number.to_string().as_bytes()),
                    serde_json::Value::Bool(flag) => keys.extend_from_slice(flag.to_string().as_bytes()),
                    _ => return None,
                }
            }
        }
        Some(start..keys.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn load(content: &[u8], key: Option<&str>) -> Result<Lines, LinesError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let path = key.map(|key| key.parse::<FieldPath>().unwrap());
        Lines::load(file.path(), path.as_ref())
    }

    fn all(lines: &Lines) -> Vec<(&[u8], Option<&[u8]>)> {
        (0..lines.count()).map(|index| lines.line(index)).collect()
    }

    #[test]
    fn line_ends_are_taken_off_and_everything_else_stays_as_it_is() {
        let lines = load(b"one\r\n\n\r\n\xff\x00two \t\nla\rst", None).unwrap();
        assert_eq!(all(&lines), [(&b"one"[..], None), (b"\xff\x00two \t", None), (b"la\rst", None)]);
        assert!(lines.without_key() == 0 && lines.empty() == 2 && !lines.is_cut());
    }

    #[test]
    fn a_file_without_messages_is_refused_in_one_sentence() {
        for content in [&b""[..], b"\n\n", b"\r\n"] {
            assert!(matches!(load(content, None), Err(LinesError::Empty { .. })));
        }
        let missing = Lines::load(Path::new("/nonexistent/messages"), None).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read /nonexistent/messages: No such file or directory (os error 2)");
    }

    #[test]
    fn keys_come_from_json_members_and_lines_without_them_have_none() {
        let content = b"{\"user\":{\"id\":\"a\\u00e9\"}}\n{\"user\":{\"id\":7}}\nnot json\n{\"user\":3}\n{\"user\":{\"id\":null}}\n";
        let lines = load(content, Some("$.user.id")).unwrap();
        let keys: Vec<Option<&[u8]>> = all(&lines).into_iter().map(|(_, key)| key).collect();
        assert_eq!(keys, [Some("aé".as_bytes()), Some(b"7"), None, None, None]);
        assert_eq!(lines.without_key(), 3);
        assert!(matches!(load(content, Some("$.nobody")), Err(LinesError::NoKey { .. })));
    }

    #[test]
    fn keys_come_from_fields_of_an_access_log() {
        let content = b"10.0.0.1 - - [x] \"GET /\"\n  10.0.0.2\t-\n \n";
        let lines = load(content, Some("field=1")).unwrap();
        let keys: Vec<Option<&[u8]>> = all(&lines).into_iter().map(|(_, key)| key).collect();
        assert_eq!(keys, [Some(&b"10.0.0.1"[..]), Some(b"10.0.0.2"), None]);
    }

    #[test]
    fn a_line_cut_by_the_limit_is_left_out() {
        let lines = Lines::split(b"whole\ncut of".to_vec(), true, None);
        assert_eq!(all(&lines), [(&b"whole"[..], None)]);
    }
}
