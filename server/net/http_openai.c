#include "http_openai.h"

void http_openai_error(struct http_request *r, const struct openai_error *err)
{
    http_request_set(r, err->status, "application/json", openai_error_body(err));
}

struct openai_catalog http_openai_catalog(const struct http_request *r)
{
    const struct http_options *options = &r->http->options;
    return (struct openai_catalog){.seed = options->info->name,
                                   .unfolds = options->info->unfolds,
                                   .created_s = options->started_unix_s};
}
