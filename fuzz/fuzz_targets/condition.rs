//! Fuzzes conditions of rules: any text is refused when it is loaded, or has a value within its bounds.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| ai::fuzz::condition(text));
