#include "worker.h"

#include "clock.h"

/* The work that was popped, until it waits or is done. */
static void step(struct worker *worker, struct queue_work *work)
{
    enum queue_step went;

    worker->begun_ms = clock_now_ms();
    worker->due_ms = work->item.terms.due_ms;
    do
        went = work->run(work, worker); /* done: it may be gone now */
    while (went == QUEUE_AGAIN);
    const double spent_ms = clock_now_ms() - worker->begun_ms;
    if (went == QUEUE_WAIT)
        worker->pieces[worker->pieces_count - 1].spent_ms = spent_ms;
    else
        queue_done(worker->queue, &worker->ticket, spent_ms);
}

static void *work(void *user)
{
    struct worker *worker = user;

    worker->error = worker->first(worker);
    sem_post(&worker->ready);
    for (struct queue_work *next; (next = queue_pop(worker->queue, &worker->ticket));) {
        step(worker, next);
        while (worker->pieces_count) {
            while (worker_wants(worker) && (next = queue_pop_live(worker->queue, &worker->ticket)))
                step(worker, next);
            worker_recognise(worker);
        }
    }
    return NULL;
}

/* Samples of the longest segment that is run in a slot. */
static size_t room_for(uint32_t segment_ms)
{
    return slot_samples((size_t)segment_ms * (RESULT_RATE_HZ / 1000));
}

static int open_slots(struct worker *worker, uint32_t max_segment_ms)
{
    const struct fold_model *model = worker->model;
    size_t brief = room_for(BATCHER_PIECE_MS);

    if (fold_model_info(model)->chunk_frames && incremental_partials_run_samples(model) > brief)
        brief = incremental_partials_run_samples(model);
    for (size_t i = 0; i < WORKER_SLOTS; i++) {
        const int error = slot_open(&worker->slots[i], model, i ? brief : room_for(max_segment_ms));
        if (error)
            return error;
    }
    return FOLD_OK;
}

/* Decoders write together, so they are opened together. */
static int open_aeds(struct worker *worker)
{
    struct fold_aed *aeds[WORKER_SLOTS];
    size_t samples[WORKER_SLOTS];

    for (size_t i = 0; i < WORKER_SLOTS; i++)
        samples[i] = worker->slots[i].max_samples;
    const int error = fold_aed_open_many(aeds, worker->model, samples, WORKER_SLOTS);
    for (size_t i = 0; !error && i < WORKER_SLOTS; i++)
        worker->slots[i].aed = aeds[i];
    return error;
}

static void close_aeds(struct worker *worker)
{
    struct fold_aed *aeds[WORKER_SLOTS];

    for (size_t i = 0; i < WORKER_SLOTS; i++)
        aeds[i] = worker->slots[i].aed;
    fold_aed_close_many(aeds, WORKER_SLOTS);
}

int worker_open(struct worker *worker, struct queue *queue, const struct fold_model *model,
                const struct fold_lm *lm, uint32_t max_segment_ms)
{
    *worker = (struct worker){.queue = queue, .model = model};
    int error = open_slots(worker, max_segment_ms);
    if (!error)
        error = decode_stage_open(&worker->decode_stage, model, lm);
    if (!error && fold_model_info(model)->pieces)
        error = open_aeds(worker);
    return error;
}

int worker_start(struct worker *worker, int (*first)(struct worker *worker))
{
    if (sem_init(&worker->ready, 0, 0) != 0)
        return FOLD_ERR_MEMORY;
    worker->first = first;
    worker->started = pthread_create(&worker->thread, NULL, work, worker) == 0;
    if (!worker->started)
        sem_destroy(&worker->ready);
    return worker->started ? FOLD_OK : FOLD_ERR_MEMORY;
}

int worker_wait(struct worker *worker)
{
    while (sem_wait(&worker->ready) != 0)
        ;
    return worker->error;
}

void worker_close(struct worker *worker)
{
    if (worker->started) {
        pthread_join(worker->thread, NULL);
        sem_destroy(&worker->ready);
    }
    decode_stage_close(&worker->decode_stage);
    close_aeds(worker);
    for (size_t i = 0; i < WORKER_SLOTS; i++)
        slot_close(&worker->slots[i]);
}

/* For a piece that goes alone the first, which is the longest. A batch has fewer pieces than there
 * are others. */
static struct slot *take_slot(struct worker *worker, bool alone)
{
    struct slot *slot = &worker->slots[0];

    if (!alone)
        do
            slot++;
        while (slot->taken);
    slot->taken = true;
    return slot;
}

void worker_submit(struct worker *worker, const struct endpointer_segment *segment,
                   const struct piece *piece)
{
    const struct incremental_partials *incremental = piece->incremental;
    struct piece *mine = &worker->pieces[worker->pieces_count];
    const size_t samples = incremental
                               ? incremental->unheard_samples + INCREMENTAL_PARTIALS_TAIL_SAMPLES
                               : slot_samples(segment->count);
    const bool alone = piece->alone || (!incremental && samples > room_for(BATCHER_PIECE_MS));

    *mine = *piece;
    mine->slot = take_slot(worker, alone);
    mine->ticket = worker->ticket;
    mine->frames = alone ? BATCHER_ALL_FRAMES : fold_frames(worker->model, samples);
    mine->due_ms = worker->due_ms;
    mine->submitted_ms = clock_now_ms();
    if (incremental)
        slot_load_unheard(mine->slot, segment, incremental);
    else
        slot_load(mine->slot, segment);
    const bool joins = worker->pieces_count == worker->batcher.count &&
                       batcher_admits(&worker->batcher, mine->frames, mine->cost_ms, mine->due_ms,
                                      mine->submitted_ms);
    worker->pieces_count++;
    if (joins)
        batcher_add(&worker->batcher, mine->frames, mine->cost_ms, mine->due_ms);
}

bool worker_wants(const struct worker *worker)
{
    return worker->pieces_count == worker->batcher.count &&
           batcher_wants(&worker->batcher, clock_now_ms());
}

/* Those that are recognised leave the worker; one that waited behind them begins a batch. */
static void end_batch(struct worker *worker)
{
    const size_t count = worker->batcher.count;

    for (size_t i = 0; i < count; i++) {
        const struct piece *piece = &worker->pieces[i];
        piece->slot->taken = false;
        if (worker->queue)
            queue_done(worker->queue, &piece->ticket,
                       piece->spent_ms + piece_cost_ms(&piece->cost));
    }
    worker->batcher = (struct batcher){0};
    worker->pieces_count -= count;
    if (worker->pieces_count) {
        worker->pieces[0] = worker->pieces[count];
        const struct piece *next = &worker->pieces[0];
        batcher_add(&worker->batcher, next->frames, next->cost_ms, next->due_ms);
    }
}

/* Pieces that are as deep as they go: those that have an end already need not wait for the others'
 * words. */
static void finish(struct worker *worker, struct piece *const *through, size_t count)
{
    struct piece *heard[BATCHER_PIECES];
    size_t heard_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (through[i]->end == PIECE_DONE)
            heard[heard_count++] = through[i];
        else
            through[i]->on_result(through[i]);
    }
    decode_stage_begin(&worker->decode_stage, heard, heard_count);
    for (size_t i = 0; i < heard_count; i++) {
        decode_stage_finish(&worker->decode_stage, heard[i]);
        heard[i]->on_result(heard[i]);
    }
}

void worker_recognise(struct worker *worker)
{
    struct piece *through[BATCHER_PIECES];

    unfold_stage_begin(&worker->unfold_stage, worker->pieces, worker->batcher.count);
    while (unfold_stage_is_busy(&worker->unfold_stage))
        finish(worker, through, unfold_stage_pass(&worker->unfold_stage, through));
    end_batch(worker);
}
