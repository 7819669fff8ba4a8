/* content_coding.h - bodies that come compressed (RFC 9110, section 8.4.1): gzip and deflate. Pure.
 *
 * How much may come out is the taker's business: it is told as it comes, and may want no more. */
#ifndef CONTENT_CODING_H
#define CONTENT_CODING_H

#include <stdbool.h>
#include <stddef.h>

#define CONTENT_CODING_KNOWN "gzip, deflate" /* for messages and Accept-Encoding */

struct content_coding;

/* content_encoding: the header's value, or NULL. 1: *ret_coding decodes it. 0: there is nothing to
 * decode. -1: it is none that is known, or without memory. */
int content_coding_open(struct content_coding **ret_coding, const char *content_encoding);
void content_coding_close(struct content_coding *coding); /* NULL is fine */

/* Calls take(user, bytes, count) for what comes out, until it returns false. NULL; or what is
 * wrong: it is damaged, or much more comes out than sound would. */
const char *content_coding_feed(struct content_coding *coding, const char *bytes, size_t count,
                                bool (*take)(void *user, const char *bytes, size_t count),
                                void *user);
/* Its end has come. */
bool content_coding_is_whole(const struct content_coding *coding);

#endif
