//! Many new tasks on their way from a file to the store: what of them must be known at once, and
//! the rest as lines beside the memory of the process.
//!
//! A file may hold a hundred thousand. Names are kept once and as numbers from then on; a task is
//! looked at when it is read, and again when it is written.

use crate::base::fs::Spool;
use crate::domain::task::Task;
use crate::ops::create::{Batch, NewTask, Unfit, at_entry};
use crate::ops::cx::Cx;
use crate::ops::entry_index::EntryIndex;
use crate::ops::error::{Bug, OpError, Refused};
use crate::ops::queue_room::QueueRoom;
use crate::ops::refusal::Refusal;
use crate::store::Tx;

/// New tasks of a file.
#[derive(Default)]
pub struct NewTasks {
    index: EntryIndex,
    lines: Spool,
}

impl NewTasks {
    /// Adds the next entry of the file.
    pub fn add(&mut self, new: &NewTask) -> Result<(), OpError> {
        self.index.add(new.names()).map_err(of_all)?;
        let line = serde_json::to_string(new).bug("a new task cannot be written down")?;
        Ok(self.lines.write_line(&line)?)
    }

    /// Creates all of them, or none, in the order of the file, and gives each to `made`.
    pub fn create(
        mut self,
        tx: &mut dyn Tx,
        cx: &Cx,
        made: &mut dyn FnMut(&Task) -> Result<(), OpError>,
    ) -> Result<(), OpError> {
        QueueRoom::of(tx, cx)?.refuse_more(self.index.len())?;
        let mut batch = match Batch::begin(tx, self.index) {
            Ok(batch) => batch,
            Err(Unfit::Whole(error)) => return Err(of_all(error)),
            Err(Unfit::At(n, error)) => {
                return Err(at_entry(error, &title_of(&mut self.lines, n)?, n));
            }
        };
        self.lines.read_lines(&mut |line| {
            let new = entry_of(line)?;
            let task = batch.create(tx, cx, &new).map_err(|error| match error {
                Unfit::At(n, error) => at_entry(error, &new.title, n),
                // An answer of the policy, or of the store: not the file's fault.
                Unfit::Whole(error) => error,
            });
            made(&task?)?;
            Ok(true)
        })
    }
}

/// The title of the entry with a number.
fn title_of(lines: &mut Spool, number: usize) -> Result<String, OpError> {
    let (mut n, mut title) = (0, String::new());
    lines.read_lines::<OpError>(&mut |line| {
        if n == number {
            title = entry_of(line)?.title;
        }
        n += 1;
        Ok(n <= number)
    })?;
    Ok(title)
}

fn entry_of(line: &str) -> Result<NewTask, OpError> {
    serde_json::from_str(line).bug("a new task cannot be read back")
}

/// What is wrong with the entries together.
fn of_all(error: OpError) -> OpError {
    match error {
        OpError::Refused(refused) => OpError::Refused(Box::new(Refused {
            why: Refusal::Entries(Box::new(refused.why)),
            record: refused.record,
        })),
        other => other,
    }
}
