#include <string.h>
#include <zlib.h>

#include "content_coding.h"
#include "test.h"

static unsigned char packed[100000], plain[4000];
static size_t out_bytes;
static uLong out_sum;

static bool take(void *user, const char *bytes, size_t count)
{
    out_bytes += count;
    out_sum = adler32(out_sum, (const unsigned char *)bytes, (unsigned)count);
    return true;
}

/* plain [count], repeated, as gzip (16) or zlib (0) or nothing around it (negative). */
static size_t pack(int window, size_t count, size_t times)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = packed;
    z.avail_out = sizeof packed;
    for (size_t i = 0; i < times; i++) {
        z.next_in = plain;
        z.avail_in = (unsigned)count;
        assert_int_equal(deflate(&z, i + 1 == times ? Z_FINISH : Z_NO_FLUSH),
                         i + 1 == times ? Z_STREAM_END : Z_OK);
    }
    deflateEnd(&z);
    return sizeof packed - z.avail_out;
}

/* NULL, or what was wrong. */
static const char *unpack(const char *name, size_t count, size_t step, bool *ret_whole)
{
    struct content_coding *coding;
    const char *wrong = NULL;

    out_bytes = 0;
    out_sum = adler32(0, NULL, 0);
    assert_int_equal(content_coding_open(&coding, name), 1);
    for (size_t at = 0; at < count && !wrong; at += step)
        wrong = content_coding_feed(coding, (const char *)packed + at,
                                    step < count - at ? step : count - at, take, NULL);
    *ret_whole = content_coding_is_whole(coding);
    content_coding_close(coding);
    return wrong;
}

static int fill(void **state)
{
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (unsigned char)(i * i / 7);
    return 0;
}

static void gzip_and_deflate_are_unpacked_however_they_are_cut(void **state)
{
    const uLong want = adler32(adler32(0, NULL, 0), plain, sizeof plain);
    bool whole;

    for (size_t step = 1; step < 5000; step = 9 * step + 7) {
        assert_null(unpack("gzip", pack(15 + 16, sizeof plain, 1), step, &whole));
        assert_true(whole && out_bytes == sizeof plain && out_sum == want);
        assert_null(unpack(" Deflate ", pack(15, sizeof plain, 1), step, &whole));
        assert_true(whole && out_bytes == sizeof plain && out_sum == want);
    }
}

static void what_is_cut_or_damaged_is_known(void **state)
{
    const size_t count = pack(15 + 16, sizeof plain, 1);
    bool whole;

    assert_null(unpack("x-gzip", count - 1, 100, &whole));
    assert_false(whole);
    packed[count / 2] ^= 0x55;
    const char *wrong = unpack("gzip", count, 100, &whole);
    assert_true(wrong || !whole);
    memcpy(packed, "RIFF....WAVE", 12);
    assert_non_null(strstr(unpack("gzip", 12, 12, &whole), "damaged"));
}

static void a_bomb_is_no_sound(void **state)
{
    bool whole;

    memset(plain, 0, sizeof plain);
    assert_non_null(
        strstr(unpack("gzip", pack(15 + 16, sizeof plain, 10000), 4096, &whole), "hundred times"));
    assert_true(out_bytes < 20u << 20);
    fill(state);
}

static void other_codings_are_not_known(void **state)
{
    struct content_coding *coding;

    assert_int_equal(content_coding_open(&coding, NULL), 0);
    assert_int_equal(content_coding_open(&coding, "identity"), 0);
    assert_int_equal(content_coding_open(&coding, "br"), -1);
    assert_int_equal(content_coding_open(&coding, "gzip, gzip"), -1);
    assert_int_equal(content_coding_open(&coding, "gzippo"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_and_deflate_are_unpacked_however_they_are_cut),
        cmocka_unit_test(what_is_cut_or_damaged_is_known),
        cmocka_unit_test(a_bomb_is_no_sound),
        cmocka_unit_test(other_codings_are_not_known),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
