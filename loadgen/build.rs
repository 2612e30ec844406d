//! Tells the program which commit it is made of: `LOADGEN_COMMIT`, where that is known, and `LOADGEN_VERSION`.
//!
//! A packager who builds without the repository sets `LOADGEN_COMMIT`. Sources are watched too, since they decide whether
//! the commit is what was built; whatever changes there is compiled again in any case.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=LOADGEN_COMMIT");
    let given = std::env::var("LOADGEN_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(|| {
        let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)?;
        of_repository(here.parent()?)
    });
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    match commit {
        Some(commit) => {
            println!("cargo::rustc-env=LOADGEN_COMMIT={commit}");
            println!("cargo::rustc-env=LOADGEN_VERSION={version} ({commit})");
        }
        None => println!("cargo::rustc-env=LOADGEN_VERSION={version}"),
    }
}

/// The commit that `root` holds, marked where files differ from it; none where `root` is no repository of its own.
fn of_repository(root: &Path) -> Option<String> {
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    // A tarball may be unpacked within somebody else's repository.
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // What says where HEAD is: its log where there is one, else HEAD and what it names.
    let log = git(root, &["rev-parse", "--git-path", "logs/HEAD"]).map(|path| root.join(path));
    let head = || {
        let branch = git(root, &["symbolic-ref", "-q", "HEAD"]);
        let names = [Some("HEAD".to_owned()), branch, Some("packed-refs".to_owned())];
        let paths = names.into_iter().flatten().filter_map(|name| git(root, &["rev-parse", "--git-path", &name]));
        paths.map(|path| root.join(path)).collect()
    };
    let watched: Vec<PathBuf> = log.filter(|path| path.exists()).map_or_else(head, |path| vec![path]);
    let sources = ["Cargo.lock", "broker/src", "loadgen/src", "loadgen/build.rs", "reports/src"];
    for path in watched.into_iter().chain(sources.map(|source| root.join(source))).filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let commit = git(root, &["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(root, &["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}

/// What git answers; none where it is missing or refuses.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    // No lock is taken, so that nothing gets in the way of who works in the repository meanwhile.
    let output = Command::new("git").env("GIT_OPTIONAL_LOCKS", "0").current_dir(root).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
