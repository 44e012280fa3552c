# The one front door: people and CI run the same targets. `make help` lists them.

CARGO    ?= cargo
RUSTC    ?= rustc
TARGET   := $(or $(CARGO_TARGET_DIR),target)
# A failpoint may forge a lease, so `test-fakes` is for tests and lints, never for what `build` makes.
FEATURES := --features test-fakes
# The `ai` of `make test`: with one test among what is built, the dependencies have the features that tests ask of them.
FAKES    := build --locked $(FEATURES) --bins --test deps
NEXTEST  := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
DENY     := $(shell $(CARGO) deny --version >/dev/null 2>&1 && echo yes)

# The steps of `ci` share one target directory; side by side they would only wait for its lock.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup build test test-heavy quick coverage lint features fmt fmt-check doc tidy deny bench bench-policy bench-routing bench-landing bench-daemon bench-check fuzz demo clean-demo storm soak drills e2e e2e-one doors night projects overhead gen ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install missing system packages, and the tools of tests into target/tools; never Rust
	@scripts/setup.sh
	@scripts/tools.sh

build: ## Build the release binary, target/release/ai
	$(CARGO) build --locked --release

# Most tests wait more than half of their time, for a disk, a grace period or another process; what is heavy does less so.
test: export NEXTEST_TEST_THREADS ?= $(shell expr 3 \* "$$(getconf _NPROCESSORS_ONLN)")
test-heavy: export NEXTEST_TEST_THREADS ?= $(shell expr 2 \* "$$(getconf _NPROCESSORS_ONLN)")
test: setup ## Run the tests, but for those of `test-heavy`
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --locked $(FEATURES)
	$(CARGO) test --locked $(FEATURES) --doc
else
	$(CARGO) test --locked $(FEATURES)
endif

# Without nextest `cargo test` has run them already.
test-heavy: setup ## Run the tests that load the machine or build with the tools of other languages
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --locked $(FEATURES) --ignore-default-filter -E 'not default()'
endif

quick: tidy ## After one edit: house rules, then types, or with TEST=WORD the unit tests whose names contain it
ifdef TEST
	$(CARGO) test --locked $(FEATURES) --lib --quiet -- $(TEST)
else
	$(CARGO) check --locked --all-targets $(FEATURES)
endif

coverage: setup ## Which lines of each module the tests execute, into docs/coverage.md; fails below 85 %
	python3 scripts/test_llvm_profile.py
	python3 scripts/coverage.py $(COVERAGE_FLAGS)

lint: ## Clippy over everything, warnings denied
	$(CARGO) clippy --locked --all-targets $(FEATURES) -- -D warnings

features: ## The crate also compiles without its default features
	$(CARGO) check --locked --no-default-features --lib --bins

fmt: ## Format the code
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path benches/floor/Cargo.toml
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml

fmt-check:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path benches/floor/Cargo.toml --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check

# With the features of `features`, so that the dependencies are checked once for both.
doc: ## Build the documentation, private items included, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-default-features --no-deps --lib --document-private-items

# The rules use nothing but the standard library, so they need not wait until the crate is compiled.
tidy: ## Layers, file sizes, registrations and other house rules
	@mkdir -p "$(TARGET)"
	CARGO_MANIFEST_DIR="$(CURDIR)" $(RUSTC) --edition 2024 --test tests/tidy.rs -o "$(TARGET)/tidy"
	"$(TARGET)/tidy" --quiet

deny: ## Licences, banned crates, sources and count of the dependencies
	$(CARGO) test --locked $(FEATURES) --test deps -- --quiet
ifeq ($(DENY),yes)
	$(CARGO) deny --offline check bans licenses sources
endif

# SQLite as its crate builds it, without the flags of .cargo/config.toml.
FLOOR := LIBSQLITE3_FLAGS= $(CARGO) build --locked --release --manifest-path benches/floor/Cargo.toml --target-dir target/floor

bench: ## Measure the release binary against its physical floor (BENCH_FLAGS=--quick for a first look)
	$(CARGO) build --locked --release
	$(FLOOR)
	python3 benches/run.py --ai target/release/ai --floor target/floor/release $(BENCH_FLAGS)

bench-routing: ## Measure the choice among 1,000 agents after 10,000 runs
	$(CARGO) test --locked --release $(FEATURES) --lib routing_finds_the_one -- --nocapture

bench-landing: ## Measure one landing of 20 works of which two break only together
	$(CARGO) build --locked --release
	python3 benches/landing.py --ai target/release/ai

bench-daemon: ## Measure a daemon: at rest over 10,000 tasks, until an agent starts, tasks a second
	$(CARGO) build --locked --release
	python3 benches/daemon.py --ai target/release/ai

bench-policy: ## Measure one decision over 1,000 rules with conditions
	$(CARGO) test --locked --release $(FEATURES) --lib a_thousand_conditions -- --nocapture

# What libFuzzer needs of a compiler: counters of covered edges. No flags of .cargo/config.toml, which link statically.
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
              -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1
FUZZ      ?= policy
FUZZ_SECONDS ?= 600
# A named target keeps the flags away from build scripts.
HOST     := $(shell $(RUSTC) -vV | sed -n 's/^host: //p')

fuzz: ## Fuzz the loader of policies for FUZZ_SECONDS, begun with what ships (FUZZ=condition for conditions)
	mkdir -p target/fuzz/corpus/$(FUZZ)
	python3 fuzz/seeds.py $(FUZZ) target/fuzz/corpus/$(FUZZ)
	RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --locked --release --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --target $(HOST)
	cd target/fuzz && ./$(HOST)/release/$(FUZZ) -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 corpus/$(FUZZ)

bench-check: ## Test the benchmark driver against a fake `ai`
	$(FLOOR)
	python3 benches/test_run.py

demo: ## Build and run the demonstration in target/demo
	$(CARGO) build --locked
	AI_BIN="$(CURDIR)/target/debug/ai" DEMO_DIR="$(CURDIR)/target/demo" scripts/demo.sh

clean-demo: ## Remove what `make demo` left behind
	rm -rf target/demo

# Long, and as root and as an ordinary user another one; so it is asked for.
storm: export AI_STORM_ROUNDS := $(or $(ROUNDS),300)
ifdef MODE
storm: export AI_STORM_MODE := $(MODE)
endif
storm: ## Kill runs, keepers and accepts ROUNDS times, and count what is left (MODE=bubblewrap, landlock or none; all)
	$(CARGO) test --locked $(FEATURES) --test it run_kills:: -- --nocapture --test-threads 1

# A container of its own, and minutes: asked for.
soak: ## Work a queue for MINUTES while everything is killed, stopped, filled up and put back (SOAK_FLAGS="--seed 7")
	$(CARGO) $(FAKES)
	python3 tests/soak/run.py --ai target/debug/ai --minutes $(or $(MINUTES),3) $(SOAK_FLAGS)

drills: ## Try a damaged store, a lost machine and the way back to an older format
	$(CARGO) $(FAKES)
	python3 tests/soak/drills.py --ai target/debug/ai

e2e: ## Drive the real AI CLIs of npm and PyPI through `ai run`, offline (E2E_FLAGS="--cli pi --plan ok")
	$(CARGO) $(FAKES)
	python3 tests/e2e/run.py $(E2E_FLAGS)
	python3 tests/e2e/guards.py
	python3 tests/e2e/servers.py

doors: ## What real CLIs come to that try what they may not, offline (DOORS_FLAGS="--cli claude")
	$(CARGO) $(FAKES)
	python3 tests/e2e/doors.py $(DOORS_FLAGS)

# Minutes, and two CLIs that are large: asked for.
night: ## One night of the daemon: fourteen tasks, a closed lid, a kill, a quota, offline (NIGHT_FLAGS="--lid 300")
	$(CARGO) $(FAKES)
	python3 tests/e2e/night.py $(NIGHT_FLAGS)

e2e-one: ## The same with one CLI, as CI does it; says so and skips where npm does not answer
	$(CARGO) $(FAKES)
	python3 tests/e2e/run.py --skip-without-index --cli claude --plan ok --plan 401 --plan 429 --plan late-malformed

projects: ## Ten projects of other people, from `ai init` to judged work; fetches them (PROJECTS_FLAGS="--only semver")
	$(CARGO) $(FAKES)
	python3 tests/e2e/projects.py $(PROJECTS_FLAGS)

overhead: ## What `ai run` costs over a bare CLI, by the release binary
	$(CARGO) build --locked --release
	python3 tests/e2e/overhead.py

gen: ## Rewrite what is generated or recorded: pages, tables, snapshots (ONLY=accept:: for those of one module)
	AI_GENERATE=1 $(CARGO) test --locked $(FEATURES) generated
ifeq ($(NEXTEST),yes)
	AI_GENERATE=1 $(CARGO) nextest run --locked $(FEATURES) --test it --no-fail-fast $(ONLY)
else
	AI_GENERATE=1 $(CARGO) test --locked $(FEATURES) --test it --no-fail-fast -- $(ONLY)
endif
	scripts/inline_snapshots.py

# Clippy is the compiler, with more to say. Here it lints what it compiles for the tests, so that nothing is compiled only to be
# linted; and nobody reads the lines of a program that is built once.
ci: export RUSTC_WORKSPACE_WRAPPER = $(shell $(RUSTC) --print sysroot)/bin/clippy-driver
ci: export CLIPPY_ARGS := -D__CLIPPY_HACKERY__warnings
ci: export CARGO_PROFILE_DEV_DEBUG := none
ci: export CARGO_INCREMENTAL := 0
ci: export NEXTEST_PROFILE := ci
ci: fmt-check tidy features doc test test-heavy deny drills e2e-one ## All of it, as CI runs it
