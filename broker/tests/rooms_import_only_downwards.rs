//! The rooms' order, read from the `crate::` paths in their sources: a room names only rooms below it. So the tables in
//! `broker/src/lib.rs` stay true, and the generator shares no code with the broker that it measures.

use std::fs;
use std::path::{Path, PathBuf};

/// The broker's rooms from the composition root down.
const ORDER: [&str; 10] =
    ["server", "config", "net", "api", "coordinator", "topic", "metadata", "log", "record", "region"];
/// Everybody's, and knowing nobody but each other.
const LEAVES: [&str; 4] = ["metrics", "clock", "background", "replacement"];
/// Who sees the wire protocol, which itself sees nothing of the crate.
const PROTOCOL_READERS: [&str; 3] = ["server", "net", "api"];

fn may_import(room: &str, imported: &str) -> bool {
    let rank = |room: &str| ORDER.iter().position(|known| *known == room);
    if room == imported || LEAVES.contains(&imported) {
        return true;
    }
    if imported == "protocol" {
        return PROTOCOL_READERS.contains(&room);
    }
    matches!((rank(room), rank(imported)), (Some(above), Some(below)) if above < below)
}

#[test]
fn a_room_of_the_broker_imports_only_rooms_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        let inside = file.strip_prefix(&source).expect("a file below the source directory");
        let room = inside.components().next().expect("a path").as_os_str().to_string_lossy();
        let room = room.trim_end_matches(".rs");
        if room == "lib" || room == "main" {
            continue;
        }
        for (line, imported) in rooms_named(&code(&file)) {
            if !may_import(room, &imported) {
                wrong.push(format!("{}:{line}: {room} imports {imported}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_generator_uses_the_broker_only_to_embed_it_and_to_make_logs() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../loadgen/src");
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        let inside = file.strip_prefix(&source).expect("a file below the source directory");
        if inside.starts_with("target") || inside.starts_with("command/scale") || inside == "command/scale.rs" {
            continue;
        }
        let code = code(&file);
        let named = code.match_indices("broker::").filter(|(at, _)| !code[..*at].ends_with([':', '_']));
        let named = named.filter(|(at, _)| !code[..*at].ends_with(char::is_alphanumeric));
        wrong.extend(named.map(|(at, _)| format!("{}:{}", inside.display(), line_at(&code, at))));
    }
    assert!(wrong.is_empty(), "these lines name the broker's crate:\n{}", wrong.join("\n"));
}

/// The file without its comments; lines keep their numbers.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a readable source file");
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Line and name of each room after `crate::`, also within one pair of braces.
fn rooms_named(code: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let after = &code[at + path.len()..];
        let rooms = match after.strip_prefix('{') {
            Some(list) => top_level_items(list),
            None => vec![after],
        };
        for room in rooms {
            let name: String = room.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            named.push((line_at(code, at), name));
        }
    }
    named
}

/// The items of a list up to the brace that closes it.
fn top_level_items(list: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut begin = 0;
    let mut items = Vec::new();
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[begin..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

fn line_at(code: &str, at: usize) -> usize {
    code[..at].lines().count().max(1)
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a readable source directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn rooms_are_found_in_single_and_in_nested_imports() {
    let code =
        "use crate::log::Log;\nuse crate::{\n  topic::{Topics, Wait},\n  clock,\n};\nlet x = crate::record::CRC;";
    let rooms: Vec<_> = rooms_named(code).into_iter().map(|(_, room)| room).collect();
    assert_eq!(rooms, ["log", "topic", "clock", "record"]);
}
