/* notices.h - what of a request had no effect: told with the answer, by name. Plain data. */
#ifndef NOTICES_H
#define NOTICES_H

#include <stddef.h>

struct json_t;

#define NOTICES_MOST      24
#define NOTICES_PARAMETER 48
#define NOTICES_LINE      200 /* bytes of a line, with its end */

/* All zero: none. */
struct notices {
    struct notice {
        char parameter[NOTICES_PARAMETER]; /* UTF-8 */
        const char *why;                   /* static */
    } list[NOTICES_MOST];
    size_t count;
};

/* Each parameter once; those beyond NOTICES_MOST share the last place. why: static text that goes
 * on behind the parameter's name. */
void notices_add(struct notices *notices, const char *parameter, const char *why);
/* "diarize: speakers are not told apart" */
void notices_line(const struct notice *notice, char ret_line[NOTICES_LINE]);
/* A list of such lines; a new reference. */
struct json_t *notices_json(const struct notices *notices);
/* All of them as the value of a header: printable ASCII, cut behind a whole one. */
void notices_header(const struct notices *notices, char *ret_text, size_t room);

#endif
