//! One notice to one sink.

use std::io::Write as _;

use crate::domain::notice::{Notice, NoticeSink, SinkEnd};
use crate::notify::teller::Teller;
use crate::notify::{command, desktop, file, webhook};

/// Tells one sink, and says what came of it, within the time that the sink may take.
pub fn tell(teller: &Teller, sink: &NoticeSink, notice: &Notice) -> SinkEnd {
    match told(teller, sink, notice) {
        SinkEnd::Failed(why) => SinkEnd::Failed(without_secrets(teller, why)),
        SinkEnd::Refused(why) => SinkEnd::Refused(without_secrets(teller, why)),
        SinkEnd::Absent(why) => SinkEnd::Absent(without_secrets(teller, why)),
        end @ (SinkEnd::Taken | SinkEnd::Later) => end,
    }
}

/// A program may say what stands in its environment.
fn without_secrets(teller: &Teller, why: String) -> String {
    let hide = |text: String, secret: &String| text.replace(secret.trim(), "[REDACTED]");
    teller.hidden.iter().fold(why, hide)
}

fn told(teller: &Teller, sink: &NoticeSink, notice: &Notice) -> SinkEnd {
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
