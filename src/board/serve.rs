//! The board at work: it waits for keys, signals, what is written to the store and what an agent says; takes that in; and
//! draws what has come of it.
//!
//! Invariants: it sleeps until one of these comes; the only time that wakes it sooner than twice a minute is that of a
//! run which is shown. Keys are taken in before anything is looked up, so that many of them are one look.

use std::io::{self, Write as _};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};

use crate::app::doors::{BoardEnding, BoardOrder};
use crate::app::error::AppError;
use crate::app::store_news::StoreNews;
use crate::app::workspace::{Workspace, now};
use crate::base::text::one_line;
use crate::base::{clock, env};
use crate::board::act::{self, BoardAct, BoardWish};
use crate::board::detail::{BoardTone, DetailLine};
use crate::board::draw::draw;
use crate::board::eye::{BoardEye, MoreSaid};
use crate::board::keys::KeyReader;
use crate::board::model::{Board, bad_word};
use crate::board::news::{BoardDo, BoardInput, VisitBy};
use crate::board::screen::BoardScreen;
use crate::board::signals::{self, BoardSignal, BoardSignals};
use crate::domain::error_class::ErrorClass;
use crate::ops::failpoint;
use crate::process::editor;

/// The time between two looks at the clock while it is shown.
const TICK: i64 = 1_000;
/// Shortest time between two looks at the store.
const GAP: i64 = 100;
/// So many times as long as a look takes is the time to the next one.
const SHARE: i64 = 10;

/// A board at work.
struct BoardAtWork {
    board: Board,
    eye: BoardEye,
    news: StoreNews,
    keys: KeyReader,
    /// The time at which bytes of keys were read last.
    typed_ms: i64,
    signals: BoardSignals,
    screen: BoardScreen,
    /// Before this time the store is not looked at.
    rests_until_ms: i64,
    more_said: MoreSaid,
    /// The thread that does something, and its word.
    acting: Option<JoinHandle<Result<String, AppError>>>,
    /// The error that the last look at the store has met.
    trouble: Option<String>,
}

/// Shows the board until it is left.
pub fn serve(order: BoardOrder) -> Result<BoardEnding, AppError> {
    let (colours, typed) = (order.colours, order.task.clone());
    let mut eye = BoardEye::open(order)?;
    let task = typed.map(|typed| eye.task(&typed)).transpose()?;
    // Nothing may be written between the beginning of the news and the first look.
    let news = eye.news();
    let board = Board::new(eye.project(), task);
    let signals = BoardSignals::hear().map_err(|error| of_terminal(&error))?;
    let screen = BoardScreen::enter(colours).map_err(|error| of_terminal(&error))?;
    let mut at_work = BoardAtWork {
        board,
        eye,
        news,
        keys: KeyReader::default(),
        typed_ms: 0,
        signals,
        screen,
        rests_until_ms: 0,
        more_said: MoreSaid::Later,
        acting: None,
        trouble: None,
    };
    let ending = at_work.work();
    at_work.screen.leave();
    if let Some(acting) = at_work.acting.take() {
        // What was begun is done: an accept that is cut off would have to be finished by the next one.
        say(&format!("{} …", at_work.board.doing()));
        let told = match acting.join() {
            Ok(Ok(told)) => one_line(&told),
            Ok(Err(error)) => in_a_line(&error),
            // The panic has told of itself.
            Err(_panic) => return Ok(BoardEnding::Ended),
        };
        say(&told);
    }
    Ok(ending)
}

/// The error of a terminal that cannot be taken.
fn of_terminal(error: &io::Error) -> AppError {
    AppError::new(
        ErrorClass::Failed,
        format!("the board cannot be shown on this terminal: {error}"),
    )
    .hint("`ai watch --lines` tells the same in lines")
}

/// Writes a line where the board has been.
fn say(line: &str) {
    // Nobody is left to be told of a terminal that has gone.
    let _ = writeln!(io::stderr(), "{line}");
}

/// An error and the next command, in the words of one line.
fn in_a_line(error: &AppError) -> String {
    let hint = error.hint.as_ref();
    let hint = hint.map_or(String::new(), |hint| format!("; hint: {hint}"));
    one_line(&format!("{}{hint}", error.message))
}

/// The first program that one of these variables names.
fn own_program(variables: &[&str], usual: &str) -> String {
    let mut named = variables.iter().filter_map(|name| env::text(name));
    named.next().unwrap_or_else(|| usual.to_owned())
}

/// Whether the board goes on.
type GoesOn = Result<(), BoardEnding>;

impl BoardAtWork {
    fn work(&mut self) -> BoardEnding {
        let first = self.look();
        match first.and_then(|()| self.go_on()) {
            Ok(()) => BoardEnding::Left,
            Err(ending) => ending,
        }
    }

    fn go_on(&mut self) -> GoesOn {
        loop {
            let size = BoardScreen::size();
            let time = BoardInput::Tick(now().wall_ms);
            let resized = BoardInput::Size(size.0, size.1);
            self.take([time, resized])?;
            let shown = self.screen.show(draw(&self.board));
            shown.map_err(|_| BoardEnding::Ended)?;
            failpoint::panic_at("board-drawn");
            self.wait();
            for signal in self.signals.heard() {
                self.hear(signal)?;
            }
            let keys = self.read_keys()?;
            self.take(keys)?;
            let now_ms = clock::boot_ms();
            if now_ms >= self.rests_until_ms && self.news.look_is_due(now_ms) {
                self.look()?;
            }
            self.read_on()?;
        }
    }

    /// Waits until something has come, or its time.
    fn wait(&self) {
        let now_ms = clock::boot_ms();
        let is_at_rest = now_ms < self.rests_until_ms;
        let mut until_ms = if is_at_rest {
            self.rests_until_ms
        } else {
            self.news.next_ms()
        };
        if self.board.shows_time() {
            until_ms = until_ms.min(now_ms + TICK);
        }
        if let Some(patience_ms) = self.keys.patience_ms() {
            until_ms = until_ms.min(self.typed_ms + patience_ms);
        }
        if self.more_said == MoreSaid::AtOnce {
            until_ms = now_ms;
        }
        let input = io::stdin();
        let signals = self.signals.descriptor();
        let mut wanted = vec![
            PollFd::new(&input, PollFlags::IN),
            PollFd::new(&signals, PollFlags::IN),
        ];
        // What is told while the board rests is taken in after that; until then it must not end the waiting.
        let news = self.news.descriptor().filter(|_| !is_at_rest);
        let log = self.eye.log_watch().and_then(|watch| watch.descriptor());
        for source in news.iter().chain(&log) {
            wanted.push(PollFd::new(source, PollFlags::IN));
        }
        let left = u64::try_from(until_ms - now_ms).unwrap_or(0);
        let limit = Timespec::try_from(Duration::from_millis(left)).ok();
        // A signal ends it, too.
        let _woken = poll(&mut wanted, limit.as_ref());
    }

    fn read_keys(&mut self) -> Result<Vec<BoardInput>, BoardEnding> {
        let input = io::stdin();
        let mut here = [PollFd::new(&input, PollFlags::IN)];
        let is_there = poll(&mut here, Some(&Timespec::default())).is_ok_and(|n| n > 0);
        let mut keys = Vec::new();
        if is_there {
            let mut bytes = [0; 4096];
            match read(&input, &mut bytes) {
                // The terminal has gone.
                Ok(0) => return Err(BoardEnding::Ended),
                Ok(n) => {
                    self.typed_ms = clock::boot_ms();
                    keys = self.keys.keys(&bytes[..n]);
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(_) => return Err(BoardEnding::Ended),
            }
        } else if let Some(patience_ms) = self.keys.patience_ms()
            && clock::boot_ms() >= self.typed_ms + patience_ms
        {
            keys.extend(self.keys.nothing_more());
        }
        Ok(keys.into_iter().map(BoardInput::Key).collect())
    }

    /// Takes in what has come about, and does what that wants done. The last look that is wanted is enough.
    fn take(&mut self, inputs: impl IntoIterator<Item = BoardInput>) -> GoesOn {
        let mut look = None;
        for input in inputs {
            for wanted in self.board.take(input) {
                match wanted {
                    BoardDo::Quit => return Err(BoardEnding::Left),
                    BoardDo::Suspend => self.suspend(),
                    BoardDo::Repaint => self.screen.forget(),
                    BoardDo::Look(task, page) => look = Some((task, page)),
                    BoardDo::Ask(task, wish) => self.ask(&task, wish),
                    BoardDo::Act(act) => self.act(act),
                    BoardDo::Open(task, by) => self.open(&task, by)?,
                }
            }
        }
        if let Some((Some(task), page)) = look {
            let detail = self.eye.detail(&task, page);
            self.more_said = MoreSaid::AtOnce;
            // A look at one task wants nothing more.
            let _nothing = self.board.take(BoardInput::Detail(detail));
        }
        Ok(())
    }

    /// Looks at the store, and tells once what is in the way of that.
    fn look(&mut self) -> GoesOn {
        let began = Instant::now();
        let looked = self.eye.picture();
        let took = i64::try_from(began.elapsed().as_millis()).unwrap_or(GAP);
        self.rests_until_ms = clock::boot_ms() + GAP.max(SHARE * took);
        let input = match looked {
            Ok(None) => return Ok(()),
            Ok(Some(picture)) => {
                self.trouble = None;
                BoardInput::Picture(picture)
            }
            Err(error) => {
                let text = in_a_line(&error);
                if self.trouble.as_ref() == Some(&text) {
                    return Ok(());
                }
                self.trouble = Some(text.clone());
                bad_word(&text)
            }
        };
        self.take([input])
    }

    /// Reads on in what the agent of the chosen task says.
    fn read_on(&mut self) -> GoesOn {
        let (said, more) = self.eye.said();
        self.more_said = more;
        if said.is_empty() {
            return Ok(());
        }
        self.take([BoardInput::Said(said)])
    }

    /// Asks the person before a wish is done, or says why there is nothing to ask.
    fn ask(&mut self, task: &str, wish: BoardWish) {
        let input = match self.eye.question(task, wish) {
            Ok(question) => BoardInput::Question(question),
            Err(error) => bad_word(&in_a_line(&error)),
        };
        let _nothing = self.board.take(input);
    }

    /// Has a thread do something.
    fn act(&mut self, act: BoardAct) {
        let (order, bell) = (self.eye.order().clone(), self.signals.bell());
        self.acting = Some(std::thread::spawn(move || {
            let workspace = Workspace::new(order.directory, order.named);
            let done = act::carry_out(&workspace, &act);
            bell();
            done
        }));
    }

    /// Takes in what has come of what was done.
    fn done(&mut self) -> GoesOn {
        let Some(acting) = self.acting.take() else {
            return Ok(());
        };
        let word = match acting.join() {
            Ok(Ok(told)) => DetailLine::toned(one_line(&told), BoardTone::Good),
            Ok(Err(error)) => DetailLine::toned(in_a_line(&error), BoardTone::Bad),
            Err(_panic) => return Err(BoardEnding::Ended),
        };
        self.take([BoardInput::Done(word)])
    }

    /// Lends the terminal to a program in the worktree of a task.
    fn open(&mut self, task: &str, by: VisitBy) -> GoesOn {
        let dir = match self.eye.worktree(task) {
            Ok(dir) => dir,
            Err(error) => {
                let _nothing = self.board.take(bad_word(&in_a_line(&error)));
                return Ok(());
            }
        };
        let program = match by {
            VisitBy::Editor => own_program(&["VISUAL", "EDITOR"], "vi"),
            VisitBy::Shell => own_program(&["SHELL"], "/bin/sh"),
        };
        self.screen.leave();
        self.signals.lent.to_a_program();
        let done = match by {
            VisitBy::Editor => editor::open_dir(&program, &dir),
            VisitBy::Shell => editor::shell(&program, &dir),
        };
        self.signals.lent.to_nobody();
        self.screen.take().map_err(|_| BoardEnding::Ended)?;
        let text = match (done, by) {
            (Err(error), _) => format!("`{program}` cannot be started: {error}"),
            // The code of a shell is that of the last command that was typed there.
            (Ok(status), VisitBy::Editor) if !status.success() => {
                format!("`{program}` has failed: {status}")
            }
            (Ok(_), VisitBy::Editor | VisitBy::Shell) => return Ok(()),
        };
        let _nothing = self.board.take(bad_word(&one_line(&text)));
        Ok(())
    }

    fn hear(&mut self, signal: BoardSignal) -> GoesOn {
        match signal {
            BoardSignal::Interrupt | BoardSignal::End => Err(BoardEnding::Ended),
            BoardSignal::Stop if signals::somebody_would_wake() => {
                self.screen.leave();
                signals::stop();
                self.screen.take().map_err(|_| BoardEnding::Ended)
            }
            BoardSignal::Stop => Ok(()),
            BoardSignal::Told => self.done(),
            BoardSignal::Woken => self.screen.take().map_err(|_| BoardEnding::Ended),
            BoardSignal::Resized => {
                self.screen.forget();
                Ok(())
            }
        }
    }

    /// Stops the job to which this process belongs, as the key does elsewhere.
    fn suspend(&mut self) {
        if signals::somebody_would_wake() {
            signals::stop_the_job();
        } else {
            let _nothing = self
                .board
                .take(bad_word("no shell is there that would come back"));
        }
    }
}
