#include <string.h>

#include "hearing.h"
#include "incremental_partials.h"
#include "test.h"

#define MOST_LIVE 8

/* Can this seed hear streams? Else there is nothing to be tested. */
static bool can_be_incremental(void)
{
    return fold_model_info(hearing_model)->chunk_frames;
}

/* With partials heard in one way, and without any. */
static void hear_together(enum engine_partials partials)
{
    struct engine *engine = hearing_engine_with(2, MOST_LIVE, 4, partials);
    struct heard alone[MOST_LIVE], together[MOST_LIVE];
    struct sound sounds[MOST_LIVE];
    struct live *lives[MOST_LIVE];
    size_t at[MOST_LIVE] = {0};

    for (size_t i = 0; i < MOST_LIVE; i++) {
        sounds[i] = hearing_join(i, 2, 700 + 100 * i);
        hearing_init(&alone[i]);
        hearing_init(&together[i]);
        const struct live_options options = hearing_live_options(&alone[i]);
        hearing_stream(engine, &sounds[i], 1000000, &options, &alone[i]);
        struct live_options with_partials = hearing_live_options(&together[i]);
        with_partials.partials = true;
        assert_int_equal(live_open(engine, &with_partials, &lives[i]), ENGINE_OK);
    }
    for (size_t open = MOST_LIVE; open;)
        for (size_t i = 0; i < MOST_LIVE; i++) {
            const size_t count = sounds[i].count * 2, left = count - at[i];
            const size_t now = left < 3200 + i ? left : 3200 + i;
            if (at[i] == count)
                continue;
            live_push(lives[i], (const uint8_t *)sounds[i].pcm + at[i], now);
            at[i] += now;
            if (at[i] == count) {
                live_finish(lives[i]);
                open--;
            }
        }
    for (size_t i = 0; i < MOST_LIVE; i++) {
        assert_true(hearing_wait_over(&together[i]));
        assert_string_equal(together[i].finals, alone[i].finals);
        assert_true(strlen(alone[i].finals) > 10);
        live_close(lives[i]);
        hearing_finish(&alone[i]);
        hearing_finish(&together[i]);
        free(sounds[i].pcm);
    }
    engine_close(engine);
}

static void streams_together_give_what_each_gives_alone(void **state)
{
    hear_together(ENGINE_PARTIALS_WINDOWS);
    if (can_be_incremental())
        hear_together(ENGINE_PARTIALS_STREAMS);
}

static void other_encodings_and_rates_cover_the_same_time(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(2, 1, 600), doubled = {0};
    struct heard heard;

    doubled.count = sound.count * 2 * 3; /* stereo, 48 kHz, by repeating */
    doubled.pcm = malloc(doubled.count * sizeof(*doubled.pcm));
    for (size_t i = 0; i < doubled.count; i++)
        doubled.pcm[i] = sound.pcm[i / 6];
    hearing_init(&heard);
    struct live_options options = hearing_live_options(&heard);
    options.rate_hz = 48000;
    options.channels = 2;
    hearing_stream(engine, &doubled, 4097, &options, &heard);
    assert_int_equal(heard.duration_samples, sound.count);
    assert_int_equal(heard.finals_count, 1);
    hearing_finish(&heard);
    free(sound.pcm);
    free(doubled.pcm);
    engine_close(engine);
}

static int partials_of(struct heard *heard)
{
    pthread_mutex_lock(&heard->lock);
    const int count = heard->partials_count;
    pthread_mutex_unlock(&heard->lock);
    return count;
}

static void dials_turned_while_somebody_speaks_are_heard_at_once(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(3, 1, 1000);
    const size_t half = hearing_clips[3].count / 2;
    struct live *live;
    struct heard heard;

    hearing_init(&heard);
    struct live_options options = hearing_live_options(&heard);
    options.partials = true;
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    live_push(live, sound.pcm, 2 * half);
    assert_true(hearing_wait(&heard, &heard.partials_count, 1));
    const int before = partials_of(&heard);
    assert_int_equal(heard.partial_depth.used, 1);
    /* No sound comes, and yet what was said so far is told anew. */
    live_configure(live, &(struct live_dials){.depth = 2, .partial_depth = 2});
    assert_true(hearing_wait(&heard, &heard.partials_count, before + 1));
    assert_int_equal(heard.partial_depth.used, 2);
    live_push(live, sound.pcm + half, 2 * (sound.count - half));
    live_finish(live);
    assert_true(hearing_wait_over(&heard));
    assert_int_equal(heard.finals_count, 1);
    assert_int_equal(heard.depth.used, 2);
    assert_int_equal(heard.depth.reason, RESULT_BY_REQUEST);
    live_close(live);
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void hear_partials(enum engine_partials partials)
{
    struct engine *engine = hearing_engine_with(1, 2, 1, partials);
    struct sound sound = hearing_join(3, 1, 1000);
    struct live *live;
    struct engine_stats stats;
    struct heard heard;

    hearing_init(&heard);
    struct live_options options = hearing_live_options(&heard);
    options.partials = true;
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    /* Faster than real time, but what a second of it makes is awaited before the next comes. */
    for (size_t at = 0; at < sound.count; at += 16000) {
        const size_t left = sound.count - at;
        live_push(live, sound.pcm + at, 2 * (left < 16000 ? left : 16000));
        hearing_barrier(engine);
    }
    live_finish(live);
    assert_true(hearing_wait_over(&heard));
    assert_true(heard.partials_count >= 1);
    assert_int_equal(heard.partial_depth.used, 1);
    assert_int_equal(heard.partial_depth.reason, RESULT_BY_TIER);
    assert_int_equal(heard.finals_count, 1);
    assert_int_equal(heard.depth.used, fold_model_info(hearing_model)->unfolds);
    engine_stats(engine, &stats);
    /* This seed hears few words, so its windows may become too long for a stream. */
    if (partials == ENGINE_PARTIALS_STREAMS)
        assert_in_range(stats.partials_incremental, heard.partials_count / 2, heard.partials_count);
    else
        assert_int_equal(stats.partials_incremental, 0);
    assert_int_equal(stats.incremental_partials_bytes,
                     partials == ENGINE_PARTIALS_WINDOWS || !can_be_incremental()
                         ? 0
                         : incremental_partials_bytes(hearing_model, 1));
    live_close(live);
    hearing_barrier(engine); /* the worker may have held it still */
    engine_stats(engine, &stats);
    assert_int_equal(stats.incremental_partials_bytes, 0);
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void partials_are_shallow_and_come_before_their_final(void **state)
{
    hear_partials(ENGINE_PARTIALS_AUTO); /* without load: windows */
    hear_partials(ENGINE_PARTIALS_WINDOWS);
    if (can_be_incremental())
        hear_partials(ENGINE_PARTIALS_STREAMS);
}

static void every_flush_is_answered_and_covers_what_was_pushed(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(5, 1, 0);
    struct live *live;
    struct heard heard;
    const size_t half = sound.count / 2;

    hearing_init(&heard);
    struct live_options options = hearing_live_options(&heard);
    options.rate_hz = 8000; /* so that a resampler holds something back */
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    live_push(live, sound.pcm, half * 2);
    live_flush(live);
    assert_true(hearing_wait(&heard, &heard.flushed_count, 1));
    assert_int_equal(heard.last_end_samples, half * 2);
    live_flush(live); /* nothing new: an empty final */
    assert_true(hearing_wait(&heard, &heard.flushed_count, 2));
    assert_int_equal(heard.last_end_samples, half * 2);
    live_push(live, sound.pcm + half, (sound.count - half) * 2);
    live_flush(live);
    live_finish(live);
    assert_true(hearing_wait_over(&heard));
    assert_int_equal(heard.flushed_count, 3);
    assert_int_equal(heard.duration_samples, sound.count * 2);
    assert_int_equal(heard.last_end_samples, sound.count * 2);
    live_close(live);
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void a_word_cut_by_the_end_is_in_the_last_final(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(6, 1, 0);
    struct heard heard;

    sound.count = 40001; /* within speech */
    hearing_init(&heard);
    const struct live_options options = hearing_live_options(&heard);
    hearing_stream(engine, &sound, 3333, &options, &heard);
    assert_int_equal(heard.last_end_samples, 40001);
    assert_int_equal(heard.finals_count, 1);
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void a_stream_without_speech_just_ends(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound nothing = {.pcm = calloc(80000, sizeof(int16_t))};
    struct engine_stats stats;

    for (nothing.count = 0; nothing.count <= 80000; nothing.count += 80000) {
        struct heard heard;
        hearing_init(&heard);
        const struct live_options options = hearing_live_options(&heard);
        hearing_stream(engine, &nothing, 1000, &options, &heard);
        assert_int_equal(heard.callbacks, 1);
        assert_int_equal(heard.duration_samples, nothing.count);
        hearing_finish(&heard);
    }
    nothing.count = 80000;
    struct heard file;
    hearing_init(&file);
    hearing_file(engine, hearing_spool_wav(&nothing), 0, &file);
    assert_int_equal(file.end, ENGINE_OK);
    assert_int_equal(file.finals_count, 0);
    assert_int_equal(file.duration_samples, 80000);
    engine_stats(engine, &stats);
    assert_float_equal(stats.compute_seconds, 0, 0);
    hearing_finish(&file);
    free(nothing.pcm);
    engine_close(engine);
}

static void a_full_stream_says_when_it_is_ready_again(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(0, 4, 500);
    struct live *live;
    struct heard heard;

    hearing_init(&heard);
    struct live_options options = hearing_live_options(&heard);
    options.high_ms = 4000;
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    assert_true(sound.count * 2 > live_high_bytes(live));
    assert_true(live_push(live, sound.pcm, sound.count * 2) > live_high_bytes(live));
    assert_true(hearing_wait(&heard, &heard.ready_count, 1));
    assert_true(live_waiting(live) < live_high_bytes(live));
    live_finish(live);
    assert_true(hearing_wait_over(&heard));
    assert_int_equal(heard.ready_count, 1);
    assert_int_equal(heard.duration_samples, sound.count);
    live_close(live);
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void after_close_no_callback_comes(void **state)
{
    struct engine *engine = hearing_engine_with(
        2, 2, 1, can_be_incremental() ? ENGINE_PARTIALS_STREAMS : ENGINE_PARTIALS_WINDOWS);
    struct sound sound = hearing_join(0, 2, 600);
    static struct heard heards[60];
    int callbacks[60];

    for (int round = 0; round < 60; round++) {
        struct heard *heard = &heards[round];
        struct live *live;
        hearing_init(heard);
        struct live_options options = hearing_live_options(heard);
        options.partials = true;
        assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
        live_push(live, sound.pcm, sound.count * 2);
        if (round % 3 == 0)
            live_finish(live);
        if (round % 3 == 1)
            live_flush(live);
        /* Before anything is heard, and while what follows a callback is computed. */
        assert_true(hearing_wait(heard, &heard->callbacks, round % 2));
        live_close(live);
        callbacks[round] = heard->callbacks; /* no lock: nobody may write any more */
    }
    free(sound.pcm);
    engine_close(engine); /* whatever was at work for them has ended */
    for (int round = 0; round < 60; round++) {
        assert_int_equal(heards[round].callbacks, callbacks[round]);
        hearing_finish(&heards[round]);
    }
}

static void work_for_whoever_has_gone_is_dropped(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(0, 12, 1000);
    const uint32_t deepest = fold_model_info(hearing_model)->unfolds;
    struct live *live;
    struct engine_stats stats;
    struct heard heard;

    hearing_init(&heard);
    const struct live_options options = hearing_live_options(&heard);
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    for (int i = 0; i < 4; i++)
        live_push(live, sound.pcm, sound.count * 2);
    assert_true(hearing_wait(&heard, &heard.finals_count, 1));
    live_close(live);
    hearing_barrier(engine);
    engine_stats(engine, &stats);
    assert_int_equal(stats.cancels, 1);
    assert_int_equal(stats.live_streams, 0);
    assert_int_equal(stats.queued_segments, 0);
    assert_true(stats.cancel_worst_seconds > 0);
    assert_true(stats.cancel_worst_seconds == stats.cancel_seconds);
    const uint64_t done = stats.segments_by_depth[deepest];
    assert_in_range(done, 1, 4 * 12 - 1);
    hearing_barrier(engine);
    engine_stats(engine, &stats);
    assert_int_equal(stats.segments_by_depth[deepest], done);
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

/* A cut where the speaker only takes a breath, or the client asks, or nobody ever pauses: the words
 * depend on the sound and the marks alone, and each is heard with what came before it. */
static void cuts_in_running_speech_do_not_depend_on_how_it_was_pushed(void **state)
{
    static const size_t steps[] = {320, 7777, 10000000};
    static const uint32_t pauses_ms[] = {10, 300, 60000};
    struct engine *engine = hearing_engine(2, 4, 1);
    struct sound sound = hearing_join(0, 7, 60);
    struct heard first[3];

    for (size_t p = 0; p < 3; p++) {
        hearing_init(&first[p]);
        struct live_options options = hearing_live_options(&first[p]);
        options.endpointing_ms = pauses_ms[p];
        hearing_stream(engine, &sound, steps[0], &options, &first[p]);
        for (size_t i = 1; i < 3; i++) {
            struct heard again;
            hearing_init(&again);
            options.user = &again;
            options.partials = i == 1; /* nor on partials */
            hearing_stream(engine, &sound, steps[i], &options, &again);
            assert_string_equal(again.finals, first[p].finals);
            hearing_finish(&again);
        }
        /* hearing.c has seen to it that finals follow each other; the last may end in silence. */
        assert_true(first[p].last_end_samples > (int64_t)sound.count - 16000);
    }
    assert_true(first[0].endpoints_count > first[2].endpoints_count);
    assert_int_equal(first[2].endpoints_count, 1); /* the end */
    for (size_t p = 0; p < 3; p++)
        hearing_finish(&first[p]);
    free(sound.pcm);
    engine_close(engine);
}

static void who_is_muted_gets_a_final_by_the_clock(void **state)
{
    struct engine *engine = hearing_engine(1, 2, 1);
    struct sound sound = hearing_join(6, 1, 0);
    struct live *live;
    struct heard heard;
    const size_t half = 40001; /* within speech, and no pause follows */

    hearing_init(&heard);
    const struct live_options options = hearing_live_options(&heard);
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    live_push(live, sound.pcm, half * 2);
    live_silent(live, 500); /* a network that stutters: nothing yet */
    hearing_barrier(engine);
    assert_int_equal(heard.finals_count, 0);
    live_silent(live, 1000);
    assert_true(hearing_wait(&heard, &heard.finals_count, 1));
    assert_int_equal(heard.last_end_samples, half);
    assert_int_equal(heard.endpoints_count, 1);
    assert_int_equal(heard.flushed_count, 0);
    live_silent(live, 2000); /* it is known */
    hearing_barrier(engine);
    live_push(live, sound.pcm + half, (sound.count - half) * 2);
    live_finish(live);
    assert_true(hearing_wait_over(&heard));
    assert_int_equal(heard.finals_count, 2);
    assert_int_equal(heard.last_end_samples, sound.count);
    live_close(live);
    hearing_finish(&heard);

    /* Where pauses are no endpoints text comes all the same, later, and ends nothing. */
    hearing_init(&heard);
    struct live_options never = hearing_live_options(&heard);
    never.endpointing_ms = 60000;
    assert_int_equal(live_open(engine, &never, &live), ENGINE_OK);
    live_push(live, sound.pcm, half * 2);
    live_silent(live, 2000);
    hearing_barrier(engine);
    assert_int_equal(heard.finals_count, 0);
    live_silent(live, 3000);
    assert_true(hearing_wait(&heard, &heard.finals_count, 1));
    assert_int_equal(heard.endpoints_count, 0);
    live_close(live);
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dials_turned_while_somebody_speaks_are_heard_at_once),
        cmocka_unit_test(streams_together_give_what_each_gives_alone),
        cmocka_unit_test(other_encodings_and_rates_cover_the_same_time),
        cmocka_unit_test(partials_are_shallow_and_come_before_their_final),
        cmocka_unit_test(every_flush_is_answered_and_covers_what_was_pushed),
        cmocka_unit_test(cuts_in_running_speech_do_not_depend_on_how_it_was_pushed),
        cmocka_unit_test(who_is_muted_gets_a_final_by_the_clock),
        cmocka_unit_test(a_word_cut_by_the_end_is_in_the_last_final),
        cmocka_unit_test(a_stream_without_speech_just_ends),
        cmocka_unit_test(a_full_stream_says_when_it_is_ready_again),
        cmocka_unit_test(after_close_no_callback_comes),
        cmocka_unit_test(work_for_whoever_has_gone_is_dropped),
    };
    return cmocka_run_group_tests(tests, hearing_setup, hearing_teardown);
}
