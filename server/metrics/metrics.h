/* metrics.h - counters and histograms, and their Prometheus text. Any thread. */
#ifndef METRICS_H
#define METRICS_H

#include "engine.h"

enum metrics_route {
    METRICS_TRANSCRIPTIONS,
    METRICS_LISTEN,
    METRICS_VOSK,
    METRICS_REALTIME,
    METRICS_MODELS,
    METRICS_OPS,
    METRICS_OTHER,
    METRICS_ROUTES
};

struct metrics;

struct metrics *metrics_open(void);          /* NULL without memory */
void metrics_close(struct metrics *metrics); /* NULL is fine */

/* One answered HTTP request (or refused upgrade). */
void metrics_request(struct metrics *metrics, enum metrics_route route, int status);
/* A finished batch job: ms from the last byte received to the answer. */
void metrics_batch(struct metrics *metrics, double latency_ms, double queue_ms);
/* A live stream ended with this close code. */
void metrics_stream(struct metrics *metrics, int close_code);
/* A conversation at /v2/listen begins or ends; how many there are. */
void metrics_conversation(struct metrics *metrics, bool begins);
unsigned metrics_conversations(const struct metrics *metrics);
/* A text was sent: live (partial or final), its depth says how long after its sound; or a
 * recording's. */
enum metrics_text_kind { METRICS_PARTIAL, METRICS_FINAL, METRICS_RECORDING, METRICS_TEXTS };
void metrics_served(struct metrics *metrics, enum metrics_text_kind kind,
                    const struct result_depth *depth);

/* The whole page, to be freed. blas: name of the kernels in use. */
char *metrics_text(struct metrics *metrics, struct engine *engine, const struct fold_info *info,
                   const char *blas);

#endif
