//! The help of the board: its lines, where they stand, and how keys move through them on a small screen.

use ratatui_core::layout::Rect;

use crate::board::keys::BoardKey;

/// The help, a line each.
pub(super) const HELP: &[&str] = &[
    "arrows, h j k l   move between columns and tasks; g and G first and last",
    "Enter, z          the chosen task on the whole screen, and back",
    "Tab, 1 to 6       page: why, log, diff, checks, decisions, budget",
    "Space, PgUp/PgDn  more of the page, and back; the log follows at its end",
    "/                 filter by title or id; Esc takes it back",
    "a, r              accept the work; send it back with a note",
    "y                 say yes to the question that waits about the task",
    "m                 write to whoever works on the task, or will",
    "c, t              claim it for yourself; queue it again",
    "p                 pause the daemon, or let it go on",
    "e, s              the worktree of the task: in your editor, or a shell there",
    "ctrl-l, ctrl-z    draw anew; to the shell, `fg` comes back",
    "q, Esc, ctrl-c    quit",
    "",
    "y r ! h p   waits for a yes, a review, a word on a failure; held, parked",
    "c * x       claimed; a run works; its run was cut off (`ai recover`)",
    "0 to 4      priority, 0 is most urgent      + done   - cancelled",
];

/// The place of the help: all rows but the first and the last.
pub(super) fn area(area: Rect) -> Rect {
    Rect {
        y: area.y + 1.min(area.height),
        height: area.height.saturating_sub(2),
        ..area
    }
}

/// The first line that is shown after this key; nothing where the key leaves the help.
pub(super) fn moved(at: usize, key: &BoardKey, (columns, rows): (u16, u16)) -> Option<usize> {
    // Above the lines there is a rule.
    let page = area(Rect::new(0, 0, columns, rows))
        .height
        .saturating_sub(1);
    let page = usize::from(page).max(1);
    let to = match key {
        BoardKey::Up | BoardKey::Char('k') => at.saturating_sub(1),
        BoardKey::Down | BoardKey::Char('j') => at + 1,
        BoardKey::PageUp | BoardKey::Char('K') => at.saturating_sub(page),
        BoardKey::PageDown | BoardKey::Char(' ' | 'J') => at + page,
        _ => return None,
    };
    Some(to.min(HELP.len().saturating_sub(page)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_through_the_help_to_its_end_and_others_leave_it() {
        let last = HELP.len() - 2;
        for (at, key, to) in [
            (0, BoardKey::Down, Some(1)),
            (1, BoardKey::Char('k'), Some(0)),
            (0, BoardKey::Up, Some(0)),
            (0, BoardKey::Char(' '), Some(2)),
            (5, BoardKey::PageUp, Some(3)),
            (last, BoardKey::Char('j'), Some(last)),
            (last, BoardKey::Char('q'), None),
            (3, BoardKey::Esc, None),
        ] {
            assert_eq!(moved(at, &key, (20, 5)), to, "{key:?} at {at}");
        }
        assert_eq!(moved(0, &BoardKey::Down, (80, 40)), Some(0));
        assert_eq!(moved(0, &BoardKey::Down, (0, 0)), Some(1));
    }
}
