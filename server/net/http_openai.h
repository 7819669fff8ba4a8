/* http_openai.h - what the paths of OpenAI's dialect share. */
#ifndef HTTP_OPENAI_H
#define HTTP_OPENAI_H

#include "http_request.h"
#include "openai.h"

/* An error as the answer to a request. */
void http_openai_error(struct http_request *r, const struct openai_error *err);

#endif
