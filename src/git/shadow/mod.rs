//! Our own git directory, through which every tree that an agent could touch is looked at.
//!
//! An agent owns its worktree and can own `.git/worktrees/<id>`: a planted `commondir`,
//! `config.worktree`, `.git` directory, nested repository, attribute or hook would run code in
//! plain `git status`. The shadow has its own `config` (data-only settings copied from the
//! repository), its own index and no references; it shares only the object store of the main
//! repository, into which it writes, so that what it makes can be referenced there at once.
//!
//! Where a filter of the user (LFS) could run, attributes come from a named trusted tree (Git 2.41
//! and newer), so an agent's `.gitattributes` cannot choose one. Older Git gets no user
//! configuration at all, hence no filters.
//!
//! The index is primed by the checkout that `ai` itself makes; unchanged files are then recognised
//! by their stat data (change time included, which no ordinary process can forge) and are not read
//! again.

mod directory;
mod drivers;
mod free;
mod ignored;
mod in_place;
mod index;
mod index_file;
mod index_write;
mod plain_rules;
mod private;
mod record_touched;
mod reset_in_process;
mod settings;
mod submodules;
mod trees;
mod untouched;

pub use directory::ShadowRepo;
pub use index::Reset;
pub(in crate::git) use record_touched::OwnLook;

#[cfg(test)]
mod tests;
