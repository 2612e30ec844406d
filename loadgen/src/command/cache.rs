//! Where what is kept between commands lies.

use std::path::PathBuf;

/// `$XDG_CACHE_HOME/loadgen/ROOM`, or below `~/.cache`; none where neither variable names an absolute path.
pub(super) fn directory(room: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("loadgen").join(room))
}
