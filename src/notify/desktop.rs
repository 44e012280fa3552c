//! Notices on the desktop, over the session's D-Bus.

use std::time::Duration;

use crate::base::text::{multi_line, one_line};
use crate::domain::notice::SinkEnd;

/// The longest that a desktop may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Shows a notice, or says why it cannot be shown, within [`PATIENCE`].
pub(super) fn show(title: &str, text: &str) -> SinkEnd {
    imp::show(&one_line(title), &plain(text))
}

/// A desktop may read its own markup in a body, and a task's title is not ours.
fn plain(body: &str) -> String {
    multi_line(body)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(feature = "notify-desktop")]
mod imp {
    use crate::base::text::one_line;
    use crate::domain::notice::SinkEnd;
    use crate::notify::desktop::PATIENCE;

    /// Shows a notice by the desktop's own service.
    pub(super) fn show(title: &str, body: &str) -> SinkEnd {
        let unavailable = |why: String| SinkEnd::Absent(one_line(&why));
        let runtime = match tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => return unavailable(error.to_string()),
        };
        let mut notice = notify_rust::Notification::new();
        notice.appname("ai").summary(title).body(body);
        let asked =
            runtime.block_on(async { tokio::time::timeout(PATIENCE, notice.show_async()).await });
        // What hangs on a silent desktop is given up, not waited for.
        runtime.shutdown_background();
        match asked {
            Ok(Ok(_)) => SinkEnd::Taken,
            Ok(Err(error)) => unavailable(error.to_string()),
            Err(_) => SinkEnd::Failed(format!(
                "the desktop did not answer for {} seconds",
                PATIENCE.as_secs()
            )),
        }
    }
}

#[cfg(not(feature = "notify-desktop"))]
mod imp {
    use crate::domain::notice::SinkEnd;

    /// Shows a notice by the desktop's own service.
    pub(super) fn show(_title: &str, _body: &str) -> SinkEnd {
        SinkEnd::Absent("this `ai` was built without the feature `notify-desktop`".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_text_and_not_markup() {
        assert_eq!(
            plain("<b>a</b> & b\u{1b}[2J"),
            "&lt;b&gt;a&lt;/b&gt; &amp; b\\e[2J"
        );
    }
}
