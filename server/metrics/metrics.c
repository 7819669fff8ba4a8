/* metrics.c - see metrics.h. Atomics only: a scrape never holds up work. */
#include "metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capacity.h"
#include "version.h"

#define CLASSES 6 /* status / 100 */

static const char *const route_names[METRICS_ROUTES] = {[METRICS_TRANSCRIPTIONS] =
                                                            "/v1/audio/transcriptions",
                                                        [METRICS_LISTEN] = "/v1/listen",
                                                        [METRICS_VOSK] = "vosk",
                                                        [METRICS_REALTIME] = "/v1/realtime",
                                                        [METRICS_MODELS] = "/v1/models",
                                                        [METRICS_OPS] = "ops",
                                                        [METRICS_OTHER] = "other"};

static const double bounds_ms[] = {10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000};
#define BOUNDS (sizeof bounds_ms / sizeof *bounds_ms)

struct histogram {
    atomic_uint_fast64_t buckets[BOUNDS + 1];
    atomic_uint_fast64_t sum_us;
};

static const char *const text_names[METRICS_TEXTS] = {
    [METRICS_PARTIAL] = "partial", [METRICS_FINAL] = "final", [METRICS_RECORDING] = "recording"};
static const int codes[] = {1000, 1001, 1003, 1006, 1008, 1009, 1011, 1012, 1013};
#define CODES (sizeof codes / sizeof *codes)

struct metrics {
    atomic_uint_fast64_t requests[METRICS_ROUTES][CLASSES];
    atomic_uint conversations;
    struct histogram latency, queueing, partials, finals;
    atomic_uint_fast64_t served[METRICS_TEXTS][ENGINE_DEPTHS][RESULT_REASONS_COUNT];
    atomic_uint_fast64_t streams[CODES + 1];
};

struct metrics *metrics_open(void)
{
    return calloc(1, sizeof(struct metrics));
}

void metrics_close(struct metrics *metrics)
{
    free(metrics);
}

void metrics_conversation(struct metrics *metrics, bool begins)
{
    if (begins)
        atomic_fetch_add(&metrics->conversations, 1);
    else
        atomic_fetch_sub(&metrics->conversations, 1);
}

unsigned metrics_conversations(const struct metrics *metrics)
{
    return atomic_load(&metrics->conversations);
}

void metrics_request(struct metrics *metrics, enum metrics_route route, int status)
{
    const int class = status / 100;
    atomic_fetch_add(&metrics->requests[route][class < 0 || class >= CLASSES ? 0 : class], 1);
}

static void observe(struct histogram *h, double ms)
{
    size_t i = 0;
    while (i < BOUNDS && ms > bounds_ms[i])
        i++;
    atomic_fetch_add(&h->buckets[i], 1);
    atomic_fetch_add(&h->sum_us, (uint_fast64_t)(ms > 0 ? ms * 1000 : 0));
}

void metrics_batch(struct metrics *metrics, double latency_ms, double queue_ms)
{
    observe(&metrics->latency, latency_ms);
    observe(&metrics->queueing, queue_ms);
}

void metrics_served(struct metrics *metrics, enum metrics_text_kind kind,
                    const struct result_depth *depth)
{
    const uint32_t used = depth->used < ENGINE_DEPTHS ? depth->used : ENGINE_DEPTHS - 1;
    atomic_fetch_add(&metrics->served[kind][used][depth->reason], 1);
    if (kind != METRICS_RECORDING && depth->actual_ms > 0)
        observe(kind == METRICS_PARTIAL ? &metrics->partials : &metrics->finals, depth->actual_ms);
}

void metrics_stream(struct metrics *metrics, int close_code)
{
    size_t i = 0;
    while (i < CODES && codes[i] != close_code)
        i++;
    atomic_fetch_add(&metrics->streams[i], 1);
}

static void header(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_histogram(FILE *out, const char *name, const char *help, struct histogram *h)
{
    uint64_t total = 0;
    header(out, name, "histogram", help);
    for (size_t i = 0; i <= BOUNDS; i++) {
        total += atomic_load(&h->buckets[i]);
        if (i < BOUNDS)
            fprintf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds_ms[i] / 1000, total);
        else
            fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, total);
    }
    fprintf(out, "%s_sum %.6f\n%s_count %" PRIu64 "\n", name, (double)atomic_load(&h->sum_us) / 1e6,
            name, total);
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void print_requests(FILE *out, struct metrics *metrics)
{
    header(out, "foldscribe_requests_total", "counter", "HTTP requests by route and status class.");
    for (int r = 0; r < METRICS_ROUTES; r++)
        for (int c = 1; c < CLASSES; c++) {
            const uint64_t n = atomic_load(&metrics->requests[r][c]);
            if (n)
                fprintf(out, "foldscribe_requests_total{route=\"%s\",code=\"%dxx\"} %" PRIu64 "\n",
                        route_names[r], c, n);
        }
    header(out, "foldscribe_streams_ended_total", "counter", "Live streams by close code.");
    for (size_t i = 0; i < CODES; i++)
        if (atomic_load(&metrics->streams[i]))
            fprintf(out, "foldscribe_streams_ended_total{code=\"%d\"} %" PRIu64 "\n", codes[i],
                    (uint64_t)atomic_load(&metrics->streams[i]));
    if (atomic_load(&metrics->streams[CODES]))
        fprintf(out, "foldscribe_streams_ended_total{code=\"other\"} %" PRIu64 "\n",
                (uint64_t)atomic_load(&metrics->streams[CODES]));
}

static void print_served(FILE *out, struct metrics *metrics)
{
    header(out, "foldscribe_texts_total", "counter", "Texts sent, by depth and what decided it.");
    for (int kind = 0; kind < METRICS_TEXTS; kind++)
        for (int depth = 0; depth < ENGINE_DEPTHS; depth++)
            for (enum result_reason reason = 0; reason < RESULT_REASONS_COUNT; reason++) {
                const uint64_t n = atomic_load(&metrics->served[kind][depth][reason]);
                if (n)
                    fprintf(
                        out,
                        "foldscribe_texts_total{kind=\"%s\",depth=\"%d\",reason=\"%s\"} %" PRIu64
                        "\n",
                        text_names[kind], depth, result_reason_text(reason), n);
            }
}

static void gauge(FILE *out, const char *name, const char *help, double value)
{
    header(out, name, "gauge", help);
    fprintf(out, "%s %.15g\n", name, value);
}

static void counter(FILE *out, const char *name, const char *help, double value)
{
    header(out, name, "counter", help);
    fprintf(out, "%s %.15g\n", name, value);
}

static void print_load(FILE *out, const struct admission_report *r)
{
    gauge(out, "foldscribe_load_level", "Rung of the ladder that load has climbed down; 0: calm.",
          r->level);
    gauge(out, "foldscribe_demand", "Share of all CPUs that live streams take, as things are.",
          r->demand);
    gauge(out, "foldscribe_demand_at_floor", "The same with everybody at the tier's floor.",
          r->floor_demand);
    gauge(out, "foldscribe_cpus", "CPUs whose time the workers have.", r->cpus);
    gauge(out, "foldscribe_trust", "Share of all CPUs that the demand may fill.", r->trust);
    header(out, "foldscribe_compute_ms_per_audio_second", "gauge",
           "What a second of audio costs one worker, by depth.");
    for (uint32_t d = 1; d <= r->unfolds; d++)
        fprintf(out, "foldscribe_compute_ms_per_audio_second{depth=\"%u\"} %.3f\n", d,
                cost_ms(&r->cost, d, 10000) / 10);
    header(out, "foldscribe_capacity_streams", "gauge",
           "Live streams with partials that fit, by depth.");
    for (uint32_t d = 1; d <= r->unfolds; d++)
        fprintf(out, "foldscribe_capacity_streams{depth=\"%u\"} %u\n", d,
                capacity_streams(r, d, true));
    gauge(out, "foldscribe_headroom",
          "Share of this server that is free, with everybody at the floor.", capacity_headroom(r));
    gauge(out, "foldscribe_occupancy", "The rest, for autoscalers whose signals rise with load.",
          1 - capacity_headroom(r));
    counter(out, "foldscribe_load_level_changes_total", "Changes of the level.",
            (double)r->level_changes);
    counter(out, "foldscribe_streams_refused_total", "Live streams refused for want of room.",
            (double)r->live_refused);
    counter(out, "foldscribe_uploads_refused_total", "Uploads refused for want of room.",
            (double)r->uploads_refused);
}

static const char *const doubts[ENGINE_DOUBTS] = {[FOLD_DOUBT_SILENCE] = "silence",
                                                  [FOLD_DOUBT_LOOP] = "loop",
                                                  [FOLD_DOUBT_LENGTH] = "length",
                                                  [FOLD_DOUBT_SOUND] = "sound"};

static void print_engine(FILE *out, struct engine *engine, uint32_t unfolds)
{
    struct engine_stats s;
    engine_stats(engine, &s);
    gauge(out, "foldscribe_live_streams", "Live streams open.", s.live_streams);
    gauge(out, "foldscribe_batch_jobs", "Uploads waiting or running.", s.batch_jobs);
    gauge(out, "foldscribe_queued_spans", "Pieces of work that wait for a worker.",
          s.queued_segments);
    header(out, "foldscribe_spans_total", "counter", "Recognised pieces by depth and kind.");
    for (uint32_t r = 1; r <= unfolds && r < ENGINE_DEPTHS; r++)
        fprintf(out,
                "foldscribe_spans_total{depth=\"%u\",kind=\"final\"} %" PRIu64
                "\nfoldscribe_spans_total{depth=\"%u\",kind=\"partial\"} %" PRIu64 "\n",
                r, s.segments_by_depth[r], r, s.partials_by_depth[r]);
    counter(out, "foldscribe_partials_followed_total",
            "Of the partials, heard by a stream of the seed.", (double)s.partials_incremental);
    gauge(out, "foldscribe_follow_bytes", "Memory that live streams hold for that.",
          (double)s.incremental_partials_bytes);
    counter(out, "foldscribe_spans_lowered_total", "Final pieces made shallower by load or budget.",
            (double)s.segments_lowered);
    counter(out, "foldscribe_cancels_total", "Work dropped because its client had gone.",
            (double)s.cancels);
    counter(out, "foldscribe_cancel_seconds_total", "How long such work went on nevertheless.",
            s.cancel_seconds);
    gauge(out, "foldscribe_cancel_worst_seconds", "The longest that any did.",
          s.cancel_worst_seconds);
    counter(out, "foldscribe_audio_seconds_total", "Seconds of audio recognised.", s.audio_seconds);
    counter(out, "foldscribe_compute_seconds_total", "Seconds of CPU that workers computed.",
            s.compute_seconds);
    gauge(out, "foldscribe_real_time_factor", "Seconds computed for a second of audio, so far.",
          s.audio_seconds > 0 ? s.compute_seconds / s.audio_seconds : 0);
    counter(out, "foldscribe_stem_seconds_total", "Of these, stem and unique blocks.",
            s.stem_seconds);
    counter(out, "foldscribe_unfold_seconds_total", "Of these, unfolding and exits.",
            s.unfold_seconds);
    counter(out, "foldscribe_decode_seconds_total", "Of these, the search for words.",
            s.decode_seconds);
    counter(out, "foldscribe_write_seconds_total", "Of these, the attention decoder.",
            s.write_seconds);
    counter(out, "foldscribe_written_spans_total",
            "Finals and partials that the attention decoder was asked to write.",
            (double)s.written_segments);
    header(out, "foldscribe_doubted_spans_total", "counter",
           "Of these, left to the first pass, by what was wrong.");
    for (int i = FOLD_DOUBT_NONE + 1; i < ENGINE_DOUBTS; i++)
        fprintf(out, "foldscribe_doubted_spans_total{why=\"%s\"} %llu\n", doubts[i],
                (unsigned long long)s.doubted_segments[i]);
}

/* By the names that dashboards and autoscalers for Deepgram's own servers ask for. */
static void print_aliases(FILE *out, const struct admission_report *r)
{
    header(out, "engine_active_requests", "gauge", "Live streams and uploads in hand.");
    fprintf(out,
            "engine_active_requests{kind=\"stream\"} %u\n"
            "engine_active_requests{kind=\"batch\"} %u\n",
            r->live, r->uploads);
    gauge(out, "engine_estimated_stream_capacity", "Live streams with partials that fit, at x1.",
          capacity_streams(r, 1, true));
}

char *metrics_text(struct metrics *metrics, struct engine *engine, const struct fold_info *info,
                   const char *blas)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    header(out, "foldscribe_info", "gauge", "What runs here.");
    fprintf(out,
            "foldscribe_info{version=\"%s\",model=\"%s\",sha256=\"%.12s\",depths=\"%u\",blas=\"%"
            "s\"} 1\n",
            FOLDSCRIBE_VERSION, info->name, info->sha256, info->unfolds, blas);
    print_requests(out, metrics);
    print_served(out, metrics);
    print_engine(out, engine, info->unfolds);
    struct admission_report report;
    engine_report(engine, &report);
    print_load(out, &report);
    print_aliases(out, &report);
    print_histogram(out, "foldscribe_batch_seconds", "From an upload's last byte to its answer.",
                    &metrics->latency);
    print_histogram(out, "foldscribe_batch_queue_seconds", "Time that uploads waited for a worker.",
                    &metrics->queueing);
    print_histogram(out, "foldscribe_partial_seconds",
                    "From a partial's last sound received to its text.", &metrics->partials);
    print_histogram(out, "foldscribe_final_seconds",
                    "From the sound that completed a segment to its final text.", &metrics->finals);
    gauge(out, "process_resident_memory_bytes", "Resident memory.", (double)resident_bytes());
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
