/* http_pages.h - what is answered at once: operators' pages, models, status, and all errors of
 * paths and methods. */
#ifndef HTTP_PAGES_H
#define HTTP_PAGES_H

#include "http_request.h"

/* A piece of a body: of the few pages that take one, kept; else dropped. */
enum MHD_Result http_pages_feed(struct http_request *r, const char *bytes, size_t count);
/* The request is whole. */
enum MHD_Result http_pages_answer(struct http_request *r, const char *method, const char *path);

#endif
