//! Floods, long lines and secrets in what a command prints.

use super::*;

#[test]
fn a_flood_takes_no_memory_and_keeps_head_and_tail() {
    const FLOOD: u64 = 50 << 20;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stdout.log");
    let mut spec = sh(&format!(
        "echo first; yes 0123456789abcdef | head -c {FLOOD}; echo; echo last"
    ));
    spec.stdout = OutputTo::File(path.clone());
    spec.limits.output_cap = 1 << 20;
    let before = peak_memory_kib();
    let outcome = run(&spec);
    let grown = peak_memory_kib() - before;
    assert_eq!(outcome.end, CommandEnd::Exited(0));
    assert_eq!(outcome.stdout.bytes_seen, FLOOD + 12);
    assert_eq!(
        (outcome.stdout.bytes_kept, outcome.stdout.truncated),
        (1 << 20, true)
    );
    let kept = std::fs::read(&path).unwrap();
    let cut = format!("\n[{} bytes were cut out here]\n", FLOOD + 12 - (1 << 20));
    assert_eq!(kept.len(), (1 << 20) + cut.len());
    assert!(kept.starts_with(b"first\n") && kept.ends_with(b"\nlast\n"));
    assert!(text(&kept).contains(&cut));
    // Where all tests share a process, others add their share.
    assert!(grown < 40 << 10, "{grown} KiB");
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[derive(Default)]
struct Lines(Vec<(OutputStream, Vec<u8>, Option<LineExtent>)>);

impl CommandObserver for Lines {
    fn line(&mut self, stream: OutputStream, line: OutputLine<'_>) {
        let start = line.bytes[..line.bytes.len().min(99)].to_vec();
        self.0.push((
            stream,
            start,
            (line.bytes.len() == MAX_TEXT).then_some(line.extent),
        ));
    }
}

#[test]
fn lines_come_as_bytes_and_a_huge_one_is_cut() {
    let mut lines = Lines::default();
    let script = r"printf 'a\377b\n'; head -c 20000000 /dev/zero | tr '\0' x; printf '\nend'; printf 'no end' >&2";
    let outcome = run_with(&sh(script), &mut lines, &CancelToken::new());
    assert_eq!(outcome.stdout.bytes_seen, 20_000_008);
    let (stdout, stderr): (Vec<_>, Vec<_>) = lines
        .0
        .into_iter()
        .partition(|line| line.0 == OutputStream::Stdout);
    let expected = [
        (b"a\xffb".to_vec(), None),
        (vec![b'x'; 99], Some(LineExtent::Cut)),
        (b"end".to_vec(), None),
    ];
    assert_eq!(
        stdout
            .into_iter()
            .map(|line| (line.1, line.2))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(stderr, [(OutputStream::Stderr, b"no end".to_vec(), None)]);
}

#[test]
fn a_secret_in_two_writes_reaches_neither_file_nor_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let script = "import os; os.write(1, b'a hunter2-'); os.write(1, b'hunter2 b\\n')";
    let spec = SpawnSpec {
        stdout: OutputTo::File(path.clone()),
        ..python(script)
    };
    let redactor = Redactor::new(&[Secret::new("PW", b"hunter2-hunter2")]);
    let mut lines = Lines::default();
    let outcome = block_on(supervise(&spec, &redactor, &mut lines, &CancelToken::new())).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"a [REDACTED:PW] b\n");
    assert_eq!(lines.0[0].1, b"a [REDACTED:PW] b");
    assert_eq!(outcome.stdout.redactions, 1);
}
