#include <string.h>

#include "sniff.h"
#include "test.h"

#define SNIFF(literal) sniff((const uint8_t *)(literal), sizeof(literal) - 1)

static void every_accepted_container_is_known_by_its_head(void **state)
{
    assert_int_equal(SNIFF("RIFF\x24\x00\x00\x00WAVEfmt "), SNIFF_WAV);
    assert_int_equal(SNIFF("RIFX\x00\x00\x00\x24WAVEfmt "), SNIFF_WAV);
    assert_int_equal(SNIFF("RF64\xff\xff\xff\xffWAVEds64"), SNIFF_WAV);
    assert_int_equal(SNIFF("fLaC\x00\x00\x00\x22"), SNIFF_FLAC);
    assert_int_equal(SNIFF("\xff\xfb\x90\x64"), SNIFF_MP3);
    assert_int_equal(SNIFF("\xff\xf3\x28\xc4"), SNIFF_MP3); /* MPEG-2, 16 kHz */
    assert_int_equal(SNIFF("OggS\0\2\0\0\0\0\0\0\0\0abcd\0\0\0\0efgh\1\23OpusHead"),
                     SNIFF_OGG_OPUS);
    assert_int_equal(SNIFF("OggS\0\2\0\0\0\0\0\0\0\0abcd\0\0\0\0efgh\1\36\1vorbis"),
                     SNIFF_OGG_VORBIS);
}

static void webm_and_matroska_are_told_by_their_first_element(void **state)
{
    assert_int_equal(SNIFF("\x1a\x45\xdf\xa3\x9f\x42\x86\x81"), SNIFF_WEBM);
    assert_int_equal(SNIFF("\x1a\x45\xdf"), SNIFF_UNKNOWN);
}

static void other_files_are_unknown(void **state)
{
    assert_int_equal(SNIFF(""), SNIFF_UNKNOWN);
    assert_int_equal(SNIFF("RIFF\x24\x00\x00\x00"
                           "AVI LIST"),
                     SNIFF_UNKNOWN);
    assert_int_equal(SNIFF("\xff\xf1\x50\x80"), SNIFF_UNKNOWN);
    assert_int_equal(SNIFF("%PDF-1.7"), SNIFF_UNKNOWN);
    assert_int_equal(SNIFF("RIF"), SNIFF_UNKNOWN);
}

static void an_unknown_head_is_named_and_shown(void **state)
{
    char text[120];

    sniff_describe((const uint8_t *)"%PDF-1.7", 8, text, sizeof(text));
    assert_string_equal(text, "a PDF document: starts with 25 50 44 46 2d 31 2e 37 ('%PDF-1.7')");
    sniff_describe((const uint8_t *)"\x01\x02xy", 4, text, sizeof(text));
    assert_string_equal(text, "starts with 01 02 78 79 ('..xy')");
    sniff_describe((const uint8_t *)"\0\0\0\x20"
                                    "ftypM4A ",
                   12, text, sizeof(text));
    assert_non_null(strstr(text, "an MP4, M4A or QuickTime file"));
    sniff_describe((const uint8_t *)"%PDF-1.7", 8, text, 10);
    assert_int_equal(strlen(text), 9);
}

static void mpeg_frames_are_found_behind_other_bytes_but_not_in_noise(void **state)
{
    static uint8_t bytes[SNIFF_MP3_BYTES];
    size_t at = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 167 + i / 13);
    assert_int_equal(sniff_mp3_within(bytes, 1000, &at), 0);
    assert_int_equal(sniff_mp3_within(bytes, sizeof(bytes), &at), -1);
    for (size_t i = 0; i < 4; i++) /* 32 kbit/s at 16 kHz: 144 bytes a frame */
        memcpy(bytes + 3001 + i * 144, "\xff\xf3\x48\xc4", 4);
    assert_int_equal(sniff_mp3_within(bytes, sizeof(bytes), &at), 1);
    assert_int_equal(at, 3001);
    bytes[3001 + 2 * 144 + 2] = 0x44; /* another rate */
    assert_int_equal(sniff_mp3_within(bytes, sizeof(bytes), &at), -1);
    assert_int_equal(sniff_mp3_within((const uint8_t *)"%PDF-1.7", 8, &at), -1);
}

static void what_is_surely_no_sound_is_known(void **state)
{
    assert_false(sniff_may_be_sound((const uint8_t *)"%PDF-1.7", 8));
    assert_true(sniff_may_be_sound((const uint8_t *)"\0\0\0\x20"
                                                    "ftyp",
                                   8));
    assert_true(sniff_may_be_sound((const uint8_t *)"whatever", 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_accepted_container_is_known_by_its_head),
        cmocka_unit_test(webm_and_matroska_are_told_by_their_first_element),
        cmocka_unit_test(other_files_are_unknown),
        cmocka_unit_test(an_unknown_head_is_named_and_shown),
        cmocka_unit_test(mpeg_frames_are_found_behind_other_bytes_but_not_in_noise),
        cmocka_unit_test(what_is_surely_no_sound_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
