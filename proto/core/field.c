#include "field.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tier.h"
#include "utf8.h"

int field_fail(struct field_error *err, enum field_fault fault, const char *field,
               const char *format, ...)
{
    va_list args;
    err->fault = fault;
    snprintf(err->field, sizeof err->field, "%s", field ? field : "");
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    /* Both may repeat what the client sent, and both may have been cut inside a character. */
    utf8_mend(err->field);
    utf8_mend(err->message);
    return -1;
}

const char *field_code(enum field_fault fault)
{
    static const char *const codes[] = {
        [FIELD_INVALID] = "invalid_value",      [FIELD_UNSUPPORTED] = "unsupported_value",
        [FIELD_NO_MODEL] = "model_not_found",   [FIELD_MISSING] = "missing_required_parameter",
        [FIELD_WRONG_TYPE] = "invalid_type",    [FIELD_TOO_LONG] = "string_above_max_length",
        [FIELD_TOO_MANY] = "too_many_keywords", [FIELD_NO_MEMORY] = NULL};

    return codes[fault];
}

int field_status(enum field_fault fault)
{
    return fault == FIELD_NO_MODEL ? 404 : fault == FIELD_NO_MEMORY ? 503 : 400;
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

int field_truth(bool *ret_value, const char *field, const char *text, struct field_error *err)
{
    static const char *const yes[] = {"true", "1", "yes", "on"};
    static const char *const no[] = {"false", "0", "no", "off"};
    const bool is_true = is_one_of(text, yes, sizeof yes / sizeof *yes);

    if (!is_true && !is_one_of(text, no, sizeof no / sizeof *no))
        return field_fail(err, FIELD_INVALID, field, "%s=%.40s: must be true or false", field,
                          text);
    *ret_value = is_true;
    return 0;
}

int field_whole(uint32_t *ret_value, const char *field, const char *text, uint32_t low,
                uint32_t high, struct field_error *err)
{
    char *end;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)*text) || *end || errno || value < low || value > high)
        return field_fail(err, FIELD_INVALID, field,
                          "%s=%.40s: must be a whole number from %u to %u", field, text, low, high);
    *ret_value = (uint32_t)value;
    return 0;
}

int field_number(double *ret_value, const char *field, const char *text, double low, double high,
                 struct field_error *err)
{
    char *end;
    const double value = strtod(text, &end);

    if (end == text || *end || !(value >= low && value <= high))
        return field_fail(err, FIELD_INVALID, field, "%s=%.40s: must be a number from %g to %g",
                          field, text, low, high);
    *ret_value = value;
    return 0;
}

int field_latency(uint32_t *ret_ms, const char *field, const char *text, struct field_error *err)
{
    return field_whole(ret_ms, field, text, 1, TIER_BUDGET_MS, err);
}

int field_depth(uint32_t *ret_depth, const char *field, const char *text, uint32_t unfolds,
                struct field_error *err)
{
    if (field_whole(ret_depth, field, text, 1, unfolds, err) == 0)
        return 0;
    return field_fail(err, FIELD_INVALID, field,
                      "depth '%.40s' is out of range: this model has depths 1 to %u", text,
                      unfolds);
}

int field_text(char *to, size_t room, const char *field, const char *text, struct field_error *err)
{
    const size_t length = strlen(text);

    if (length >= room)
        return field_fail(err, FIELD_TOO_LONG, field, "%s has more than %zu bytes", field,
                          room - 1);
    memcpy(to, text, length + 1);
    return 0;
}

int field_language(bool *ret_auto, const char *field, const char *text, struct field_error *err)
{
    static const char *const unsaid[] = {"", "null", "none", "undefined", "auto"};
    static const char *const english[] = {"en", "eng", "english"};
    const size_t length = strcspn(text, "-_"); /* en-US, en_GB, eng-US */
    char base[16];

    if (ret_auto)
        *ret_auto = strcasecmp(text, "auto") == 0;
    snprintf(base, sizeof base, "%.*s", (int)(length < sizeof base ? length : 0), text);
    if (is_one_of(text, unsaid, sizeof unsaid / sizeof *unsaid) ||
        is_one_of(base, english, sizeof english / sizeof *english))
        return 0;
    return field_fail(err, FIELD_UNSUPPORTED, field,
                      "%s '%.40s' is not supported: this model transcribes English (en)", field,
                      text);
}
