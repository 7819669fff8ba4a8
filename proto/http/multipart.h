/* multipart.h - multipart/form-data (RFC 7578) as it arrives, as programs write it. Pure.
 *
 * Names may stand in quotes or not, or come in RFC 5987's form (name*); a boundary is whatever RFC
 * 2046 allows, with parameters in front of it or behind; lines end with CR LF, or all with LF. */
#ifndef MULTIPART_H
#define MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MULTIPART_NAME_BYTES     128
#define MULTIPART_BOUNDARY_BYTES 200

struct multipart;

struct multipart_part {
    char name[MULTIPART_NAME_BYTES]; /* longer ones are cut; "" when it has none */
    bool has_filename;
    uint64_t bytes; /* of it that were given before */
};

/* bytes [count] of a part, in order; an empty part is given once, with none. 0, or -1: no more is
 * wanted. */
typedef int multipart_take(void *user, const struct multipart_part *part, const char *bytes,
                           size_t count);

/* content_type: the header's value, or NULL. 0; or -1 with a static reason: it is not
 * multipart/form-data, or has no boundary, or there is no memory. */
int multipart_open(struct multipart **ret_form, const char *content_type, multipart_take *take,
                   void *user, const char **ret_reason);
void multipart_close(struct multipart *form); /* NULL is fine */

/* 0; or -1 with a static reason, or NULL when take() wanted no more. */
int multipart_feed(struct multipart *form, const char *bytes, size_t count,
                   const char **ret_reason);
/* The closing boundary has come. */
bool multipart_is_whole(const struct multipart *form);

#endif
