#include <math.h>
#include <sndfile.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "muxed.h"
#include "stream.h"
#include "test.h"

#define SECONDS 3
#define COUNT   (16000 * SECONDS)

static float tone[COUNT];

static int make_tone(void **state)
{
    for (size_t i = 0; i < COUNT; i++)
        tone[i] = 0.4f * sinf((float)i * 0.1f) * (i > COUNT / 2 ? 1.0f : 0.5f);
    return 0;
}

struct heard {
    float *pcm;
    size_t count;
    int error;
    uint32_t channels;
    char warning[240]; /* the first note */
    struct recording_note note;
};

/* Through a stream, `step` bytes at a time. */
static struct heard hear(const struct stream_format *format, const uint8_t *bytes, size_t count,
                         size_t step)
{
    struct heard heard = {.error = 0};
    struct stream *stream;
    float mono[STREAM_PULL_SAMPLES];

    heard.error = stream_open(&stream, format, &heard.note);
    if (heard.error)
        return heard;
    for (size_t at = 0; at < count + step && !heard.error; at += step) {
        const size_t now = at > count ? 0 : step < count - at ? step : count - at;
        assert_int_equal(stream_feed(stream, bytes + at, now), 0);
        if (at >= count)
            stream_finish(stream);
        long got;
        while ((got = stream_pull(stream, mono, STREAM_PULL_SAMPLES, &heard.note)) > 0) {
            heard.pcm = realloc(heard.pcm, (heard.count + (size_t)got) * sizeof(float));
            memcpy(heard.pcm + heard.count, mono, (size_t)got * sizeof(float));
            heard.count += (size_t)got;
        }
        heard.error = (int)got;
    }
    size_t notes;
    const struct recording_note *first = stream_notes(stream, &notes);
    if (notes)
        strcpy(heard.warning, first->text);
    heard.channels = stream_channels(stream);
    stream_close(stream);
    return heard;
}

/* Energy of what was heard, where the tone is loud and where it is half as loud. */
static void is_the_tone(const struct heard *heard)
{
    double first = 0, second = 0;

    assert_int_equal(heard->error, 0);
    assert_in_range(heard->count, COUNT - 400, COUNT + 400);
    for (size_t i = 4000; i < 20000; i++) {
        first += (double)heard->pcm[i] * (double)heard->pcm[i];
        second += (double)heard->pcm[i + 24000] * (double)heard->pcm[i + 24000];
    }
    assert_true(fabs(first / 16000 - 0.02) < 0.006);
    assert_true(fabs(second / 16000 - 0.08) < 0.02);
}

static const struct stream_format container = {.kind = STREAM_CONTAINER};

static void every_container_gives_the_sound_however_it_is_cut(void **state)
{
    const struct muxed_form recorder = {.channels = 1}, muxer = {.channels = 1, .sizes = true},
                            film = {.channels = 1, .video = true};
    struct muxed made[] = {muxed_webm(tone, COUNT, &recorder), muxed_webm(tone, COUNT, &muxer),
                           muxed_webm(tone, COUNT, &film), muxed_ogg(tone, COUNT, &recorder)};
    const size_t steps[] = {1000000, 1, 7, 4096};

    for (size_t m = 0; m < 4; m++) {
        struct heard whole = hear(&container, made[m].bytes, made[m].count, 1000000);
        is_the_tone(&whole);
        for (size_t s = 1; s < 4; s++) {
            struct heard cut = hear(&container, made[m].bytes, made[m].count, steps[s]);
            assert_int_equal(cut.count, whole.count);
            assert_memory_equal(cut.pcm, whole.pcm, whole.count * sizeof(float));
            free(cut.pcm);
        }
        free(whole.pcm);
        free(made[m].bytes);
    }
}

/* The tone as libsndfile writes it, the same on all channels but for its loudness: the n-th has an
 * n-th of it. */
static struct muxed coded(int format, int rate_hz, int channels)
{
    SF_INFO info = {.samplerate = rate_hz, .channels = channels, .format = format};
    char path[] = "/tmp/test_stream_XXXXXX";
    const int fd = mkstemp(path);
    float *frames = malloc(sizeof(float) * COUNT * (size_t)channels);
    struct muxed made = {0};

    assert_true(fd >= 0);
    for (size_t i = 0; i < COUNT; i++)
        for (int c = 0; c < channels; c++)
            frames[i * (size_t)channels + (size_t)c] = tone[i] / (float)(c + 1);
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    assert_int_equal(sf_writef_float(file, frames, COUNT), COUNT);
    sf_close(file);
    free(frames);
    made.count = (size_t)lseek(fd, 0, SEEK_END);
    made.bytes = malloc(made.count);
    assert_int_equal(pread(fd, made.bytes, made.count, 0), made.count);
    close(fd);
    unlink(path);
    return made;
}

#define FLAC16 (SF_FORMAT_FLAC | SF_FORMAT_PCM_16)
#define FLAC24 (SF_FORMAT_FLAC | SF_FORMAT_PCM_24)
#define MP3    (SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III)

static void flac_and_mp3_give_the_sound_however_they_are_cut(void **state)
{
    static const struct {
        int format, rate_hz, channels;
        float within; /* of the tone; MP3 changes it more, in places */
    } rows[] = {
        {FLAC16, 16000, 1, 1e-4f}, {FLAC24, 48000, 2, 1e-6f}, {FLAC16, 8000, 8, 1e-4f},
        {MP3, 16000, 1, 0.4f},     {MP3, 44100, 2, 0.4f},
    };
    const size_t steps[] = {1, 7, 4096};

    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        const struct stream_format first = {.kind = STREAM_CONTAINER, .channel = 1};
        struct muxed made = coded(rows[r].format, rows[r].rate_hz, rows[r].channels);
        struct heard whole = hear(&first, made.bytes, made.count, 1000000);
        double off = 0;
        assert_int_equal(whole.error, 0);
        assert_int_equal(whole.channels, rows[r].channels);
        /* The encoder's delay and padding are cut off. */
        assert_in_range(whole.count, COUNT * 16000 / (size_t)rows[r].rate_hz - 1,
                        COUNT * 16000 / (size_t)rows[r].rate_hz + 1);
        for (size_t i = 0; i < COUNT && rows[r].rate_hz == 16000; i++) {
            off += fabs((double)(whole.pcm[i] - tone[i]));
            assert_float_equal(whole.pcm[i], tone[i], rows[r].within);
        }
        assert_true(off / COUNT < 0.01);
        for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
            struct heard cut = hear(&first, made.bytes, made.count, steps[s]);
            assert_int_equal(cut.count, whole.count);
            assert_memory_equal(cut.pcm, whole.pcm, whole.count * sizeof(float));
            free(cut.pcm);
        }
        free(whole.pcm);
        free(made.bytes);
    }
}

static void a_channel_of_flac_and_mp3_can_be_picked(void **state)
{
    const struct stream_format second = {.kind = STREAM_CONTAINER, .channel = 2},
                               third = {.kind = STREAM_CONTAINER, .channel = 3};
    const int formats[] = {FLAC16, MP3};

    for (size_t f = 0; f < 2; f++) {
        struct muxed made = coded(formats[f], 16000, 2);
        struct heard mixed = hear(&container, made.bytes, made.count, 4096);
        struct heard half = hear(&second, made.bytes, made.count, 4096);
        double both = 0, one = 0;
        assert_int_equal(mixed.count, half.count);
        for (size_t i = 0; i < COUNT; i++) {
            both += fabs((double)mixed.pcm[i]);
            one += fabs((double)half.pcm[i]);
        }
        assert_true(fabs(both / one - 1.5) < 0.01); /* 3/4 of the tone, and a half */
        free(mixed.pcm);
        free(half.pcm);
        half = hear(&third, made.bytes, made.count, 4096);
        assert_int_equal(half.error, RECORDING_UNKNOWN);
        assert_non_null(strstr(half.note.text, "no channel 3"));
        free(half.pcm);
        free(made.bytes);
    }
}

static void flac_cut_anywhere_gives_the_frames_that_are_whole(void **state)
{
    struct muxed made = coded(FLAC16, 16000, 1);
    size_t last = 0, ends = 0;

    for (size_t count = 0; count <= made.count; count += !count        ? 4
                                                         : count < 200 ? 1
                                                                       : 97) { /* 4: fLaC */
        struct heard heard = hear(&container, made.bytes, count, 4096);
        assert_true(heard.count >= last && heard.count <= COUNT);
        ends += heard.count > last;
        last = heard.count;
        for (size_t i = 0; i < heard.count; i++)
            assert_float_equal(heard.pcm[i], tone[i], 1e-4f);
        if (heard.error) {
            assert_int_equal(heard.error, RECORDING_TRUNCATED);
            assert_non_null(strstr(heard.note.text, "cut short"));
        } else {
            assert_true(!count || heard.count > 0);
            assert_true(!heard.warning[0] == (!count || heard.count == COUNT));
        }
        free(heard.pcm);
    }
    assert_true(ends > 5);
    free(made.bytes);
}

static void a_damaged_frame_of_flac_is_left_out_and_noted(void **state)
{
    struct muxed made = coded(FLAC16, 16000, 1);
    size_t shorter = 0;

    for (size_t at = 42; at < made.count; at += 211) {
        made.bytes[at] ^= 0x10;
        struct heard heard = hear(&container, made.bytes, made.count, 1000);
        if (heard.error) { /* in the head */
            assert_int_equal(heard.error, RECORDING_TRUNCATED);
        } else if (heard.count < COUNT) {
            assert_in_range(heard.count, COUNT - 4096, COUNT - 1);
            assert_non_null(strstr(heard.warning, "cut short or damaged"));
            shorter++;
        }
        free(heard.pcm);
        made.bytes[at] ^= 0x10;
    }
    assert_true(shorter > 20);
    free(made.bytes);
}

static void flac_of_a_form_that_does_not_stream_is_refused(void **state)
{
    struct muxed made = coded(FLAC16, 16000, 1);
    static const struct {
        size_t at;
        uint8_t byte;
        const char *word;
    } rows[] = {
        {10, 0, "block size"}, /* its greatest block: 1 */
        {18, 0, "rate"},       /* 20 bits of it from there on */
        {4, 1, "STREAMINFO"},  /* another block comes first */
    };

    made.bytes[11] = 1; /* 4097 is fine */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint8_t was = made.bytes[rows[i].at];
        made.bytes[rows[i].at] = rows[i].byte;
        if (rows[i].at == 18)
            made.bytes[19] = made.bytes[20] = 0;
        struct heard heard = hear(&container, made.bytes, made.count, 100);
        assert_int_equal(heard.error, RECORDING_UNKNOWN);
        if (!strstr(heard.note.text, rows[i].word))
            fail_msg("%s", heard.note.text);
        made.bytes[rows[i].at] = was;
    }
    free(made.bytes);
}

static void mp3_without_frames_is_refused_and_a_damaged_one_is_borne(void **state)
{
    struct muxed made = coded(MP3, 16000, 1);
    static uint8_t noise[1200000] = "\xff\xfb\x90\x64 and then nothing of the kind";
    struct heard heard = hear(&container, noise, sizeof(noise), 1000);

    assert_int_equal(heard.error, RECORDING_UNKNOWN);
    assert_non_null(strstr(heard.note.text, "no MPEG audio frame"));
    assert_int_equal(heard.count, 0);
    heard = hear(&container, noise, 1000, 100); /* too short to tell */
    assert_int_equal(heard.error, RECORDING_TRUNCATED);
    size_t at = made.count / 2;
    while (memcmp(made.bytes + at, made.bytes, 2) != 0) /* a frame's first bytes */
        at++;
    memset(made.bytes + at + 20, 0x55, 5);
    heard = hear(&container, made.bytes, made.count, 100);
    assert_int_equal(heard.error, 0);
    assert_in_range(heard.count, COUNT - 2 * 1152, COUNT + 2 * 1152);
    free(heard.pcm);
    free(made.bytes);
}

static void mp3_may_go_on_in_another_form(void **state)
{
    struct muxed first = coded(MP3, 16000, 1), second = coded(MP3, 48000, 2);
    const size_t count = first.count + 3 * second.count, steps[] = {1000000, 1000};

    first.bytes = realloc(first.bytes, count);
    for (size_t i = 0; i < 3; i++)
        memcpy(first.bytes + first.count + i * second.count, second.bytes, second.count);
    for (size_t s = 0; s < 2; s++) {
        struct heard heard = hear(&container, first.bytes, count, steps[s]);
        assert_int_equal(heard.error, 0);
        assert_in_range(heard.count, 2 * COUNT - 2000, 2 * COUNT + 8000);
        free(heard.pcm);
    }
    free(first.bytes);
    free(second.bytes);
}

static void is_heard_however_cut(const uint8_t *bytes, size_t count)
{
    for (size_t step = 1; step < 4000; step = step * 9 + 8) {
        struct heard heard = hear(&container, bytes, count, step);
        assert_int_equal(heard.error, 0);
        assert_int_equal(heard.count, COUNT);
        free(heard.pcm);
    }
}

/* From the middle of a frame, behind zeros, behind tags: as players do. */
static void mp3_and_flac_are_found_behind_what_is_in_front_of_them(void **state)
{
    struct muxed mp3 = coded(MP3, 16000, 1), flac = coded(FLAC16, 16000, 1);
    const size_t front = 5000, room = front + (mp3.count > flac.count ? mp3.count : flac.count);
    uint8_t *bytes = calloc(1, room);
    struct heard heard =
        hear(&container, mp3.bytes + mp3.count / 2, mp3.count - mp3.count / 2, 333);

    assert_int_equal(heard.error, 0);
    assert_in_range(heard.count, COUNT / 3, COUNT * 2 / 3);
    free(heard.pcm);
    memcpy(bytes + front, mp3.bytes, mp3.count);
    heard = hear(&container, bytes, front + mp3.count, 333);
    assert_int_equal(heard.error, 0);
    assert_in_range(heard.count, COUNT - 1, COUNT + 1);
    free(heard.pcm);
    memcpy(bytes, "ID3\4\0\0\0\0", 8); /* a tag of 4990 bytes behind its head */
    bytes[8] = 4990 >> 7;
    bytes[9] = 4990 & 127;
    memcpy(bytes + front, flac.bytes, flac.count);
    is_heard_however_cut(bytes, front + flac.count);
    const size_t zeros = 100; /* some of which come after the others were taken */
    memset(bytes, 0, zeros);
    memcpy(bytes + zeros, flac.bytes, flac.count);
    is_heard_however_cut(bytes, zeros + flac.count);
    free(bytes);
    free(mp3.bytes);
    free(flac.bytes);
}

static void every_link_of_a_chained_ogg_is_heard(void **state)
{
    const struct muxed_form one = {.channels = 1}, two = {.channels = 2};
    struct muxed first = muxed_ogg(tone, COUNT, &one), second = muxed_ogg(tone, COUNT, &two);

    first.bytes = realloc(first.bytes, first.count + second.count);
    memcpy(first.bytes + first.count, second.bytes, second.count);
    struct heard heard = hear(&container, first.bytes, first.count + second.count, 777);
    assert_int_equal(heard.error, 0);
    assert_in_range(heard.count, 2 * COUNT - 800, 2 * COUNT + 800);
    assert_int_equal(heard.channels, 2);
    free(heard.pcm);
    free(first.bytes);
    free(second.bytes);
}

static void packets_need_no_container(void **state)
{
    const struct muxed_form form = {.channels = 1};
    const struct stream_format format = {.kind = STREAM_PACKETS, .channels = 1};
    struct muxed made = muxed_packets(tone, COUNT, &form);
    struct heard heard = hear(&format, made.bytes, made.count, 333);

    is_the_tone(&heard);
    free(heard.pcm);
    free(made.bytes);
}

static void a_channel_can_be_picked(void **state)
{
    const struct muxed_form form = {.channels = 2};
    struct muxed made = muxed_webm(tone, COUNT, &form);
    const struct stream_format left = {.kind = STREAM_CONTAINER, .channel = 1},
                               right = {.kind = STREAM_CONTAINER, .channel = 2},
                               third = {.kind = STREAM_CONTAINER, .channel = 3};
    struct heard heard = hear(&left, made.bytes, made.count, 4096);
    double first = 0, second = 0;

    is_the_tone(&heard);
    assert_int_equal(heard.channels, 2);
    free(heard.pcm);
    heard = hear(&right, made.bytes, made.count, 4096);
    for (size_t i = 4000; i < 20000; i++) {
        first += (double)heard.pcm[i] * (double)heard.pcm[i];
        second += (double)heard.pcm[i + 24000] * (double)heard.pcm[i + 24000];
    }
    assert_true(first > 2 * second);
    free(heard.pcm);
    heard = hear(&third, made.bytes, made.count, 4096);
    assert_int_equal(heard.error, RECORDING_UNKNOWN);
    assert_non_null(strstr(heard.note.text, "no channel 3"));
    free(made.bytes);
}

static void a_wav_stream_may_not_know_its_length(void **state)
{
    uint8_t bytes[44 + 200] =
        "RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x02\0\x80\x3e\0\0\0\xfa\0\0\x04\0\x10\0data";
    const struct stream_format right = {.kind = STREAM_CONTAINER, .channel = 2};

    for (int i = 0; i < 50; i++)
        bytes[44 + 4 * i + 3] = 0x40; /* 0.5 on the right */
    for (size_t step = 1; step < 300; step += 50) {
        struct heard heard = hear(&right, bytes, sizeof(bytes), step);
        assert_int_equal(heard.error, 0);
        assert_int_equal(heard.count, 50);
        assert_float_equal(heard.pcm[49], 0.5f, 0);
        free(heard.pcm);
    }
    bytes[40] = 100; /* it does know it */
    struct heard heard = hear(&container, bytes, sizeof(bytes), 64);
    assert_int_equal(heard.count, 25);
    assert_float_equal(heard.pcm[0], 0.25f, 0);
    free(heard.pcm);
}

static void what_is_no_container_is_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
        const char *word;
    } rows[] = {
        {"%PDF-1.7 and so on and so on and so on and so on and so on and so on", 68, "PDF"},
        {"fLaC and so on and so on and so on and so on and so on and so on and", 68, "STREAMINFO"},
        {"OggS........................\x01vorbis and so on and so on and so on ...", 68,
         "an Ogg file"},
        {"short", 5, "starts with"},
        {"RIFF....WAVEfmt "
         "\x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x0c\0data....................",
         68, "12 bits"},
        {"RIFF....WAVEdata\x10\0\0\0............................................", 64, "fmt"},
        {"RIFF....WAVEjunk\xff\xff\xff\x7f............................................", 64,
         "before its sound"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct heard heard = hear(&container, (const uint8_t *)rows[i].bytes, rows[i].count, 10);
        assert_true(heard.error == RECORDING_UNKNOWN || heard.error == RECORDING_TRUNCATED);
        if (!strstr(heard.note.text, rows[i].word))
            fail_msg("%s", heard.note.text);
        free(heard.pcm);
    }
}

static void what_webm_may_not_hold_is_named(void **state)
{
    const struct muxed_form laced = {.channels = 1, .flags = 0x84},
                            vorbis = {.channels = 1, .codec = "A_VORBIS"};
    const struct {
        struct muxed made;
        const char *word;
    } rows[] = {{muxed_webm(tone, 16000, &laced), "lacing"},
                {muxed_webm(tone, 16000, &vorbis), "A_VORBIS"}};

    for (size_t i = 0; i < 2; i++) {
        struct heard heard = hear(&container, rows[i].made.bytes, rows[i].made.count, 4096);
        assert_int_equal(heard.error, RECORDING_UNKNOWN);
        assert_non_null(strstr(heard.note.text, rows[i].word));
        free(rows[i].made.bytes);
    }
}

static void a_file_cut_anywhere_is_an_error_or_shorter(void **state)
{
    const struct muxed_form form = {.channels = 1};
    struct muxed made = muxed_webm(tone, 4000, &form);
    int whole = 0;

    for (size_t count = 0; count < made.count; count++) {
        struct heard heard = hear(&container, made.bytes, count, 4096);
        assert_true(heard.count < 4000 + 320);
        whole += heard.error == 0 && heard.count > 0 && !heard.warning[0];
        assert_true(!heard.warning[0] || strstr(heard.warning, "cut short"));
        assert_true(heard.error == 0 || heard.note.text[0]);
        free(heard.pcm);
    }
    assert_in_range(whole, 11, 14); /* where a packet ends */
    free(made.bytes);
}

static void damaged_packets_are_borne_for_a_while(void **state)
{
    const struct muxed_form form = {.channels = 1};
    const struct stream_format format = {.kind = STREAM_PACKETS, .channels = 1};
    struct muxed made = muxed_packets(tone, 16000, &form);
    const size_t good = made.count;

    made.bytes = realloc(made.bytes, made.count + 3 * 100);
    for (size_t i = 0; i < 100; i++)
        memcpy(made.bytes + good + 3 * i, "\x01\x00\xff", 3); /* code 3 without a count */
    struct heard heard = hear(&format, made.bytes, good + 3 * 10, 1000);
    assert_int_equal(heard.error, 0);
    assert_int_equal(heard.count, 16000 + 10 * 320);
    free(heard.pcm);
    heard = hear(&format, made.bytes, good + 3 * 100, 1000);
    assert_int_equal(heard.error, RECORDING_UNKNOWN);
    free(heard.pcm);
    heard = hear(&format, made.bytes + good, 3, 1000);
    assert_int_equal(heard.error, RECORDING_UNKNOWN);
    free(heard.pcm);
    free(made.bytes);
}

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint16_t checksum(uint16_t sum, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum ^= (uint16_t)(bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            sum = (uint16_t)(sum << 1 ^ (sum & 0x8000 ? 0x8005 : 0));
    }
    return sum;
}

/* A frame of zeros whose checksum is 0 behind each of its bytes: it might end anywhere. Asked of
 * the decoder at each of them, they take seconds; so they take some milliseconds. */
static void flac_that_may_end_anywhere_takes_time_in_proportion(void **state)
{
    static uint8_t bytes[45000] =
        "fLaC\x80\0\0\x22\x40\0\x40\0\0\0\0\0\0\0\x0b\xb8\x0f\x70"; /* 48 kHz, 8 channels, 24 bits
                                                                     */
    uint8_t *frame = bytes + 42;
    const double from_s = cpu_s();

    memcpy(frame, "\xff\xf8\xe0\x70\0\0\x02", 7);
    uint8_t head = 0;
    for (size_t i = 0; i < 5; i++) {
        head ^= frame[i];
        for (int bit = 0; bit < 8; bit++)
            head = (uint8_t)(head << 1 ^ (head & 0x80 ? 7 : 0));
    }
    frame[5] = head;
    const uint16_t sum = checksum(0, frame, 7);
    frame[7] = (uint8_t)(sum >> 8);
    frame[8] = (uint8_t)sum;
    assert_int_equal(checksum(0, frame, 30000), 0);
    for (size_t step = 100; step <= 10000; step *= 10) {
        struct heard heard = hear(&container, bytes, sizeof(bytes), step);
        assert_int_equal(heard.error, RECORDING_TRUNCATED);
        free(heard.pcm);
    }
    assert_true(cpu_s() - from_s < 2.0);
}

static void mp3_that_is_zeros_behind_its_head_ends(void **state)
{
    struct muxed made = coded(MP3, 16000, 1);
    const size_t count = 8u << 20;
    uint8_t *bytes = calloc(1, count);
    const double from_s = cpu_s();

    memcpy(bytes, made.bytes, 2000);
    struct heard heard = hear(&container, bytes, count, 16384);
    assert_int_equal(heard.error, RECORDING_UNKNOWN);
    assert_non_null(strstr(heard.note.text, "no frame follows"));
    assert_true(heard.count > 0);
    assert_true(cpu_s() - from_s < 2.0);
    free(heard.pcm);
    free(bytes);
    free(made.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_container_gives_the_sound_however_it_is_cut),
        cmocka_unit_test(flac_and_mp3_give_the_sound_however_they_are_cut),
        cmocka_unit_test(a_channel_of_flac_and_mp3_can_be_picked),
        cmocka_unit_test(flac_cut_anywhere_gives_the_frames_that_are_whole),
        cmocka_unit_test(a_damaged_frame_of_flac_is_left_out_and_noted),
        cmocka_unit_test(flac_of_a_form_that_does_not_stream_is_refused),
        cmocka_unit_test(mp3_without_frames_is_refused_and_a_damaged_one_is_borne),
        cmocka_unit_test(mp3_may_go_on_in_another_form),
        cmocka_unit_test(mp3_and_flac_are_found_behind_what_is_in_front_of_them),
        cmocka_unit_test(every_link_of_a_chained_ogg_is_heard),
        cmocka_unit_test(flac_that_may_end_anywhere_takes_time_in_proportion),
        cmocka_unit_test(mp3_that_is_zeros_behind_its_head_ends),
        cmocka_unit_test(packets_need_no_container),
        cmocka_unit_test(a_channel_can_be_picked),
        cmocka_unit_test(a_wav_stream_may_not_know_its_length),
        cmocka_unit_test(what_is_no_container_is_named),
        cmocka_unit_test(what_webm_may_not_hold_is_named),
        cmocka_unit_test(a_file_cut_anywhere_is_an_error_or_shorter),
        cmocka_unit_test(damaged_packets_are_borne_for_a_while),
    };
    return cmocka_run_group_tests(tests, make_tone, NULL);
}
