/* What becomes of work when memory is refused once: the n-th allocation of any thread fails, for
 * every n that a recording or a stream comes to. Each is heard as ever or ends in an error of its
 * own, and what comes after it notices nothing. */
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "batch.h"
#include "hearing.h"
#include "live.h"
#include "test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#ifdef IS_SANITIZED

/* The sanitizer has an allocator of its own, which cannot be told to fail. */
static void a_sanitizer_allocates_by_itself(void **state)
{
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_sanitizer_allocates_by_itself)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_long left = -1; /* allocations until the one that fails; negative: none does */
static atomic_long counted;

/* Of this program: libraries that end the process without memory cannot be mended here. */
extern const char __executable_start[], etext[];

static bool fails(const void *caller)
{
    if ((const char *)caller < __executable_start || (const char *)caller >= etext)
        return false;
    atomic_fetch_add(&counted, 1);
    if (atomic_load(&left) < 0 || atomic_fetch_sub(&left, 1) != 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

/* ---- work ----------------------------------------------------------------------------------- */

static struct engine *engine;
static struct sound sound;
static const struct fold_hotword hotwords[] = {{"conjurer", 3}, {"2026", 2}};

static int fresh(void **state)
{
    engine = hearing_engine(2, 2, 2);
    sound = hearing_join(3, 2, 900);
    return 0;
}

static int over(void **state)
{
    free(sound.pcm);
    engine_close(engine);
    return 0;
}

/* The n-th allocation from here on fails; negative: none. */
static void record(long n, struct heard *heard)
{
    struct batch *batch;
    const int fd = hearing_spool_wav(&sound);

    hearing_init(heard);
    struct batch_options options = hearing_batch_options(heard, 1);
    options.hotwords = hotwords;
    options.hotwords_count = 2;
    atomic_store(&counted, 0);
    atomic_store(&left, n);
    const enum engine_end refused = batch_start(engine, fd, &options, &batch);
    if (refused == ENGINE_OK)
        assert_true(hearing_wait_over(heard));
    else
        heard->end = refused;
    atomic_store(&left, -1);
}

static void speak(long n, struct heard *heard)
{
    struct live *live;

    hearing_init(heard);
    struct live_options options = hearing_live_options(heard);
    options.partials = true;
    options.hotwords = hotwords;
    options.hotwords_count = 2;
    atomic_store(&counted, 0);
    atomic_store(&left, n);
    const enum engine_end refused = live_open(engine, &options, &live);
    if (refused != ENGINE_OK) {
        heard->end = refused;
    } else {
        const uint8_t *bytes = (const uint8_t *)sound.pcm;
        const size_t count = sound.count * sizeof *sound.pcm;
        for (size_t at = 0; at < count; at += 32000)
            live_push(live, bytes + at, count - at < 32000 ? count - at : 32000);
        live_finish(live);
        assert_true(hearing_wait_over(heard));
        atomic_store(&left, -1);
        live_close(live);
    }
    atomic_store(&left, -1);
}

static void fail_each(void (*work)(long n, struct heard *heard))
{
    struct heard whole, heard;
    size_t refused = 0;

    work(-1, &whole);
    assert_int_equal(whole.end, ENGINE_OK);
    assert_true(strlen(whole.finals) > 10);
    const long count = atomic_load(&counted);
    assert_true(count > 5);
    /* All of the first, where each is another place in the code; then some. */
    for (long n = 0; n < count + 5; n += n < 400 ? 1 : 1 + count / 100) {
        work(n, &heard);
        if (heard.end == ENGINE_OK)
            assert_true(strlen(heard.finals) > 10);
        else
            refused++;
        hearing_finish(&heard);
    }
    assert_true(refused > 5);
    work(-1, &heard);
    assert_int_equal(heard.end, ENGINE_OK);
    assert_string_equal(heard.finals, whole.finals);
    hearing_finish(&heard);
    hearing_finish(&whole);
}

static void a_recording_ends_in_an_error_of_its_own(void **state)
{
    fail_each(record);
}

static void a_stream_ends_in_an_error_of_its_own(void **state)
{
    fail_each(speak);
}

/* Allocations of a stream that is opened, and how that ended. */
static long allocations_of(struct heard *heard, struct live **ret_live, enum engine_end *ret_end)
{
    hearing_init(heard);
    struct live_options options = hearing_live_options(heard);
    options.hotwords = hotwords;
    options.hotwords_count = 2;
    atomic_store(&counted, 0);
    *ret_end = live_open(engine, &options, ret_live);
    return atomic_load(&counted);
}

static void who_is_refused_has_cost_next_to_nothing(void **state)
{
    struct heard heard[3];
    struct live *lives[3];
    enum engine_end end;

    for (size_t i = 0; i < 2; i++) {
        assert_true(allocations_of(&heard[i], &lives[i], &end) > 5);
        assert_int_equal(end, ENGINE_OK);
    }
    assert_int_equal(allocations_of(&heard[2], &lives[2], &end), 1);
    assert_int_equal(end, ENGINE_BUSY);
    for (size_t i = 0; i < 2; i++)
        live_close(lives[i]);
    for (size_t i = 0; i < 3; i++)
        hearing_finish(&heard[i]);
}

static void without_memory_an_engine_does_not_start(void **state)
{
    const struct engine_options options = {.model = hearing_model,
                                           .workers = 1,
                                           .max_live = 1,
                                           .max_batch = 1,
                                           .max_segment_ms = 5000,
                                           .max_audio_ms = 10000};
    struct engine *made = NULL;
    size_t refused = 0;

    for (long n = 0; n < 200; n++) {
        atomic_store(&left, n);
        const int error = engine_open(&made, &options);
        atomic_store(&left, -1);
        if (error)
            refused++;
        else
            engine_close(made);
    }
    assert_true(refused > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_recording_ends_in_an_error_of_its_own, fresh, over),
        cmocka_unit_test_setup_teardown(a_stream_ends_in_an_error_of_its_own, fresh, over),
        cmocka_unit_test_setup_teardown(who_is_refused_has_cost_next_to_nothing, fresh, over),
        cmocka_unit_test(without_memory_an_engine_does_not_start),
    };
    return cmocka_run_group_tests(tests, hearing_setup, hearing_teardown);
}

#endif
