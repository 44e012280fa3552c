//! Fuzzes the loader of policy files: any bytes are a policy or a list of problems, never a crash.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ai::fuzz::policy(bytes));
