/* A request head, and the query of whatever target it names. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "head.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct head head;
    char key[16], value[16];
    const enum head_verdict verdict = head_parse(&head, (const char *)bytes, count);

    if (verdict == HEAD_BAD && (head.status < 400 || !head.problem))
        abort();
    if (verdict == HEAD_UPGRADE && memcmp(bytes, "GET ", 4) != 0)
        abort();
    if (verdict != HEAD_HTTP && verdict != HEAD_UPGRADE)
        return 0;
    const char *at = strchr(head.target, '?');
    while (at && head_query_next(&at, key, sizeof key, value, sizeof value))
        if (strlen(key) >= sizeof key || strlen(value) >= sizeof value)
            abort();
    return 0;
}
