//! C: what an earlier tree left in the place of checks must not pass for what the judged tree would
//! build.

use crate::ecosystems::matrix::{Comes, Project};

const CALC: &str = "#include \"calc.h\"\n\nint add(int a, int b) { return a + b + OFFSET; }\n";
const HEADER: &str = "#ifndef OFFSET\n#define OFFSET 0\n#endif\nint add(int a, int b);\n";
const TEST: &str = "#include \"calc.h\"\n\nint main(void) { return add(2, 3) != 5; }\n";

/// The Makefile knows nothing of the header, so `make` builds no object anew that is there already.
const MAKEFILE: &str = "test: check\n\t./check\n\ncheck: check.o calc.o\n\t$(CC) -o $@ check.o calc.o\n\n.PHONY: test\n";

#[test]
fn c_by_make_in_a_place_with_objects_of_an_earlier_tree() {
    let files = [
        (".gitignore", "*.o\ncheck\n"),
        ("Makefile", MAKEFILE),
        ("calc.h", HEADER),
        ("calc.c", CALC),
        ("check.c", TEST),
    ];
    let project = Project::new(&["make", "cc"], &files);
    project.checked_by(None, "make test");
    project.judges(&[
        ("good", "", Comes::Passed),
        (
            "header",
            "sed -i 's/OFFSET 0/OFFSET 1/' calc.h",
            Comes::NotPassed,
        ),
        ("good-again", "", Comes::Passed),
        ("gone", "git rm -q calc.c", Comes::NotPassed),
        ("source", "sed -i 's/a + b/a - b/' calc.c", Comes::NotPassed),
    ]);
}

/// The offset is an option, whose value CMake keeps in its cache from one configuration to the
/// next.
const CMAKE: &str = "cmake_minimum_required(VERSION 3.18)
project(calc C)
enable_testing()
set(START 0 CACHE STRING \"where to start\")
add_library(calc calc.c)
target_compile_definitions(calc PUBLIC OFFSET=${START})
add_executable(check check.c)
target_link_libraries(check calc)
add_test(NAME check COMMAND check)
";

#[test]
fn c_by_cmake_in_a_place_with_a_build_of_an_earlier_tree() {
    let files = [
        (".gitignore", "build/\n"),
        ("CMakeLists.txt", CMAKE),
        ("calc.h", HEADER),
        ("calc.c", CALC),
        ("check.c", TEST),
    ];
    let project = Project::new(&["cmake", "ctest", "make", "cc"], &files);
    project.checked_by(
        None,
        "cmake -S . -B build >/dev/null && cmake --build build && ctest --test-dir build --output-on-failure",
    );
    project.judges(&[
        ("good", "", Comes::Passed),
        ("source", "sed -i 's/a + b/a - b/' calc.c", Comes::NotPassed),
        ("good-again", "", Comes::Passed),
        (
            "option",
            "sed -i 's/START 0/START 1/' CMakeLists.txt",
            Comes::NotPassed,
        ),
    ]);
}
