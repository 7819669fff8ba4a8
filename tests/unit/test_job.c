#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job.h"
#include "test.h"

static char problem[300];

/* Pairs of names and values, NULL at their end, as a checked job. */
static bool take(struct job *job, const char *const *fields)
{
    *job = (struct job){.entry = "1-0"};
    for (; *fields; fields += 2)
        if (!job_take(job, fields[0], fields[1], problem, sizeof problem))
            return false;
    return job_check(job, problem, sizeof problem);
}

static void fields_become_a_job_named_by_itself_or_its_entry(void **state)
{
    struct job job;
    assert_true(
        take(&job, (const char *[]){"file", "a/b.wav", "query", "?model=foldscribe", NULL}));
    assert_string_equal(job.id, "1-0");
    assert_string_equal(job.query, "model=foldscribe");
    assert_true(take(&job, (const char *[]){"url", "https://a/b", "id", "x", NULL}));
    assert_string_equal(job.id, "x");
}

static void what_is_no_job_is_said(void **state)
{
    static const struct {
        const char *fields[6], *says;
    } rows[] = {
        {{NULL}, "exactly one"},
        {{"url", "https://a", "file", "b", NULL}, "exactly one"},
        {{"url", "ftp://a", NULL}, "url: must begin"},
        {{"colour", "red", NULL}, "colour: unknown field"},
        {{"file", "a\nb", NULL}, "control"},
        {{"file", "a", "query", "a b", NULL}, "query: must be encoded"},
        {{"file", "a", "deadline", "soon", NULL}, "deadline: must be"},
        {{"file", "a", "deadline", "-1", NULL}, "deadline: must be"},
        {{"file", "a", "deadline", "nan", NULL}, "deadline: must be"},
    };
    struct job job;
    char endless[JOB_TEXT + 1];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(take(&job, rows[i].fields));
        if (!strstr(problem, rows[i].says))
            fail_msg("row %zu: %s", i, problem);
    }
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_false(take(&job, (const char *[]){"file", endless, NULL}));
    assert_non_null(strstr(problem, "too long"));
}

static void the_time_left_is_the_budget(void **state)
{
    char query[JOB_TEXT + 64];
    struct job job = {.query = "model=x", .deadline_unix_s = 1000};
    job_query(&job, 990, query, sizeof query);
    assert_string_equal(query, "model=x&latency_ms=10000");
    job_query(&job, 2000, query, sizeof query);
    assert_string_equal(query, "model=x&latency_ms=100");
    job_query(&(struct job){.deadline_unix_s = 1000}, 990, query, sizeof query);
    assert_string_equal(query, "latency_ms=10000");
    job_query(&(struct job){.query = "latency_ms=5", .deadline_unix_s = 1000}, 990, query,
              sizeof query);
    assert_string_equal(query, "latency_ms=5");
    job_query(&(struct job){.query = "a=b"}, 990, query, sizeof query);
    assert_string_equal(query, "a=b");
}

static void files_lie_below_the_folder_whatever_links_say(void **state)
{
    char top[] = "/tmp/jobsXXXXXX", folder[64], inside[128], outside[128], path[4096];
    assert_non_null(mkdtemp(top));
    snprintf(folder, sizeof folder, "%s/in", top);
    snprintf(inside, sizeof inside, "%s/a.wav", folder);
    snprintf(outside, sizeof outside, "%s/secret", top);
    assert_int_equal(mkdir(folder, 0700), 0);
    fclose(fopen(inside, "w"));
    fclose(fopen(outside, "w"));
    char link[128];
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink(outside, link), 0);
    struct job job = {.file = "a.wav"};
    assert_true(job_path(&job, folder, path, sizeof path, problem, sizeof problem));
    assert_string_equal(path, inside);
    static const char *const wrong[] = {"../secret", "link",     "../in/../secret",
                                        ".",         "none.wav", "/etc/passwd"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(job.file, sizeof job.file, "%s", wrong[i]);
        if (job_path(&job, folder, path, sizeof path, problem, sizeof problem))
            fail_msg("%s is taken for %s", wrong[i], path);
    }
    assert_false(job_path(&job, "", path, sizeof path, problem, sizeof problem));
    unlink(link);
    unlink(inside);
    unlink(outside);
    rmdir(folder);
    rmdir(top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_become_a_job_named_by_itself_or_its_entry),
        cmocka_unit_test(what_is_no_job_is_said),
        cmocka_unit_test(the_time_left_is_the_budget),
        cmocka_unit_test(files_lie_below_the_folder_whatever_links_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
