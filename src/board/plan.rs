//! Where what stands: the areas of a screen by its size.

use ratatui_core::layout::Rect;

use crate::board::picture::COLUMNS;

/// Narrower screens show one column at a time.
const ALL_COLUMNS: u16 = 60;
/// Lower screens show columns or the pane, never both.
const BOTH: u16 = 16;
/// Rows of the pane beside its page: rule, title, tabs.
const ABOVE_TEXT: u16 = 3;

/// The share of the screen that the chosen task has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DetailShare {
    /// The part below the columns.
    Part,
    /// All of it.
    Whole,
}

/// The areas of a screen. One that has no room is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoardPlan {
    /// The first line.
    pub(super) head: Rect,
    /// All columns, or the one in which one is.
    pub(super) columns: Vec<Rect>,
    /// The line above the pane.
    pub(super) rule: Rect,
    /// The title of the pane.
    pub(super) title: Rect,
    /// The tabs of the pane.
    pub(super) tabs: Rect,
    /// The page of the pane.
    pub(super) text: Rect,
    /// The last line.
    pub(super) foot: Rect,
}

impl BoardPlan {
    /// The plan for a screen of so many columns and rows.
    pub(super) fn of((width, height): (u16, u16), share: DetailShare) -> BoardPlan {
        let row = |y: u16, rows: u16| {
            let left = height.saturating_sub(y);
            Rect::new(0, y.min(height), width, rows.min(left))
        };
        let between = height.saturating_sub(2);
        let above = match share {
            DetailShare::Whole => 0,
            DetailShare::Part if height < BOTH => between,
            DetailShare::Part => between * 2 / 5,
        };
        let pane = between - above;
        let top = 1 + above;
        // Without room for a page there is no pane.
        let has = |rows: u16| if pane > ABOVE_TEXT { rows } else { 0 };
        BoardPlan {
            head: row(0, 1),
            columns: columns(row(1, above)),
            rule: row(top, has(1)),
            title: row(top + 1, has(1)),
            tabs: row(top + 2, has(1)),
            text: row(top + ABOVE_TEXT, has(pane.saturating_sub(ABOVE_TEXT))),
            foot: row(height.saturating_sub(1).max(1), 1),
        }
    }
}

/// The columns with a free cell between them; the first ones get what does not come out even.
fn columns(area: Rect) -> Vec<Rect> {
    if area.width < ALL_COLUMNS {
        return vec![area];
    }
    let count = u16::try_from(COLUMNS).unwrap_or(1);
    let room = area.width - (count - 1);
    let mut x = area.x;
    let of = |at: u16| room / count + u16::from(at < room % count);
    (0..count)
        .map(|at| {
            let one = Rect {
                x,
                width: of(at),
                ..area
            };
            x += of(at) + 1;
            one
        })
        .collect()
}
