/* Requests to others: what comes is handed on, where they lead is judged, and callbacks try again.
 * The other side is a socket of this machine, and says what each test wants. */
#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event.h"
#include "fetch.h"
#include "listener.h"
#include "peer.h"
#include "test.h"

/* What the sink saw. */
struct seen {
    struct event done;
    char bytes[4000], problem[200];
    size_t count, room; /* room: it wants no more than so many */
    int status;
};

static bool take(void *user, const char *bytes, size_t count)
{
    struct seen *seen = user;

    if (seen->count + count > seen->room)
        return false;
    memcpy(seen->bytes + seen->count, bytes, count);
    seen->count += count;
    return true;
}

static void done(void *user, int status, const char *problem)
{
    struct seen *seen = user;

    seen->status = status;
    snprintf(seen->problem, sizeof seen->problem, "%s", problem);
    event_raise(&seen->done);
}

static struct listener host;

static int setup(void **state)
{
    char problem[200];

    if (listener_open(&host, "test", "127.0.0.1:0", problem, sizeof problem) != 0)
        return -1;
    peer_wait(host.fd);
    return 0;
}

static int teardown(void **state)
{
    close(host.fd);
    return 0;
}

/* The next connection's request head (and body, of a callback), answered; then it is closed. */
static void answer(const char *says, char *ret_head, size_t room, char *ret_body, size_t body_room)
{
    const int fd = accept(host.fd, NULL, NULL);

    assert_true(fd >= 0);
    if (ret_body) {
        size_t bytes = 0;
        peer_read_head(fd, ret_head, room);
        const char *length = strcasestr(ret_head, "\r\nContent-Length:");
        assert_non_null(length);
        assert_int_equal(sscanf(length + 17, "%zu", &bytes), 1);
        assert_true(bytes < body_room);
        peer_read(fd, ret_body, bytes);
    } else {
        peer_read_head(fd, ret_head, room);
    }
    peer_say(fd, says);
    close(fd);
}

static struct fetch *open_fetch(const char *allowed, uint32_t most)
{
    struct fetch_options options = {.max_bytes = 2000, .most = most, .retry_ms = 1};
    char wrong[64];
    struct fetch *fetch;

    assert_int_equal(address_list_parse(&options.allowed, allowed, wrong, sizeof wrong), 0);
    assert_int_equal(fetch_open(&fetch, &options), 0);
    return fetch;
}

static void begin(struct fetch *fetch, const char *format, uint64_t key, struct seen *seen)
{
    const struct fetch_sink sink = {take, done, seen};
    char url[200];

    event_init(&seen->done);
    seen->count = 0;
    seen->room = sizeof seen->bytes;
    snprintf(url, sizeof url, format, host.port);
    assert_int_equal(fetch_start(fetch, url, key, NULL, &sink), 0);
}

static void end(struct fetch *fetch)
{
    fetch_stop(fetch);
    fetch_close(fetch);
}

#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n"

static void what_a_url_leads_to_is_handed_on_also_behind_a_redirect(void **state)
{
    struct fetch *fetch = open_fetch("127.0.0.1", 4);
    struct seen seen;
    char head[2000];

    begin(fetch, "http://127.0.0.1:%u/a?b=c", 0, &seen);
    answer("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", head,
           sizeof head, NULL, 0);
    assert_memory_equal(head, "GET /a?b=c HTTP/1.1\r\n", 21);
    answer(OK("5") "sound", head, sizeof head, NULL, 0);
    assert_memory_equal(head, "GET /elsewhere HTTP/1.1\r\n", 25);
    assert_non_null(strstr(head, "User-Agent: foldscribe/"));
    event_wait(&seen.done, 1);
    assert_int_equal(seen.status, 200);
    assert_int_equal(seen.count, 5);
    assert_memory_equal(seen.bytes, "sound", 5);
    end(fetch);
    assert_int_equal(event_count(&seen.done), 1);
    event_finish(&seen.done);
}

static void an_answer_that_is_none_is_named(void **state)
{
    static const struct {
        const char *says, *problem;
        int status;
    } rows[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "the url answered 404", 400},
        {OK("9") "cut", "the url cannot be fetched", 400},
        {OK("2001"), "larger than", 413},
        {"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
         "the url cannot be fetched", 400},
    };
    struct fetch *fetch = open_fetch("127.0.0.1", 4);
    struct seen seen;
    char head[2000];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(fetch, "http://127.0.0.1:%u/", 0, &seen);
        answer(rows[i].says, head, sizeof head, NULL, 0);
        event_wait(&seen.done, 1);
        assert_int_equal(seen.status, rows[i].status);
        assert_non_null(strstr(seen.problem, rows[i].problem));
        event_finish(&seen.done);
    }
    end(fetch);
}

static void a_body_of_unknown_length_is_cut_off_when_it_is_too_large(void **state)
{
    struct fetch *fetch = open_fetch("127.0.0.1", 4);
    struct seen seen;
    char head[2000], says[2200] = "HTTP/1.1 200 OK\r\n\r\n";

    memset(says + strlen(says), 'x', 2100);
    begin(fetch, "http://127.0.0.1:%u/", 0, &seen);
    answer(says, head, sizeof head, NULL, 0);
    event_wait(&seen.done, 1);
    assert_int_equal(seen.status, 413);
    assert_in_range(seen.count, 0, 2000);
    end(fetch);
    event_finish(&seen.done);
}

static void an_address_that_is_not_allowed_is_never_connected_to(void **state)
{
    struct fetch *fetch = open_fetch("public,10.1.0.0/16", 4);
    struct seen seen;

    begin(fetch, "http://127.0.0.1:%u/", 0, &seen);
    event_wait(&seen.done, 1);
    assert_int_equal(seen.status, 400);
    assert_non_null(strstr(seen.problem, "does not fetch from"));
    event_finish(&seen.done);
    begin(fetch, "http://localhost:%u/", 0, &seen); /* a name leads there too */
    event_wait(&seen.done, 1);
    assert_non_null(strstr(seen.problem, "does not fetch from"));
    event_finish(&seen.done);
    assert_false(fetch_may_lead(fetch, "http://127.0.0.1/"));
    assert_false(fetch_may_lead(fetch, "http://[::1]/"));
    assert_false(fetch_may_lead(fetch, "ftp://example.com/"));
    assert_false(fetch_may_lead(fetch, "no url"));
    assert_true(fetch_may_lead(fetch, "http://10.1.2.3:8080/a"));
    assert_true(fetch_may_lead(fetch, "https://example.com/a"));
    end(fetch);
}

static void whoever_wants_no_more_ends_it(void **state)
{
    struct fetch *fetch = open_fetch("127.0.0.1", 4);
    struct seen seen;
    char head[2000];

    begin(fetch, "http://127.0.0.1:%u/", 0, &seen);
    seen.room = 3;
    answer(OK("5") "sound", head, sizeof head, NULL, 0);
    event_wait(&seen.done, 1);
    assert_int_not_equal(seen.status, 200);
    event_finish(&seen.done);
    /* Cancelled while the other side is silent. */
    begin(fetch, "http://127.0.0.1:%u/", 0, &seen);
    const int fd = accept(host.fd, NULL, NULL);
    peer_read_head(fd, head, sizeof head);
    fetch_cancel(fetch, &seen);
    event_wait(&seen.done, 1);
    assert_int_equal(seen.status, 499);
    assert_true(peer_is_over(fd));
    close(fd);
    end(fetch);
    event_finish(&seen.done);
}

static void
one_owner_has_three_quarters_of_the_places_and_the_next_comes_when_one_is_free(void **state)
{
    struct fetch *fetch = open_fetch("127.0.0.1", 4);
    struct seen greedy[4], modest;
    char head[2000];
    int fds[4];

    for (int i = 0; i < 4; i++)
        begin(fetch, "http://127.0.0.1:%u/greedy", 7, &greedy[i]);
    for (int i = 0; i < 3; i++) {
        fds[i] = accept(host.fd, NULL, NULL);
        peer_read_head(fds[i], head, sizeof head);
        assert_memory_equal(head, "GET /greedy", 11);
    }
    begin(fetch, "http://127.0.0.1:%u/modest", 8, &modest);
    answer(OK("1") "m", head, sizeof head, NULL, 0);
    assert_memory_equal(head, "GET /modest", 11);
    event_wait(&modest.done, 1);
    for (int i = 0; i < 3; i++) {
        peer_say(fds[i], OK("1") "g");
        close(fds[i]);
    }
    answer(OK("1") "g", head, sizeof head, NULL, 0); /* the fourth */
    for (int i = 0; i < 4; i++) {
        event_wait(&greedy[i].done, 1);
        assert_int_equal(greedy[i].status, 200);
        event_finish(&greedy[i].done);
    }
    end(fetch);
    event_finish(&modest.done);
}

static void what_is_under_way_at_the_end_has_failed_and_nothing_begins_after_it(void **state)
{
    struct fetch *fetch = open_fetch("127.0.0.1", 1);
    const struct fetch_sink sink = {take, done, NULL};
    struct seen running, waiting;
    char head[2000];

    begin(fetch, "http://127.0.0.1:%u/", 1, &running);
    const int fd = accept(host.fd, NULL, NULL);
    peer_read_head(fd, head, sizeof head);
    begin(fetch, "http://127.0.0.1:%u/", 2, &waiting);
    fetch_stop(fetch);
    assert_int_equal(event_count(&running.done), 1);
    assert_int_equal(event_count(&waiting.done), 1);
    assert_int_equal(running.status, 503);
    assert_int_equal(waiting.status, 503);
    assert_int_equal(fetch_start(fetch, "http://127.0.0.1/", 1, NULL, &sink), -1);
    const struct fetch_callback late = {
        .url = "http://127.0.0.1/", .id = "i", .body = strdup("{}")};
    assert_int_equal(fetch_call_back(fetch, &late, &sink), -1);
    fetch_close(fetch);
    fetch_close(NULL);
    close(fd);
    event_finish(&running.done);
    event_finish(&waiting.done);
}

/* ---- callbacks ------------------------------------------------------------------------------ */

static void call(struct fetch *fetch, bool put, struct seen *seen)
{
    const struct fetch_sink sink = {take, done, seen};
    char url[100];

    event_init(&seen->done);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/hook", host.port);
    const struct fetch_callback callback = {
        .url = url, .put = put, .id = "id-1", .body = strdup("{\"a\":1}")};
    assert_int_equal(fetch_call_back(fetch, &callback, &sink), 0);
}

static void a_callback_brings_its_body_and_id_by_the_method_that_was_asked_for(void **state)
{
    struct fetch *fetch = open_fetch("127.0.0.1", 4);
    struct seen seen;
    char head[2000], body[100];

    for (int put = 0; put < 2; put++) {
        call(fetch, put, &seen);
        answer("HTTP/1.1 204 No Content\r\n\r\n", head, sizeof head, body, sizeof body);
        event_wait(&seen.done, 1);
        assert_int_equal(seen.status, 200);
        assert_memory_equal(head, put ? "PUT /hook " : "POST /hook", 10);
        assert_non_null(strstr(head, "\r\ndg-request-id: id-1\r\n"));
        assert_non_null(strstr(head, "\r\nContent-Type: application/json\r\n"));
        assert_null(strcasestr(head, "\r\nExpect:"));
        assert_string_equal(body, "{\"a\":1}");
        event_finish(&seen.done);
    }
    end(fetch);
}

static void a_callback_tries_again_after_what_may_pass_and_then_no_more(void **state)
{
    static const char *const passing[] = {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
                                          "HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n",
                                          "HTTP/1.1 408 No\r\nContent-Length: 0\r\n\r\n",
                                          "" /* hangs up */};
    struct fetch *fetch = open_fetch("127.0.0.1", 4);
    struct seen seen;
    char head[2000], body[100];

    call(fetch, false, &seen);
    for (size_t i = 0; i < 4; i++)
        answer(passing[i], head, sizeof head, body, sizeof body);
    answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", head, sizeof head, body, sizeof body);
    event_wait(&seen.done, 1);
    assert_int_equal(seen.status, 200);
    assert_string_equal(body, "{\"a\":1}");
    event_finish(&seen.done);
    call(fetch, false, &seen);
    for (int i = 0; i < FETCH_TRIES; i++)
        answer(passing[0], head, sizeof head, body, sizeof body);
    event_wait(&seen.done, 1);
    assert_string_equal(seen.problem, "the url answered 503");
    event_finish(&seen.done);
    end(fetch);
}

static void a_callback_that_is_refused_or_sent_elsewhere_is_not_tried_again(void **state)
{
    static const char *const final[] = {
        "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"};
    struct fetch *fetch = open_fetch("127.0.0.1", 4);
    struct seen seen;
    char head[2000], body[100];

    for (int i = 0; i < 2; i++) {
        call(fetch, false, &seen);
        answer(final[i], head, sizeof head, body, sizeof body);
        event_wait(&seen.done, 1);
        assert_int_equal(seen.status, 400);
        assert_string_equal(seen.problem, i ? "the url answered 302" : "the url answered 404");
        event_finish(&seen.done);
    }
    end(fetch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_url_leads_to_is_handed_on_also_behind_a_redirect),
        cmocka_unit_test(an_answer_that_is_none_is_named),
        cmocka_unit_test(a_body_of_unknown_length_is_cut_off_when_it_is_too_large),
        cmocka_unit_test(an_address_that_is_not_allowed_is_never_connected_to),
        cmocka_unit_test(whoever_wants_no_more_ends_it),
        cmocka_unit_test(
            one_owner_has_three_quarters_of_the_places_and_the_next_comes_when_one_is_free),
        cmocka_unit_test(what_is_under_way_at_the_end_has_failed_and_nothing_begins_after_it),
        cmocka_unit_test(a_callback_brings_its_body_and_id_by_the_method_that_was_asked_for),
        cmocka_unit_test(a_callback_tries_again_after_what_may_pass_and_then_no_more),
        cmocka_unit_test(a_callback_that_is_refused_or_sent_elsewhere_is_not_tried_again),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
