/* capacity.h - what this server can carry and what it carries, as JSON for /v1/capacity. */
#ifndef CAPACITY_H
#define CAPACITY_H

#include "admission.h"

/* To be freed; NULL when out of memory. */
char *capacity_json(const struct admission_report *report, const char *model, const char *kernel);

/* Live streams that fit at once at this depth, everybody speaking, before
 * newcomers are refused. */
uint32_t capacity_streams(const struct admission_report *report, uint32_t depth, bool partials);
/* CPUs that one live stream of the default tier needs, at depth 1 and with partials; more than
 * report->cpus: not even one is carried. */
double capacity_least_cpus(const struct admission_report *report);
/* Seconds of recordings a second, when there is nothing else to do. */
double capacity_batch_rate(const struct admission_report *report, uint32_t depth);

/* Share that is free of what is scarcer: computing, with everybody at the floor, or live places;
 * 0 to 1. */
double capacity_headroom(const struct admission_report *report);

#endif
