//! A partition's state at an offset, as a file.
