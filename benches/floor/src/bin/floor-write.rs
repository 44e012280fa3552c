//! `floor-write DB [ROWS]`: commits ROWS rows (one, if not said) durably in one IMMEDIATE
//! transaction, and says their ids. Makes the store where there is none.

use std::path::Path;
use std::process::ExitCode;

use rusqlite::{Result, TransactionBehavior};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rows = args.get(1).map_or(Ok(1), |n| n.parse());
    let (Some(path), Ok(rows)) = (args.first(), rows) else {
        eprintln!("usage: floor-write DB [ROWS]");
        return ExitCode::from(2);
    };
    match write(Path::new(path), rows) {
        Ok(last) => {
            println!("{last}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("floor-write: {e}");
            ExitCode::FAILURE
        }
    }
}

fn write(path: &Path, rows: u32) -> Result<i64> {
    let mut db = if path.exists() {
        floor::open(path)?
    } else {
        floor::create(path)?
    };
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert =
            tx.prepare("INSERT INTO task(title, status, at) VALUES (?1, 'queued', ?2)")?;
        for row in 0..rows {
            insert.execute((format!("task number {row}"), row))?;
        }
    }
    let last = tx.last_insert_rowid();
    tx.commit()?;
    Ok(last)
}
