//! `loadgen --version` says what it was built from.

use std::process::Command;

#[test]
fn the_version_is_the_packages_with_the_commit_where_one_is_known() {
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen")).arg("--version").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = match option_env!("LOADGEN_COMMIT") {
        Some(commit) => format!("loadgen {} ({commit})\n", env!("CARGO_PKG_VERSION")),
        None => format!("loadgen {}\n", env!("CARGO_PKG_VERSION")),
    };
    assert_eq!(text, expected);
    let commit = option_env!("LOADGEN_COMMIT").unwrap_or("0");
    let hash = commit.strip_suffix("-dirty").unwrap_or(commit);
    assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{commit}");
}
