//! What is found of a run when nobody supervises it any more, and small tools.

use super::*;

#[test]
fn leftovers_of_a_run_are_found_by_their_mark_and_others_spared() {
    let start = |run: &str, script: &str| {
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .env("AI_RUN", run)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 1];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        child
    };
    let run = format!("test.{}", random_text(12));
    let stubborn = "trap '' TERM; echo; while :; do env -i sleep 1000; done";
    let mut ours = start(&run, stubborn);
    let mut other = start(&format!("{run}1"), stubborn);
    // It stays a zombie until it is reaped, and a zombie must not count as a survivor.
    let found = kill_leftovers(&run, 0, Duration::from_millis(100)).unwrap();
    assert!(found.ended >= 1);
    assert_eq!(found.survivors, []);
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(ours.wait().unwrap().signal(), Some(9));
    assert_eq!(other.try_wait().unwrap(), None);
    kill_leftovers(&format!("{run}1"), 0, Duration::ZERO).unwrap();
    other.wait().unwrap();
    assert_eq!(kill_leftovers(&run, 0, FOREVER).unwrap().ended, 0);
}

#[test]
fn small_tools_run_within_and_without_a_runtime() {
    let mut tool = CapturedTool::new(["sh", "-c", "echo hi; sleep 1000"], Path::new("/"));
    tool.env = vec![("PATH".into(), "/usr/bin:/bin".into())];
    tool.timeout = Duration::from_millis(300);
    for outcome in [run_captured(&tool), block_on(async { run_captured(&tool) })] {
        let outcome = outcome.unwrap();
        assert_eq!(outcome.end, CommandEnd::TimedOut(TimeoutKind::Total));
        assert_eq!(text(&outcome.stdout.memory), "hi\n");
    }
}
