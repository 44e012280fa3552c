//! The global arguments and the tree of commands.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::cli::cmd::Command;
use crate::cli::look::ColourWish;

/// Coordinate coding agents on one Git repository: leases, path locks, runs with proof
#[derive(Parser)]
#[command(
    name = "ai",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_required = true
)]
#[command(arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Arguments that every command takes.
#[derive(Args, Clone)]
pub(super) struct Global {
    /// Print JSON: one object, or one a line for lists
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(super) json: bool,
    /// Leave progress, hints and warnings out; results and errors stay
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub(super) quiet: bool,
    /// Show what caused an error below it
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub(super) verbose: bool,
    /// Colour the output: on a terminal, always, never
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        global = true,
        help_heading = "Everywhere"
    )]
    pub(super) color: ColourWish,
    /// Act as this person (NAME) or agent (agent:NAME)
    #[arg(
        long = "as",
        value_name = "NAME",
        global = true,
        help_heading = "Everywhere"
    )]
    pub(super) actor: Option<String>,
    /// Work as if started in this directory
    #[arg(
        short = 'C',
        value_name = "DIR",
        global = true,
        help_heading = "Everywhere"
    )]
    pub(super) directory: Option<PathBuf>,
}
