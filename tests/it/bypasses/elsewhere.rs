//! Ways that tests of other modules show.

/// A way around a door that another test shows.
pub struct Shown {
    /// The door, as the page names it.
    pub door: &'static str,
    /// The way, in words for the page.
    pub way: &'static str,
    /// The end of it, in words for the page.
    pub ends: &'static str,
    /// Its record, in words for the page.
    pub record: &'static str,
    /// The test, as `module::name`.
    pub test: &'static str,
}

const fn shown(
    (door, way): (&'static str, &'static str),
    (ends, record): (&'static str, &'static str),
    test: &'static str,
) -> Shown {
    Shown {
        door,
        way,
        ends,
        record,
        test,
    }
}

pub const ROWS: &[Shown] = &[
    shown(
        (
            "claim",
            "a task that names another agent, or whose labels ask for what one lacks",
        ),
        ("refused", "names the demand"),
        "eligible::a_claim_and_the_router_tell_the_same_truth",
    ),
    shown(
        (
            "claim",
            "`ai task claim --next`, which would have to skip it",
        ),
        ("refused", "names the demand"),
        "eligible::the_next_task_is_the_next_that_one_can_have",
    ),
    shown(
        ("claim", "a task that somebody holds"),
        ("refused", "names the holder"),
        "leases::a_claim_is_refused_while_another_holds_the_task",
    ),
    shown(
        ("claim", "taking up its worktree in place of a claim"),
        ("refused", "names the demand"),
        "eligible::taking_up_a_worktree_is_a_claim_too_and_so_is_naming_an_agent_for_a_run",
    ),
    shown(
        (
            "claim",
            "a run by an agent that somebody names: `ai run TASK --agent NAME`",
        ),
        ("refused", "names the demand"),
        "eligible::taking_up_a_worktree_is_a_claim_too_and_so_is_naming_an_agent_for_a_run",
    ),
    shown(
        ("claim", "handing the task on to one who could not have it"),
        ("refused", "names the demand"),
        "eligible::a_task_is_handed_on_to_who_could_have_claimed_it_unless_a_person_says_otherwise",
    ),
    shown(
        ("claim", "many at once on one task"),
        ("refused: one gets it", "`lease.granted`, once"),
        "contention::stress_a_queue_is_shared_out_to_many_claimers",
    ),
    shown(
        (
            "lease",
            "the token of another, shown by `--as` somebody else",
        ),
        ("refused", "`lease.refused`"),
        "leases::a_token_that_is_shown_in_anothers_name_is_refused_and_told",
    ),
    shown(
        (
            "lease",
            "the token that another actor left in the same checkout",
        ),
        ("refused", "names the holder"),
        "leases::a_token_in_a_shared_checkout_is_its_holders_alone",
    ),
    shown(
        ("lease", "the token that another worktree keeps"),
        ("refused", "names the holder"),
        "leases::a_token_that_one_worktree_keeps_is_not_used_in_another",
    ),
    shown(
        ("lease", "the same agent, started anew"),
        ("refused", "names the holder"),
        "leases::an_agent_that_was_started_anew_does_not_act_by_the_lease_of_before",
    ),
    shown(
        (
            "lease",
            "a process that was stopped, and goes on after the lease has ended",
        ),
        (
            "refused: its work is saved beside",
            "exit code 7; `refs/ai/rescue/`",
        ),
        "run_left::a_supervisor_that_goes_on_too_late_has_lost_its_run_and_saves_the_work",
    ),
    shown(
        ("lease", "the wall clock set forward or back"),
        ("refused: leases go by the boot clock", "none is needed"),
        "leases::a_step_of_the_wall_clock_neither_frees_nor_freezes_a_lease",
    ),
    shown(
        (
            "lock",
            "another spelling of the path: `./`, `//`, case, Unicode forms",
        ),
        ("refused", "names the holder"),
        "locks::spellings_of_one_path_meet",
    ),
    shown(
        ("lock", "the directory's other name, by a symbolic link"),
        ("refused", "names the holder"),
        "locks::one_directory_has_one_name_also_through_a_symbolic_link",
    ),
    shown(
        ("lock", "a pattern that meets it and is written otherwise"),
        ("refused", "names the holder"),
        "locks::patterns_meet_exactly_where_some_path_matches_both",
    ),
    shown(
        ("lock", "releasing it by another's token"),
        ("refused", "names the holder"),
        "leases::a_lock_is_given_back_by_its_holders_token_alone",
    ),
    shown(
        (
            "lock",
            "a branch that is named as if it were of the task that holds it",
        ),
        ("refused", "`built-in.locked-paths`"),
        "hooks::the_name_of_a_branch_opens_no_locks_of_a_task",
    ),
    shown(
        (
            "run",
            "writing outside of the worktree, by a path, a link or a rename",
        ),
        (
            "refused by the sandbox",
            "the sandbox stands in the evidence",
        ),
        "sandbox::an_agent_cannot_write_outside_of_its_worktree",
    ),
    shown(
        ("run", "reading the store, tokens and worktrees of others"),
        (
            "refused by the sandbox",
            "the sandbox stands in the evidence",
        ),
        "sandbox::the_store_tokens_and_worktrees_of_others_are_out_of_an_agents_sight",
    ),
    shown(
        (
            "run",
            "a store of the agent's own in the place of the real one",
        ),
        ("refused: the supervisor reads its own", "none is needed"),
        "sandbox::an_agent_that_forges_its_private_store_gains_nothing",
    ),
    shown(
        ("run", "asking the supervisor about another task"),
        ("refused", "none: the socket answers for one task"),
        "in_run::an_agent_asks_about_its_own_task_and_about_nothing_else",
    ),
    shown(
        ("run", "moving branches and tags of the repository"),
        (
            "found: the end of the run, which puts them back",
            "finding of the run, which is denied",
        ),
        "trespass::references_that_an_agent_moves_are_put_back_and_the_run_is_denied",
    ),
    shown(
        ("run", "a commit straight onto the target"),
        (
            "found: the end of the run, which puts it back",
            "finding of the run, which is denied",
        ),
        "run_nasty::a_commit_straight_onto_the_target_is_denied_and_put_back",
    ),
    shown(
        ("run", "changing the main checkout without a sandbox"),
        (
            "found: the end of the run, which is denied",
            "finding of the run",
        ),
        "trespass::what_an_agent_says_it_changed_in_the_main_checkout_is_denied",
    ),
    shown(
        ("run", "writing into a worktree that nobody uses"),
        ("found: the end of the run", "finding of the run"),
        "trespass::writing_into_an_idle_worktree_is_seen",
    ),
    shown(
        (
            "run",
            "settings and programs planted in the worktree for `ai`, Git and checks to run",
        ),
        ("refused: none of them runs", "none is needed"),
        "run_nasty::nothing_that_it_plants_runs",
    ),
    shown(
        ("run", "settings planted in the home"),
        ("found: the end of the run", "finding of the run"),
        "trespass::what_an_agent_plants_in_the_home_is_seen",
    ),
    shown(
        ("run", "taking its own worktree away"),
        ("found: the end of the run", "finding of the run"),
        "trespass::an_agent_that_takes_its_worktree_away_hides_nothing",
    ),
    shown(
        ("run", "a daemon that outlives the run"),
        (
            "found: the end of the run, which ends it",
            "finding of the run",
        ),
        "run_nasty::daemons_that_clear_their_environment_are_ended_too",
    ),
    shown(
        (
            "run",
            "pushing from within, by a `git push` that asks its hook",
        ),
        ("refused", "none: no store is in sight"),
        "hooks::a_run_pushes_nothing_and_commits_into_what_is_locked_until_its_end",
    ),
    shown(
        (
            "run",
            "`git push --no-verify` to another repository by its name, without a sandbox",
        ),
        (
            "found: the end of the run",
            "`bypass.found`, and a finding of the run",
        ),
        "trespass::a_push_past_its_hook_is_found_by_what_git_notes_of_the_other_repository",
    ),
    shown(
        (
            "run",
            "`git push --no-verify` to an address, without a sandbox",
        ),
        (
            "**works**: Git notes nothing of it here; the server's hook is asked",
            "none",
        ),
        "trespass::a_push_past_its_hook_is_found_by_what_git_notes_of_the_other_repository",
    ),
    shown(
        ("run", "tools that were used without asking"),
        (
            "found: the end of the run, which policy denies",
            "the answer of `tool.call`",
        ),
        "policy::tools_that_were_used_without_asking_are_judged_by_their_names",
    ),
    shown(
        ("run", "a credential that the agent was not given"),
        ("refused", "none is needed"),
        "credentials::who_names_none_gets_none",
    ),
    shown(
        ("end of a run", "loosening the policy in its own worktree"),
        (
            "refused: the policy of the base judges",
            "the answer of `run.finish`",
        ),
        "run_nasty::the_policy_of_the_base_judges_and_not_the_agents",
    ),
    shown(
        ("end of a run", "changing `.ai/`"),
        ("refused until a person says yes", "`built-in.protect-ai`"),
        "run_nasty::a_change_of_the_policy_needs_a_person",
    ),
    shown(
        ("end of a run", "files that another task has locked"),
        ("refused", "names the holder"),
        "run_nasty::files_that_another_task_has_locked_are_refused",
    ),
    shown(
        ("end of a run", "paths beyond those of the task"),
        (
            "refused where `outside_paths` denies",
            "`built-in.outside-paths`",
        ),
        "outside::a_policy_that_denies_it_denies_the_run_and_the_accept",
    ),
    shown(
        ("end of a run", "a weakened test, or a secret in a file"),
        (
            "found; refused where the guard denies",
            "`built-in.tests-weakened`, `built-in.secrets`",
        ),
        "guards::a_guard_that_denies_denies_the_run",
    ),
    shown(
        ("end of a run", "a credential in the change"),
        (
            "refused until a person says yes",
            "`built-in.credential-in-change`",
        ),
        "credentials::a_change_that_holds_a_credential_waits_for_a_person",
    ),
    shown(
        (
            "end of a run",
            "saying that it is done: exit code 0 and no change",
        ),
        ("refused", "`no_changes`"),
        "run_nasty::one_that_changes_nothing_is_sent_back",
    ),
    shown(
        ("end of a run", "the supervisor killed at any step"),
        ("refused: the next run takes it up", "the steps of the run"),
        "run_failpoints::a_run_that_was_killed_is_taken_up",
    ),
    shown(
        (
            "checks",
            "leading a check into a healthy checkout by a variable",
        ),
        ("refused: the check is broken", "finding of the check"),
        "places::a_variable_that_leads_into_a_checkout_breaks_the_check",
    ),
    shown(
        ("checks", "leading it there by a link of the tree"),
        ("refused", "the check fails"),
        "places::a_link_of_the_tree_into_a_checkout_passes_nothing",
    ),
    shown(
        ("checks", "leaving an artefact of a better tree behind"),
        ("refused", "the check fails"),
        "places::what_an_earlier_tree_left_is_gone_but_for_what_is_to_stay",
    ),
    shown(
        ("checks", "a check that nobody has trusted"),
        ("refused", "exit code 8"),
        "person_done::untrusted_checks_do_not_run",
    ),
    shown(
        (
            "checks",
            "tests that fail already, to hide a new failure among them",
        ),
        ("refused", "the failures of the base stand beside"),
        "base_failures::another_failure_than_that_of_the_base_is_the_works",
    ),
    shown(
        ("accept", "a lock that was taken after the run"),
        ("refused", "names the holder"),
        "held_paths::what_a_task_has_claimed_after_the_run_keeps_the_work_out_until_it_ends",
    ),
    shown(
        ("accept", "`--override`, past a lock"),
        ("refused", "names the holder"),
        "held_paths::an_override_is_no_way_past_a_lock",
    ),
    shown(
        ("accept", "work that did not pass its checks"),
        (
            "refused but for a recorded override",
            "the override with its reason",
        ),
        "accept::unverified_work_needs_a_recorded_override",
    ),
    shown(
        ("accept", "moving the branch of the run after it was judged"),
        ("refused", "exit code 6"),
        "accept::a_branch_that_moved_after_it_was_judged_proves_nothing",
    ),
    shown(
        ("accept", "a merge that fails the checks"),
        ("refused", "the checks of the merged tree"),
        "accept::a_merged_tree_that_fails_its_checks_does_not_land",
    ),
    shown(
        (
            "accept",
            "a policy that was loosened for the run, or tightened since",
        ),
        (
            "refused: the policy of the accept counts, too",
            "the answer of `accept`",
        ),
        "guards::the_policy_of_the_accept_counts_at_the_accept_and_a_person_says_yes",
    ),
    shown(
        ("accept", "taking it back by `ai undo` into somebody's lock"),
        ("refused", "names the holder"),
        "undo::files_of_a_person_and_paths_that_are_locked_are_left_alone",
    ),
    shown(
        (
            "landing",
            "a lock that is taken between the last question and the move",
        ),
        ("refused: the store is held", "names the holder"),
        "held_paths::a_lock_that_is_taken_after_the_last_question_but_one_is_seen_by_the_last",
    ),
    shown(
        ("landing", "killing the accept between its steps"),
        ("refused: it asks again before the move", "`accept.started`"),
        "held_paths::an_accept_that_was_killed_asks_again_before_the_move_and_never_after_it",
    ),
    shown(
        ("landing", "several accepts at once"),
        ("refused: one lands", "`task.done`, once"),
        "accept::of_several_accepts_at_once_one_lands",
    ),
    shown(
        ("task done", "what somebody else has locked"),
        ("refused", "names the holder"),
        "person_done::what_somebody_else_has_locked_is_not_done",
    ),
    shown(
        ("task done", "paths that policy denies, committed or not"),
        ("refused", "the answer of `run.finish`"),
        "person_done::what_is_really_changed_is_asked_about",
    ),
    shown(
        (
            "task done",
            "commits with an early date, detached, or written anew",
        ),
        ("refused", "the answer of `run.finish`"),
        "person_done::a_commit_with_an_early_date_is_part_of_the_work",
    ),
    shown(
        ("task done", "no checks at all"),
        (
            "refused but for a recorded override",
            "the override with its reason",
        ),
        "person_done::without_checks_only_an_override_ends_a_task",
    ),
    shown(
        ("task done", "somebody else's task"),
        ("refused", "names the holder"),
        "person_done::somebody_elses_task_is_refused_before_anything_runs",
    ),
    shown(
        (
            "task done",
            "giving the task back and claiming it anew, to begin later",
        ),
        ("refused", "the answer of `run.finish`"),
        "held_paths::who_gives_a_task_back_and_claims_it_anew_has_not_begun_anew",
    ),
    shown(
        (
            "pre-commit",
            "a branch that is named like that of a run, or a head that says it is merged",
        ),
        ("refused", "`built-in.outside-paths`"),
        "hooks::in_the_worktree_of_a_task_its_paths_are_the_bounds",
    ),
    shown(
        ("pre-commit", "a yes to other content in the same paths"),
        ("refused", "a question of its own"),
        "hooks::a_yes_is_for_this_content_and_no_other",
    ),
    shown(
        ("pre-commit", "a hook that a manager puts over ours"),
        ("found: `ai hooks status` and `ai doctor`", "none"),
        "hooks_install::a_hook_that_somebody_has_put_over_ours_is_told_and_put_back",
    ),
    shown(
        (
            "pre-commit",
            "`core.hooksPath` of a manager, where ours would not run",
        ),
        ("refused at the installation, with the line to add", "none"),
        "hooks_install::hooks_of_managers_that_would_not_last_are_refused_with_the_line_to_add",
    ),
    shown(
        ("pre-push", "a yes to a push elsewhere"),
        ("refused", "a question of its own"),
        "hooks::a_yes_to_a_push_is_for_one_other_repository",
    ),
    shown(
        ("pre-push", "the branch of a run that policy has denied"),
        ("refused", "`bypass.found`, and the answer of `commit`"),
        "hooks::the_work_of_a_run_that_policy_has_denied_is_asked_about_when_it_is_pushed",
    ),
    shown(
        ("pre-push", "secrets committed past the hook"),
        ("refused", "the finding stands in the answer of `commit`"),
        "guards::a_commit_is_asked_and_one_that_passed_no_hook_is_at_its_push",
    ),
    shown(
        ("server", "an agent's commits, pushed by a person"),
        ("refused where a rule speaks of agents", "none on a server"),
        "hooks_server::agents_are_known_by_their_commits_and_references_by_their_names",
    ),
    shown(
        (
            "pre-tool",
            "another tool of the CLI, or a patch in a command of the shell",
        ),
        ("refused", "the answer of `edit`"),
        "guard::every_cli_is_told_in_the_same_way",
    ),
    shown(
        ("pre-tool", "a payload without a tool or a file"),
        ("refused", "none"),
        "guard::what_cannot_be_judged_is_refused_unless_it_only_looks",
    ),
    shown(
        ("pre-tool", "a CLI that never asks its hook"),
        ("found: the end of the run", "warning of the verdict"),
        "guard::a_cli_that_never_asked_its_hook_is_told_in_the_review",
    ),
    shown(
        ("pre-tool", "starting the CLI in another directory"),
        (
            "refused: the project of the file is asked",
            "the answer of `edit`",
        ),
        "guard::the_project_of_a_file_is_asked_wherever_the_cli_was_started",
    ),
    shown(
        ("pre-tool", "another agent's name, but that of the holder"),
        ("refused", "names the holder"),
        "guard::a_session_is_kept_out_by_others_and_not_by_its_own",
    ),
    shown(
        (
            "pre-tool",
            "an entry in the CLI's settings that somebody has changed, or that names a program that is gone",
        ),
        ("found: `ai guard status`", "none"),
        "guard_install::a_program_that_has_moved_is_told_and_named_anew",
    ),
    shown(
        (
            "pre-tool",
            "a tool that is not on the agent's list, and commands in a mode that bars them",
        ),
        ("refused", "`built-in.tool-list`, `built-in.mode-safe`"),
        "modes::the_hook_of_a_cli_knows_modes_and_lists_of_tools",
    ),
    shown(
        (
            "end of a run",
            "changing files in a mode that only analyses, deleting in one that is safe",
        ),
        (
            "refused",
            "`built-in.mode-analysis-only`, `built-in.mode-safe`",
        ),
        "modes::an_agent_that_only_analyses_lands_nothing",
    ),
    shown(
        (
            "policy",
            "a mode in the agent's file that is looser than the project's",
        ),
        (
            "refused: the narrower one counts",
            "`built-in.mode-analysis-only`",
        ),
        "modes::the_project_bounds_all_agents_and_an_agent_cannot_loosen_itself",
    ),
    shown(
        (
            "policy",
            "a file that was made to hold a command up: a pipe, a device, 200 MB, a bomb",
        ),
        ("refused", "`policy.unreadable`"),
        "hostile::a_file_that_was_made_to_hold_a_command_up_is_refused_by_name",
    ),
    shown(
        ("MCP", "the handle of another session"),
        ("refused", "`lease_lost`"),
        "mcp::a_handle_is_of_no_use_in_another_session",
    ),
    shown(
        ("MCP", "a name that is no agent's"),
        (
            "refused: who speaks there is an agent",
            "the agent stands in the log",
        ),
        "mcp::who_asks_is_an_agent_by_the_clients_name_if_by_no_other",
    ),
    shown(
        ("MCP", "within a run, another task than its own"),
        ("refused", "none: the supervisor answers"),
        "mcp::within_a_run_the_supervisor_answers_for_its_own_task",
    ),
    shown(
        (
            "egress",
            "a host that is not listed, directly, by HTTP, CONNECT or SOCKS5; an address that is written oddly",
        ),
        ("refused", "the answer of `network.connect`"),
        "egress::a_run_reaches_listed_hosts_by_its_proxy_and_nothing_else",
    ),
    shown(
        ("egress", "a sandbox that cannot hold it"),
        ("refused: the run does not start", "exit code 3"),
        "egress::what_cannot_hold_a_run_to_its_hosts_does_not_start_it",
    ),
    shown(
        ("approvals", "one person who says yes twice"),
        ("refused", "`policy.approved`, counted once"),
        "approvals::two_people_say_yes_where_a_rule_wants_two",
    ),
    shown(
        (
            "approvals",
            "a yes by somebody whom the rule does not name, or by the agent that asked",
        ),
        ("refused", "none"),
        "approvals::only_those_whom_a_rule_names_can_say_yes",
    ),
    shown(
        (
            "approvals",
            "a yes to the work, for a stricter rule about the accept",
        ),
        ("refused", "a question of its own"),
        "approvals::a_yes_to_the_work_is_none_to_a_stricter_rule_about_the_accept",
    ),
    shown(
        (
            "approvals",
            "asking again and again, to hide another question",
        ),
        ("found: `ai approvals` lists both", "each question"),
        "approvals::who_asks_again_and_again_hides_no_other_question_and_what_has_ended_waits_no_more",
    ),
    shown(
        ("approvals", "work that is sent back while its accept waits"),
        ("refused", "`task.rejected`"),
        "approvals::work_that_is_sent_back_while_its_accept_waits_does_not_land",
    ),
    shown(
        ("policy", "a file that cannot be read"),
        ("refused", "`policy.unreadable`"),
        "policy::a_policy_that_cannot_be_read_denies_and_says_so",
    ),
    shown(
        ("policy", "a layer of the agent's own"),
        ("refused until a person says yes", "`built-in.protect-ai`"),
        "policy_layers::an_agent_writes_no_policy",
    ),
    shown(
        ("policy", "an edited rule in the place of a built-in one"),
        ("refused: it has to stand in HEAD", "`built-in.protect-ai`"),
        "policy_layers::an_edited_policy_replaces_no_built_in_rule",
    ),
    shown(
        (
            "policy",
            "a link that leads nowhere in the place of a layer",
        ),
        ("refused", "`policy.unreadable`"),
        "policy_layers::a_layer_that_cannot_be_looked_at_is_not_taken_for_none",
    ),
    shown(
        ("policy", "moving the file away, or a branch from before it"),
        (
            "refused: the policy of HEAD, or of its branch, stands in",
            "the rule",
        ),
        "policy_layers::a_policy_does_not_vanish_with_its_file",
    ),
    shown(
        (
            "policy",
            "`XDG_CONFIG_HOME` of a run's agent led away from the user's own layer",
        ),
        ("refused: the supervisor has it", "the rule"),
        "policy_layers::an_agent_of_a_run_does_not_drop_the_layer_of_the_user",
    ),
    shown(
        ("policy", "a range of commits that loosens it on the way"),
        ("refused: the policy at its beginning judges", "exit code 5"),
        "policy_tools::the_commits_of_a_range_are_judged_by_the_policy_at_its_beginning",
    ),
    shown(
        ("evidence", "a file of it that was changed"),
        ("refused", "exit code 6"),
        "accept::evidence_that_was_touched_proves_nothing",
    ),
    shown(
        (
            "evidence",
            "a link, a pipe or a directory in the place of a file",
        ),
        ("found: `ai evidence verify`", "names the file"),
        "tampered::a_file_that_something_else_stands_in_for_is_not_intact",
    ),
    shown(
        ("evidence", "a secret in what is stored"),
        (
            "refused: it is blackened",
            "the count of what was blackened",
        ),
        "run_nasty::no_secret_reaches_the_disk",
    ),
    shown(
        ("store", "a row that was changed by hand"),
        ("found: accept, and `ai evidence verify`", "exit code 6"),
        "tampered::a_row_that_the_log_contradicts_proves_nothing",
    ),
    shown(
        ("store", "a record of the log that was changed by hand"),
        (
            "found: `ai log verify`, and `ai doctor --deep`",
            "names the record",
        ),
        "doctor::a_record_that_was_changed_is_found_by_a_deep_look",
    ),
    shown(
        ("store", "an older copy in its place"),
        ("refused", "exit code 9"),
        "backup::an_older_copy_in_the_place_of_the_store_takes_no_write",
    ),
    shown(
        ("store", "a damaged or an empty file in its place"),
        ("refused", "exit code 9"),
        "store::a_damaged_store_is_never_an_empty_one",
    ),
];
