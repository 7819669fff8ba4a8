/* Streams of two seeds, one with a bridge, letters' block and convolution, one with paths, in
 * chunks of 7 frames, 10 before. */
#include "test.h"

#include <math.h>
#include <string.h>

#include "fold.h"

#define SECONDS 2
#define SAMPLES (SECONDS * 16000)
#define STREAMS 5

static const char *model_variable = "FOLDSCRIBE_TEST_MODEL"; /* the environment's name for it */

struct fixture {
    struct fold_model *model;
    const struct fold_info *info;
    struct fold_stream_options options;
    struct fold_stream *streams[STREAMS];
    struct fold_run *runs[STREAMS];
    float pcm[STREAMS][SAMPLES];
};

/* What a stream says: x and log-probabilities of all that it remembers. */
struct said {
    size_t T;
    float *x, *logp;
};

static void open_model(struct fixture *f, const char *variable)
{
    assert_int_equal(fold_model_open_as(&f->model, getenv(variable), FOLD_INT8, NULL), FOLD_OK);
    f->info = fold_model_info(f->model);
    f->options = (struct fold_stream_options){f->info->unfolds, 50 * SECONDS};
}

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    open_model(f, model_variable);
    for (size_t i = 0; i < STREAMS; i++) {
        assert_int_equal(fold_stream_open(&f->streams[i], f->model, &f->options), FOLD_OK);
        assert_int_equal(
            fold_run_open(&f->runs[i], f->model, fold_stream_run_samples(f->model, &f->options)),
            FOLD_OK);
        for (size_t k = 0; k < SAMPLES; k++)
            f->pcm[i][k] =
                0.4f * sinf((float)k * (0.02f + 0.013f * (float)i) * (1 + (float)k / 4e4f)) +
                0.1f * sinf((float)(k * (i + 3) % 4001));
    }
    return 0;
}

static int finish(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < STREAMS; i++) {
        fold_stream_close(f->streams[i]);
        fold_run_close(f->runs[i]);
    }
    fold_model_close(f->model);
    free(f);
    return 0;
}

static void hear_to(struct fixture *f, size_t i, size_t source, size_t end, uint32_t depth)
{
    const size_t next = fold_stream_next(f->streams[i]);
    assert_true(next <= end);
    assert_int_equal(
        fold_stream_hear(f->streams[i], f->runs[i], f->pcm[source] + next, end - next, depth),
        FOLD_OK);
}

static struct said say(struct fixture *f, size_t i)
{
    struct fold_run *run = f->runs[i];
    assert_int_equal(fold_stream_read(f->streams[i], run, fold_stream_oldest(f->streams[i])),
                     FOLD_OK);
    struct said said = {.T = fold_run_frames(run)};
    said.x = malloc(said.T * f->info->d * sizeof(float));
    said.logp = malloc(said.T * f->info->vocab_size * sizeof(float));
    assert_true(said.x && said.logp);
    memcpy(said.x, fold_run_x(run), said.T * f->info->d * sizeof(float));
    assert_int_equal(fold_run_exit(run, said.logp), FOLD_OK);
    return said;
}

static void forget(struct said *said)
{
    free(said->x);
    free(said->logp);
}

static void assert_same(const struct fixture *f, struct said a, struct said b)
{
    assert_int_equal(a.T, b.T);
    assert_memory_equal(a.x, b.x, a.T * f->info->d * sizeof(float));
    assert_memory_equal(a.logp, b.logp, a.T * f->info->vocab_size * sizeof(float));
    forget(&a);
    forget(&b);
}

static void any_portions_give_the_same(void **state)
{
    struct fixture *f = *state;
    static const size_t portions[] = {160, 999, 2688, 7000};
    hear_to(f, 0, 0, SAMPLES, 3);
    for (size_t p = 0; p < sizeof portions / sizeof *portions; p++) {
        fold_stream_reset(f->streams[1]);
        for (size_t end = 0; end < SAMPLES;) {
            end = end + portions[p] < SAMPLES ? end + portions[p] : SAMPLES;
            hear_to(f, 1, 0, end, 3);
        }
        assert_same(f, say(f, 0), say(f, 1));
    }
    assert_int_equal(fold_stream_frames(f->streams[1]), fold_frames(f->model, SAMPLES));
}

static void whole_chunks_never_change(void **state)
{
    struct fixture *f = *state;
    const size_t d = f->info->d, half = SAMPLES / 2;
    hear_to(f, 0, 0, half, 2);
    const size_t frames = fold_stream_next(f->streams[0]) / f->info->hop_samples;
    struct said early = say(f, 0);
    hear_to(f, 0, 0, SAMPLES, 2);
    struct said late = say(f, 0);
    assert_true(frames >= f->info->chunk_frames && frames <= early.T && early.T < late.T);
    assert_memory_equal(early.x, late.x, frames * d * sizeof(float));
    forget(&early);
    forget(&late);
}

static void a_shallow_stream_is_the_prefix_of_a_deep_one(void **state)
{
    struct fixture *f = *state;
    const struct fold_stream_options shallow = {1, f->options.memory_frames};
    assert_true(fold_stream_bytes(f->model, &shallow) < fold_stream_bytes(f->model, &f->options));
    fold_stream_close(f->streams[1]);
    assert_int_equal(fold_stream_open(&f->streams[1], f->model, &shallow), FOLD_OK);
    hear_to(f, 0, 0, SAMPLES, 1); /* has room for depth 3 */
    hear_to(f, 1, 0, SAMPLES, 1);
    assert_same(f, say(f, 0), say(f, 1));
    assert_int_equal(fold_stream_hear(f->streams[1], f->runs[1], f->pcm[0], 0, 2),
                     FOLD_ERR_ARGUMENT);
}

static void reset_is_fresh(void **state)
{
    struct fixture *f = *state;
    hear_to(f, 0, 1, SAMPLES, 3);
    fold_stream_reset(f->streams[0]);
    assert_int_equal(fold_stream_next(f->streams[0]), 0);
    assert_int_equal(fold_stream_frames(f->streams[0]), 0);
    assert_int_equal(fold_stream_read(f->streams[0], f->runs[0], 0), FOLD_ERR_ARGUMENT);
    hear_to(f, 0, 0, SAMPLES, 3);
    hear_to(f, 1, 0, SAMPLES, 3);
    assert_same(f, say(f, 0), say(f, 1));
}

/* Streams at different depths, together and each alone. */
static void company_changes_nothing(void **state)
{
    struct fixture *f = *state;
    static const uint32_t depths[STREAMS] = {1, 3, 2, 3, 1};
    struct said alone[STREAMS];
    for (size_t i = 0; i < STREAMS; i++) {
        hear_to(f, i, i, SAMPLES, depths[i]);
        alone[i] = say(f, i);
        fold_stream_reset(f->streams[i]);
    }
    for (size_t end = 0, turn = 1; end < SAMPLES; turn++) {
        const float *pcm[STREAMS];
        size_t samples[STREAMS];
        end = end + 3000 * turn < SAMPLES ? end + 3000 * turn : SAMPLES;
        for (size_t i = 0; i < STREAMS; i++) {
            const size_t next = fold_stream_next(f->streams[i]);
            pcm[i] = f->pcm[i] + next;
            samples[i] = end - next;
        }
        assert_int_equal(fold_batch_hear(f->streams, f->runs, pcm, samples, depths, STREAMS),
                         FOLD_OK);
    }
    for (size_t i = 0; i < STREAMS; i++)
        assert_same(f, alone[i], say(f, i));
}

/* One run serves all streams in turn. */
static void a_run_may_be_shared(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 1; i < STREAMS; i++) {
        fold_run_close(f->runs[i]);
        f->runs[i] = f->runs[0];
    }
    for (size_t end = 4000; end <= SAMPLES; end += 4000)
        for (size_t i = 0; i < 3; i++)
            hear_to(f, i, i % 2, end, 3);
    assert_same(f, say(f, 0), say(f, 2));
    for (size_t i = 1; i < STREAMS; i++)
        f->runs[i] = NULL;
}

/* Layers that are left out for a while remember nothing of it: the depth may change at any time. */
static void depth_may_change(void **state)
{
    struct fixture *f = *state;
    hear_to(f, 0, 0, SAMPLES / 3, 3);
    hear_to(f, 0, 0, SAMPLES / 3 * 2, 1);
    hear_to(f, 0, 0, SAMPLES, 3);
    hear_to(f, 1, 0, SAMPLES, 3);
    struct said changed = say(f, 0), steady = say(f, 1);
    const size_t first = f->info->chunk_frames * f->info->d;
    assert_int_equal(changed.T, steady.T);
    assert_memory_equal(changed.x, steady.x, first * sizeof(float));
    for (size_t i = 0; i < changed.T * f->info->d; i++)
        assert_true(isfinite(changed.x[i]));
    forget(&changed);
    forget(&steady);
}

/* The same second over and over for half an hour: places do not run out, and nothing drifts away.
 */
static void a_stream_may_be_endless(void **state)
{
    struct fixture *f = *state;
    const size_t d = f->info->d, hop = f->info->hop_samples, chunk = f->info->chunk_frames * hop;
    while (fold_stream_next(f->streams[0]) < (uint64_t)1800 * f->info->rate_hz)
        assert_int_equal(fold_stream_hear(f->streams[0], f->runs[0], f->pcm[0], chunk + 900, 1),
                         FOLD_OK);
    assert_int_equal(fold_stream_next(f->streams[0]) % chunk, 0);
    struct said late = say(f, 0);
    for (size_t i = 0; i < f->info->chunk_frames * d; i++) {
        const float now = late.x[i], later = late.x[f->info->chunk_frames * d + i];
        assert_true(isfinite(now) && fabsf(now - later) <= 0.05f * (1 + fabsf(now)));
    }
    forget(&late);
}

static void bad_samples_are_silence(void **state)
{
    struct fixture *f = *state;
    float *clean = f->pcm[0], *dirty = f->pcm[1];
    memcpy(dirty, clean, sizeof f->pcm[0]);
    for (size_t k = 5000; k < 5200; k++) {
        clean[k] = k % 2 ? 0 : 1;
        dirty[k] = k % 4 == 1 ? NAN : k % 2 ? -INFINITY : 40;
        if (k % 4 == 3)
            dirty[k] = INFINITY;
    }
    hear_to(f, 0, 0, SAMPLES, 2);
    hear_to(f, 1, 1, SAMPLES, 2);
    assert_same(f, say(f, 0), say(f, 1));
}

static void what_is_out_of_range_is_refused(void **state)
{
    struct fixture *f = *state;
    struct fold_stream *stream;
    struct fold_run *small;
    const struct fold_stream_options bad[] = {
        {0, 100}, {f->info->unfolds + 1, 100}, {1, f->info->chunk_frames - 1}, {1, 1u << 17}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fold_stream_bytes(f->model, &bad[i]), 0);
        assert_int_equal(fold_stream_open(&stream, f->model, &bad[i]), FOLD_ERR_ARGUMENT);
    }
    assert_int_equal(fold_run_open(&small, f->model, f->info->min_samples), FOLD_OK);
    assert_int_equal(fold_stream_hear(f->streams[0], small, f->pcm[0], SAMPLES, 1),
                     FOLD_ERR_TOO_LONG);
    assert_int_equal(fold_stream_hear(f->streams[0], f->runs[0], f->pcm[0], SAMPLES, 0),
                     FOLD_ERR_ARGUMENT);
    hear_to(f, 0, 0, SAMPLES, 1);
    assert_int_equal(fold_stream_read(f->streams[0], small, 0), FOLD_ERR_TOO_LONG);
    assert_int_equal(fold_stream_read(f->streams[0], f->runs[0], fold_stream_frames(f->streams[0])),
                     FOLD_ERR_ARGUMENT);
    fold_run_close(small);
    /* fewer samples than a frame: nothing is heard, nothing is wrong */
    fold_stream_reset(f->streams[0]);
    hear_to(f, 0, 0, f->info->min_samples - 1, 1);
    assert_int_equal(fold_stream_frames(f->streams[0]), 0);
}

/* Looks left until it says stop. */
static bool runs_out(const void *user)
{
    int *left = (int *)user;
    return (*left)-- <= 0;
}

/* Told after any number of looks: what a stream hears stops, alone or with others, and once reset
 * they hear as if nothing had been. */
static void hearing_stops_at_any_look(void **state)
{
    struct fixture *f = *state;
    const size_t samples[] = {SAMPLES, SAMPLES - 5000};
    const float *pcm[] = {f->pcm[0], f->pcm[1]};
    const uint32_t depths[] = {3, 2};
    int stopped = 0;
    hear_to(f, 2, 0, SAMPLES, 3);
    hear_to(f, 3, 1, SAMPLES - 5000, 2);
    for (size_t count = 1; count <= 2; count++) {
        for (int looks = 0, err = FOLD_ERR_STOPPED; err; looks++) {
            int left = looks;
            fold_run_set_abort(f->runs[0], runs_out, &left);
            err = fold_batch_hear(f->streams, f->runs, pcm, samples, depths, count);
            assert_true(err == FOLD_OK || err == FOLD_ERR_STOPPED);
            stopped += err != FOLD_OK;
            if (err)
                for (size_t i = 0; i < count; i++)
                    fold_stream_reset(f->streams[i]);
            else
                for (size_t i = 0; i < count; i++)
                    assert_same(f, say(f, i), say(f, 2 + i));
        }
        for (size_t i = 0; i < count; i++)
            fold_stream_reset(f->streams[i]);
    }
    assert_true(stopped > 10);
}

static void a_seed_that_was_not_taught_so_is_refused(void **state)
{
    struct fixture f = {0};
    struct fold_stream *stream;
    open_model(&f, "FOLDSCRIBE_TEST_DECODER_MODEL");
    assert_int_equal(f.info->chunk_frames, 0);
    f.options.memory_frames = 100;
    assert_int_equal(fold_stream_open(&stream, f.model, &f.options), FOLD_ERR_ARGUMENT);
    fold_model_close(f.model);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(any_portions_give_the_same),
        TEST(whole_chunks_never_change),
        TEST(a_shallow_stream_is_the_prefix_of_a_deep_one),
        TEST(reset_is_fresh),
        TEST(company_changes_nothing),
        TEST(a_run_may_be_shared),
        TEST(depth_may_change),
        TEST(a_stream_may_be_endless),
        TEST(bad_samples_are_silence),
        TEST(hearing_stops_at_any_look),
        TEST(what_is_out_of_range_is_refused),
        cmocka_unit_test(a_seed_that_was_not_taught_so_is_refused),
    };
    const int failed = cmocka_run_group_tests_name("bridge", tests, NULL, NULL);
    model_variable = "FOLDSCRIBE_TEST_PATHS_MODEL";
    return failed + cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
