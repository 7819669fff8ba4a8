#include "http_openai.h"

void http_openai_error(struct http_request *r, const struct openai_error *err)
{
    http_request_set(r, err->status, "application/json", openai_error_body(err));
}
