use super::*;
use crate::git::testing::TestRepo;

#[test]
fn data_is_copied_and_programs_are_not() {
    let test = TestRepo::new();
    test.git(&["config", "core.autocrlf", "input"]);
    test.git(&["config", "core.excludesFile", "/x/\"y\\z"]);
    test.git(&["config", "core.fsmonitor", "/bin/evil"]);
    test.git(&["config", "filter.x.clean", "evil"]);
    std::fs::write(test.root.join(".git/info/exclude"), "private\n").unwrap();
    let repo = test.open();
    let dir = repo.common_dir().join("ai/runs/r/snapshot.git");
    let shadow = ShadowRepo::create(&repo, &dir).unwrap();
    let text = std::fs::read_to_string(dir.join("config")).unwrap();
    assert!(!text.contains("evil"), "{text}");
    let value = |key: &str| {
        test.git_in(
            test.base(),
            &["config", "-f", dir.join("config").to_str().unwrap(), key],
        )
    };
    assert_eq!(
        (value("core.autocrlf"), value("core.excludesfile")),
        ("input".into(), "/x/\"y\\z".into())
    );
    assert_eq!(
        std::fs::read_to_string(dir.join("info/exclude")).unwrap(),
        "private\n\n/.ai/state\n/.ai/worktrees\n"
    );
    ShadowRepo::open(&repo, shadow.dir()).unwrap();
}
