//! Reports in JUnit's XML format, from whatever tool wrote them.

mod case;
mod clipped;
mod document;
mod told;

pub use told::ReportsTold;

#[cfg(test)]
mod tests;
