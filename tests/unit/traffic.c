#include "traffic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "scheduler.h"
#include "test.h"

#define STEP_MS           5
#define PUSH_MS           100
#define PARTIAL_EVERY_MS  600
#define PAUSE_MS          500
#define BEHIND_MS         300
#define TARGET_MS         500
#define MOST_CLIENTS      2048
#define MOST_WORKERS      16
#define UPLOAD_SEGMENT_MS 12000

struct speaker {
    const struct traffic_client *client;
    struct scheduler_item item; /* first: items are speakers */
    struct admission_stream stream;
    enum { ABSENT, PRESENT, GONE } state;
    double comes_ms, came_ms;
    bool told;                  /* to come back at comes_ms */
    double refused_ms, told_ms; /* the first time, and what was said then */
    uint32_t random;
    /* Sound: sentence, pause, sentence, ... */
    double sentence_ms, spoken_ms, pushed_ms;
    bool scheduled, busy, ended;
    double done_sentences[64], done_lengths[64]; /* a ring: ends that wait for a final, lengths */
    size_t first_sentence, sentences;
    double partial_due_ms; /* of the present sentence */
    uint32_t last_depth;
    double changes, first_final_ms, last_final_ms;
    double left_ms; /* of an upload */
};

struct job {
    struct speaker *speaker;
    struct scheduler_ticket ticket;
    struct cost_spent spent;
    struct result_depth depth;
    enum depth_kind kind;
    bool empty;
    double received_ms, began_ms, until_ms;
};

struct simulation {
    const struct traffic_trace *trace;
    struct traffic_result *result;
    struct admission admission;
    struct scheduler scheduler;
    struct speaker *speakers;
    struct job jobs[MOST_WORKERS];
    double now_ms, waits_ms, waits, progress_ms;
};

static double chance(struct speaker *s)
{
    s->random = s->random * 1664525u + 1013904223u;
    return (s->random >> 8) / 16777216.0;
}

static struct traffic_sum *sum_of(struct simulation *sim, const struct speaker *s)
{
    return &sim->result->tiers[s->client->tier];
}

static void next_sentence(struct speaker *s)
{
    s->sentence_ms = 2000 + 6000 * chance(s);
    s->spoken_ms = 0;
    s->partial_due_ms = 0;
}

static void schedule(struct simulation *sim, struct speaker *s, double due_ms)
{
    const struct tier *tier = &sim->trace->tiers[s->client->tier];
    const struct scheduler_terms terms = {s->client->is_upload ? SCHEDULER_BATCH : SCHEDULER_LIVE,
                                          due_ms, s->client->key, tier->priority};
    if (s->scheduled)
        return;
    s->scheduled = true;
    scheduler_push(&sim->scheduler, &s->item, &terms, sim->now_ms);
}

static void come(struct simulation *sim, struct speaker *s)
{
    struct traffic_sum *sum = sum_of(sim, s);
    double retry_ms = 0;
    bool in;

    s->stream.tier = sim->trace->tiers[s->client->tier];
    s->stream.partials = s->client->partials;
    s->stream.partial_every_ms = PARTIAL_EVERY_MS;
    s->stream.chunk_ms = sim->trace->chunk_ms;
    if (s->client->is_upload) {
        in = admission_begin_upload(&sim->admission, sim->now_ms, &retry_ms);
    } else {
        in = admission_join(&sim->admission, &s->stream, sim->now_ms, &retry_ms);
    }
    if (s->told)
        sum->returned++, sum->admitted_at_once += in;
    if (s->told && in) {
        const double waited_ms = sim->now_ms - s->refused_ms;
        sum->admitted_later++;
        sum->told_true += waited_ms <= 2 * s->told_ms;
    }
    if (in) {
        s->state = PRESENT;
        s->came_ms = s->pushed_ms = sim->now_ms;
        s->left_ms = s->client->length_ms;
        next_sentence(s);
        if (s->client->is_upload)
            schedule(sim, s, sim->now_ms + 1e6);
        return;
    }
    struct admission_report report;
    admission_report(&sim->admission, &report);
    sum->refused++;
    if (report.live < report.max_live && report.floor_demand < 0.75 * report.trust)
        sum->refused_with_room++;
    if (!s->told) {
        s->refused_ms = sim->now_ms;
        s->told_ms = retry_ms;
    }
    s->told = true;
    s->comes_ms = sim->now_ms + retry_ms;
    if (!s->client->returns)
        s->state = GONE;
}

static void speak(struct simulation *sim, struct speaker *s)
{
    const double length_ms = s->client->length_ms;

    while (s->pushed_ms + PUSH_MS <= sim->now_ms && !s->ended) {
        s->pushed_ms += PUSH_MS;
        s->spoken_ms += PUSH_MS;
        admission_heard(&sim->admission, &s->stream, sim->now_ms);
        if (s->spoken_ms >= s->sentence_ms + PAUSE_MS) {
            const size_t at = (s->first_sentence + s->sentences++) % 64;
            assert_true(s->sentences <= 64);
            s->done_sentences[at] = s->pushed_ms;
            s->done_lengths[at] = s->sentence_ms;
            sum_of(sim, s)->due_finals++;
            if (s->pushed_ms - s->came_ms >= length_ms)
                s->ended = true;
            next_sentence(s);
        }
        schedule(sim, s, s->pushed_ms + TARGET_MS);
    }
}

/* What a worker does with a speaker's turn, and until when. */
static void begin(struct simulation *sim, struct job *job)
{
    struct speaker *s = job->speaker;
    const struct traffic_trace *trace = sim->trace;
    const double waited_ms = sim->now_ms - s->item.since_ms;
    struct depth_question question = {.tier = &s->stream.tier};

    job->began_ms = sim->now_ms;
    job->empty = false;
    if (s->client->is_upload) {
        question.kind = DEPTH_UPLOAD;
        question.audio_ms = fmin(s->left_ms, UPLOAD_SEGMENT_MS);
        sum_of(sim, s)->upload_gap_ms =
            fmax(sum_of(sim, s)->upload_gap_ms, sim->now_ms - sim->progress_ms);
        sim->progress_ms = sim->now_ms;
    } else if (s->sentences) {
        question.kind = DEPTH_FINAL;
        question.audio_ms = s->done_lengths[s->first_sentence];
        job->received_ms = s->done_sentences[s->first_sentence];
    } else {
        const double every_ms = admission_partial_every_ms(&sim->admission, &s->stream);
        question.kind = DEPTH_PARTIAL;
        question.audio_ms = s->spoken_ms;
        job->received_ms = s->item.since_ms;
        if (s->partial_due_ms == 0)
            s->partial_due_ms = every_ms;
        job->empty = !s->client->partials || waited_ms > BEHIND_MS ||
                     s->spoken_ms < s->partial_due_ms || s->spoken_ms > s->sentence_ms;
        if (!job->empty)
            s->partial_due_ms = s->spoken_ms + every_ms;
    }
    question.elapsed_ms = sim->now_ms - job->received_ms;
    job->kind = question.kind;
    if (job->empty) {
        job->until_ms = sim->now_ms + 0.1;
        return;
    }
    if (job->kind == DEPTH_PARTIAL && admission_partial_is_incremental(&sim->admission, &s->stream))
        question.new_ms = admission_partial_every_ms(&sim->admission, &s->stream);
    job->depth = admission_choose(&sim->admission, &question, NULL);
    const double slow = trace->slowdown ? trace->slowdown(sim->now_ms) : 1;
    const uint32_t depth = job->depth.used;
    job->spent = (struct cost_spent){
        .depth = depth, .audio_ms = question.audio_ms, .new_ms = question.new_ms};
    job->spent.tail_ms = slow * cost_tail_ms(&trace->cost, depth, question.audio_ms);
    if (question.new_ms > 0) {
        job->spent.tail_ms *= trace->cost.read;
        job->spent.hear_ms = slow * cost_incremental_ms(&trace->cost, depth, 0, question.new_ms);
    } else {
        job->spent.front_ms = slow * cost_front_ms(&trace->cost, question.audio_ms);
        job->spent.unfold_ms = slow * cost_unfolds_ms(&trace->cost, depth, question.audio_ms);
    }
    job->until_ms = sim->now_ms + job->spent.front_ms + job->spent.unfold_ms + job->spent.hear_ms +
                    job->spent.tail_ms;
}

static void note_final(struct simulation *sim, struct speaker *s, const struct job *job)
{
    struct traffic_sum *sum = sum_of(sim, s);
    const double latency_ms = job->until_ms - job->received_ms;

    assert_true(sum->finals < TRAFFIC_SPEND);
    sum->latency_ms[sum->finals++] = latency_ms;
    sum->worst_ms = fmax(sum->worst_ms, latency_ms);
    sum->of_key_finals[s->client->key % 8]++;
    sum->of_key_worst_ms[s->client->key % 8] =
        fmax(sum->of_key_worst_ms[s->client->key % 8], latency_ms);
    s->first_sentence = (s->first_sentence + 1) % 64;
    s->sentences--;
    s->partial_due_ms = 0;
    if (s->last_depth && s->last_depth != job->depth.used)
        s->changes++;
    if (!s->last_depth)
        s->first_final_ms = sim->now_ms;
    s->last_depth = job->depth.used;
    s->last_final_ms = sim->now_ms;
}

static void end_job(struct simulation *sim, struct job *job)
{
    struct speaker *s = job->speaker;
    struct traffic_sum *sum = sum_of(sim, s);

    s->busy = s->scheduled = false;
    scheduler_done(&sim->scheduler, &job->ticket, job->until_ms - job->began_ms, sim->now_ms);
    if (!job->empty) {
        admission_learn(&sim->admission, &job->spent);
        if (job->kind == DEPTH_FINAL)
            admission_learn_speech(&sim->admission, job->spent.audio_ms,
                                   job->spent.audio_ms + PAUSE_MS);
        sum->below_floor +=
            job->kind != DEPTH_PARTIAL && job->depth.used < s->stream.tier.depth_floor;
        sum->above_ceiling += job->depth.used > s->stream.tier.depth_ceiling;
    }
    if (job->kind == DEPTH_UPLOAD) {
        sum->upload_ms += job->spent.audio_ms;
        s->left_ms -= job->spent.audio_ms;
        if (s->left_ms > 1) {
            schedule(sim, s, sim->now_ms + 1e6);
        } else {
            s->state = GONE;
            admission_end_upload(&sim->admission, sim->now_ms);
        }
        return;
    }
    if (job->kind == DEPTH_FINAL) {
        sum->by_depth[job->depth.used]++;
        note_final(sim, s, job);
    } else if (!job->empty) {
        sum->partials++;
        sum->incremental += job->spent.new_ms > 0;
        sum->partial_worst_ms = fmax(sum->partial_worst_ms, job->until_ms - job->received_ms);
    }
    if (s->sentences) {
        schedule(sim, s, s->done_sentences[s->first_sentence] + TARGET_MS);
    } else if (s->ended) {
        const double minutes = (s->last_final_ms - s->first_final_ms) / 60000;
        if (s->last_depth)
            sum->changes_a_minute = fmax(sum->changes_a_minute, s->changes / fmax(minutes, 1));
        s->state = GONE;
        admission_leave(&sim->admission, &s->stream, sim->now_ms);
    }
}

static void work(struct simulation *sim)
{
    double again_ms;

    for (uint32_t w = 0; w < sim->trace->workers; w++) {
        struct job *job = &sim->jobs[w];
        if (job->speaker && job->until_ms <= sim->now_ms) {
            end_job(sim, job);
            job->speaker = NULL;
        }
    }
    for (uint32_t w = 0; w < sim->trace->workers; w++) {
        struct job *job = &sim->jobs[w];
        /* Turns that need no computing end within the step. */
        while (!job->speaker) {
            struct scheduler_item *item =
                scheduler_pop(&sim->scheduler, sim->now_ms, &job->ticket, &again_ms);
            if (!item)
                return;
            job->speaker = (struct speaker *)((char *)item - offsetof(struct speaker, item));
            assert_false(job->speaker->busy);
            job->speaker->busy = true;
            if (job->ticket.class == SCHEDULER_LIVE)
                sim->waits_ms += sim->now_ms - item->since_ms, sim->waits++;
            begin(sim, job);
            if (job->until_ms <= sim->now_ms + 1) {
                end_job(sim, job);
                job->speaker = NULL;
            }
        }
    }
}

static void tick(struct simulation *sim)
{
    const struct scheduler_item *oldest = sim->scheduler.first[SCHEDULER_LIVE];

    if (!admission_is_due(&sim->admission, sim->now_ms))
        return;
    if (oldest)
        sim->waits_ms += sim->now_ms - oldest->since_ms, sim->waits++;
    sim->scheduler.hold = admission_tick(&sim->admission, sim->now_ms,
                                         sim->waits > 0 ? sim->waits_ms / sim->waits : 0);
    sim->waits_ms = sim->waits = 0;
    struct admission_report report;
    admission_report(&sim->admission, &report);
    if (report.level > sim->result->highest_level)
        sim->result->highest_level = report.level;
}

struct traffic_result *traffic_run(const struct traffic_trace *trace)
{
    const struct admission_options options = {.unfolds = trace->unfolds,
                                              .workers = trace->workers,
                                              .max_live = trace->max_live,
                                              .max_uploads = trace->max_uploads,
                                              .adaptive = !trace->fixed_depth,
                                              .cost = &trace->cost};
    struct simulation sim = {.trace = trace, .result = calloc(1, sizeof(*sim.result))};

    sim.speakers = calloc(trace->clients_count, sizeof(*sim.speakers));
    assert_true(sim.result && sim.speakers && trace->clients_count <= MOST_CLIENTS &&
                trace->workers <= MOST_WORKERS);
    assert_int_equal(admission_init(&sim.admission, &options, 0), 0);
    scheduler_init(&sim.scheduler, trace->workers);
    for (size_t i = 0; i < trace->clients_count; i++)
        sim.speakers[i] = (struct speaker){.client = &trace->clients[i],
                                           .comes_ms = trace->clients[i].at_ms,
                                           .random = (uint32_t)(i * 2654435761u + 12345)};
    for (sim.now_ms = 0; sim.now_ms < trace->length_ms; sim.now_ms += STEP_MS) {
        for (size_t i = 0; i < trace->clients_count; i++) {
            struct speaker *s = &sim.speakers[i];
            if (s->state == ABSENT && s->comes_ms <= sim.now_ms)
                come(&sim, s);
            if (s->state == PRESENT && !s->client->is_upload)
                speak(&sim, s);
        }
        if (!sim.scheduler.waiting[SCHEDULER_BATCH] && !sim.scheduler.running[SCHEDULER_BATCH])
            sim.progress_ms = sim.now_ms;
        work(&sim);
        tick(&sim);
    }
    struct admission_report report;
    admission_report(&sim.admission, &report);
    sim.result->level_changes = report.level_changes;
    sim.result->trust = report.trust;
    sim.result->top_level = report.top_level;
    /* Nothing is lost: what was spoken is recognised or still on its way. */
    for (uint32_t t = 0; t < TRAFFIC_TIERS; t++) {
        size_t on_its_way = 0;
        for (size_t i = 0; i < trace->clients_count; i++)
            if (trace->clients[i].tier == t)
                on_its_way += sim.speakers[i].sentences;
        assert_int_equal(sim.result->tiers[t].finals + on_its_way, sim.result->tiers[t].due_finals);
    }
    admission_finish(&sim.admission);
    free(sim.speakers);
    return sim.result;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double traffic_percentile(struct traffic_sum *sum, double p)
{
    if (!sum->finals)
        return 0;
    qsort(sum->latency_ms, sum->finals, sizeof(sum->latency_ms[0]), ascending);
    return sum->latency_ms[(size_t)(p / 100 * (double)(sum->finals - 1))];
}
