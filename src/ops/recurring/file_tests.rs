use super::*;

fn told(text: &str) -> String {
    match parse(text.as_bytes()) {
        Ok(read) => format!("{} | {}", read.clock.mark(), read.task.title),
        Err(problems) => {
            let lines = problems.iter().map(|one| match &one.hint {
                Some(hint) => format!("{one}; {hint}"),
                None => one.to_string(),
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn a_file_is_read_as_strictly_as_new_tasks() {
    let files = [
        "schedule: 0 3 * * *\ntask: {title: One, priority: 1, labels: [a], checks: [unit]}\n",
        "schedule: daily at 03:00\ntime_zone: Europe/Berlin\noverlap: queue\ncatch_up: all\ntask: {title: One}\n",
        "schedule: every 6h\ntime_zone: UTC\ntask: {title: One}\n",
        "schedule: now and then\ntime_zone: Mars/Olympus\ntask: {title: One}\n",
        "schedule: now and then\noverlap: replace\ncatch_up: al\nenabled: true\ntask: {title: One}\n",
        "schedule: '@daily'\ncatch_up: all\ntask: {title: One}\n",
        "schedule: '@daily'\nevery: 1h\ntask: {title: One, bodi: x}\n",
        "schedule: '@daily'\ntask: {title: '', priority: 9}\n",
        "schedule: '@daily'\ntask: {title: One, priority: 9}\n",
        "schedule: '@daily'\ntask: {title: One, key: a, not_before_ms: 5}\n",
        "schedule: '@daily'\ntask: {title: One, recurring: {name: other}}\n",
        "task: [One]\nschedule: []\n",
        "[]",
        "schedule: [",
    ];
    let all: Vec<String> = files.into_iter().map(told).collect();
    insta::assert_snapshot!(all.join("\n\n"), @"
    0 3 * * * UTC | One

    daily at 03:00 Europe/Berlin | One

    line 2, column 12: `every` counts time that passes, which no place sets; leave `time_zone` out

    line 2, column 12: this machine knows no time zone `Mars/Olympus`; names are as Europe/Berlin; the package tzdata brings them

    line 4, column 1: a file cannot switch itself on: every clone has it, and each would create the task; `ai recurring enable NAME` does it for this one
    line 1, column 11: `now and then` is no schedule; write five fields as `0 3 * * mon-fri`, a pace as `every 6h`, or a time as `daily at 03:00`
    line 2, column 10: overlap cannot be `replace`; known are skip, queue
    line 3, column 11: catch_up cannot be `al`; did you mean `all`?

    line 2, column 11: `catch_up: all` creates several tasks at once, and `overlap: skip` lets one be open at a time; write `overlap: queue`, or `catch_up: last`

    line 2, column 1: recurring work has no field `every`; known are schedule, time_zone, overlap, catch_up, task
    line 3, column 7: task: unknown field `bodi`, expected one of `key`, `title`, `body`, `type`, `priority`, `labels`, `paths`, `shared`, `deps`, `checks`, `parent`, `agent`, `not_before_ms`, `max_attempts`, `hold`

    line 2, column 7: task: a task needs a title

    line 2, column 7: task: priority goes from 0 (most urgent) to 4

    line 2, column 7: task: `key` is of one task alone
    line 2, column 7: task: `not_before_ms` is of one task alone

    line 2, column 7: task: unknown field `recurring`, expected one of `key`, `title`, `body`, `type`, `priority`, `labels`, `paths`, `shared`, `deps`, `checks`, `parent`, `agent`, `not_before_ms`, `max_attempts`, `hold`

    line 2, column 11: schedule must be text, not a list
    line 1, column 7: task must be a mapping, not a list

    line 1, column 1: recurring work must be a mapping, not a list

    line 1, column 11: not usable as YAML: unclosed bracket '['
    ");
}

#[test]
fn names_are_those_of_files_and_fit_into_an_actor() {
    let long = format!("{}.yaml", "a".repeat(60));
    for (file, is_name) in [
        ("nightly.yaml", true),
        ("a.b-c_1.yaml", true),
        ("nightly.yml", false),
        ("Nightly.yaml", false),
        (".yaml", false),
        ("a b.yaml", false),
        (long.as_str(), false),
    ] {
        assert_eq!(name_of(file).is_ok(), is_name, "{file}");
    }
}
