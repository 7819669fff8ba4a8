#include <stdio.h>
#include <string.h>

#include "audio_decoder.h"
#include "test.h"

/* What a whole file gives: frames, and how it ended. */
struct read {
    size_t frames;
    uint64_t expected;
    enum decoder_got got;
    bool whole;
    struct recording_note note;
};

static struct read read_wav(const char *bytes, size_t count, size_t step)
{
    const struct decoder_setting setting = {.file = -1};
    struct decoder_sound sound;
    struct read read = {.frames = 0};
    uint32_t rate;
    void *wav = wav_decoder.open(&setting);

    assert_non_null(wav);
    for (size_t at = 0; at < count; at += step) {
        const size_t now = step < count - at ? step : count - at;
        assert_int_equal(wav_decoder.feed(wav, (const uint8_t *)bytes + at, now), 0);
        while ((read.got = wav_decoder.pull(wav, &sound, &read.note)) == DECODER_SOUND)
            read.frames += sound.count;
        if (read.got != DECODER_HUNGRY)
            break;
    }
    read.expected = wav_decoder.expected(wav, &rate);
    if (read.got == DECODER_HUNGRY)
        read.whole = wav_decoder.is_whole(wav, &read.note);
    wav_decoder.close(wav);
    return read;
}

#define READ(literal) read_wav(literal, sizeof(literal) - 1, 3)
#define HEAD          "RIFF\x10\0\0\0WAVE"
#define FMT           "fmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0"

static void a_whole_file_misses_nothing(void **state)
{
    const struct read read = READ(HEAD FMT "data\4\0\0\0abcd");

    assert_int_equal(read.frames, 2);
    assert_int_equal(read.expected, 2);
    assert_true(read.whole);
}

static void a_cut_file_gives_what_is_there_and_says_so(void **state)
{
    const struct read read = READ(HEAD FMT "data\x10\0\0\0abcd");

    assert_int_equal(read.frames, 2);
    assert_int_equal(read.expected, 8);
    assert_false(read.whole);
    assert_non_null(strstr(read.note.text, "promises 16 bytes of sound, 4 came"));
    assert_non_null(strstr(READ(HEAD FMT).note.text, "before its sound"));
}

static void odd_chunks_before_the_sound_are_padded(void **state)
{
    const struct read read = READ(HEAD "LIST\3\0\0\0abc\0" FMT "data\4\0\0\0abcd");

    assert_int_equal(read.frames, 2);
    assert_true(read.whole);
}

static void what_follows_the_sound_is_none(void **state)
{
    const struct read read = READ(HEAD FMT "data\4\0\0\0abcdLIST\4\0\0\0abcd");

    assert_int_equal(read.frames, 2);
    assert_true(read.whole);
}

static void sizes_that_no_recorder_meant_are_open(void **state)
{
    assert_int_equal(READ(HEAD FMT "data\xff\xff\xff\xff"
                                   "abcdef")
                         .frames,
                     3);
    assert_int_equal(READ(HEAD FMT "data\0\0\0\x80"
                                   "abcdef")
                         .frames,
                     3);
    assert_int_equal(READ(HEAD FMT "data\0\0\0\0abcdef").frames, 3);
    assert_true(READ(HEAD FMT "data\0\0\0\0abcdef").whole);
    assert_int_equal(READ(HEAD FMT "data\0\0\0\0abcdef").expected, 0);
}

static void a_long_file_says_its_size_elsewhere(void **state)
{
    const struct read read =
        READ("RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0"
             "\0\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0" FMT "data\xff\xff\xff\xff"
             "abcdefLIST");

    assert_int_equal(read.frames, 3);
    assert_int_equal(read.expected, 3);
    assert_true(read.whole);
}

static void other_codings_are_left_to_others(void **state)
{
    assert_int_equal(READ(HEAD "fmt \x10\0\0\0\x11\0\x01\0\x80\x3e\0\0\0\x7d\0\0\0\1\4\0"
                               "data")
                         .got,
                     DECODER_REFUSES); /* IMA ADPCM */
    assert_int_equal(READ("RIFX\0\0\0\x10WAVE"
                          "data")
                         .got,
                     DECODER_REFUSES);
    assert_int_equal(READ(HEAD "data\4\0\0\0abcd").got, DECODER_DAMAGED);
    assert_int_equal(READ(HEAD "fmt \4\0\0\0abcd").got, DECODER_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_misses_nothing),
        cmocka_unit_test(a_cut_file_gives_what_is_there_and_says_so),
        cmocka_unit_test(odd_chunks_before_the_sound_are_padded),
        cmocka_unit_test(what_follows_the_sound_is_none),
        cmocka_unit_test(sizes_that_no_recorder_meant_are_open),
        cmocka_unit_test(a_long_file_says_its_size_elsewhere),
        cmocka_unit_test(other_codings_are_left_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
