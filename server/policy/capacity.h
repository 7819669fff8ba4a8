/* capacity.h - what this server can carry and what it carries, as JSON for /v1/capacity. */
#ifndef CAPACITY_H
#define CAPACITY_H

#include "admission.h"

/* To be freed; NULL when out of memory. */
char *capacity_json(const struct admission_report *report, const char *model, const char *kernel);

/* Live streams that fit at once at this depth, everybody speaking; the trusted share of workers. */
uint32_t capacity_streams(const struct admission_report *report, uint32_t depth, bool partials);
/* Seconds of recordings a second, when there is nothing else to do. */
double capacity_batch_rate(const struct admission_report *report, uint32_t depth);

#endif
