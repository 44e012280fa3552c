//! File access with the path in every error, size caps on what is read, and atomic replacement on
//! what is written.

mod append;
mod beside;
mod error;
mod lines;
mod metadata;
mod read;
mod relocate;
mod remove;
mod rights;
mod share;
mod spool;
mod tail;
mod text_heap;
mod write;

pub use append::{
    Appender, append, append_locked, append_rotated, open_at_end, open_to_append, rewrite_locked,
};
pub use beside::{is_program, name_also, same_file, write_program};
pub use error::FsError;
pub use lines::{BadLine, LineEnd, read_line, text_reader};
pub use metadata::{
    FileId, ListedEntry, disk_usage, follow_links_below, is_exposed, is_link, is_missing, is_own,
    leads_nowhere, list_dir, list_kinds, modified_ms, stands_at, stat, unchanged_for_ms, user,
};
pub use read::{
    PlainDigest, digest, digest_below, open_named, read_capped, read_named, read_start, read_text,
    read_text_if_there, reader,
};
pub use relocate::relocate;
pub use remove::{make_writable, remove_dir_all, remove_empty_dir, remove_file, remove_stubborn};
pub use rights::{DirRights, open_dir, remove_hollow_dir};
pub use share::{private_mode, share_below};
pub use spool::Spool;
pub use tail::{DirWatch, Tail};
pub use text_heap::{TextHeap, TextPlace};
pub use write::{
    PublishOutcome, copy_if_absent, copy_if_there, create_dir_all, create_own_dir,
    create_private_dir, create_private_file, overwrite, publish, rename, replace, symlink,
    sync_dir_of, touch, write_atomic, write_own, write_private, write_through,
};
