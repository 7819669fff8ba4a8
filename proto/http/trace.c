/* trace.c - see trace.h.
 *
 * https://www.w3.org/TR/trace-context/: "00-" 32 digits "-" 16 digits "-" 2 digits, all lower case;
 * ids of zeros are none; later versions may have more behind that, and "ff" is no version. */
#include "trace.h"

#include <stdio.h>
#include <string.h>

#define ID    32
#define SPAN  16
#define PARTS 55 /* up to the flags */

static bool is_id(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdef") == digits && strspn(text, "0") < digits;
}

static bool is_pair(const char *text)
{
    return strspn(text, "0123456789abcdef") == 2;
}

void trace_read(struct trace *ret_trace, const char *header)
{
    *ret_trace = (struct trace){0};
    if (!header || strlen(header) < PARTS)
        return;
    const char *id = header + 3, *span = id + ID + 1, *flags = span + SPAN + 1;
    if (!is_pair(header) || header[2] != '-' || strncmp(header, "ff", 2) == 0 || !is_id(id, ID) ||
        id[ID] != '-' || !is_id(span, SPAN) || span[SPAN] != '-' || !is_pair(flags) ||
        (header[PARTS] && (strncmp(header, "00", 2) == 0 || header[PARTS] != '-')))
        return;
    memcpy(ret_trace->id, id, ID);
    memcpy(ret_trace->flags, flags, 2);
}

bool trace_write(const struct trace *trace, const char *request_id, char ret_header[TRACE_HEADER])
{
    char span[SPAN + 1] = "0000000000000001";
    size_t count = 0;
    for (; *request_id && count < SPAN; request_id++)
        if (*request_id != '-')
            span[count++] = *request_id;
    if (!*trace->id)
        return false;
    snprintf(ret_header, TRACE_HEADER, "00-%s-%s-%s", trace->id, span, trace->flags);
    return true;
}
