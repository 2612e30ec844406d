//! Writes a page, a result file and the summaries of made-up runs, to look at while changing a rendering:
//! `cargo run -p reports --example sample_pages -- DIRECTORY`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::error::Error;
use std::path::PathBuf;

use reports::render::{self, Colour};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: sample_pages DIRECTORY")?);
    let runs = [
        ("clean", sample::clean()),
        ("anomalies", sample::with_anomalies()),
        ("cut-short", sample::cut_short()),
        ("invalid", sample::invalid()),
        ("hostile", sample::hostile()),
    ];
    for (name, run) in runs {
        let directory = directory.join(name);
        std::fs::create_dir_all(&directory)?;
        run.write(&directory.join("result.json"))?;
        std::fs::write(directory.join("report.html"), render::html(&run))?;
        std::fs::write(directory.join("summary.md"), render::markdown(&run))?;
        print!(
            "{}\n{}",
            directory.display(),
            render::terminal(&run, Colour::for_stream(&std::io::stdout()), render::COLUMNS)
        );
        println!();
    }
    for (name, comparison) in sample::comparison::all() {
        let directory = directory.join(format!("comparison-{name}"));
        std::fs::create_dir_all(&directory)?;
        comparison.write(&directory.join("comparison.json"))?;
        std::fs::write(directory.join("report.html"), render::comparison::html(&comparison))?;
        std::fs::write(directory.join("comparison.md"), render::comparison::markdown(&comparison))?;
        let summary =
            render::comparison::terminal(&comparison, Colour::for_stream(&std::io::stdout()), render::COLUMNS);
        println!("{}\n{summary}", directory.display());
    }
    Ok(())
}
