//! Decisions that want a person's yes. An index holds them, since few are ever open among many.

use rusqlite::params;

use crate::domain::decision::DecisionRecord;
use crate::domain::ids::TaskId;
use crate::store::StoreError;
use crate::store::sqlite::query::UNLIMITED;
use crate::store::sqlite::tx::SqliteTx;

impl SqliteTx<'_> {
    /// The records, newest first; of one task where one is named.
    pub(super) fn read_asks(
        &self,
        task: Option<&TaskId>,
        limit: Option<u64>,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        let limit = limit
            .and_then(|n| i64::try_from(n).ok())
            .unwrap_or(UNLIMITED);
        // In the words of the index, which is taken for no others.
        let asks = "SELECT id, data FROM decision WHERE json_extract(data, '$.effect') = 'require_approval'";
        match task {
            Some(task) => self.collect(
                "decision",
                &format!("{asks} AND task = ?1 ORDER BY n DESC LIMIT ?2"),
                params![task.as_str(), limit],
            ),
            None => self.collect(
                "decision",
                &format!("{asks} ORDER BY n DESC LIMIT ?1"),
                params![limit],
            ),
        }
    }
}
