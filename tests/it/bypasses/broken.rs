//! Ways to keep the hook from asking `ai`, or `ai` from answering.

use super::kit::{Ends, Row, held, hold};

#[test]
fn a_door_that_cannot_ask_stays_shut() {
    hold("held", || held(&[]), ROWS);
}

const DOOR: &str = "pre-commit";

pub const ROWS: &[Row] = &[
    Row {
        door: DOOR,
        way: "the program moved away, and none in `PATH`",
        script: "sed -i 's,^ai=.*,ai=/dev/null/ai,' .git/hooks/pre-commit; change free.txt; git commit -qm x",
        ends: Ends::Said("ai: pre-commit: /dev/null/ai is gone, and no ai is in PATH"),
    },
    Row {
        door: DOOR,
        way: "another program of that name in `PATH`, which says yes, while the right one is there",
        script: "mkdir ../bin; printf '#!/bin/sh\\nexit 0\\n' >../bin/ai; chmod +x ../bin/ai; change held.txt; PATH=$BASE/bin:$PATH git commit -qm x",
        ends: Ends::Refused(super::kit::LOCK),
    },
    Row {
        door: DOOR,
        way: "the program killed while it is asked",
        script: "printf '#!/bin/sh\\nkill -9 $$\\n' >../killed; chmod +x ../killed; sed -i \"s,^ai=.*,ai=$BASE/killed,\" .git/hooks/pre-commit; \
                 change free.txt; git commit -qm x",
        ends: Ends::Said("ai: pre-commit: [PATH]/killed broke down (exit code 137)"),
    },
    Row {
        door: DOOR,
        way: "a program that cannot be started",
        script: "echo nothing >../odd; chmod -x ../odd; sed -i \"s,^ai=.*,ai=$BASE/odd,\" .git/hooks/pre-commit; change free.txt; git commit -qm x",
        ends: Ends::Said("ai: pre-commit: [PATH]/odd is gone, and no ai is in PATH"),
    },
    Row {
        door: DOOR,
        way: "the store deleted",
        script: "rm .git/ai/ai.db*; change free.txt; git commit -qm x",
        ends: Ends::Said("error: the task store [PATH]/repo/.git/ai/ai.db is gone"),
    },
    Row {
        door: DOOR,
        way: "an empty file in the place of the store",
        script: "rm .git/ai/ai.db*; : >.git/ai/ai.db; change free.txt; git commit -qm x",
        ends: Ends::Said("error: the task store [PATH]/repo/.git/ai/ai.db is an empty file"),
    },
    Row {
        door: DOOR,
        way: "an older copy of the store, from before the lock",
        script: "cp .git/ai/ai.db* ..; $AI task create later >/dev/null; $AI lock acquire free.txt --as agent:eva >/dev/null; \
                 rm .git/ai/ai.db*; cp ../ai.db* .git/ai; change free.txt; git commit -qm x",
        ends: Ends::Said("error: the task store [PATH]/repo/.git/ai/ai.db is an older copy"),
    },
    Row {
        door: "pre-push",
        way: "the store deleted",
        script: "rm .git/ai/ai.db*; git push -q origin main:new",
        ends: Ends::Said("error: the task store [PATH]/repo/.git/ai/ai.db is gone"),
    },
    Row {
        door: "pre-push",
        way: "the program moved away, and none in `PATH`",
        script: "sed -i 's,^ai=.*,ai=/dev/null/ai,' .git/hooks/pre-push; git push -q origin main:new",
        ends: Ends::Said("ai: pre-push: /dev/null/ai is gone, and no ai is in PATH"),
    },
];
