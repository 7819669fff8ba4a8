#include "refusal.h"

#include <stdio.h>
#include <string.h>

#include "deepgram.h"
#include "openai.h"

bool refusal_is_deepgram(const char *target)
{
    static const char *const paths[] = {"/v1/listen", "/v2/listen"};
    const size_t length = target ? strcspn(target, "?") : 0;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strlen(paths[i]) == length && strncmp(target, paths[i], length) == 0)
            return true;
    return false;
}

static const char *openai_type(int status)
{
    return status == 429   ? "rate_limit_error"
           : status >= 500 ? "server_error"
                           : "invalid_request_error";
}

static const char *openai_code(const struct refusal *refusal)
{
    return refusal->code                              ? refusal->code
           : refusal->status == 401                   ? "invalid_api_key"
           : refusal->status == 429                   ? "rate_limit_exceeded"
           : refusal->status == 400 && refusal->param ? "invalid_value"
                                                      : NULL;
}

char *refusal_body(const char *target, const char *id, const struct refusal *refusal)
{
    if (refusal_is_deepgram(target)) {
        struct deepgram_error err = {.status = refusal->status};
        snprintf(err.message, sizeof err.message, "%s", refusal->message);
        return deepgram_error_body(&err, id);
    }
    struct openai_error err;
    openai_fail(&err, refusal->status, openai_type(refusal->status), openai_code(refusal),
                refusal->param, "%s", refusal->message);
    return openai_error_body(&err);
}
