//! `floor-read DB [all]`: reads one row by its key, or streams every row as one JSON object a line.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [path] => print(
            Path::new(path),
            "SELECT id, title, status FROM task WHERE id = 1",
        ),
        [path, "all"] => print(Path::new(path), "SELECT id, title, status FROM task"),
        _ => {
            eprintln!("usage: floor-read DB [all]");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("floor-read: {e}");
            ExitCode::FAILURE
        }
    }
}

fn print(path: &Path, sql: &str) -> Result<(), Failure> {
    let db = floor::open(path)?;
    let mut query = db.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    while let Some(row) = rows.next()? {
        let (id, title, status) = (
            row.get::<_, i64>(0)?,
            row.get_ref(1)?.as_str()?,
            row.get_ref(2)?.as_str()?,
        );
        writeln!(
            out,
            r#"{{"id":{id},"title":"{title}","status":"{status}"}}"#
        )?;
    }
    Ok(out.flush()?)
}
