/* test.h - cmocka with what it needs before it, and the folder of real recordings. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* tests/data, wherever the tests run. */
static inline const char *test_data(void)
{
    const char *path = getenv("FOLDSCRIBE_TEST_DATA");
    return path ? path : "tests/data";
}

#endif
