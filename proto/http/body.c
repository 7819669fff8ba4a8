/* body.c - see body.h. */
#include "body.h"

#include <ctype.h>

#define DIGITS      15
#define LINE_MAX    256
#define TRAILER_MAX 8192

enum { SIZE, EXTENSION, SIZE_END, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF };

void body_begin(struct body *body, const struct head *head)
{
    *body = (struct body){.is_chunked = head->is_chunked, .left = head->body_bytes};
    body->is_over = !body->is_chunked && body->left == 0;
}

/* One byte that is not data; false: it must not stand there. */
static bool step(struct body *b, char c)
{
    const int digit = isdigit((unsigned char)c)    ? c - '0'
                      : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                                   : -1;
    switch (b->at) {
    case SIZE:
        if (digit >= 0) {
            b->left = b->left * 16 + (uint64_t)digit;
            return ++b->line <= DIGITS;
        }
        b->at = c == '\r' ? SIZE_END : EXTENSION;
        return b->line && (c == '\r' || c == ';' || c == ' ' || c == '\t');
    case EXTENSION:
        if (c == '\r')
            b->at = SIZE_END;
        return c != '\n' && c && ++b->line <= LINE_MAX;
    case SIZE_END:
        b->at = b->left ? DATA : TRAILER;
        b->line = 0;
        return c == '\n';
    case DATA_CR:
        b->at = DATA_LF;
        return c == '\r';
    case DATA_LF:
        b->at = SIZE;
        b->line = 0;
        return c == '\n';
    case TRAILER: /* left: bytes of its line so far */
        if (c == '\r')
            b->at = TRAILER_LF;
        else
            b->left++;
        return c != '\n' && c && ++b->line <= TRAILER_MAX;
    case TRAILER_LF:
        b->is_over = b->left == 0;
        b->at = TRAILER;
        b->left = 0;
        return c == '\n';
    }
    return false;
}

long body_take(struct body *b, const char *bytes, size_t count)
{
    size_t at = 0;
    while (at < count && !b->is_over) {
        if (b->is_chunked && b->at != DATA) {
            if (!step(b, bytes[at++]))
                return -1;
            continue;
        }
        const size_t now = count - at < b->left ? count - at : (size_t)b->left;
        at += now;
        b->left -= now;
        if (b->left)
            continue;
        b->is_over = !b->is_chunked;
        b->at = DATA_CR;
    }
    return (long)at;
}
