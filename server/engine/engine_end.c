#include "engine_end.h"

static const struct {
    int http, close;
    const char *type, *text;
} ends[] = {
#define X(name, http, close, type, text) [name] = {http, close, type, text},
    ENGINE_ENDS(X)
#undef X
};

int engine_end_http(enum engine_end end)
{
    return ends[end].http;
}

int engine_end_close(enum engine_end end)
{
    return ends[end].close;
}

const char *engine_end_type(enum engine_end end)
{
    return ends[end].type;
}

const char *engine_end_text(enum engine_end end)
{
    return ends[end].text;
}
