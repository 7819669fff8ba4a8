#include "test.h"

#include <stdio.h>
#include <string.h>

#include "seedfile.h"

static unsigned char *bytes, *copy; /* a sound file, and room to break it */
static size_t count;

static int read_file(void **state)
{
    FILE *f = fopen(getenv("FOLDSCRIBE_TEST_MODEL"), "rb");
    (void)state;
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    count = (size_t)ftell(f);
    rewind(f);
    bytes = aligned_alloc(64, (count + 127) / 64 * 64);
    copy = aligned_alloc(64, (count + 127) / 64 * 64);
    assert_int_equal(fread(bytes, 1, count, f), count);
    fclose(f);
    return 0;
}

static int free_file(void **state)
{
    (void)state;
    free(bytes);
    free(copy);
    return 0;
}

static int parse(size_t length, struct fold_note *note)
{
    struct seedfile file;
    const int err = seedfile_parse(&file, copy, length, note);
    if (!err)
        seedfile_close(&file);
    return err;
}

/* The same file with one text in its header replaced by another of the same length. */
static int parse_with(const char *from, const char *to, struct fold_note *note)
{
    memcpy(copy, bytes, count);
    unsigned char *at = memmem(copy, count, from, strlen(from));
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    return parse(count, note);
}

static void a_sound_file_is_read_and_its_tensors_found(void **state)
{
    struct seedfile file;
    struct fold_note note;
    (void)state;
    memcpy(copy, bytes, count);
    assert_int_equal(seedfile_parse(&file, copy, count, &note), FOLD_OK);
    const struct seedfile_tensor *t = seedfile_find(&file, "blocks.1.attn.q.weight");
    assert_non_null(t);
    assert_int_equal(t->dtype, SEEDFILE_I8);
    assert_int_equal(t->dims, 2);
    assert_int_equal(t->shape[0], 32);
    assert_null(seedfile_find(&file, "blocks.7.attn.q.weight"));
    assert_int_equal(strlen(file.sha256), 64);
    seedfile_close(&file);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    struct fold_note note;
    (void)state;
    memcpy(copy, bytes, count);
    for (size_t length = 0; length < count; length += length < 12000 ? 37 : 4001)
        assert_int_equal(parse(length, &note), FOLD_ERR_FORMAT);
    assert_int_equal(parse(count - 1, &note), FOLD_ERR_FORMAT);
    memset(copy + count, 0, 64);
    assert_int_equal(parse(count + 64, &note), FOLD_ERR_FORMAT);
}

static void a_changed_weight_is_seen_by_the_hash(void **state)
{
    struct fold_note note;
    (void)state;
    memcpy(copy, bytes, count);
    copy[count - 5] ^= 1;
    assert_int_equal(parse(count, &note), FOLD_ERR_FORMAT);
    assert_non_null(strstr(note.text, "hash"));
}

static void notes_name_what_is_wrong(void **state)
{
    struct fold_note note;
    (void)state;
    assert_int_equal(parse_with("foldscribe-seed", "somebody-else's", &note), FOLD_ERR_FORMAT);
    assert_non_null(strstr(note.text, "not a foldscribe seed"));
    assert_int_equal(parse_with("\"version\": \"1\"", "\"version\": \"7\"", &note),
                     FOLD_ERR_FORMAT);
    assert_non_null(strstr(note.text, "version 7"));
    assert_int_equal(parse_with("\"dtype\": \"F32\"", "\"dtype\": \"F64\"", &note),
                     FOLD_ERR_FORMAT);
    assert_non_null(strstr(note.text, "F64"));
    assert_int_equal(parse_with("\"data_offsets\": [0, ", "\"data_offsets\": [4, ", &note),
                     FOLD_ERR_FORMAT);
    assert_non_null(strstr(note.text, "offsets"));
}

static void a_huge_or_foreign_header_is_refused(void **state)
{
    struct fold_note note;
    (void)state;
    memcpy(copy, bytes, count);
    memset(copy, 255, 8);
    assert_int_equal(parse(count, &note), FOLD_ERR_FORMAT);
    memcpy(copy, "RIFF....WAVEfmt ", 16);
    assert_int_equal(parse(count, &note), FOLD_ERR_FORMAT);
    assert_non_null(strstr(note.text, "not a safetensors file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_file_is_read_and_its_tensors_found),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_changed_weight_is_seen_by_the_hash),
        cmocka_unit_test(notes_name_what_is_wrong),
        cmocka_unit_test(a_huge_or_foreign_header_is_refused),
    };
    return cmocka_run_group_tests(tests, read_file, free_file);
}
