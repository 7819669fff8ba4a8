/* A request head, and the query of whatever target it names; then its Host and Origin, as a server
 * with keys, without, and with pages of its own allowed would judge them. Byte 0 says how much of
 * it has come before all of it has. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "head.h"
#include "origins.h"
#include "pace.h"
#include "query.h"

const struct pace pace_limit = {0.05, 2e-6};

static void read_query(const char *at)
{
    char key[16], value[16], long_key[HEAD_TARGET], long_value[HEAD_TARGET];
    const char *again = at;
    size_t pairs = 0;

    while (query_next(&at, key, sizeof key, value, sizeof value)) {
        if (strlen(key) >= sizeof key || strlen(value) >= sizeof value ||
            !query_next(&again, long_key, sizeof long_key, long_value, sizeof long_value) ||
            strncmp(key, long_key, strlen(key)) != 0 || at != again)
            abort();
        if (++pairs > HEAD_ARGUMENTS)
            abort();
    }
}

static void judge(const struct head *head)
{
    static const char *const allowed[] = {"", "*", "https://a.example,b.example"};
    char wrong[64];

    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        struct origins origins;
        if (origins_open(&origins, allowed[i], i == 1, wrong, sizeof wrong) < 0)
            abort();
        const char *forbids = origins_forbid(&origins, head);
        if (forbids ? !forbids[0] || i == 1
                    : !origins_allow(&origins, head->origin) && *head->origin)
            abort();
    }
}

void pace_input(const uint8_t *bytes, size_t count)
{
    static struct head head, before;

    if (count < 1)
        return;
    const size_t first = bytes[0] * (count - 1) / 256;
    const char *text = (const char *)bytes + 1;
    const enum head_verdict early = head_parse(&before, text, first);
    const enum head_verdict verdict = head_parse(&head, text, count - 1);

    if (verdict == HEAD_BAD && (head.status < 400 || !head.problem))
        abort();
    if (verdict == HEAD_UPGRADE && memcmp(text, "GET ", 4) != 0)
        abort();
    /* What was judged is judged the same when more has come. */
    if (early != HEAD_INCOMPLETE && early != HEAD_BAD &&
        (early != verdict || strcmp(before.target, head.target) != 0 ||
         strcmp(before.host, head.host) != 0))
        abort();
    if (early == HEAD_BAD && verdict != HEAD_BAD)
        abort();
    if (verdict != HEAD_HTTP && verdict != HEAD_UPGRADE)
        return;
    read_query(query_of(head.target));
    judge(&head);
}
