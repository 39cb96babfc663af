"""Where each line of the specification of personalization is tested: the failure modes of section 6, the checks of 7.

Names are "file under tests::test", or "file::test[part of a parameter]" where one row of a table is meant.
tests/test_specification.py looks whether they are all there.
"""

FAILURE_MODES: dict[int, tuple[str, ...]] = {
    1: (
        "failure_modes/test_rows_01_to_06.py::test_row_01_prompts_latents_and_sizes_of_a_batch_stand_in_one_order",
        "dreambooth/test_dreambooth_loss.py::test_prompts_and_latents_are_grouped_alike",
    ),
    2: ("dreambooth/test_dreambooth_loss.py::test_each_half_is_weighted_by_its_own_timesteps",),
    3: (
        "dreambooth/test_dreambooth_loss.py::test_min_snr_weights_have_their_closed_form_and_stay_finite",
        "diffusion/test_schedule.py::test_mean_weights_of_stable_diffusion_are_the_known_ones_and_only_early_steps_change",
    ),
    4: ("dreambooth/test_dreambooth_sizes.py::test_row_04_class_images_are_told_of_their_own_sizes_not_the_photos",),
    5: (
        "failure_modes/test_rows_01_to_06.py::test_row_05_latents_and_captions_stay_together_through_shuffled_epochs",
        "diffusion/test_latent_cache.py::test_pairing_survives_any_order",
    ),
    6: (
        "failure_modes/test_rows_01_to_06.py"
        "::test_row_06_a_failure_while_caching_stops_at_once_and_what_is_kept_is_whole",
        "failure_modes/test_rows_01_to_06.py::test_row_06_an_edited_caption_is_encoded_anew_and_the_others_are_not",
        "diffusion/test_latent_cache.py::test_only_an_edited_picture_is_encoded_again",
        "diffusion/test_latent_cache.py::test_a_damaged_entry_is_never_used",
    ),
    7: (
        "failure_modes/test_rows_07_to_14.py::test_row_07_a_photo_on_its_side_by_exif_is_turned_upright_before_anything",
    ),
    8: ("failure_modes/test_rows_07_to_14.py::test_row_08_what_systems_and_editors_leave_behind_crashes_nothing",),
    9: (
        "failure_modes/test_rows_07_to_14.py::test_row_09_captions_of_both_endings_are_used",
        "failure_modes/test_rows_07_to_14.py::test_row_09_captions_of_which_none_matches_a_photo_are_an_error",
        "failure_modes/test_rows_07_to_14.py::test_row_09_one_caption_too_many_and_photos_without_are_told_of",
        "failure_modes/test_rows_07_to_14.py::test_row_09_a_hole_that_nothing_fills_in_is_flagged",
    ),
    10: (
        "failure_modes/test_rows_07_to_14.py"
        "::test_row_10_the_trigger_is_in_every_caption_and_words_common_to_all_are_flagged",
    ),
    11: (
        "failure_modes/test_rows_07_to_14.py"
        "::test_row_11_a_prompt_that_would_be_cut_off_is_an_error_that_names_the_words",
    ),
    12: (
        "failure_modes/test_rows_07_to_14.py::test_row_12_a_model_that_returns_its_photos_is_found_out",
        "verdict/test_gauge.py::test_a_copy_is_closer_to_one_photo_than_any_two_photos_are",
        "verdict/test_choose.py::test_a_copier_is_passed_over",
    ),
    13: (
        "failure_modes/test_rows_07_to_14.py::test_row_13_a_class_word_that_draws_the_subject_is_measured_as_drift",
        "failure_modes/test_rows_07_to_14.py::test_row_13_the_prior_is_on_unless_told_otherwise",
        "verdict/test_choose.py::test_drift_of_the_bare_noun_counts_against_a_checkpoint",
    ),
    14: ("failure_modes/test_rows_07_to_14.py::test_row_14_the_losses_of_photos_and_prior_are_logged_apart",),
    15: (
        "dreambooth/test_dreambooth_learn.py::test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit",
        "dreambooth/test_dreambooth_learn.py::test_weights_that_are_not_the_saved_ones_stop_a_resume",
        "dreambooth/test_dreambooth_learn.py::test_a_state_of_another_run_is_refused",
        "test_training.py::test_a_method_that_ignores_the_state_is_a_bug_that_shows",
        "test_teach.py::test_a_run_that_was_cut_goes_on_to_the_same_bytes",
    ),
    16: (
        "dreambooth/test_dreambooth_learn.py::test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit",
        "textual_inversion/test_word_learning.py::test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit",
        "pivotal/test_pivotal.py::test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit",
    ),
    17: (
        "dreambooth/test_dreambooth_learn.py::test_the_learning_rate_moves_once_an_optimiser_step",
        "textual_inversion/test_word_learning.py::test_the_rate_is_scaled_by_the_photos_a_step_and_falls_to_its_tenth",
        "test_training.py::test_a_run_leaves_logs_and_checkpoints",
    ),
    18: (
        "diffusion/formats/test_lora_names.py::test_names_are_exactly_the_committed_ones",
        "concept/test_stock_loads.py::test_every_trained_part_is_listed",
        "concept/test_importing.py::test_part_of_a_file_is_told_and_none_is_an_error",
    ),
    19: (
        "diffusion/test_lora_formats.py::test_the_header_declares_alpha_as_rank_and_carries_what_it_was_given",
        "concept/test_stock_loads.py::test_stock_diffusers_answers_as_our_model_does",
        "concept/test_importing.py::test_alpha_mixed_ranks_and_convolutions_of_a_foreign_file_count",
    ),
    20: (
        "failure_modes/test_rows_20_to_33.py::test_row_20_the_autoencoder_of_sdxl_is_float32_whatever_the_rest_is",
        "diffusion/test_latent_cache.py::test_latents_that_are_not_finite_name_their_file_and_are_not_kept",
    ),
    21: (
        "textual_inversion/test_word_learning.py"
        "::test_a_loss_that_is_not_finite_stops_the_run_and_the_last_good_rows_stay",
        "dreambooth/test_dreambooth_learn.py::test_a_step_that_is_not_finite_leaves_the_weights_alone",
        "test_training_halts.py::test_weights_that_are_not_finite_are_not_saved",
        "test_training_halts.py::test_after_numbers_that_are_not_finite_the_last_good_state_can_be_resumed",
        "cli/test_cli_main.py::test_a_users_mistake_is_told_in_plain_lines",
    ),
    22: (
        "failure_modes/test_rows_20_to_33.py"
        "::test_row_22_nothing_is_ever_computed_in_float16_whose_attention_overflows",
    ),
    23: ("dreambooth/test_dreambooth_learn.py::test_adapters_beside_weights_in_bfloat16_are_float32_and_learn",),
    24: ("textual_inversion/test_word_rows.py::test_every_row_learns_and_not_a_bit_of_the_model_changes",),
    25: (
        "textual_inversion/test_word_learning.py::test_a_word_that_hardly_moved_or_grew_too_long_is_warned_of",
        "textual_inversion/test_word_learning.py::test_the_steps_say_how_far_and_how_long_the_rows_are",
    ),
    26: (
        "textual_inversion/test_word_rows.py::test_every_row_learns_and_not_a_bit_of_the_model_changes",
        "textual_inversion/test_word_rows.py"
        "::test_fifty_steps_equal_a_dense_table_whose_other_rows_are_restored_bit_for_bit",
    ),
    27: (
        "failure_modes/test_rows_20_to_33.py::test_row_27_a_word_for_sdxl_learns_in_float32_beside_half_weights_"
        "from_batches_that_do_not_divide_the_photos",
    ),
    28: (
        "failure_modes/test_rows_20_to_33.py::test_row_28_a_checkpoint_of_a_word_is_a_few_kilobytes",
        "textual_inversion/test_word_rows.py::test_the_state_is_the_rows_and_their_moments",
    ),
    29: (
        "tuning/test_budget.py::test_the_fastest_way_that_fits_is_taken",
        "tuning/test_budget.py::test_what_cannot_fit_is_refused_with_what_would",
        "diffusion/test_estimate.py::test_a_rehearsal_keeps_what_a_real_pass_keeps",
        "diffusion/test_estimate.py::test_drawing_counts_when_it_needs_more_than_training",
    ),
    30: (
        "test_checkpoint.py::test_a_full_disk_leaves_the_earlier_state",
        "test_checkpoint.py::test_damage_is_named",
        "test_disk.py::test_a_killed_writer_leaves_nothing_that_is_read",
        "test_training.py::test_a_killed_run_ends_in_the_same_bits",
    ),
    31: (
        "failure_modes/test_rows_20_to_33.py::test_row_31_false_on_the_command_line_is_false",
        "test_settings.py::test_an_unknown_name_brings_the_nearest_one",
    ),
    32: (
        "imageset/test_imageset_photos.py::test_the_hash_depends_on_content_not_on_place_or_the_file_systems_order",
        "imageset/test_listing.py::test_the_order_is_that_of_the_photos_names_whatever_their_folders_are_called",
    ),
    33: ("failure_modes/test_rows_20_to_33.py::test_row_33_one_decoded_photo_is_in_memory_at_a_time",),
}

CHECKS: dict[int, tuple[str, ...]] = {
    1: (
        "test_stock_losses.py::test_ten_losses_are_those_that_diffusers_script_printed",
        "dreambooth/test_dreambooth_loss.py::test_ten_steps_equal_the_oracle",
        "textual_inversion/test_word_rows.py::test_ten_steps_equal_stock_modules",
    ),
    2: (
        "dreambooth/test_dreambooth_learn.py::test_a_lora_changes_no_weight_of_the_model_and_all_of_its_own",
        "dreambooth/test_dreambooth_learn.py::test_full_training_changes_every_weight_that_can_learn_and_nothing_else",
        "textual_inversion/test_word_rows.py::test_every_row_learns_and_not_a_bit_of_the_model_changes",
        "pivotal/test_pivotal.py::test_the_word_learns_first_then_the_adapters",
    ),
    3: (
        "textual_inversion/test_word_rows.py"
        "::test_fifty_steps_equal_a_dense_table_whose_other_rows_are_restored_bit_for_bit",
    ),
    4: (
        "dreambooth/test_dreambooth_loss.py::test_one_pass_over_both_halves_equals_two_passes",
        "dreambooth/test_dreambooth_loss.py::test_prompts_and_latents_are_grouped_alike",
    ),
    5: (
        "dreambooth/test_dreambooth_loss.py::test_min_snr_weights_have_their_closed_form_and_stay_finite",
        "dreambooth/test_dreambooth_loss.py::test_each_half_is_weighted_by_its_own_timesteps",
    ),
    6: (
        "dreambooth/test_dreambooth_learn.py::test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit",
        "textual_inversion/test_word_learning.py::test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit",
        "pivotal/test_pivotal.py::test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit",
        "test_training.py::test_a_killed_run_ends_in_the_same_bits",
        "test_teach.py::test_a_killed_process_goes_on_to_the_same_bytes",
        "test_disk.py::test_a_killed_writer_leaves_nothing_that_is_read",
    ),
    7: (
        "concept/test_stock_loads.py::test_stock_diffusers_answers_as_our_model_does",
        "concept/test_stock_loads.py::test_the_comparison_notices_a_file_of_zeros",
        "concept/test_stock_loads.py::test_every_trained_part_is_listed",
        "concept/test_importing.py::test_adapters_come_back_bit_for_bit_with_their_trigger",
    ),
    8: ("diffusion/formats/test_lora_names.py::test_names_are_exactly_the_committed_ones",),
    9: (
        "diffusion/formats/test_word_files.py::test_every_layout_gives_the_rows_bit_for_bit",
        "diffusion/formats/test_word_files.py::test_what_is_written_for_each_program_is_read_again",
        "concept/test_stock_loads.py::test_a_word_is_read_as_its_rows_in_order",
        "concept/test_library.py::test_a_learned_word_loads_in_stock_diffusers_row_by_row",
        "words/test_marks.py::test_what_a_tokenizer_would_change_is_refused_with_a_better_name",
        "words/test_marks.py::test_a_placeholder_in_use_is_refused",
        "words/test_marks.py::test_a_token_of_the_tokenizer_is_refused",
    ),
    10: (
        "diffusion/test_stable.py::test_a_saved_model_is_read_back_by_us_and_by_stock_diffusers",
        "diffusion/test_stable.py::test_a_saved_text_encoder_has_the_names_that_older_readers_match",
        "diffusion/test_sampling.py::test_stock_diffusers_draws_the_same_picture_from_the_same_latents",
        "diffusion/formats/test_single_file.py::test_stock_diffusers_loads_the_file_and_every_weight_is_ours",
        "test_teach.py::test_a_model_trained_in_full_becomes_a_folder_that_loads",
    ),
    11: (
        "images/test_decoding.py::test_all_eight_exif_orientations_give_one_tensor",
        "images/test_decoding.py::test_transparency_becomes_white",
        "images/test_decoding.py::test_sixteen_bit_grey_is_scaled_not_clipped",
        "images/test_decoding.py::test_cmyk_is_converted",
        "images/test_decoding.py::test_a_truncated_file_is_refused_never_filled_with_grey",
        "images/test_decoding.py::test_what_is_no_photo_is_told_by_what_it_is",
        "images/test_decoding.py::test_any_name_will_do",
    ),
    12: (
        "dreambooth/test_dreambooth_data.py::test_cached_and_fresh_runs_have_the_same_losses",
        "failure_modes/test_rows_01_to_06.py::test_row_05_latents_and_captions_stay_together_through_shuffled_epochs",
        "dreambooth/test_dreambooth_data.py::test_editing_one_photo_encodes_that_one_anew",
        "failure_modes/test_rows_01_to_06.py::test_row_06_an_edited_caption_is_encoded_anew_and_the_others_are_not",
    ),
    13: (
        "diffusion/test_buckets.py::test_the_list_at_512_is_the_specifications",
        "dreambooth/test_dreambooth_buckets.py::test_every_photo_comes_once_an_epoch_in_its_own_shape",
        "dreambooth/test_dreambooth_buckets.py::test_a_row_of_a_mixed_batch_learns_as_it_would_alone",
        "dreambooth/test_dreambooth_buckets.py::test_sdxl_is_told_of_each_photos_own_crop",
        "diffusion/test_xl.py::test_sizes_agree_with_the_crop",
        "dreambooth/test_dreambooth_learn.py::test_a_batch_runs_over_the_end_of_an_epoch_and_no_photo_is_lost",
    ),
    14: (
        "dreambooth/test_dreambooth_learn.py::test_the_same_seed_gives_the_same_bits_and_looking_changes_nothing",
        "test_teach.py::test_the_same_seed_gives_the_same_bytes_wherever_it_runs",
        "test_teach_word.py::test_previews_and_folders_do_not_change_the_result",
        "test_training.py::test_previews_change_nothing",
        "imageset/test_imageset_photos.py::test_the_hash_depends_on_content_not_on_place_or_the_file_systems_order",
    ),
    15: (
        "dreambooth/test_dreambooth_learn.py::test_under_bfloat16_autocast_weights_and_moments_stay_float32",
        "textual_inversion/test_word_learning.py::test_under_bfloat16_autocast_rows_and_moments_stay_float32",
        "diffusion/test_model_folder.py::test_half_precision_files_are_raised_to_float32_and_shards_are_joined",
        "dreambooth/test_dreambooth_learn.py::test_full_training_raises_a_half_precision_model",
        "textual_inversion/test_word_learning.py"
        "::test_a_loss_that_is_not_finite_stops_the_run_and_the_last_good_rows_stay",
    ),
    # A last group is never ragged: samples are numbered, so every optimiser step sees as many.
    16: (
        "dreambooth/test_dreambooth_learn.py::test_four_batches_of_one_are_one_batch_of_four",
        "textual_inversion/test_word_learning.py::test_four_batches_of_one_are_one_batch_of_four",
        "dreambooth/test_dreambooth_learn.py::test_the_learning_rate_moves_once_an_optimiser_step",
        "textual_inversion/test_word_learning.py::test_the_rate_is_scaled_by_the_photos_a_step_and_falls_to_its_tenth",
    ),
    17: (
        "diffusion/test_xl.py::test_the_pooled_state_is_read_where_the_setting_says",
        "textual_inversion/test_word_rows.py::test_the_pooled_place_is_the_configured_one",
        "test_teach_word.py::test_a_word_learned_for_another_programs_pooling_says_so",
    ),
    # No ranks: image i depends on the seed and on i alone, so whoever draws it draws the same.
    18: (
        "dreambooth/test_dreambooth_prior.py::test_a_folder_topped_up_equals_one_filled_at_once",
        "dreambooth/test_dreambooth_prior.py::test_only_pictures_that_decode_count",
        "dreambooth/test_dreambooth_prior.py::test_a_folder_of_other_images_is_refused_and_left_alone",
        "dreambooth/test_dreambooth_prior.py::test_another_base_model_or_noun_is_another_folder",
    ),
    19: (
        "words/test_identifiers.py::test_every_condition_holds_for_100_draws",
        "words/test_identifiers.py::test_the_same_seed_gives_the_same_token",
    ),
    20: (
        "verdict/test_scores.py::test_pictures_equal_to_the_photos_score_1",
        "verdict/test_scores.py::test_orthogonal_features_score_0",
        "verdict/test_scores.py::test_diversity_of_equal_pictures_is_0_and_counts_only_within_a_prompt",
        "verdict/test_judging.py::test_the_text_encoder_never_sees_the_identifier",
    ),
    21: ("dreambooth/test_dreambooth_shapes.py::test_photos_are_learned_and_the_prior_keeps_the_class",),
    # The fixes of the other way, beside parity, are rows 1 to 7, 16, 20, 23, 24 and 26 to 28 of the failure modes.
    22: (
        "test_stock_losses.py::test_ten_losses_are_those_that_diffusers_script_printed",
        "dreambooth/test_dreambooth_config.py"
        "::test_parity_brings_the_settings_of_diffusers_scripts_and_options_still_win",
        "dreambooth/test_dreambooth_config.py::test_parity_refuses_what_is_broken_or_missing_there",
    ),
    23: (
        "diffusion/test_lora.py::test_matching_no_layer_is_an_error_that_names_the_layers_there_are",
        "dreambooth/test_dreambooth_learn.py::test_nothing_to_learn_from_is_an_error",
        "dreambooth/test_dreambooth_config.py::test_a_value_that_cannot_work_is_refused",
        "dreambooth/test_dreambooth_config.py::test_an_unknown_setting_brings_the_nearest",
        "dreambooth/test_dreambooth_learn.py::test_a_lora_changes_no_weight_of_the_model_and_all_of_its_own",
    ),
}
