#include "capacity.h"

#include <jansson.h>
#include <math.h>

#define USUAL_MS 10000.0 /* segments of recordings */

/* The share of all CPUs at which newcomers are refused. */
static double most_share(const struct admission_report *report)
{
    return report->trust * LOAD_SHEDDER_FULL;
}

uint32_t capacity_streams(const struct admission_report *report, uint32_t depth, bool partials)
{
    const double share = admission_stream_share(report, depth, partials);
    const double fit = share > 0 ? most_share(report) * report->cpus / share : report->max_live;

    return (uint32_t)fmin(fit, report->max_live);
}

double capacity_least_cpus(const struct admission_report *report)
{
    return admission_stream_share(report, 1, true) / most_share(report);
}

double capacity_batch_rate(const struct admission_report *report, uint32_t depth)
{
    const double ms = cost_ms(&report->cost, depth, USUAL_MS);

    return ms > 0 ? USUAL_MS / ms * report->cpus : 0;
}

double capacity_headroom(const struct admission_report *r)
{
    const double most = most_share(r), computing = most > 0 ? 1 - r->floor_demand / most : 0;
    const double places = r->max_live > 0 ? 1 - (double)r->live / r->max_live : 0;

    return fmax(fmin(computing, places), 0);
}

static double thousandths(double x)
{
    return round(x * 1e3) / 1e3;
}

static json_t *depth_json(const struct admission_report *r, uint32_t depth)
{
    const double ms_per_s = cost_ms(&r->cost, depth, USUAL_MS) / (USUAL_MS / 1e3);

    return json_pack("{s:i, s:f, s:i, s:i, s:f}", "depth", (int)depth,
                     "compute_ms_per_audio_second", thousandths(ms_per_s), "live_streams",
                     (int)capacity_streams(r, depth, false), "live_streams_with_partials",
                     (int)capacity_streams(r, depth, true), "batch_audio_seconds_per_second",
                     thousandths(capacity_batch_rate(r, depth)));
}

char *capacity_json(const struct admission_report *r, const char *model, const char *kernel)
{
    json_t *depths = json_array();

    for (uint32_t depth = 1; depth <= r->unfolds; depth++)
        json_array_append_new(depths, depth_json(r, depth));
    json_t *body = json_pack(
        "{s:s, s:s, s:i, s:f, s:o, s:{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:i, s:i}}",
        "model", model, "kernel", kernel, "workers", (int)r->workers, "cpus", thousandths(r->cpus),
        "depths", depths, "load", "policy", r->adaptive ? "adaptive" : "fixed", "level",
        (int)r->level, "top_level", (int)r->top_level, "demand", thousandths(r->demand),
        "demand_at_floor", thousandths(r->floor_demand), "trust", thousandths(r->trust), "headroom",
        thousandths(capacity_headroom(r)), "speech_share", thousandths(r->speech_share),
        "live_streams", (int)r->live, "max_live_streams", (int)r->max_live, "uploads",
        (int)r->uploads, "max_uploads", (int)r->max_uploads);
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(body);
    return text;
}
