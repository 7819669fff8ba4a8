/* Containers are made here, by libsndfile, from a real clip: same sound in, same sound out. */
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "muxed.h"
#include "recording.h"
#include "resample.h"
#include "test.h"

#define CLIP   "4970-29095-0006.flac"
#define PLENTY (3600u * 16000u)

static const struct recording_options whole = {.max_samples = PLENTY,
                                               .format = {.kind = STREAM_CONTAINER}};
static char warning[240]; /* of the recording read last */

static float *clip;
static size_t clip_count;

static int read_clip(void **state)
{
    char path[1024];
    SF_INFO info = {0};

    snprintf(path, sizeof(path), "%s/%s", test_data(), CLIP);
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (!file || info.samplerate != 16000 || info.channels != 1)
        return -1;
    clip_count = (size_t)info.frames;
    clip = malloc(clip_count * sizeof(*clip));
    const sf_count_t got = sf_readf_float(file, clip, info.frames);
    sf_close(file);
    return got == info.frames ? 0 : -1;
}

static int free_clip(void **state)
{
    free(clip);
    return 0;
}

/* An unlinked file with the clip at rate_hz (by dropping or repeating nothing: plain linear
 * interpolation) in all channels. */
static int make(int format, uint32_t rate_hz, int channels)
{
    const size_t count = clip_count * rate_hz / 16000;
    SF_INFO info = {.samplerate = (int)rate_hz, .channels = channels, .format = format};
    float *frames = malloc(count * (size_t)channels * sizeof(*frames));
    char path[] = "/tmp/test_recording_XXXXXX";
    const int fd = mkstemp(path);

    for (size_t i = 0; i < count; i++) {
        const double at = (double)i * 16000 / rate_hz;
        const size_t k = (size_t)at;
        const float next = k + 1 < clip_count ? clip[k + 1] : 0.0f;
        for (int c = 0; c < channels; c++)
            frames[i * (size_t)channels + (size_t)c] =
                clip[k] + (float)(at - (double)k) * (next - clip[k]);
    }
    assert_true(fd >= 0);
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    assert_int_equal(sf_writef_float(file, frames, (sf_count_t)count), count);
    sf_close(file);
    unlink(path);
    free(frames);
    return fd;
}

static int make_bytes(const void *bytes, size_t count)
{
    char path[] = "/tmp/test_recording_XXXXXX";
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, count), count);
    return fd;
}

static int64_t size_of(int fd)
{
    return lseek(fd, 0, SEEK_END);
}

/* Pulls everything in odd pieces. Returns samples or the error; pcm has room for `room`. */
static long pull_all(int fd, float *pcm, size_t room, struct recording_note *note)
{
    struct recording *recording;
    size_t got = 0;

    note->text[0] = '\0';
    const int error = recording_open(&recording, fd, &whole, note);
    if (error)
        return error;
    for (;;) {
        assert_true(got + 1234 <= room);
        const long now = recording_pull(recording, pcm + got, 1234, note);
        if (now == RECORDING_WAITS) /* it rests */
            continue;
        if (now < 0) {
            assert_int_equal(recording_pull(recording, pcm, 1, note), now);
            recording_close(recording);
            return now;
        }
        if (now == 0)
            break;
        got += (size_t)now;
        assert_int_equal(recording_position(recording), got);
    }
    size_t notes;
    const struct recording_note *first = recording_notes(recording, &notes);
    snprintf(warning, sizeof(warning), "%s", notes ? first->text : "");
    recording_close(recording);
    return (long)got;
}

/* Correlation of pcm with the clip: 1 when they are the same sound at the same time. */
static double likeness(const float *pcm, size_t count)
{
    const size_t n = count < clip_count ? count : clip_count;
    double xy = 0, xx = 1e-12, yy = 1e-12;

    for (size_t i = 0; i < n; i++) {
        xy += (double)pcm[i] * clip[i];
        xx += (double)pcm[i] * pcm[i];
        yy += (double)clip[i] * clip[i];
    }
    return xy / sqrt(xx * yy);
}

static void every_container_gives_the_same_sound(void **state)
{
    static const struct {
        int format;
        uint32_t rate_hz;
        int channels;
        long tolerance_samples;
        double likeness;
    } rows[] = {
        {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 0, 0.9999},
        {SF_FORMAT_WAV | SF_FORMAT_PCM_24, 44100, 2, 1, 0.99},
        {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 6, 1, 0.99},
        {SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1, 1, 0.9},
        {SF_FORMAT_WAVEX | SF_FORMAT_PCM_32, 22050, 1, 1, 0.99},
        {SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 32000, 1, 1, 0.99},
        {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48000, 1, 1, 0.99},
        {SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1, 1, 0.95},
        {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 44100, 2, 1, 0.95},
    };
    const size_t room = clip_count + 8000;
    float *pcm = malloc(room * sizeof(*pcm));
    struct recording_note note;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const long want = (long)clip_count;
        const long got =
            pull_all(make(rows[i].format, rows[i].rate_hz, rows[i].channels), pcm, room, &note);
        if (got < 0)
            print_error("row %zu: %s\n", i, note.text);
        assert_in_range(got, want - rows[i].tolerance_samples, want + rows[i].tolerance_samples);
        if (likeness(pcm, (size_t)got) < rows[i].likeness)
            print_error("row %zu: likeness %.4f\n", i, likeness(pcm, (size_t)got));
        assert_true(likeness(pcm, (size_t)got) >= rows[i].likeness);
    }
    free(pcm);
}

/* libsndfile believes the estimate from the first frame's bit rate and stops there. */
static void mp3_of_variable_bit_rate_without_a_count_is_read_to_its_end(void **state)
{
    const size_t room = clip_count + 8000;
    float *pcm = malloc(room * sizeof(*pcm));
    struct recording_note note;
    const int fd = make(SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 16000, 1);
    const int64_t size = size_of(fd);
    uint8_t *bytes = malloc((size_t)size);

    assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
    close(fd);
    /* Make the first frame's count unreadable: it is then one more frame of silence. */
    for (int64_t i = 0; i + 4 < 200; i++)
        if (memcmp(bytes + i, "Xing", 4) == 0 || memcmp(bytes + i, "Info", 4) == 0)
            memset(bytes + i, 0, 120);
    const long got = pull_all(make_bytes(bytes, (size_t)size), pcm, room, &note);
    assert_in_range(got, (long)clip_count, (long)clip_count + 4000);
    free(bytes);
    free(pcm);
}

static void a_wav_of_unknown_length_is_read_to_its_end(void **state)
{
    static const uint32_t sizes[] = {0, 0xffffffffu, 0x7ffff000u, 0x80000000u};
    const size_t room = clip_count + 8000;
    float *pcm = malloc(room * sizeof(*pcm));
    struct recording_note note;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const int fd = make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1);
        const uint32_t size = sizes[i]; /* little-endian host: tests only */
        assert_int_equal(pwrite(fd, &size, 4, 40), 4);
        assert_int_equal(pwrite(fd, &size, 4, 4), 4);
        assert_int_equal(pull_all(fd, pcm, room, &note), clip_count);
    }
    free(pcm);
}

static void a_cut_file_gives_what_is_there_and_says_so(void **state)
{
    static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                                  SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_OPUS,
                                  SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    const size_t room = clip_count + 8000;
    float *pcm = malloc(room * sizeof(*pcm));
    struct recording_note note;

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        assert_in_range(pull_all(make(formats[i], 16000, 1), pcm, room, &note), clip_count - 1,
                        clip_count + 1);
        assert_string_equal(warning, "");
        const int fd = make(formats[i], 16000, 1);
        assert_int_equal(ftruncate(fd, size_of(fd) * 3 / 4), 0);
        const long got = pull_all(fd, pcm, room, &note);
        assert_in_range(got, (long)clip_count / 4, (long)clip_count);
        assert_true(likeness(pcm, (size_t)got) > 0.5);
        assert_non_null(strstr(warning, "cut short"));
    }
    const int fd = make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1);
    assert_int_equal(ftruncate(fd, 30), 0);
    assert_int_equal(pull_all(fd, pcm, room, &note), RECORDING_TRUNCATED);
    assert_non_null(strstr(note.text, "before its sound"));
    free(pcm);
}

static void every_cut_of_a_head_is_an_error_with_a_reason(void **state)
{
    static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                                  SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_OPUS,
                                  SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    struct recording_note note;
    float pcm[4096];

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        for (int64_t size = 0; size < 100; size += 7) {
            const int fd = make(formats[i], 16000, 1);
            assert_int_equal(ftruncate(fd, size), 0);
            const long got = pull_all(fd, pcm, 4096, &note);
            assert_true(got != 0 && got != RECORDING_FAILED);
            assert_true(got > 0 ? strstr(warning, "cut short") != NULL : note.text[0] != '\0');
        }
}

static void empty_files_and_empty_containers_are_empty(void **state)
{
    struct recording_note note;
    float pcm[2048];

    assert_int_equal(pull_all(make_bytes("", 0), pcm, 2048, &note), RECORDING_EMPTY);
    assert_non_null(strstr(note.text, "no bytes"));
    const int fd = make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1);
    const uint32_t none = 0;
    assert_int_equal(pwrite(fd, &none, 4, 40), 4);
    assert_int_equal(ftruncate(fd, 44), 0);
    assert_int_equal(pull_all(fd, pcm, 2048, &note), RECORDING_EMPTY);
    assert_non_null(strstr(note.text, "no sound"));
}

static void other_files_are_named_with_what_is_accepted(void **state)
{
    struct recording_note note;
    float pcm[1300];

    assert_int_equal(pull_all(make_bytes("%PDF-1.7 and so on", 18), pcm, 1300, &note),
                     RECORDING_UNKNOWN);
    assert_non_null(strstr(note.text, "a PDF document: starts with 25 50 44 46"));
    assert_non_null(strstr(note.text, "wav, flac, mp3, ogg"));
    assert_int_equal(pull_all(make_bytes("\0\0\0 ftypM4A ", 12), pcm, 1300, &note),
                     RECORDING_UNKNOWN);
    assert_non_null(strstr(note.text, "M4A"));
}

static void a_browsers_recording_gives_its_sound_by_channel(void **state)
{
    const struct muxed_form form = {.channels = 2, .video = true};
    struct muxed made = muxed_webm(clip, clip_count, &form);
    float *pcm = malloc(2 * clip_count * sizeof(*pcm));
    struct recording *recording;
    struct recording_note note;
    double wanted = 0, both = 0, own = 0;

    struct recording_options first = whole;
    first.format.channel = 1;
    assert_int_equal(recording_open(&recording, make_bytes(made.bytes, made.count), &first, &note),
                     0);
    size_t count = 0;
    for (long got; (got = recording_pull(recording, pcm + count, 2000, &note));) {
        assert_true(got > 0);
        count += (size_t)got;
    }
    assert_in_range(count, clip_count - 400, clip_count + 400);
    for (size_t i = 0; i < clip_count - 400; i++) {
        wanted += (double)clip[i] * (double)clip[i];
        both += (double)clip[i] * (double)pcm[i];
        own += (double)pcm[i] * (double)pcm[i];
    }
    assert_true(both / sqrt(wanted * own) > 0.8); /* alike, sample by sample */
    assert_string_equal(recording_container(recording), "webm");
    assert_int_equal(recording_channels(recording), 2);
    recording_close(recording);
    assert_in_range(pull_all(make_bytes(made.bytes, made.count - 10), pcm, 2 * clip_count, &note),
                    clip_count - 1000, clip_count + 400);
    assert_non_null(strstr(warning, "cut short"));
    free(made.bytes);
    free(pcm);
}

static void one_channel_of_a_file_can_be_heard(void **state)
{
    struct recording_options options = whole;
    struct recording *recording;
    struct recording_note note;
    float pcm[100];

    options.format.channel = 3;
    assert_int_equal(recording_open(&recording, make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 3),
                                    &options, &note),
                     0);
    assert_int_equal(recording_pull(recording, pcm, 100, &note), 100);
    assert_int_equal(recording_channels(recording), 3);
    for (int i = 0; i < 100; i++)
        assert_float_equal(pcm[i], clip[i], 1e-4);
    recording_close(recording);
    options.format.channel = 4;
    assert_int_equal(recording_open(&recording, make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 3),
                                    &options, &note),
                     0);
    assert_int_equal(recording_pull(recording, pcm, 100, &note), RECORDING_UNKNOWN);
    assert_non_null(strstr(note.text, "no channel 4"));
    recording_close(recording);
}

static void rates_out_of_range_are_named(void **state)
{
    struct recording_note note;
    float pcm[1300];

    assert_int_equal(pull_all(make(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 4000, 1), pcm, 1300, &note),
                     RECORDING_UNKNOWN);
    assert_non_null(strstr(note.text, "4000 Hz; 8000 to 192000"));
}

static void more_sound_than_allowed_is_refused_on_the_way(void **state)
{
    struct recording *recording;
    struct recording_note note;
    float pcm[8192];
    long got;

    const int fd = make(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48000, 1);
    struct recording_options options = whole;
    options.max_samples = 32000;
    assert_int_equal(recording_open(&recording, fd, &options, &note), 0);
    do {
        got = recording_pull(recording, pcm, 8192, &note);
    } while (got > 0 || got == RECORDING_WAITS);
    assert_int_equal(got, RECORDING_TOO_LONG);
    assert_non_null(strstr(note.text, "at most 2 s"));
    assert_true(recording_position(recording) <= 32000);
    recording_close(recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_container_gives_the_same_sound),
        cmocka_unit_test(mp3_of_variable_bit_rate_without_a_count_is_read_to_its_end),
        cmocka_unit_test(a_wav_of_unknown_length_is_read_to_its_end),
        cmocka_unit_test(a_cut_file_gives_what_is_there_and_says_so),
        cmocka_unit_test(every_cut_of_a_head_is_an_error_with_a_reason),
        cmocka_unit_test(empty_files_and_empty_containers_are_empty),
        cmocka_unit_test(other_files_are_named_with_what_is_accepted),
        cmocka_unit_test(a_browsers_recording_gives_its_sound_by_channel),
        cmocka_unit_test(one_channel_of_a_file_can_be_heard),
        cmocka_unit_test(rates_out_of_range_are_named),
        cmocka_unit_test(more_sound_than_allowed_is_refused_on_the_way),
    };
    return cmocka_run_group_tests(tests, read_clip, free_clip);
}
