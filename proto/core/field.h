/* field.h - one value of a request, as text from a stranger, judged alike in every dialect: form
 * fields, query strings and JSON differ in how they carry it, not in what is allowed. Pure. */
#ifndef FIELD_H
#define FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_fault {
    FIELD_INVALID,     /* not of the form that it must have */
    FIELD_UNSUPPORTED, /* sound, but this server does not do it */
    FIELD_NO_MODEL,    /* there is no such model */
    FIELD_MISSING,
    FIELD_WRONG_TYPE,
    FIELD_TOO_LONG,
    FIELD_TOO_MANY,
    FIELD_NO_MEMORY
};

/* What is wrong with a value; a dialect says it in its own shape. */
struct field_error {
    enum field_fault fault;
    char field[64];    /* whose value it is; UTF-8 */
    char message[512]; /* names it, and what is allowed; UTF-8 */
};

/* Fills err; format is printf's. Bytes that are not UTF-8 become '?'. Returns -1, so that a check
 * is one statement. */
int field_fail(struct field_error *err, enum field_fault fault, const char *field,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The fault as OpenAI's errors name it, static; NULL: they have no name for it. */
const char *field_code(enum field_fault fault);
/* The HTTP status that says it: 400, 404 or 503. */
int field_status(enum field_fault fault);

/* Each judges text, the value of field: 0 with *ret_value, or -1 with *err. */
/* true, false, 1, 0, yes, no, on, off, in any case: programs print booleans in their own way. */
int field_truth(bool *ret_value, const char *field, const char *text, struct field_error *err);
/* low..high, in digits alone. */
int field_whole(uint32_t *ret_value, const char *field, const char *text, uint32_t low,
                uint32_t high, struct field_error *err);
int field_number(double *ret_value, const char *field, const char *text, double low, double high,
                 struct field_error *err);
/* A budget: 1..TIER_BUDGET_MS. */
int field_latency(uint32_t *ret_ms, const char *field, const char *text, struct field_error *err);
/* unfolds: greatest depth. */
int field_depth(uint32_t *ret_depth, const char *field, const char *text, uint32_t unfolds,
                struct field_error *err);
/* Copies text to [room], whole or not at all. */
int field_text(char *to, size_t room, const char *field, const char *text, struct field_error *err);
/* English in any spelling (en, en-US, eng, English), or none named ("", null, none, undefined,
 * auto). *ret_auto: the client would have it found out; may be NULL. */
int field_language(bool *ret_auto, const char *field, const char *text, struct field_error *err);

#endif
