/* refusal.h - how a path says no, in the shape of its own dialect: for those who carry bytes and
 * know no dialect. Pure. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdbool.h>

struct refusal {
    int status;          /* of HTTP */
    const char *message; /* UTF-8, or cut anywhere */
    const char *code;    /* OpenAI's; NULL: what goes with the status, if anything */
    const char *param;   /* the field that was wrong; NULL: none */
};

/* JSON, to be freed; NULL without memory. target: path and perhaps query, or NULL where they are
 * not known; then, and where a path belongs to nobody, the shape is OpenAI's. id: of the request.
 */
char *refusal_body(const char *target, const char *id, const struct refusal *refusal);

/* Does the target's dialect name its requests by dg-request-id, and repeat errors as dg-error? */
bool refusal_is_deepgram(const char *target);

#endif
