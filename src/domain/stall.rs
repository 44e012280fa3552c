//! Whether an agent that is at work has stalled. Pure, from graded evidence: no sign alone is
//! enough.
//!
//! Output is what an agent owes; that it prints nothing for the allowed time is suspicious and no
//! more, since a long build prints nothing either. A second sign has to stand beside it: no CPU
//! time in any of its processes, or no change to any file of its worktree. A sign of life weighs
//! against them, but not for ever: one that spins without a word and without a trace has stalled
//! too.

/// Minutes without a word that an agent is allowed, where neither the configuration nor its own file says otherwise.
pub const SILENCE_MINUTES: u32 = 10;

/// Weight of an output that is still.
const OUTPUT: i32 = 2;
/// Weight of processes that need no CPU time.
const CPU: i32 = 2;
/// Weight of a worktree in which nothing changes.
const FILES: i32 = 1;
/// Points that a sign of life takes away.
const LIFE: i32 = 2;
/// From this sum on it has stalled; more than any sign weighs alone.
pub(crate) const STALLED: i32 = 3;
/// After so many times the allowed silence, a sign of life takes nothing away any more.
pub(crate) const PATIENCE: u64 = 4;

/// Age of each sign of work, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StallSignals {
    /// The last byte of output.
    pub output_ms: u64,
    /// The last noticeable use of CPU time; `None` where it cannot be seen.
    pub cpu_ms: Option<u64>,
    /// The last change to a file of the worktree; `None` where it cannot be seen.
    pub files_ms: Option<u64>,
}

/// The conclusion from the signs, with those that speak for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StallState {
    /// The command works, as far as can be told.
    Fine,
    /// The command has been still for longer than allowed, but something speaks for it or nothing
    /// else can be seen.
    Suspect(Vec<String>),
    /// The command has stalled.
    Stalled(Vec<String>),
}

/// Weighs the signs against the longest silence that is allowed, in milliseconds.
pub fn judge(signals: &StallSignals, allowed_ms: u64) -> StallState {
    if signals.output_ms < allowed_ms {
        return StallState::Fine;
    }
    let life = if signals.output_ms >= allowed_ms.saturating_mul(PATIENCE) {
        0
    } else {
        LIFE
    };
    let mut sum = OUTPUT;
    let mut reasons = vec![format!("no output for {}", seconds(signals.output_ms))];
    let others = [
        (signals.cpu_ms, CPU, "no CPU time used for"),
        (
            signals.files_ms,
            FILES,
            "no file of its worktree changed for",
        ),
    ];
    for (age_ms, weight, words) in others {
        match age_ms {
            Some(ms) if ms >= allowed_ms => {
                sum += weight;
                reasons.push(format!("{words} {}", seconds(ms)));
            }
            Some(_) => sum -= life,
            None => {}
        }
    }
    if sum >= STALLED {
        StallState::Stalled(reasons)
    } else {
        StallState::Suspect(reasons)
    }
}

fn seconds(ms: u64) -> String {
    format!("{} s", ms / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    const ALLOWED: u64 = 1000;

    fn at(output_ms: u64, cpu_ms: Option<u64>, files_ms: Option<u64>) -> StallState {
        judge(
            &StallSignals {
                output_ms,
                cpu_ms,
                files_ms,
            },
            ALLOWED,
        )
    }

    fn is_stalled(standing: &StallState) -> bool {
        matches!(standing, StallState::Stalled(_))
    }

    #[test]
    fn two_signs_are_needed() {
        let (still, busy) = (Some(ALLOWED), Some(0));
        assert_eq!(at(ALLOWED - 1, still, still), StallState::Fine);
        assert!(is_stalled(&at(ALLOWED, still, still)) && is_stalled(&at(ALLOWED, still, None)));
        assert!(
            is_stalled(&at(ALLOWED, None, still)),
            "where CPU time cannot be seen"
        );
        assert!(!is_stalled(&at(ALLOWED, None, None)), "one weak sign");
        assert!(!is_stalled(&at(ALLOWED, busy, still)), "a long computation");
        assert!(!is_stalled(&at(ALLOWED, still, busy)), "something writes");
    }

    #[test]
    fn one_that_spins_without_a_trace_is_found_later() {
        let busy = Some(0);
        assert!(!is_stalled(&at(ALLOWED * 4 - 1, busy, Some(ALLOWED * 3))));
        assert!(is_stalled(&at(ALLOWED * 4, busy, Some(ALLOWED * 4))));
        assert!(
            !is_stalled(&at(ALLOWED * 4, busy, busy)) && !is_stalled(&at(ALLOWED * 4, busy, None))
        );
    }

    #[test]
    fn the_reasons_are_the_signs() {
        let StallState::Stalled(reasons) = at(61_000, Some(60_000), Some(2_000_000)) else {
            panic!()
        };
        let expected = [
            "no output for 61 s",
            "no CPU time used for 60 s",
            "no file of its worktree changed for 2000 s",
        ];
        assert_eq!(reasons, expected);
        assert_eq!(
            at(1000, Some(0), None),
            StallState::Suspect(vec!["no output for 1 s".into()])
        );
    }

    proptest! {
        #[test]
        fn output_alone_decides_nothing(output in 0_u64..100_000, cpu in option::of(0_u64..ALLOWED), files in option::of(0_u64..ALLOWED)) {
            prop_assert!(!is_stalled(&at(output, cpu, files)));
        }

        #[test]
        fn nobody_has_stalled_who_speaks(output in 0_u64..ALLOWED, cpu in option::of(any::<u64>()), files in option::of(any::<u64>())) {
            prop_assert_eq!(at(output, cpu, files), StallState::Fine);
        }

        #[test]
        fn more_stillness_never_looks_better(
            output in 0_u64..9_000, cpu in 0_u64..9_000, files in 0_u64..9_000, more in 0_u64..9_000,
        ) {
            if is_stalled(&at(output, Some(cpu), Some(files))) {
                prop_assert!(is_stalled(&at(output + more, Some(cpu), Some(files))));
                prop_assert!(is_stalled(&at(output, Some(cpu + more), Some(files))));
                prop_assert!(is_stalled(&at(output, Some(cpu), Some(files + more))));
            }
        }

        #[test]
        fn everything_still_is_stalled_at_once(ms in ALLOWED..u64::MAX) {
            prop_assert!(is_stalled(&at(ms, Some(ms), Some(ms))));
        }
    }
}

#[cfg(test)]
#[path = "stall_tables.rs"]
mod tables;
