#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mapping.h"

static void a_file_is_mapped_whole(void **state)
{
    char path[] = "/tmp/foldscribe-mapping-XXXXXX";
    const int fd = mkstemp(path);
    const unsigned char *bytes;
    size_t count;
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "unfold", 6), 6);
    close(fd);
    assert_int_equal(mapping_open(&bytes, &count, path, NULL), FOLD_OK);
    unlink(path);
    assert_int_equal(count, 6);
    assert_memory_equal(bytes, "unfold", 6);
    mapping_close(bytes, count);
}

static void what_cannot_be_mapped_is_named_with_the_reason(void **state)
{
    char empty[] = "/tmp/foldscribe-mapping-XXXXXX";
    const int fd = mkstemp(empty);
    const unsigned char *bytes = NULL;
    size_t count = 7;
    struct fold_note note;
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(mapping_open(&bytes, &count, empty, &note), FOLD_ERR_FORMAT);
    assert_non_null(strstr(note.text, empty));
    unlink(empty);
    assert_int_equal(mapping_open(&bytes, &count, "/", &note), FOLD_ERR_FORMAT);
    assert_int_equal(mapping_open(&bytes, &count, empty, &note), FOLD_ERR_IO);
    assert_non_null(strstr(note.text, "No such file"));
    assert_null(bytes);
    assert_int_equal(count, 7);
}

static void what_was_read_stays_whatever_becomes_of_the_file(void **state)
{
    char path[] = "/tmp/foldscribe-mapping-XXXXXX";
    const int fd = mkstemp(path);
    const unsigned char *bytes;
    size_t count;
    (void)state;
    assert_true(fd >= 0);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(write(fd, "unfold", 6), 6);
    assert_int_equal(mapping_open(&bytes, &count, path, NULL), FOLD_OK);
    assert_int_equal(pwrite(fd, "crease", 6, 0), 6);
    assert_int_equal(ftruncate(fd, 6), 0);
    close(fd);
    unlink(path);
    assert_int_equal(count, 60000);
    for (size_t i = 0; i < count; i += 6)
        assert_memory_equal(bytes + i, "unfold", 6);
    mapping_close(bytes, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_mapped_whole),
        cmocka_unit_test(what_was_read_stays_whatever_becomes_of_the_file),
        cmocka_unit_test(what_cannot_be_mapped_is_named_with_the_reason),
    };
    return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}
