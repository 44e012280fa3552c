//! One notice to one sink.

use std::io::Write as _;

use crate::domain::notice::{Notice, NoticeSink, SinkEnd};
use crate::notify::teller::Teller;
use crate::notify::{command, desktop, file, webhook};

/// Tells one sink, and says what came of it, within the time that the sink may take.
pub fn tell(teller: &Teller, sink: &NoticeSink, notice: &Notice) -> SinkEnd {
    match sink {
        NoticeSink::Console => {
            // Nobody is left to tell when it is closed.
            let _untold = writeln!(std::io::stderr(), "notice: {}", notice.line());
            SinkEnd::Taken
        }
        NoticeSink::Desktop => desktop::show(&notice.title, &notice.text),
        NoticeSink::Webhook(sink) => webhook::post(teller, sink, notice),
        NoticeSink::Command(sink) => command::run(teller, sink, notice),
        NoticeSink::File(sink) => file::append(teller, sink, notice),
    }
}
