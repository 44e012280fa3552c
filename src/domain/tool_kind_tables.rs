use crate::base::rules::rules;
use crate::domain::tool_kind::*;

fn of(name: &str) -> ToolKind {
    ToolKind::of_name(name)
}

fn most(name: &str) -> ToolKind {
    ToolKind::most_of_name(name)
}

fn called(name: &str) -> ToolKind {
    ToolKind::of_call(name)
}

rules! {
    to_unlink_deletes: most("mcp__fs__unlink") => ToolKind::Delete;
    to_erase_deletes: most("erase_file") => ToolKind::Delete;
    to_put_into_the_trash_deletes: most("moveToTrash") => ToolKind::Delete;
    a_server_says_nothing_of_its_tool: most("mcp__browser__delete_file") => ToolKind::Delete;
    the_word_that_does_most_counts: most("plan_and_execute") => ToolKind::Execute;
    a_name_without_a_known_word_may_be_anything: most("mcp__fs__save_file") => ToolKind::Other;
    a_name_that_begins_with_a_question_reads: most("mcp__fs__list_directory") => ToolKind::Read;
    a_question_in_one_word_reads: most("getSymbols") => ToolKind::Read;
    a_question_that_does_more_is_none: most("mcp__fs__get_and_set") => ToolKind::Other;
    a_question_within_another_word_is_none: most("mcp__ui__widget_budget") => ToolKind::Other;
    a_list_of_todos_is_no_edit: called("TodoWrite") => ToolKind::Think;
    a_plan_of_a_server_that_runs_a_shell_executes: called("mcp__planner__run_shell") => ToolKind::Execute;
    a_todo_of_a_server_that_runs_something_executes: called("mcp__todo__exec") => ToolKind::Execute;
    a_browser_of_a_server_that_deletes_deletes: called("mcp__browser__delete_file") => ToolKind::Delete;
    a_plan_that_runs_something_executes: called("plan_exec") => ToolKind::Execute;
    a_search_of_the_web_that_was_made_fetches: called("google_web_search") => ToolKind::Fetch;
    a_plan_mode_that_was_left_thinks: called("ExitPlanMode") => ToolKind::Think;
    a_shell_executes: of("Bash") => ToolKind::Execute;
    a_command_executes: of("run_shell_command") => ToolKind::Execute;
    a_terminal_executes: of("terminal") => ToolKind::Execute;
    an_edit_edits: of("MultiEdit") => ToolKind::Edit;
    a_write_edits: of("write_file") => ToolKind::Edit;
    a_patch_edits: of("apply_patch") => ToolKind::Edit;
    a_replacement_edits: of("replace") => ToolKind::Edit;
    a_creation_edits: of("create_file") => ToolKind::Edit;
    a_deletion_deletes: of("delete_file") => ToolKind::Delete;
    a_removal_deletes: of("remove") => ToolKind::Delete;
    a_move_moves: of("move_file") => ToolKind::Move;
    a_rename_moves: of("rename") => ToolKind::Move;
    a_read_reads: of("read_file") => ToolKind::Read;
    a_view_reads: of("view") => ToolKind::Read;
    a_grep_searches: of("Grep") => ToolKind::Search;
    a_glob_searches: of("glob") => ToolKind::Search;
    a_search_of_the_web_fetches: of("google_web_search") => ToolKind::Fetch;
    a_search_of_files_searches: of("search_files") => ToolKind::Search;
    a_browser_fetches: of("browser_navigate") => ToolKind::Fetch;
    a_list_of_todos_thinks: of("TodoWrite") => ToolKind::Think;
    a_plan_thinks: of("update_plan") => ToolKind::Think;
    a_name_that_says_nothing_is_anything: of("mcp__x__y") => ToolKind::Other;
    a_name_is_read_whatever_its_case: of("WRITE_FILE") => ToolKind::Edit;
    an_unknown_word_of_the_protocol_is_anything: ToolKind::of("switch_mode") => ToolKind::Other;
    a_known_word_of_the_protocol_is_read: ToolKind::of("delete") => ToolKind::Delete;
    an_edit_changes_files: ToolKind::Edit.changes_files() => true;
    a_deletion_changes_files: ToolKind::Delete.changes_files() => true;
    a_move_changes_files: ToolKind::Move.changes_files() => true;
    a_command_changes_none_itself: ToolKind::Execute.changes_files() => false;
    a_read_changes_none: ToolKind::Read.changes_files() => false;
    a_read_only_looks: ToolKind::Read.only_looks() => true;
    a_command_does_more_than_look: ToolKind::Execute.only_looks() => false;
    what_is_not_known_does_more_than_look: ToolKind::Other.only_looks() => false;
    anything_else_changes_none_as_far_as_is_known: ToolKind::Other.changes_files() => false;
}
