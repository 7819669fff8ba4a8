/* What a worker recognises together is what it recognises alone; who is done leaves first. */
#include <math.h>
#include <string.h>

#include "hearing.h"
#include "test.h"
#include "transcript.h"
#include "words.h"
#include "worker.h"

#define MOST_MS 15000

static atomic_bool never, stopped = true;
static struct worker worker;
static int order; /* of on_result() */

struct outcome {
    enum piece_end end;
    struct result_segment segment;
    int times, order;
    double audio_seconds, cost_ms;
};

static void on_result(struct piece *piece)
{
    struct outcome *outcome = piece->user;

    outcome->end = piece->end;
    outcome->segment = piece->segment;
    outcome->audio_seconds = piece->cost.audio_seconds;
    outcome->cost_ms = piece_cost_ms(&piece->cost);
    outcome->times++;
    outcome->order = order++;
}

static void recognise_all(struct worker *by)
{
    while (by->pieces_count)
        worker_recognise(by);
}

static int setup(void **state)
{
    if (hearing_setup(state))
        return -1;
    return worker_open(&worker, NULL, hearing_model, NULL, MOST_MS);
}

static int teardown(void **state)
{
    worker_close(&worker);
    return hearing_teardown(state);
}

static struct endpointer_segment sound(size_t clip, size_t ms)
{
    assert_true(hearing_clips[clip].count >= ms * 16);
    return (struct endpointer_segment){.pcm = hearing_clips[clip].pcm,
                                       .count = ms * 16,
                                       .start_samples = 1000 * (int64_t)clip,
                                       .why = ENDPOINTER_PAUSE};
}

static struct piece piece(struct outcome *outcome, uint32_t depth)
{
    *outcome = (struct outcome){.end = PIECE_FAILED};
    return (struct piece){.depth = {.used = depth, .reason = RESULT_BY_REQUEST},
                          .limit = {.floor = 1, .due_ms = INFINITY},
                          .cancelled = &never,
                          .cost_ms = 1,
                          .on_result = on_result,
                          .user = outcome};
}

static void assert_same(const struct result_segment *a, const struct result_segment *b)
{
    assert_int_equal(a->start_samples, b->start_samples);
    assert_int_equal(a->end_samples, b->end_samples);
    assert_int_equal(a->depth.used, b->depth.used);
    assert_int_equal(a->words_count, b->words_count);
    for (size_t i = 0; i < a->words_count; i++) {
        assert_string_equal(a->words[i].text, b->words[i].text);
        assert_int_equal(a->words[i].start_samples, b->words[i].start_samples);
    }
    /* Exact in int8; OpenBLAS adds up in another order. */
    assert_float_equal(a->mean_logp, b->mean_logp, 1e-3);
    assert_float_equal(a->blank_share, b->blank_share, 1e-4);
    assert_true(isfinite(a->mean_logp) && a->mean_logp <= 0);
    assert_true(a->blank_share >= 0 && a->blank_share <= 1);
}

/* Alone, in the slot of long segments. */
static struct result_segment alone(struct worker *by, size_t clip, size_t ms, uint32_t depth)
{
    const struct endpointer_segment heard = sound(clip, ms);
    struct outcome outcome;
    struct piece p = piece(&outcome, depth);

    p.alone = true;
    worker_submit(by, &heard, &p);
    assert_false(worker_wants(by));
    recognise_all(by);
    assert_int_equal(outcome.times, 1);
    assert_int_equal(outcome.end, PIECE_DONE);
    assert_true(outcome.audio_seconds > 0 && outcome.cost_ms > 0);
    return outcome.segment;
}

/* Pieces of several lengths and depths, batched by this worker. */
static void batch_and_compare(struct worker *by, uint32_t unfolds)
{
    static const size_t ms[BATCHER_PIECES] = {700, 1500, 400, 1100};
    struct outcome outcome[BATCHER_PIECES];

    by->due_ms = INFINITY;
    order = 0;
    for (size_t i = 0; i < BATCHER_PIECES; i++) {
        const struct piece p = piece(&outcome[i], (uint32_t)i % unfolds + 1);
        const struct endpointer_segment heard = sound(i, ms[i]);
        worker_submit(by, &heard, &p);
        assert_int_equal(order, 0); /* nobody yet */
    }
    assert_false(worker_wants(by));
    recognise_all(by);
    assert_int_equal(order, BATCHER_PIECES);
    for (size_t i = 0; i < BATCHER_PIECES; i++) {
        assert_int_equal(outcome[i].times, 1);
        assert_int_equal(outcome[i].end, PIECE_DONE);
        struct result_segment segment = alone(by, i, ms[i], (uint32_t)i % unfolds + 1);
        assert_same(&outcome[i].segment, &segment);
        transcript_release(&segment);
        /* The shallow are outcome before the deep go on. */
        for (size_t k = 0; k < BATCHER_PIECES; k++)
            if (outcome[k].segment.depth.used > outcome[i].segment.depth.used)
                assert_true(outcome[k].order > outcome[i].order);
        transcript_release(&outcome[i].segment);
    }
}

static void together_each_hears_what_it_hears_alone(void **state)
{
    batch_and_compare(&worker, fold_model_info(hearing_model)->unfolds);
}

static void together_each_is_written_as_alone(void **state)
{
    struct fold_model *model;
    struct worker writing;

    assert_int_equal(
        fold_model_open_as(&model, getenv("FOLDSCRIBE_TEST_DECODER_MODEL"), FOLD_INT8, NULL),
        FOLD_OK);
    assert_int_equal(worker_open(&writing, NULL, model, NULL, MOST_MS), FOLD_OK);
    batch_and_compare(&writing, fold_model_info(model)->unfolds);
    batch_and_compare(&writing, 1); /* all of them in step */
    worker_close(&writing);
    fold_model_close(model);
}

static void a_long_segment_waits_for_those_before_it_and_nobody_for_it(void **state)
{
    struct outcome brief, lengthy, late;
    const struct piece a = piece(&brief, 1), b = piece(&lengthy, 1), c = piece(&late, 1);
    const struct endpointer_segment first = sound(0, 800),
                                    second = sound(3, BATCHER_PIECE_MS + 100),
                                    third = sound(2, 900);

    worker.due_ms = INFINITY;
    order = 0;
    worker_submit(&worker, &first, &a);
    worker_submit(&worker, &second, &b);
    assert_false(worker_wants(&worker)); /* something waits behind the batch */
    assert_int_equal(order, 0);          /* a step that submits computes nothing, of nobody's */
    worker_recognise(&worker);
    assert_int_equal(brief.times, 1);
    assert_int_equal(lengthy.times, 0);
    assert_false(worker_wants(&worker)); /* long as it is, it goes alone */
    worker_submit(&worker, &third, &c);
    worker_recognise(&worker);
    assert_int_equal(lengthy.times, 1);
    assert_int_equal(lengthy.end, PIECE_DONE);
    assert_int_equal(lengthy.segment.end_samples, 3000 + (BATCHER_PIECE_MS + 100) * 16);
    assert_int_equal(late.times, 0);
    recognise_all(&worker);
    assert_int_equal(late.times, 1);
    transcript_release(&brief.segment);
    transcript_release(&lengthy.segment);
    transcript_release(&late.segment);
}

static void one_that_is_cancelled_leaves_the_others_alone(void **state)
{
    struct outcome outcome[3];

    worker.due_ms = INFINITY;
    for (size_t i = 0; i < 3; i++) {
        struct piece p = piece(&outcome[i], 2);
        const struct endpointer_segment heard = sound(i, 600);
        if (i == 1)
            p.cancelled = &stopped;
        worker_submit(&worker, &heard, &p);
    }
    recognise_all(&worker);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(outcome[i].times, 1);
        assert_int_equal(outcome[i].end, i == 1 ? PIECE_CANCELLED : PIECE_DONE);
        transcript_release(&outcome[i].segment);
    }
}

static void who_is_late_goes_no_deeper_than_the_floor(void **state)
{
    struct outcome outcome;
    struct piece p = piece(&outcome, 2);
    const struct endpointer_segment heard = sound(0, 500);

    p.limit.due_ms = -INFINITY;
    worker_submit(&worker, &heard, &p);
    recognise_all(&worker);
    assert_int_equal(outcome.end, PIECE_DONE);
    assert_int_equal(outcome.segment.depth.used, 1);
    assert_int_equal(outcome.segment.depth.reason, RESULT_BY_BUDGET);
    transcript_release(&outcome.segment);
}

/* What is written of a segment that a stream heard, portion_ms at a time, alone. */
static struct result_segment incremental(struct incremental_partials *incremental, size_t clip,
                                         size_t ms, size_t portion_ms, uint32_t depth)
{
    struct outcome outcome = {.segment = {0}};

    for (size_t until = 0; until < ms;) {
        until = until + portion_ms < ms ? until + portion_ms : ms;
        const struct endpointer_segment heard = sound(clip, until);
        if (incremental_partials_aim(incremental, &heard, &(struct windowed_partials){0}) !=
            INCREMENTAL_PARTIALS_READY)
            continue;
        transcript_release(&outcome.segment);
        struct piece p = piece(&outcome, depth);
        p.incremental = incremental;
        worker_submit(&worker, &heard, &p);
        recognise_all(&worker);
        assert_int_equal(outcome.end, PIECE_DONE);
    }
    assert_int_equal(outcome.times, 1);
    return outcome.segment;
}

static void a_stream_hears_the_same_alone_in_company_and_in_portions(void **state)
{
    static const size_t ms[BATCHER_PIECES] = {2500, 1500, 3000, 1100};
    const uint32_t unfolds = fold_model_info(hearing_model)->unfolds;
    struct incremental_partials together[BATCHER_PIECES], alone;
    struct outcome outcome[BATCHER_PIECES];
    size_t words = 0;

    worker.due_ms = INFINITY;
    assert_int_equal(incremental_partials_open(&alone, hearing_model, unfolds), FOLD_OK);
    for (size_t i = 0; i < BATCHER_PIECES; i++) {
        struct piece p = piece(&outcome[i], (uint32_t)i % unfolds + 1);
        assert_int_equal(incremental_partials_open(&together[i], hearing_model, unfolds), FOLD_OK);
        const struct endpointer_segment heard = sound(i, ms[i]);
        assert_int_equal(
            incremental_partials_aim(&together[i], &heard, &(struct windowed_partials){0}),
            INCREMENTAL_PARTIALS_READY);
        p.incremental = i == 1 ? NULL : &together[i]; /* one of them runs */
        worker_submit(&worker, &heard, &p);
    }
    recognise_all(&worker);
    for (size_t i = 0; i < BATCHER_PIECES; i++) {
        assert_int_equal(outcome[i].times, 1);
        assert_int_equal(outcome[i].end, PIECE_DONE);
        for (size_t portion_ms = 300; portion_ms < 9000 && i != 1; portion_ms *= 3) {
            incremental_partials_forget(&alone); /* the segment before */
            struct result_segment segment =
                incremental(&alone, i, ms[i], portion_ms, (uint32_t)i % unfolds + 1);
            assert_same(&outcome[i].segment, &segment);
            assert_true(segment.end_samples <= 1000 * (int64_t)i + (int64_t)ms[i] * 16);
            words += segment.words_count;
            transcript_release(&segment);
        }
        transcript_release(&outcome[i].segment);
        incremental_partials_close(&together[i]);
    }
    assert_true(words > 0);
    incremental_partials_close(&alone);
}

static void a_stream_that_is_cancelled_or_fails_leaves_the_others_alone(void **state)
{
    struct incremental_partials incrementals[3];
    struct outcome outcome[3];

    worker.due_ms = INFINITY;
    for (int fails = 0; fails < 2; fails++) {
        for (size_t i = 0; i < 3; i++) {
            struct piece p = piece(&outcome[i], 1);
            assert_int_equal(incremental_partials_open(&incrementals[i], hearing_model, 1),
                             FOLD_OK);
            const struct endpointer_segment heard = sound(i, 900);
            assert_int_equal(
                incremental_partials_aim(&incrementals[i], &heard, &(struct windowed_partials){0}),
                INCREMENTAL_PARTIALS_READY);
            p.incremental = &incrementals[i];
            if (i == 1 && !fails)
                p.cancelled = &stopped;
            worker_submit(&worker, &heard, &p);
        }
        if (fails) /* what is to be read was never heard: nobody else has to suffer */
            incrementals[1].from_samples += 16000 * 100;
        recognise_all(&worker);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(outcome[i].times, 1);
            assert_int_equal(outcome[i].end, i != 1  ? PIECE_DONE
                                             : fails ? PIECE_FAILED
                                                     : PIECE_CANCELLED);
            assert_int_equal(incrementals[i].begun, !(fails && i == 1));
            transcript_release(&outcome[i].segment);
            incremental_partials_close(&incrementals[i]);
        }
    }
}

static void what_was_written_before_changes_no_text(void **state)
{
    static const struct result_word before[] = {
        {.text = "Quite", .start_samples = 100, .end_samples = 9000},
        {.text = "something", .start_samples = 9500, .end_samples = 20000},
        {.text = "else.", .start_samples = 20000, .end_samples = 25000}};
    struct fold_model *model;
    struct worker writing;
    struct outcome outcome[4];
    size_t words = 0;

    assert_int_equal(
        fold_model_open_as(&model, getenv("FOLDSCRIBE_TEST_DECODER_MODEL"), FOLD_INT8, NULL),
        FOLD_OK);
    assert_int_equal(worker_open(&writing, NULL, model, NULL, MOST_MS), FOLD_OK);
    writing.due_ms = INFINITY;
    for (size_t i = 0; i < 4; i++) {
        struct piece p = piece(&outcome[i], 2);
        const struct endpointer_segment heard = sound(0, 2500);
        /* None; wrong; one word wrong; its own. */
        p.before = i < 3 ? before : outcome[0].segment.words;
        p.before_count = i < 3 ? (size_t[]){0, 3, 1}[i] : outcome[0].segment.words_count;
        worker_submit(&writing, &heard, &p);
        recognise_all(&writing);
        assert_int_equal(outcome[i].end, PIECE_DONE);
        assert_same(&outcome[0].segment, &outcome[i].segment);
        words += outcome[i].segment.words_count;
    }
    for (size_t i = 0; i < 4; i++)
        transcript_release(&outcome[i].segment);
    assert_true(words > 0);
    worker_close(&writing);
    fold_model_close(model);
}

static void alternatives_come_with_who_asked_for_them(void **state)
{
    const struct transcript_style plain = {.plain = true};
    struct fold_punctuation_state sentence = {0};
    struct worker with_lm;
    struct fold_lm *lm;
    struct outcome outcome[2];

    assert_int_equal(fold_lm_open(&lm, getenv("FOLDSCRIBE_TEST_LM"), NULL), FOLD_OK);
    assert_int_equal(worker_open(&with_lm, NULL, hearing_model, lm, MOST_MS), FOLD_OK);
    with_lm.due_ms = INFINITY;
    for (size_t i = 0; i < 2; i++) {
        struct piece p = piece(&outcome[i], 1);
        const struct endpointer_segment heard = sound(0, 2000);
        p.alternatives = i ? 3 : 0;
        worker_submit(&with_lm, &heard, &p);
    }
    recognise_all(&with_lm);
    assert_int_equal(outcome[0].end, PIECE_DONE);
    assert_int_equal(outcome[1].end, PIECE_DONE);
    assert_int_equal(outcome[0].segment.others_count, 0);
    assert_same(&outcome[0].segment, &outcome[1].segment);
    assert_in_range(outcome[1].segment.others_count, 1, 3);
    assert_int_equal(transcript_write(&outcome[1].segment, &plain, &sentence, true), 0);
    char *before = words_join(outcome[1].segment.words, outcome[1].segment.words_count);
    for (size_t i = 0; i < outcome[1].segment.others_count; i++) {
        const struct result_segment *other = &outcome[1].segment.others[i];
        assert_int_equal(other->start_samples, outcome[1].segment.start_samples);
        char *text = words_join(other->words, other->words_count);
        assert_string_not_equal(text, before);
        free(before);
        before = text;
    }
    free(before);
    transcript_release(&outcome[0].segment);
    transcript_release(&outcome[1].segment);
    worker_close(&with_lm);
    fold_lm_close(lm);
}

static void what_a_piece_costs_is_every_stage_of_it(void **state)
{
    const struct piece_cost cost = {.audio_seconds = 100,
                                    .stem_seconds = 1,
                                    .unfold_seconds = 2,
                                    .exit_seconds = 4,
                                    .decode_seconds = 8,
                                    .write_seconds = 16,
                                    .others_seconds = 32,
                                    .new_seconds = 100,
                                    .hear_seconds = 64};

    assert_float_equal(piece_cost_ms(&cost), 127000, 1e-2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_piece_costs_is_every_stage_of_it),
        cmocka_unit_test(together_each_hears_what_it_hears_alone),
        cmocka_unit_test(together_each_is_written_as_alone),
        cmocka_unit_test(a_long_segment_waits_for_those_before_it_and_nobody_for_it),
        cmocka_unit_test(one_that_is_cancelled_leaves_the_others_alone),
        cmocka_unit_test(a_stream_hears_the_same_alone_in_company_and_in_portions),
        cmocka_unit_test(a_stream_that_is_cancelled_or_fails_leaves_the_others_alone),
        cmocka_unit_test(what_was_written_before_changes_no_text),
        cmocka_unit_test(alternatives_come_with_who_asked_for_them),
        cmocka_unit_test(who_is_late_goes_no_deeper_than_the_floor),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
