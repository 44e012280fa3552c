//! What is installed for Python, and where a check would find it: packages that lead into a checkout break the check, others do not.
//!
//! The environments are real, made by `python3 -m venv`; what an installer would have written into them is laid there by hand, in the form of
//! each of the known ones. `ecosystems::python` has real installs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::sandbox::layers;
use crate::support::runs::GOOD;
use crate::support::{Outcome, Sandbox, run};

const CHECK: &str = "python3 -m unittest -q test_calc";

/// A project of Python with a package `calc` in `dir` (`src/` or the root), whose tests import it.
fn project(dir: &str, check: &str) -> Sandbox {
    let scene = Sandbox::project();
    scene.write("pyproject.toml", "[project]\nname = \"calc\"\nversion = \"1\"\n");
    scene.write(format!("{dir}calc/__init__.py"), "def add(a, b):\n    return a + b\n");
    scene.write(
        "test_calc.py",
        "import unittest\nimport calc\n\n\nclass Calc(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(calc.add(1, 2), 3)\n",
    );
    scene.write(".gitignore", ".venv\n__pycache__\n");
    scene.add_agent("fake", GOOD);
    scene.configure(&format!("version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: '{check}'}}}}\n"));
    scene
}

/// Makes an environment at `path` and returns the directory of its packages.
fn environment(scene: &Sandbox, path: &Path) -> PathBuf {
    let made = run(scene.command("python3").args(["-m", "venv", "--without-pip"]).arg(path));
    assert_eq!(made.code, Some(0), "{made}\nmake setup installs what is missing");
    let lib = std::fs::read_dir(path.join("lib")).unwrap().next().unwrap().unwrap().path();
    lib.join("site-packages")
}

/// Runs a task with the environment active.
fn judged(scene: &Sandbox, environment: &Path, mode: &str) -> (Outcome, String, String) {
    let id = scene.task("One", &[]);
    let path = format!("{}:{}", environment.join("bin").display(), std::env::var("PATH").unwrap());
    let mut command = scene.ai_command(&["run", &id]);
    command.env("PATH", path).env("VIRTUAL_ENV", environment).env("AI_SANDBOX", mode);
    let outcome = run(&mut command);
    let last = scene.last_run(&id);
    let checks: Value = serde_json::from_str(&scene.run_file(last["id"].as_str().unwrap(), "checks.json")).unwrap();
    let text = checks.to_string();
    (outcome, last["end"]["verification"].as_str().unwrap().to_owned(), text)
}

fn modes() -> Vec<&'static str> {
    layers().into_iter().chain(["none"]).collect()
}

#[test]
fn an_environment_in_the_checkout_is_used_where_nothing_in_it_leads_back() {
    for mode in modes() {
        let scene = project("", CHECK);
        let packages = environment(&scene, &scene.root().join(".venv"));
        std::fs::write(packages.join("helper.py"), "VALUE = 1\n").unwrap();
        // Another project of the user's is none of ours, even where its name begins like ours.
        std::fs::write(packages.join("other.pth"), format!("{}-other/src\n", scene.root().display())).unwrap();
        scene.write("test_calc.py", format!("import helper\n{}", scene.read("test_calc.py")));
        scene.commit("helper");
        let (outcome, verification, text) = judged(&scene, &scene.root().join(".venv"), mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
        scene.set_script("fake", "cat >/dev/null; echo 'def add(a, b' > calc/__init__.py");
        let (outcome, verification, text) = judged(&scene, &scene.root().join(".venv"), mode);
        assert_eq!(verification, "failed", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn every_form_of_an_editable_install_is_known() {
    let root = |scene: &Sandbox| scene.root().display().to_string();
    type Form = (&'static str, fn(&str) -> String);
    let forms: [Form; 6] = [
        ("__editable__.calc-1.pth", |root| format!("{root}/src\n")),
        ("calc.pth", |root| format!("{root}/src\n")),
        ("easy-install.pth", |root| format!("/usr/lib/none\n{root}/src\n")),
        ("calc.egg-link", |root| format!("{root}/src\n.\n")),
        ("__editable___calc_1_finder.py", |root| format!("MAPPING = {{'calc': '{root}/src/calc'}}\n")),
        ("calc-1.dist-info/direct_url.json", |root| {
            format!(r#"{{"url": "file://{}", "dir_info": {{"editable": true}}}}"#, root.replace(' ', "%20"))
        }),
    ];
    for mode in modes() {
        let scene = project("src/", CHECK);
        let place = scene.base().join("home/environment");
        let packages = environment(&scene, &place);
        for (name, text) in forms {
            let file = packages.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text(&root(&scene))).unwrap();
            let (outcome, verification, text) = judged(&scene, &place, mode);
            assert_eq!(verification, "check_broken", "{mode} {name}: {outcome}\n{text}");
            let sentence = format!("points into the main checkout {}", root(&scene));
            assert!(text.contains(&sentence), "{mode} {name}: {text}");
            std::fs::remove_file(&file).unwrap();
        }
    }
}

#[test]
fn an_agents_own_install_of_its_worktree_is_no_better() {
    let scene = project("src/", CHECK);
    let place = scene.base().join("home/environment");
    let packages = environment(&scene, &place);
    let script = format!("cat >/dev/null; echo work > work.txt; echo \"$PWD/src\" > {}/calc.pth", packages.display());
    scene.set_script("fake", &script);
    let (outcome, verification, text) = judged(&scene, &place, "none");
    assert_eq!(verification, "check_broken", "{outcome}\n{text}");
}

#[test]
fn another_build_of_the_judged_package_does_not_stand_in_for_it() {
    for mode in modes() {
        let scene = project("src/", CHECK);
        let place = scene.base().join("home/environment");
        let packages = environment(&scene, &place);
        std::fs::create_dir(packages.join("calc")).unwrap();
        std::fs::write(packages.join("calc/__init__.py"), "def add(a, b):\n    return a + b\n").unwrap();
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "check_broken", "{mode}: {outcome}\n{text}");
        assert!(text.contains("and not the one of the judged tree"), "{text}");
        // Where the check puts the tree on the path itself, it is judged.
        scene.configure(&format!(
            "version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: 'PYTHONPATH=src {CHECK}'}}}}\n"
        ));
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
        scene.set_script("fake", "cat >/dev/null; echo 'def add(a, b' > src/calc/__init__.py");
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "failed", "{mode}: {outcome}\n{text}");
    }
}

#[test]
fn checks_of_other_languages_are_left_alone() {
    let scene = project("src/", CHECK);
    let place = scene.base().join("home/environment");
    let packages = environment(&scene, &place);
    std::fs::write(packages.join("calc.pth"), format!("{}/src\n", scene.root().display())).unwrap();
    std::fs::write(place.join("bin/cargo"), "#!/bin/sh\n").unwrap();
    assert_eq!(run(scene.command("chmod").arg("+x").arg(place.join("bin/cargo"))).code, Some(0));
    scene.configure("version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: cargo test}}\n");
    for mode in layers() {
        let (outcome, verification, text) = judged(&scene, &place, mode);
        assert_eq!(verification, "passed", "{mode}: {outcome}\n{text}");
    }
    // Without a sandbox it could be found by whatever Cargo starts.
    let (outcome, verification, text) = judged(&scene, &place, "none");
    assert_eq!(verification, "check_broken", "{outcome}\n{text}");
}
