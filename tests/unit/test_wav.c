#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test.h"
#include "wav.h"

static struct wav_length length_of(const char *bytes, size_t count)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fflush(file);
    const struct wav_length length = wav_length(fileno(file), (int64_t)count);
    assert_int_equal(lseek(fileno(file), 0, SEEK_CUR), count); /* the offset did not move */
    fclose(file);
    return length;
}

#define LENGTH(literal) length_of(literal, sizeof(literal) - 1)
#define HEAD            "RIFF\x10\0\0\0WAVE"

static void a_whole_file_misses_nothing(void **state)
{
    assert_int_equal(LENGTH(HEAD "data\4\0\0\0abcd").kind, WAV_DECLARED);
    assert_int_equal(LENGTH(HEAD "data\4\0\0\0abcd").missing_bytes, 0);
}

static void a_cut_file_misses_bytes(void **state)
{
    assert_int_equal(LENGTH(HEAD "data\x10\0\0\0abcd").kind, WAV_DECLARED);
    assert_int_equal(LENGTH(HEAD "data\x10\0\0\0abcd").missing_bytes, 12);
    assert_int_equal(LENGTH("RIFX\0\0\0\x10WAVE"
                            "data\0\0\1\0abcd")
                         .kind,
                     WAV_DECLARED);
    assert_int_equal(LENGTH("RIFX\0\0\0\x10WAVE"
                            "data\0\0\1\0abcd")
                         .missing_bytes,
                     252);
}

static void odd_chunks_before_the_sound_are_padded(void **state)
{
    assert_int_equal(LENGTH(HEAD "LIST\3\0\0\0abc\0data\4\0\0\0abcd").kind, WAV_DECLARED);
    assert_int_equal(LENGTH(HEAD "LIST\3\0\0\0abc\0data\4\0\0\0abcd").missing_bytes, 0);
}

static void sizes_that_no_recorder_meant_are_open(void **state)
{
    assert_int_equal(LENGTH(HEAD "data\xff\xff\xff\xff"
                                 "abcd")
                         .kind,
                     WAV_OPEN);
    assert_int_equal(LENGTH(HEAD "data\0\0\0\x80"
                                 "abcd")
                         .kind,
                     WAV_OPEN);
    assert_int_equal(LENGTH(HEAD "data\0\0\0\0abcd").kind, WAV_OPEN);
    assert_int_equal(LENGTH(HEAD "data\0\0\0\0abcd").size_at, 16);
}

static void an_empty_sound_is_whole(void **state)
{
    assert_int_equal(LENGTH(HEAD "data\0\0\0\0").kind, WAV_DECLARED);
    assert_int_equal(LENGTH(HEAD "data\0\0\0\0").missing_bytes, 0);
}

static void a_file_that_ends_in_its_header_has_no_data(void **state)
{
    assert_int_equal(LENGTH(HEAD "fmt \x10\0\0\0").kind, WAV_NO_DATA);
    assert_int_equal(LENGTH(HEAD "LIST\xff\xff\xff\xff"
                                 "data\4\0\0\0abcd")
                         .kind,
                     WAV_NO_DATA);
    assert_int_equal(LENGTH("RIFF").kind, WAV_NO_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_misses_nothing),
        cmocka_unit_test(a_cut_file_misses_bytes),
        cmocka_unit_test(odd_chunks_before_the_sound_are_padded),
        cmocka_unit_test(sizes_that_no_recorder_meant_are_open),
        cmocka_unit_test(an_empty_sound_is_whole),
        cmocka_unit_test(a_file_that_ends_in_its_header_has_no_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
