#include <stdio.h>
#include <string.h>

#include "multipart.h"
#include "test.h"

/* What came: "name[+]=bytes;" for each part, + with a filename. */
static char seen[4096];

static int take(void *user, const struct multipart_part *part, const char *bytes, size_t count)
{
    size_t at = strlen(seen);

    if (part->bytes == 0)
        at += (size_t)sprintf(seen + at, "%s%s%s=", at ? ";" : "", part->name,
                              part->has_filename ? "+" : "");
    memcpy(seen + at, bytes, count);
    seen[at + count] = '\0';
    return 0;
}

/* Fed in steps; returns whether it was whole. */
static bool feed(const char *type, const char *body, size_t count, size_t step)
{
    struct multipart *form;
    const char *reason;

    seen[0] = '\0';
    if (multipart_open(&form, type, take, NULL, &reason) < 0) {
        assert_non_null(strstr(reason, "boundary"));
        return false;
    }
    for (size_t at = 0; at < count; at += step)
        assert_int_equal(
            multipart_feed(form, body + at, step < count - at ? step : count - at, &reason), 0);
    const bool whole = multipart_is_whole(form);
    multipart_close(form);
    return whole;
}

static void is_form(const char *type, const char *body, const char *want)
{
    const size_t steps[] = {1, 2, 3, 7, 4096};

    for (size_t i = 0; i < 5; i++) {
        assert_true(feed(type, body, strlen(body), steps[i]));
        assert_string_equal(seen, want);
    }
}

#define TYPE "multipart/form-data; boundary=XbX"
#define NL   "\r\n"
#define DISP "Content-Disposition: form-data; "

static void fields_and_files_come_in_order_however_they_are_cut(void **state)
{
    is_form(TYPE,
            "--XbX" NL DISP "name=\"model\"" NL NL "whisper-1" NL "--XbX" NL DISP
            "name=\"file\"; filename=\"a.mp3\"" NL "Content-Type: audio/mpeg" NL NL
            "\r\n--Xb\r\r\n--XbXq\n--XbX" NL "--XbX--" NL,
            "model=whisper-1;file+=\r\n--Xb\r\r\n--XbXq\n--XbX");
}

static void a_boundary_within_a_line_of_the_preamble_is_none_however_it_is_cut(void **state)
{
    is_form(TYPE, "sent by--XbX" NL "--XbX" NL DISP "name=a" NL NL "1" NL "--XbX--", "a=1");
}

static void names_stand_in_quotes_or_not_or_are_extended(void **state)
{
    is_form(TYPE,
            "--XbX" NL DISP "name=file; filename=a.mp3; filename*=utf-8''a.mp3" NL NL "x" NL
            "--XbX--",
            "file+=x");
    is_form(TYPE,
            "--XbX" NL
            "content-disposition:form-data;name*=UTF-8''f%69le;filename*=UTF-8''%c3%a9.wav" NL NL
            "x" NL "--XbX--" NL,
            "file+=x");
    is_form(TYPE, "--XbX" NL DISP NL " name=\"fi\\\"le\" ;filename=\"\"" NL NL "x" NL "--XbX--",
            "fi\"le+=x");
    is_form(TYPE, "--XbX" NL DISP "filename=\"a; name=b\"; name = file" NL NL "x" NL "--XbX--",
            "file+=x");
}

static void a_boundary_is_whatever_is_legal_with_anything_around_it(void **state)
{
    static const char *const types[] = {
        "multipart/form-data; boundary=XbX; charset=UTF-8",
        "multipart/form-data; boundary=XbX;",
        "multipart/form-data;charset=UTF-8;boundary=XbX",
        "Multipart/Form-Data; BOUNDARY=\"XbX\"",
        "multipart/form-data ; boundary = XbX",
    };
    char type[128], body[256];

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        is_form(types[i], "--XbX" NL DISP "name=a" NL NL "x" NL "--XbX--", "a=x");
    is_form("multipart/form-data; boundary=X", "--X" NL DISP "name=a" NL NL "\r\n--Xy" NL "--X--",
            "a=\r\n--Xy");
    is_form("multipart/form-data; boundary=\"a b'()+_,-./:=?\"",
            "--a b'()+_,-./:=?" NL DISP "name=a" NL NL "x" NL "--a b'()+_,-./:=?--", "a=x");
    for (size_t length = 1; length <= 70; length += 23) {
        char boundary[71] = {0};
        memset(boundary, '-', length);
        snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary);
        snprintf(body, sizeof body, "--%s" NL DISP "name=a" NL NL "x" NL "--%s--", boundary,
                 boundary);
        is_form(type, body, "a=x");
    }
}

static void what_others_tolerate_is_tolerated(void **state)
{
    is_form(TYPE,
            "--XbX\nContent-Disposition: form-data; name=a\n\nx\r\n--XbX\n" DISP
            "name=b\n\ny\n--XbX--\n",
            "a=x\r;b=y"); /* all lines end with LF: the CR is the part's */
    is_form(TYPE,
            "a preamble" NL "--XbX  " NL DISP "name=a" NL NL "x" NL "--XbX \t" NL DISP
            "name=b" NL NL NL "--XbX--"
            "and more",
            "a=x;b=");
    is_form(TYPE, NL "--XbX" NL DISP "name=a" NL NL "x" NL "--XbX--", "a=x");
    is_form(TYPE, "--XbX" NL "X-Other: form-data; name=no" NL NL "x" NL "--XbX--", "=x");
}

static void a_form_without_its_end_is_not_whole(void **state)
{
    static const char body[] = "--XbX" NL DISP "name=a" NL NL "xyz" NL "--XbX--";

    for (size_t count = 0; count < sizeof body - 1; count++)
        assert_false(feed(TYPE, body, count, 5));
    assert_true(feed(TYPE, body, sizeof body - 1, 5));
}

static void what_is_no_form_is_refused(void **state)
{
    struct multipart *form;
    const char *reason;
    char big[20000];

    assert_false(feed(NULL, "", 0, 1));
    assert_false(feed("application/json; boundary=a", "", 0, 1));
    assert_false(feed("multipart/form-data", "", 0, 1));
    assert_false(feed("multipart/form-data; boundary=", "", 0, 1));
    assert_int_equal(multipart_open(&form, TYPE, take, NULL, &reason), 0);
    memset(big, 'a', sizeof big);
    memcpy(big, "--XbX\r\n", 7);
    assert_int_equal(multipart_feed(form, big, sizeof big, &reason), -1);
    assert_non_null(strstr(reason, "longer than"));
    multipart_close(form);
    assert_int_equal(multipart_open(&form, TYPE, take, NULL, &reason), 0);
    const char coded[] = "--XbX" NL "Content-Transfer-Encoding: base64" NL DISP "name=file" NL NL;
    assert_int_equal(multipart_feed(form, coded, sizeof coded - 1, &reason), -1);
    assert_non_null(strstr(reason, "Transfer-Encoding"));
    multipart_close(form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_files_come_in_order_however_they_are_cut),
        cmocka_unit_test(a_boundary_within_a_line_of_the_preamble_is_none_however_it_is_cut),
        cmocka_unit_test(names_stand_in_quotes_or_not_or_are_extended),
        cmocka_unit_test(a_boundary_is_whatever_is_legal_with_anything_around_it),
        cmocka_unit_test(what_others_tolerate_is_tolerated),
        cmocka_unit_test(a_form_without_its_end_is_not_whole),
        cmocka_unit_test(what_is_no_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
