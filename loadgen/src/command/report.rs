//! `loadgen report`: reads, merges or sets side by side, renders, writes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use reports::comparison::Comparison;
use reports::merge::{MergeError, Named, differences, merge};
use reports::render::{self, COLUMNS, Colour, html, markdown, side_by_side, terminal};
use reports::{ReadError, RunResult};

use super::run::{columns_of, exit_of};
use crate::cli::{Format, ReportArgs};
use crate::exit::Exit;
use crate::plan::Assertion;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file that is no result this version reads.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// A comparison among results.
    #[error("{} is a comparison, which is rendered alone: name no other file, or name the results of its runs", path.display())]
    Comparison {
        /// The file.
        path: PathBuf,
    },
    /// The same file twice would count every message twice.
    #[error("{} was named twice: name each result once", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// Runs that are not of one plan.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// A result file holds one run.
    #[error(
        "--format json holds one result, and these are {results} different ones: choose another format, or one of them"
    )]
    OneResult {
        /// How many there are.
        results: usize,
    },
    /// The output.
    #[error("cannot write to {}: {source}; choose another file with --output", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ReportError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            ReportError::Output { .. } => Exit::Failed,
            _ => Exit::Usage,
        }
    }
}

/// Renders the files.
///
/// # Errors
/// [`ReportError`], each in one sentence.
pub fn report(args: &ReportArgs) -> Result<Exit, ReportError> {
    let format = args.format.unwrap_or_else(|| format_of(args.output.as_deref()));
    let stdout = std::io::stdout();
    let (colour, columns) = match args.output {
        Some(_) => (Colour::Never, COLUMNS),
        None => (Colour::for_stream(&stdout), columns_of(&stdout)),
    };
    let text = match args.files.as_slice() {
        [one] if let Ok(comparison) = Comparison::read(&file_in(one, "comparison.json")) => {
            render_comparison(&comparison, format, colour, columns)
        }
        files => {
            let runs = read_all(files)?;
            let runs = match (args.merge, args.apart) {
                (true, _) => vec![merged(runs)?],
                (_, true) => runs,
                _ => merge_those_of_one_plan(runs)?,
            };
            render(&runs, format, colour, columns)?
        }
    };
    match &args.output {
        Some(path) => fs::write(path, text).map_err(|source| ReportError::Output { path: path.clone(), source })?,
        // A reader that has gone away ends nothing.
        None => drop(std::io::stdout().write_all(text.as_bytes())),
    }
    Ok(Exit::Clean)
}

/// Reads one result, from its file or from the directory it is in.
///
/// # Errors
/// [`ReportError::Read`], naming the file.
pub(super) fn read(path: &Path) -> Result<(PathBuf, RunResult), ReportError> {
    let path = file_in(path, "result.json");
    match RunResult::read(&path) {
        Ok(run) => Ok((path, run)),
        // It names the file itself.
        Err(ReadError::Io { source, .. }) => {
            let source = ReadError::Io { path: path.file_name().map_or_else(PathBuf::new, PathBuf::from), source };
            Err(ReportError::Read { path, source })
        }
        Err(_) if Comparison::read(&path).is_ok() => Err(ReportError::Comparison { path }),
        Err(source) => Err(ReportError::Read { path, source }),
    }
}

/// The file, or that of its kind in a directory.
fn file_in(path: &Path, name: &str) -> PathBuf {
    if path.is_dir() { path.join(name) } else { path.to_owned() }
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Named>, ReportError> {
    let mut seen = Vec::new();
    let mut runs = Vec::new();
    for file in files {
        let (path, run) = read(file)?;
        let same = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if seen.contains(&same) {
            return Err(ReportError::Twice { path });
        }
        seen.push(same);
        runs.push((path, run));
    }
    let names = names(&runs.iter().map(|(path, _)| path.as_path()).collect::<Vec<_>>());
    let named =
        |((path, run), name): ((PathBuf, RunResult), String)| Named { name, file: path.display().to_string(), run };
    Ok(runs.into_iter().zip(names).map(named).collect())
}

/// What to call each file: the shortest end of its path that tells it from the others.
fn names(paths: &[&Path]) -> Vec<String> {
    let parts = |path: &Path| -> Vec<String> {
        let path = if path.file_name().is_some_and(|name| name == "result.json") && path.components().count() > 1 {
            path.parent().unwrap_or(path).to_owned()
        } else {
            path.with_extension("")
        };
        path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let all: Vec<Vec<String>> = paths.iter().map(|path| parts(path)).collect();
    let end = |parts: &[String], length: usize| parts[parts.len().saturating_sub(length)..].join("/");
    let longest = all.iter().map(Vec::len).max().unwrap_or(1);
    let tells_apart = |length: &usize| {
        let ends: Vec<String> = all.iter().map(|parts| end(parts, *length)).collect();
        ends.iter().enumerate().all(|(i, end)| !ends[..i].contains(end))
    };
    let length = (1..=longest).find(tells_apart).unwrap_or(longest);
    all.iter().map(|parts| end(parts, length)).collect()
}

/// Runs that differ in nothing that could move a figure become one; the order is that of each one's first.
fn merge_those_of_one_plan(runs: Vec<Named>) -> Result<Vec<Named>, ReportError> {
    let mut plans: Vec<Vec<Named>> = Vec::new();
    for named in runs {
        match plans
            .iter_mut()
            .find(|plan| plan.first().is_some_and(|first| differences(&first.run, &named.run).is_empty()))
        {
            Some(plan) => plan.push(named),
            None => plans.push(vec![named]),
        }
    }
    plans.into_iter().map(merged).collect()
}

/// The runs as one, with its assertions and its exit judged anew.
fn merged(mut runs: Vec<Named>) -> Result<Named, ReportError> {
    let mut run = merge(&runs)?;
    let (count, first) = (runs.len(), runs.swap_remove(0));
    if count == 1 {
        return Ok(first);
    }
    let assertions = run.plan.assertions.iter().filter_map(|text| text.parse::<Assertion>().ok());
    run.assertions = assertions.map(|assertion| assertion.judge(&run)).collect();
    let exit = exit_of(&run);
    run.exit = reports::schema::ExitStatus { code: i32::from(exit.code()), name: exit.name().to_owned() };
    Ok(Named { name: format!("{} and {} more", first.name, count - 1), file: first.file, run })
}

fn format_of(output: Option<&Path>) -> Format {
    match output.and_then(Path::extension).and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => Format::Html,
        Some("md" | "markdown") => Format::Markdown,
        Some("json") => Format::Json,
        _ => Format::Terminal,
    }
}

fn render_comparison(comparison: &Comparison, format: Format, colour: Colour, columns: usize) -> String {
    match format {
        Format::Html => render::comparison::html(comparison),
        Format::Markdown => render::comparison::markdown(comparison),
        Format::Terminal => render::comparison::terminal(comparison, colour, columns),
        Format::Json => comparison.to_json(),
    }
}

fn render(runs: &[Named], format: Format, colour: Colour, columns: usize) -> Result<String, ReportError> {
    Ok(match (format, runs) {
        (Format::Html, [one]) => html(&one.run),
        (Format::Markdown, [one]) => markdown(&one.run),
        (Format::Terminal, [one]) => terminal(&one.run, colour, columns),
        (Format::Json, [one]) => one.run.to_json(),
        (Format::Html, several) => side_by_side::html(several),
        (Format::Markdown, several) => side_by_side::markdown(several),
        (Format::Terminal, several) => side_by_side::terminal(several, colour),
        (Format::Json, several) => return Err(ReportError::OneResult { results: several.len() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_by_what_tells_them_apart() {
        let names = |paths: &[&str]| names(&paths.iter().map(Path::new).collect::<Vec<_>>());
        assert_eq!(names(&["ours/result.json", "kafka/result.json"]), ["ours", "kafka"]);
        assert_eq!(names(&["published/run.json", "published/kafka.json"]), ["run", "kafka"]);
        assert_eq!(names(&["a/x/result.json", "b/x/result.json"]), ["a/x", "b/x"]);
        assert_eq!(names(&["result.json"]), ["result"]);
    }

    #[test]
    fn the_outputs_name_says_the_format() {
        let format = |name: &str| format_of(Some(Path::new(name)));
        assert_eq!(
            [format("a.html"), format("b.md"), format("c.json")],
            [Format::Html, Format::Markdown, Format::Json]
        );
        assert_eq!([format("a.txt"), format_of(None)], [Format::Terminal; 2]);
    }
}
