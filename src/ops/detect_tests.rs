use super::*;
use crate::connector::manifest::Manifest;
use std::path::Path;

const SHIM: &str = "version: 1\nname: shim\ntitle: Shim\nargv: [shim]\nprompt: stdin\noutput: text\ndetect:\n  command: shim\n  native: [node_modules/@x/shim-linux/bin/shim]\n  version_args: [--version]\n  version_regex: '(\\d+\\.\\d+)'\n";

fn program_at(path: &Path, text: &str) {
    crate::base::fs::write_atomic(path, text.as_bytes()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn path(dirs: &[&Path]) -> Vec<(OsString, OsString)> {
    vec![("PATH".into(), std::env::join_paths(dirs).unwrap())]
}

#[test]
fn a_wrapper_leads_to_its_native_program_as_its_package_manager_lays_it_out() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    let wrapper = base.join("lib/node_modules/@x/shim/bin/shim.js");
    program_at(&wrapper, "#!/bin/sh\n");
    crate::base::fs::create_dir_all(&base.join("bin")).unwrap();
    crate::base::fs::symlink(&wrapper, &base.join("bin/shim")).unwrap();
    let manifest = Manifest::parse("x", SHIM).unwrap();
    let env = path(&[&base.join("bin")]);
    assert_eq!(native_program(&manifest, &env), None);
    assert_eq!(program(&manifest, &env), Some(base.join("bin/shim")));
    let beside = base.join("lib/node_modules/@x/shim-linux/bin/shim");
    program_at(&beside, "");
    assert_eq!(native_program(&manifest, &env), Some(beside));
    let nested = base.join("lib/node_modules/@x/shim/node_modules/@x/shim-linux/bin/shim");
    program_at(&nested, "");
    assert_eq!(
        native_program(&manifest, &env),
        Some(nested),
        "the nearest counts"
    );
}

#[test]
fn what_is_no_program_and_what_a_relative_path_leads_to_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    crate::base::fs::write_atomic(&dir.path().join("shim"), b"not executable").unwrap();
    crate::base::fs::create_dir_all(&dir.path().join("d/shim")).unwrap();
    let env = path(&[
        dir.path(),
        &dir.path().join("d"),
        Path::new("."),
        Path::new(""),
    ]);
    assert_eq!(on_path("shim", &env), None);
    assert_eq!(on_path("shim", &[]), None);
    program_at(&dir.path().join("shim"), "");
    assert_eq!(on_path("shim", &env), Some(dir.path().join("shim")));
}
