//! Verification: parse what checks print, judge what it means.
