/* Lines "name=value": form fields, then the check and whatever answer follows from it. */
#include <stdlib.h>
#include <string.h>

#include "openai.h"
#include "pace.h"

const struct pace pace_limit = {0.1, 5e-6};

static void answer(const struct openai_request *request)
{
    static const struct result_word word = {"word", 0, 1600, 1};
    static const struct result_segment segment = {
        0, 1600, &word, 1, -1, 0.5f, {.used = 1, .reason = RESULT_BY_TIER}, false, false, NULL, 0};
    static const char *const warnings[] = {"cut short"};
    const struct result_transcript transcript = {
        &segment, 1, 1600, {.used = 1, .reason = RESULT_BY_TIER}, warnings, 1};
    const char *type;
    char *body = openai_response(request, &transcript, &type);

    if (!body || !strstr(body, "word"))
        abort();
    free(body);
}

void pace_input(const uint8_t *bytes, size_t count)
{
    const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};
    struct openai_request request;
    struct openai_error err = {0};
    int result = 0;

    openai_request_init(&request, &catalog);
    request.has_file = true;
    while (count && result == 0) {
        const uint8_t *end = memchr(bytes, '\n', count);
        const size_t length = end ? (size_t)(end - bytes) : count;
        const uint8_t *is = memchr(bytes, '=', length);
        const size_t name_length = is ? (size_t)(is - bytes) : length;
        char name[64];
        memcpy(name, bytes, name_length < 63 ? name_length : 63);
        name[name_length < 63 ? name_length : 63] = '\0';
        result = openai_request_field(&request, name, is ? (const char *)is + 1 : "",
                                      is ? length - name_length - 1 : 0, &err);
        bytes += length + (end != NULL);
        count -= length + (end != NULL);
    }
    if (result == 0)
        result = openai_request_check(&request, &err);
    if (result == 0 && request.depth > catalog.unfolds)
        abort();
    if (result == 0)
        answer(&request);
    if (result < 0) {
        char *body = openai_error_body(&err);
        if (!body || err.status < 400)
            abort();
        free(body);
    }
    openai_request_finish(&request);
}
