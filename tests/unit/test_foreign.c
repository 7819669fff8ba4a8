/* With foldscribe-decode itself, of this build, where it is built. */
#include <math.h>
#include <pthread.h>
#include <sndfile.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decode_pool.h"
#include "recording.h"
#include "test.h"

#define COUNT  48000
#define PLENTY (3600u * 16000u)

static float tone[COUNT];

/* What waits until a decoder calls. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool called;
};

static void call(void *user)
{
    struct waiter *waiter = user;

    pthread_mutex_lock(&waiter->lock);
    waiter->called = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

static void wait_for(struct waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->called)
        pthread_cond_wait(&waiter->changed, &waiter->lock);
    waiter->called = false;
    pthread_mutex_unlock(&waiter->lock);
}

static struct decode_pool *open_pool(const char *program, uint32_t most, uint32_t stall_ms)
{
    const struct decode_pool_options options = {program, most, stall_ms};
    struct decode_pool *pool;

    assert_int_equal(decode_pool_open(&pool, &options), 0);
    return pool;
}

static const char *program(void)
{
    return getenv("FOLDSCRIBE_TEST_DECODER");
}

/* The tone in a format of libsndfile, in a file without a name. */
static int make(int format)
{
    SF_INFO info = {.samplerate = 16000, .channels = 1, .format = format | SF_FORMAT_PCM_16};
    char path[] = "/tmp/test_foreign_XXXXXX";
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    assert_int_equal(sf_writef_float(file, tone, COUNT), COUNT);
    sf_close(file);
    unlink(path);
    return fd;
}

/* Samples, or the error with its note. */
static long hear_file(struct decode_pool *pool, int fd, struct recording_note *note)
{
    const struct recording_options options = {.max_samples = PLENTY,
                                              .format = {.kind = STREAM_CONTAINER, .pool = pool}};
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct recording *recording;
    float pcm[4096];
    long count = 0, got;
    double off = 0;

    if (recording_open(&recording, fd, &options, note) < 0)
        return -100;
    while ((got = recording_pull(recording, pcm, 4096, note)) > 0 || got == RECORDING_WAITS) {
        if (got == RECORDING_WAITS) {
            recording_await(recording, call, &waiter);
            wait_for(&waiter);
            continue;
        }
        for (long i = 0; i < got && count + i < COUNT; i++)
            off += fabs((double)(pcm[i] - tone[count + i]));
        count += got;
    }
    recording_close(recording);
    if (got == 0 && off / COUNT > 1e-3)
        return -101;
    return got < 0 ? got : count;
}

static void a_recording_is_decoded_in_another_process(void **state)
{
    static const int formats[] = {SF_FORMAT_AIFF, SF_FORMAT_AU, SF_FORMAT_CAF, SF_FORMAT_W64};
    struct decode_pool *pool = open_pool(program(), 4, 10000);
    struct recording_note note;

    assert_true(decode_pool_is_there(pool));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(hear_file(pool, make(formats[i]), &note), COUNT);
    assert_int_equal(decode_pool_running(pool), 0);
    decode_pool_close(pool);
}

static void a_stream_gives_all_sound_of_what_it_was_fed(void **state)
{
    struct decode_pool *pool = open_pool(program(), 4, 10000);
    const struct stream_format format = {.kind = STREAM_CONTAINER, .pool = pool};
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct recording_note note;
    struct stream *stream;
    uint8_t bytes[3001];
    float pcm[4096];
    long count = 0, fed = 0;
    bool is_over = false;
    const int fd = make(SF_FORMAT_AU);

    assert_int_equal(stream_open(&stream, &format, &note), 0);
    lseek(fd, 0, SEEK_SET);
    for (;;) {
        const long got = stream_pull(stream, pcm, 4096, &note);
        if (got == RECORDING_WAITS) {
            stream_await(stream, call, &waiter);
            wait_for(&waiter);
            continue;
        }
        assert_true(got >= 0);
        count += got;
        if (got)
            continue;
        if (is_over)
            break;
        assert_true(count >= fed / 2 - 4096); /* but for what the reader keeps */
        const ssize_t now = read(fd, bytes, sizeof bytes);
        fed += now;
        is_over = now == 0;
        if (is_over)
            stream_finish(stream);
        else
            assert_int_equal(stream_feed(stream, bytes, (size_t)now), 0);
    }
    assert_int_equal(count, COUNT);
    stream_close(stream);
    close(fd);
    decode_pool_close(pool);
}

struct client {
    struct decode_pool *pool;
    pthread_t thread;
    long heard[3];
};

static void *hear_some(void *user)
{
    struct client *client = user;
    struct recording_note note;

    for (size_t i = 0; i < 3; i++)
        client->heard[i] = hear_file(client->pool, make(SF_FORMAT_AIFF), &note);
    return NULL;
}

static void more_than_may_run_at_once_wait_for_a_place(void **state)
{
    struct decode_pool *pool = open_pool(program(), 2, 10000);
    struct client clients[6];

    for (size_t i = 0; i < 6; i++) {
        clients[i].pool = pool;
        assert_int_equal(pthread_create(&clients[i].thread, NULL, hear_some, &clients[i]), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        pthread_join(clients[i].thread, NULL);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(clients[i].heard[k], COUNT);
    }
    decode_pool_close(pool);
}

static void who_waits_can_be_woken(void **state)
{
    struct decode_pool *pool = open_pool(program(), 2, 600000);
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct decode_place *place = decode_pool_place_open(pool, -1);

    assert_non_null(place);
    decode_pool_place_await(place, false, call, &waiter); /* it is fed nothing, and says so once */
    decode_pool_wake(pool, &waiter);
    wait_for(&waiter);
    decode_pool_place_close(place);
    decode_pool_close(pool);
}

static void a_program_that_is_none_is_an_error_for_its_request(void **state)
{
    static const char *const programs[] = {"/bin/false", "/dev/null", "/bin/nothing"};
    struct recording_note note;

    for (size_t i = 0; i < 3; i++) {
        struct decode_pool *pool = open_pool(programs[i], 2, 1000);
        assert_int_equal(decode_pool_is_there(pool), i == 0);
        const long got = hear_file(pool, make(SF_FORMAT_AIFF), &note);
        assert_true(got == RECORDING_FAILED || got == RECORDING_UNKNOWN);
        assert_non_null(strstr(note.text, i ? "an AIFF file" : "cannot be started"));
        decode_pool_close(pool);
    }
}

static void what_it_refuses_is_said(void **state)
{
    struct decode_pool *pool = open_pool(program(), 2, 10000);
    struct recording_note note;
    const int fd = make(SF_FORMAT_AIFF);

    assert_int_equal(ftruncate(fd, 30), 0);
    assert_int_equal(hear_file(pool, fd, &note), RECORDING_UNKNOWN);
    assert_non_null(strstr(note.text, "an AIFF file"));
    decode_pool_close(pool);
}

static int make_tone(void **state)
{
    for (size_t i = 0; i < COUNT; i++)
        tone[i] = 0.4f * sinf((float)i * 0.1f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_decoded_in_another_process),
        cmocka_unit_test(a_stream_gives_all_sound_of_what_it_was_fed),
        cmocka_unit_test(more_than_may_run_at_once_wait_for_a_place),
        cmocka_unit_test(who_waits_can_be_woken),
        cmocka_unit_test(a_program_that_is_none_is_an_error_for_its_request),
        cmocka_unit_test(what_it_refuses_is_said),
    };
    return cmocka_run_group_tests(tests, make_tone, NULL);
}
