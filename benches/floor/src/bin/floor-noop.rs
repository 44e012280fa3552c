//! The smallest process: starts, prints a version, ends. What `ai --version` is measured against.

fn main() {
    println!("floor {}", env!("CARGO_PKG_VERSION"));
}
