/* rehearsal.c - see rehearsal.h. At depth 1: deeper passes go over the same memory. */
#include "rehearsal.h"

#include <math.h>
#include <stdlib.h>

#include "transcript.h"
#include "worker.h"

static void on_result(struct piece *piece)
{
    int *error = piece->user;

    if (piece->end == PIECE_DONE)
        transcript_release(&piece->segment);
    else
        *error = FOLD_ERR_MEMORY;
}

/* Something between a hiss and a hum, from -0.1 to 0.1. */
static void make_noise(float *pcm, size_t count)
{
    uint32_t random = 1;

    for (size_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        pcm[i] = 0.05f * ((float)(random >> 8) / 8388608.0f - 1) + 0.05f * sinf((float)i * 0.05f);
    }
}

/* In the longest slot, or in one of the others. */
static int play(struct worker *worker, const float *noise, bool alone)
{
    static const atomic_bool never;
    const size_t count = alone ? worker->slots[0].max_samples - slot_samples(0)
                               : (size_t)BATCHER_PIECE_MS * (RESULT_RATE_HZ / 1000);
    const struct endpointer_segment segment = {
        .pcm = noise, .count = count, .why = ENDPOINTER_FULL};
    int error = FOLD_OK;
    const struct piece piece = {.depth = {.used = 1, .reason = RESULT_BY_TIER},
                                .limit = {.floor = 1, .due_ms = INFINITY},
                                .alone = alone,
                                .search = true,
                                .cancelled = &never,
                                .on_result = on_result,
                                .user = &error};

    worker_submit(worker, &segment, &piece);
    while (worker->pieces_count)
        worker_recognise(worker);
    return error;
}

int rehearsal_play(struct worker *worker)
{
    float *noise = malloc(worker->slots[0].max_samples * sizeof(*noise));
    struct queue *queue = worker->queue;
    int error = FOLD_OK;

    if (!noise)
        return FOLD_ERR_MEMORY;
    make_noise(noise, worker->slots[0].max_samples);
    worker->queue = NULL; /* it knows nothing of this */
    worker->due_ms = INFINITY;
    for (size_t i = 0; i < WORKER_SLOTS && !error; i++) {
        for (size_t k = 1; k < WORKER_SLOTS; k++) /* the next one is free, and it alone */
            worker->slots[k].taken = k != i;
        error = play(worker, noise, i == 0);
    }
    for (size_t k = 0; k < WORKER_SLOTS; k++)
        worker->slots[k].taken = false;
    worker->queue = queue;
    free(noise);
    return error;
}
