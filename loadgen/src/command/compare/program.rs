//! The program that makes an arm's runs: this one, another build's file, or a commit, which is built first.
//!
//! A commit of the repository that the command is given in is built by `cargo build --release`, in a git worktree and a
//! target directory of its own that go when it is built. What is kept is the program, as
//! `$XDG_CACHE_HOME/loadgen/baselines/COMMIT/loadgen` (`COMMIT-tls/…` where this program has that feature): once there, it is
//! not built again.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use indicatif::ProgressBar;

use super::arm::Arm;
use super::{CompareError, child};
use crate::command::cache;
use crate::exit::Exit;
use crate::run::Control;

/// Where a program comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// This one.
    Own,
    /// Another build.
    File(PathBuf),
    /// Whatever git resolves to a commit.
    Commit(String),
}

impl Program {
    /// What a word names, if it names a program: `git:COMMIT`, or a file.
    pub(super) fn named(word: &str) -> Option<Self> {
        match word.strip_prefix("git:") {
            // A host may be called git.
            Some(commit) if !commit.is_empty() && commit.parse::<u16>().is_err() => {
                Some(Self::Commit(commit.to_owned()))
            }
            _ => Path::new(word).is_file().then(|| Self::File(word.into())),
        }
    }
}

/// Why an arm has no program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// This program does not know its own path.
    #[error("cannot find this program's own file to make the runs by: {0}")]
    OwnPath(std::io::Error),
    /// A file that is something else.
    #[error("{} is no loadgen: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it said instead, or what the system did.
        reason: String,
    },
    /// No such commit, or no repository.
    #[error("git:{commit}: {reason}")]
    Git {
        /// As typed.
        commit: String,
        /// What git said.
        reason: String,
    },
    /// It does not compile.
    #[error("git:{commit} could not be built: {last_words}")]
    Build {
        /// As typed.
        commit: String,
        /// What cargo said.
        last_words: String,
    },
    /// By hand, while it was built.
    #[error("interrupted before the first run")]
    Interrupted,
    /// No place for it.
    #[error("cannot keep a built program in {}: {source}; choose another place by XDG_CACHE_HOME", path.display())]
    Cache {
        /// The place.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ProgramError {
    /// The exit code that says so.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Foreign { .. } | Self::Git { .. } => Exit::Usage,
            Self::OwnPath(_) | Self::Build { .. } | Self::Cache { .. } => Exit::Failed,
            Self::Interrupted => Exit::Interrupted,
        }
    }
}

/// Finds both arms' programs; builds what has to be built.
///
/// # Errors
/// [`CompareError::Program`].
pub(in crate::command) fn find(arms: &mut [Arm; 2], control: &Control, quiet: bool) -> Result<(), CompareError> {
    for arm in arms.iter_mut() {
        let found = match &arm.source {
            Program::Own => std::env::current_exe().map_err(ProgramError::OwnPath),
            Program::File(path) => loadgen_at(path),
            Program::Commit(commit) => of_commit(commit, control, quiet),
        };
        arm.program = found.map_err(|source| CompareError::Program { name: arm.name, source })?;
    }
    let is_built = |arm: &Arm| matches!(arm.source, Program::Commit(_));
    if cfg!(debug_assertions) && arms.iter().any(is_built) && !arms.iter().all(is_built) {
        eprintln!("this program is a debug build, and is compared with a release build");
    }
    Ok(())
}

/// The file, whole path, if it says that it is a loadgen.
fn loadgen_at(path: &Path) -> Result<PathBuf, ProgramError> {
    let foreign = |reason| ProgramError::Foreign { path: path.to_owned(), reason };
    // A name without a slash would be looked for in $PATH.
    let path = path.canonicalize().map_err(|error| foreign(error.to_string()))?;
    let output = Command::new(&path).arg("--version").output().map_err(|error| foreign(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.starts_with("loadgen ") {
        true => Ok(path),
        false => Err(foreign(format!("--version says '{}'", said.lines().next().unwrap_or_default()))),
    }
}

/// The program of a commit, kept from before or built now.
fn of_commit(commit: &str, control: &Control, quiet: bool) -> Result<PathBuf, ProgramError> {
    let wrong = |reason| ProgramError::Git { commit: commit.to_owned(), reason };
    let top = git(Path::new("."), &["rev-parse", "--show-toplevel"]).map_err(wrong)?;
    let peeled = format!("{commit}^{{commit}}");
    let full = git(Path::new(&top), &["rev-parse", "--verify", "--end-of-options", &peeled]).map_err(wrong)?;
    let no_home = || wrong("neither XDG_CACHE_HOME nor HOME says where to keep what is built".to_owned());
    let baselines = cache::directory("baselines").ok_or_else(no_home)?;
    let kept = baselines.join(if cfg!(feature = "tls") { format!("{full}-tls") } else { full.clone() });
    let program = kept.join("loadgen");
    if !program.exists() {
        if !quiet {
            eprintln!("building git:{commit} ({full}) by cargo build --release: minutes, once");
        }
        let built = Building { commit, full: &full, repository: Path::new(&top) };
        built.build(&baselines, &program, control, quiet)?;
    }
    Ok(program)
}

/// A commit to be built.
struct Building<'a> {
    /// As typed.
    commit: &'a str,
    /// Its whole hash.
    full: &'a str,
    repository: &'a Path,
}

impl Building<'_> {
    fn build(&self, baselines: &Path, program: &Path, control: &Control, quiet: bool) -> Result<(), ProgramError> {
        let cache = |source| ProgramError::Cache { path: baselines.to_owned(), source };
        fs::create_dir_all(baselines).map_err(cache)?;
        let building = tempfile::Builder::new().prefix("building-").tempdir_in(baselines).map_err(cache)?;
        let (source, target) = (building.path().join("source"), building.path().join("target"));
        let worktree = Worktree::add(self.repository, &source, self.full)
            .map_err(|reason| ProgramError::Git { commit: self.commit.to_owned(), reason })?;
        let failed = |last_words| ProgramError::Build { commit: self.commit.to_owned(), last_words };
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--locked", "--package", "loadgen", "--bin", "loadgen", "--target-dir"]);
        cargo.arg(&target).current_dir(&source);
        if cfg!(feature = "tls") {
            cargo.args(["--features", "tls"]);
        }
        // What this process was started with is not what that commit asks for.
        cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO_BUILD_TARGET").env("LOADGEN_COMMIT", short(self.full));
        let spinner = (!quiet && std::io::stderr().is_terminal()).then(ProgressBar::new_spinner);
        if let Some(spinner) = &spinner {
            spinner.enable_steady_tick(Duration::from_millis(250));
        }
        let says = |line: &str| {
            if let Some(spinner) = &spinner {
                spinner.set_message(line.trim().to_owned());
            }
        };
        let ended = child::run(&cargo, says, || control.is_interrupted()).map_err(|error| failed(error.to_string()))?;
        if let Some(spinner) = &spinner {
            spinner.finish_and_clear();
        }
        drop(worktree);
        if control.is_interrupted() {
            return Err(ProgramError::Interrupted);
        }
        if ended.code != Some(0) {
            return Err(failed(ended.last_words));
        }
        fs::create_dir_all(program.parent().unwrap_or(baselines)).map_err(cache)?;
        fs::rename(target.join("release/loadgen"), program).map_err(cache)
    }
}

/// As many digits as the version shows.
fn short(full: &str) -> &str {
    full.get(..12).unwrap_or(full)
}

/// A worktree of a repository for as long as this lives.
struct Worktree<'a> {
    repository: &'a Path,
    path: &'a Path,
}

impl<'a> Worktree<'a> {
    fn add(repository: &'a Path, path: &'a Path, commit: &str) -> Result<Self, String> {
        let text = path.to_string_lossy();
        git(repository, &["worktree", "add", "--quiet", "--detach", &text, commit])?;
        Ok(Self { repository, path })
    }
}

impl Drop for Worktree<'_> {
    fn drop(&mut self) {
        let path = self.path.to_string_lossy();
        if let Err(reason) = git(self.repository, &["worktree", "remove", "--force", &path]) {
            eprintln!("cannot remove the worktree {path}: {reason}");
        }
    }
}

/// What git answers, or why it does not. No hook of the repository runs.
fn git(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .map_err(|error| format!("git does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or("git failed");
    Err(first.strip_prefix("fatal: ").unwrap_or(first).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_a_commit_or_a_file_or_no_program() {
        assert_eq!(Program::named("git:main"), Some(Program::Commit("main".into())));
        assert_eq!(Program::named("git:9092"), None, "a host");
        assert_eq!((Program::named("git:"), Program::named("embedded")), (None, None));
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let name = file.path().to_str().expect("UTF-8");
        assert_eq!(Program::named(name), Some(Program::File(name.into())));
        let error = loadgen_at(file.path()).expect_err("empty").to_string();
        assert!(error.contains("is no loadgen"), "{error}");
    }

    #[test]
    fn a_worktree_holds_the_commit_and_goes_when_it_is_dropped() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let repository = directory.path().join("repository");
        fs::create_dir(&repository).expect("created");
        let git = |arguments: &[&str]| git(&repository, arguments).expect("git works");
        git(&["init", "--quiet"]);
        fs::write(repository.join("file"), "one").expect("written");
        git(&["add", "file"]);
        let who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"];
        git(&[&who[..], &["commit", "--quiet", "-m", "one"]].concat());
        fs::write(repository.join("file"), "two").expect("written");
        let path = directory.path().join("worktree");
        let worktree = Worktree::add(&repository, &path, "HEAD").expect("added");
        assert_eq!(fs::read_to_string(path.join("file")).expect("readable"), "one");
        drop(worktree);
        assert!(!path.exists());
        assert_eq!(git(&["worktree", "list"]).lines().count(), 1);
        assert!(super::git(&repository, &["rev-parse", "--verify", "nothing"]).is_err());
    }
}
