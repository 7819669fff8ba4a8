#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "decode_stage.h"

/* Silence put before and behind every segment. A segment cut inside speech has none of its own, and
 * the stem drops an incomplete last frame. Greedy WER of a seed of this family on 60 utterances cut
 * to the first and last sound: 44.7 % without, 42.5 % with 0.1 + 0.2 s, 42.1 % with 0.2 + 0.2 s; no
 * difference (0.2 points) for utterances that have their own silence. */
#define LEAD_SAMPLES WORKER_LEAD_SAMPLES
#define TAIL_SAMPLES 3200

double worker_cost_ms(const struct worker_cost *cost)
{
    return 1e3 *
           (cost->stem_seconds + cost->unfold_seconds + cost->exit_seconds + cost->decode_seconds +
            cost->write_seconds + cost->others_seconds + cost->hear_seconds);
}

/* Runs what was popped. A piece that it batches is done when the piece is. */
static void run(struct worker *worker, struct queue_work *item)
{
    const double begun_ms = clock_now_ms();

    worker->due_ms = item->item.terms.due_ms;
    worker->others_ms = 0;
    worker->submitted = false;
    item->run(item, worker); /* which may be gone now */
    const double spent_ms = clock_now_ms() - begun_ms - worker->others_ms;
    if (worker->submitted)
        worker->pieces[worker->batcher.count - 1].spent_ms = spent_ms;
    else
        queue_done(worker->queue, &worker->ticket, spent_ms);
}

static void *work(void *user)
{
    struct worker *worker = user;

    for (struct queue_work *item; (item = queue_pop(worker->queue, &worker->ticket));) {
        run(worker, item);
        while (batcher_wants(&worker->batcher, clock_now_ms()) &&
               (item = queue_pop_live(worker->queue, &worker->ticket)))
            run(worker, item);
        worker_flush(worker);
    }
    return NULL;
}

/* Samples of the longest segment that is run in a place. */
static size_t room_for(uint32_t segment_ms)
{
    return (size_t)segment_ms * (RESULT_RATE_HZ / 1000) + LEAD_SAMPLES + TAIL_SAMPLES;
}

static int open_place(struct worker_place *place, const struct fold_model *model,
                      size_t max_samples)
{
    const struct fold_info *info = fold_model_info(model);
    const size_t frames = fold_frames(model, max_samples);

    place->max_samples = max_samples;
    place->pcm = malloc(max_samples * sizeof(float));
    place->logp = malloc(frames * info->vocab_size * sizeof(float));
    /* Every frame may bring a letter and a space. */
    place->draft_bytes = 2 * frames + 2;
    place->draft = info->pieces ? malloc(place->draft_bytes) : NULL;
    if (!place->pcm || !place->logp || (info->pieces && !place->draft))
        return FOLD_ERR_MEMORY;
    return fold_run_open(&place->run, model, max_samples);
}

/* The attention decoders, which write together, and what drafts for them. */
static int open_writers(struct worker *worker)
{
    struct fold_decoder_options options = fold_decoder_defaults();
    struct fold_writer *writers[WORKER_PLACES];
    size_t samples[WORKER_PLACES];

    for (size_t i = 0; i < WORKER_PLACES; i++)
        samples[i] = worker->places[i].max_samples;
    const int error = fold_writers_open(writers, worker->model, samples, WORKER_PLACES);
    for (size_t i = 0; !error && i < WORKER_PLACES; i++)
        worker->places[i].writer = writers[i];
    options.beam = FOLD_DRAFT_BEAM;
    return error ? error : fold_decoder_open(&worker->drafts, worker->model, worker->lm, &options);
}

static void close_writers(struct worker *worker)
{
    struct fold_writer *writers[WORKER_PLACES];

    for (size_t i = 0; i < WORKER_PLACES; i++)
        writers[i] = worker->places[i].writer;
    fold_writers_close(writers, WORKER_PLACES);
}

int worker_open(struct worker *worker, struct queue *queue, const struct fold_model *model,
                const struct fold_lm *lm, uint32_t max_segment_ms)
{
    const struct fold_info *info = fold_model_info(model);

    *worker = (struct worker){.queue = queue, .model = model, .lm = lm};
    size_t batched = room_for(BATCHER_PIECE_MS);
    if (info->chunk_frames && incremental_partials_run_samples(model) > batched)
        batched = incremental_partials_run_samples(model);
    for (size_t i = 0; i < WORKER_PLACES; i++) {
        const int error =
            open_place(&worker->places[i], model, i ? batched : room_for(max_segment_ms));
        if (error)
            return error;
    }
    const struct fold_decoder_options options = fold_decoder_defaults();
    int error = fold_decoder_open(&worker->decoder, model, lm, &options);
    if (!error && info->pieces)
        error = open_writers(worker);
    if (error || !queue)
        return error;
    worker->started = pthread_create(&worker->thread, NULL, work, worker) == 0;
    return worker->started ? FOLD_OK : FOLD_ERR_MEMORY;
}

void worker_close(struct worker *worker)
{
    if (worker->started)
        pthread_join(worker->thread, NULL);
    fold_decoder_close(worker->hot_decoder);
    fold_decoder_close(worker->decoder);
    fold_decoder_close(worker->drafts);
    close_writers(worker);
    for (size_t i = 0; i < WORKER_PLACES; i++) {
        fold_run_close(worker->places[i].run);
        free(worker->places[i].draft);
        free(worker->places[i].logp);
        free(worker->places[i].pcm);
    }
}

static void load(struct worker_place *place, const struct endpointer_segment *segment)
{
    const size_t most = place->max_samples - LEAD_SAMPLES - TAIL_SAMPLES;
    const size_t count = segment->count < most ? segment->count : most;

    memset(place->pcm, 0, LEAD_SAMPLES * sizeof(float));
    memcpy(place->pcm + LEAD_SAMPLES, segment->pcm, count * sizeof(float));
    memset(place->pcm + LEAD_SAMPLES + count, 0, TAIL_SAMPLES * sizeof(float));
    place->loaded_samples = LEAD_SAMPLES + count + TAIL_SAMPLES;
    place->first_samples = segment->start_samples - LEAD_SAMPLES;
    place->start_samples = segment->start_samples;
    place->cut = segment->why == ENDPOINTER_FULL;
    place->end_samples = segment->start_samples + (int64_t)count;
}

static void load_unheard(struct worker_place *place, const struct endpointer_segment *segment,
                         const struct incremental_partials *incremental)
{
    incremental_partials_copy(incremental, segment, place->pcm);
    place->loaded_samples = incremental->unheard_samples + INCREMENTAL_PARTIALS_TAIL_SAMPLES;
    place->start_samples = incremental->from_samples;
    place->end_samples = incremental->until_samples;
    place->cut = false;
}

void worker_load(struct worker *worker, const struct endpointer_segment *segment)
{
    worker_flush(worker);
    load(&worker->places[0], segment);
}

double worker_place_s(const struct worker_place *place)
{
    return (double)(place->end_samples - place->start_samples) / RESULT_RATE_HZ;
}

double worker_audio_ms(const struct worker *worker)
{
    return worker_place_s(&worker->places[0]) * 1e3;
}

/* Pieces that are at work together. */
struct crowd {
    struct worker_piece *pieces[BATCHER_PIECES];
    struct fold_run *runs[BATCHER_PIECES];
    size_t count;
};

static bool is_set(const void *cancelled)
{
    return atomic_load((const atomic_bool *)cancelled);
}

/* Who is alone is stopped in the middle of a pass. Several are short, and one must not stop the
 * others, so of them one leaves before the next pass. That is soon: for four of a second each the
 * stem takes 5 ms and an unfold 3 (tests/bench/bench_batch.c, one core). Of 990 streams that left a
 * crowd of them, on one or two busy cores, the slowest was computed for 59 ms more
 * (tests/load/leave.py). */
static void heed(const struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        fold_run_heed(crowd->runs[i], crowd->count == 1 ? is_set : NULL,
                      crowd->pieces[i]->cancelled);
}

/* Whether a piece leaves before the next pass, which all that are left take together. */
static bool is_through(struct worker_piece *piece, double pass_ms, enum worker_end *ret_end)
{
    const uint32_t depth = fold_run_depth(piece->place->run);

    *ret_end = WORKER_DONE;
    if (depth == piece->depth.used)
        return true;
    if (atomic_load(piece->cancelled)) {
        *ret_end = WORKER_CANCELLED;
        return true;
    }
    if (depth < piece->limit.floor || depth < 1 ||
        clock_now_ms() + pass_ms + piece->limit.tail_ms <= piece->limit.due_ms)
        return false;
    piece->depth.used = depth;
    piece->depth.reason = "budget";
    return true;
}

static enum worker_end end_of(int error)
{
    return !error ? WORKER_DONE : error == FOLD_ERR_STOPPED ? WORKER_CANCELLED : WORKER_FAILED;
}

/* What a stage took, shared out by length. */
static double share_s(const struct crowd *crowd, size_t i, double seconds)
{
    double all_s = 0;

    for (size_t k = 0; k < crowd->count; k++)
        all_s += worker_place_s(crowd->pieces[k]->place);
    return all_s > 0 ? seconds * worker_place_s(crowd->pieces[i]->place) / all_s : 0;
}

/* Tells who is without words. */
static void emit(struct worker_piece *piece, enum worker_end end)
{
    struct result_segment none = {0};

    piece->on_result(piece, end, &none);
}

/* Writes what is unfolded, each of which may be stopped, and tells. */
static void write_down(struct worker *worker, const struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        fold_run_heed(crowd->pieces[i]->place->run, is_set, crowd->pieces[i]->cancelled);
    decode_stage_run(worker, crowd->pieces, crowd->count);
}

/* Writes and tells what is as deep as it goes (or tells all, when something failed); the rest
 * stays. */
static void let_go(struct worker *worker, struct crowd *crowd, int error)
{
    const size_t count = crowd->count;
    struct crowd through = {.count = 0};
    double pass_ms = 0;

    for (size_t i = 0; i < count; i++)
        pass_ms += crowd->pieces[i]->limit.unfold_ms;
    crowd->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct worker_piece *piece = crowd->pieces[i];
        enum worker_end end = end_of(error);
        if (!error && !is_through(piece, pass_ms, &end)) {
            crowd->runs[crowd->count] = piece->place->run;
            crowd->pieces[crowd->count++] = piece;
        } else if (end == WORKER_DONE) {
            through.pieces[through.count++] = piece;
        } else {
            emit(piece, end);
        }
    }
    write_down(worker, &through);
}

/* All go in at once and leave at their depths. */
static void run_all(struct worker *worker, struct crowd *crowd)
{
    const float *pcm[BATCHER_PIECES];
    size_t samples[BATCHER_PIECES];
    double clock_ms = clock_now_ms();

    for (size_t i = 0; i < crowd->count; i++) {
        const struct worker_place *place = crowd->pieces[i]->place;
        pcm[i] = place->pcm;
        samples[i] = place->loaded_samples;
    }
    heed(crowd);
    int error = fold_batch_begin(crowd->runs, pcm, samples, crowd->count);
    const double stem_s = clock_lap_s(&clock_ms);
    for (size_t i = 0; i < crowd->count; i++)
        crowd->pieces[i]->cost.stem_seconds += share_s(crowd, i, stem_s);
    for (let_go(worker, crowd, error); crowd->count; let_go(worker, crowd, error)) {
        clock_ms = clock_now_ms();
        heed(crowd);
        error = fold_batch_unfold(crowd->runs, crowd->count);
        const double unfold_s = clock_lap_s(&clock_ms);
        for (size_t i = 0; i < crowd->count; i++)
            crowd->pieces[i]->cost.unfold_seconds += share_s(crowd, i, unfold_s);
    }
}

/* Takes what a piece's stream has heard to be read; else the stream is good for nothing more. */
static int read_heard(struct worker_piece *piece, int error)
{
    if (!error)
        error = incremental_partials_read(piece->incremental, piece->place->run,
                                          &piece->place->first_samples);
    if (error)
        incremental_partials_forget(piece->incremental);
    return error;
}

/* Streams hear what is new to them, all at once, each at its depth. */
static void hear_all(struct worker *worker, struct crowd *crowd)
{
    struct fold_stream *streams[BATCHER_PIECES];
    const float *pcm[BATCHER_PIECES];
    size_t samples[BATCHER_PIECES];
    uint32_t depths[BATCHER_PIECES];
    double clock_ms = clock_now_ms(), all_samples = 0;

    for (size_t i = 0; i < crowd->count; i++) {
        const struct worker_piece *piece = crowd->pieces[i];
        streams[i] = piece->incremental->stream;
        pcm[i] = piece->place->pcm;
        samples[i] = piece->place->loaded_samples;
        depths[i] = piece->depth.used;
        all_samples += (double)samples[i];
    }
    heed(crowd);
    const int error = fold_batch_hear(streams, crowd->runs, pcm, samples, depths, crowd->count);
    const double hear_s = clock_lap_s(&clock_ms);
    struct crowd heard = {.count = 0};
    for (size_t i = 0; i < crowd->count; i++) {
        struct worker_piece *piece = crowd->pieces[i];
        piece->cost.new_seconds += (double)piece->incremental->unheard_samples / RESULT_RATE_HZ;
        piece->cost.hear_seconds += hear_s * (double)samples[i] / all_samples;
        const enum worker_end end = end_of(read_heard(piece, error));
        if (end == WORKER_DONE)
            heard.pieces[heard.count++] = piece;
        else
            emit(piece, end);
    }
    write_down(worker, &heard);
}

/* All pieces [count]: those that a stream hears first, since they are brief. */
static void recognise(struct worker *worker, struct worker_piece *pieces, size_t count)
{
    struct crowd incremental = {.count = 0}, running = {.count = 0};

    for (size_t i = 0; i < count; i++) {
        struct worker_piece *piece = &pieces[i];
        struct crowd *crowd = piece->incremental ? &incremental : &running;
        piece->cost.audio_seconds += worker_place_s(piece->place);
        if (piece->incremental && atomic_load(piece->cancelled)) {
            emit(piece, WORKER_CANCELLED);
            continue;
        }
        crowd->runs[crowd->count] = piece->place->run;
        crowd->pieces[crowd->count++] = piece;
    }
    if (incremental.count)
        hear_all(worker, &incremental);
    if (running.count)
        run_all(worker, &running);
}

/* ---- one segment, now --------------------------------------------------------------------------
 */

struct answer {
    enum worker_end end;
    struct result_segment segment;
};

static void keep_answer(struct worker_piece *piece, enum worker_end end,
                        struct result_segment *segment)
{
    *(struct answer *)piece->user = (struct answer){end, *segment};
}

enum worker_end worker_recognise(struct worker *worker, struct result_depth depth,
                                 const struct worker_limit *limit, const struct hotwords *hotwords,
                                 bool search, uint32_t alternatives, const atomic_bool *cancelled,
                                 struct result_segment *ret_segment, struct worker_cost *cost)
{
    struct answer answer;
    struct worker_piece piece = {.depth = depth,
                                 .limit = *limit,
                                 .hotwords = hotwords,
                                 .search = search,
                                 .alternatives = alternatives,
                                 .cancelled = cancelled,
                                 .on_result = keep_answer,
                                 .user = &answer,
                                 .cost = *cost,
                                 .place = &worker->places[0]};

    recognise(worker, &piece, 1);
    *cost = piece.cost;
    if (answer.end == WORKER_DONE)
        *ret_segment = answer.segment;
    return answer.end;
}

/* ---- short ones together -------------------------------------------------------------------- */

void worker_submit(struct worker *worker, const struct endpointer_segment *segment,
                   const struct worker_piece *piece)
{
    const struct incremental_partials *incremental = piece->incremental;
    const size_t samples = incremental
                               ? incremental->unheard_samples + INCREMENTAL_PARTIALS_TAIL_SAMPLES
                               : segment->count + LEAD_SAMPLES + TAIL_SAMPLES;
    const size_t frames = fold_frames(worker->model, samples);
    const bool alone = !incremental && samples > room_for(BATCHER_PIECE_MS);
    struct batcher *batcher = &worker->batcher;

    if (alone || !batcher_admits(batcher, frames, piece->cost_ms, worker->due_ms, clock_now_ms()))
        worker_flush(worker);
    struct worker_place *place = &worker->places[alone ? 0 : 1 + batcher->count];
    if (incremental)
        load_unheard(place, segment, incremental);
    else
        load(place, segment);
    worker->pieces[batcher->count] = *piece;
    worker->pieces[batcher->count].place = place;
    worker->pieces[batcher->count].ticket = worker->ticket;
    worker->submitted = true;
    batcher_add(batcher, frames, piece->cost_ms, worker->due_ms);
}

void worker_flush(struct worker *worker)
{
    const double begun_ms = clock_now_ms();
    const size_t count = worker->batcher.count;

    if (!count)
        return;
    recognise(worker, worker->pieces, count);
    worker->batcher = (struct batcher){0};
    for (size_t i = 0; i < count && worker->queue; i++) {
        const struct worker_piece *piece = &worker->pieces[i];
        queue_done(worker->queue, &piece->ticket, piece->spent_ms + worker_cost_ms(&piece->cost));
    }
    worker->others_ms += clock_now_ms() - begun_ms;
}
