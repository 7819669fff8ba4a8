/* depthjson.h - how every dialect says which depth made a text, and why. */
#ifndef DEPTHJSON_H
#define DEPTHJSON_H

#include <jansson.h>

#include "result.h"

/* {"used":1,"asked":3,"reason":"load"}, and what is known of "budget_ms", "predicted_ms" and
 * "actual_ms". asked is null when nothing was. NULL without memory. */
json_t *depthjson_make(const struct result_depth *depth);

/* Value of the x-depth header: "used=3 asked=- reason=tier". */
void depthjson_header(const struct result_depth *depth, char *ret_text, size_t room);

#endif
