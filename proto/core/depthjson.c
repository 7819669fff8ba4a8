#include "depthjson.h"

#include <math.h>
#include <stdio.h>

static void add_ms(json_t *json, const char *key, double ms)
{
    if (ms > 0)
        json_object_set_new(json, key, json_real(round(ms * 10) / 10));
}

json_t *depthjson_make(const struct result_depth *depth)
{
    json_t *json = json_pack("{s:i, s:o, s:s}", "used", (int)depth->used, "asked",
                             depth->asked ? json_integer(depth->asked) : json_null(), "reason",
                             result_reason_text(depth->reason));
    if (!json)
        return NULL;
    add_ms(json, "budget_ms", depth->budget_ms);
    add_ms(json, "predicted_ms", depth->predicted_ms);
    add_ms(json, "actual_ms", depth->actual_ms);
    return json;
}

void depthjson_header(const struct result_depth *depth, char *ret_text, size_t room)
{
    char asked[16] = "-";
    if (depth->asked)
        snprintf(asked, sizeof asked, "%u", depth->asked);
    snprintf(ret_text, room, "used=%u asked=%s reason=%s", depth->used, asked,
             result_reason_text(depth->reason));
}
