/* What the live streams would take, at every rung of the ladder.
 *
 * A stream's audio comes at the speed of speech, whatever it is fed with, so a stream that is being
 * spoken into takes, per second,
 *
 *     (speech / heard) * (final of a usual segment + its partials) / (length of a usual segment)
 *
 * where the share of speech and the usual segment are learned from what was heard, finals cost so
 * much more as they hear what earlier ones have heard (endpoints at every breath), costs come from
 * the cost table, and the partials of a segment are segment / interval runs over what
 * partial_window.h lets them hear, or that many chunks that a stream of the seed hears, and
 * readings of the window. A stream that nobody has spoken into for ACTIVE_MS takes nothing, unless
 * what was said still waits: else, when many stop at once, their backlog would be worked off at
 * full depth. Summed over all streams and divided by the CPUs that is the demand; done for every
 * rung it is what load_shedder.c wants.
 *
 * Newcomers are refused when all streams and the newcomer would not fit with everybody at the
 * tier's floor: so never while depth can still fall, but for those who leave room for a greater
 * tier, and never while there are fewer streams than CPUs, however slow a machine may be. CPUs are
 * those that the workers may have: as many as they are, as this process may run on, and as its
 * quota leaves it; less where the clock says that others have them as well.
 *
 * A place that is free is given to whoever asks, so nobody is refused by an idle server. Whoever is
 * refused is given a time to come again: the first of them when the next place should become free,
 * the next one when the one after that should, and so on, so that they do not all come back for one
 * place. How long places are held is learned: for uploads, which share the workers, in the time
 * that each had of them, for streams by the clock. No wait is longer than two minutes. Whoever
 * comes too early or not at all is forgotten when his time has passed, and all are when nobody
 * holds a place.
 */
#include "admission.h"

#include <math.h>

#include "partial_window.h"

#define ACTIVE_MS      2000
#define PARTIAL_MOST   500.0    /* ms a second: live.c gives partials half of a worker at most */
#define SEGMENT_MS     5000.0   /* until segments have been heard */
#define PRIOR_MS       30000.0  /* of audio that is taken for speech until more has been heard */
#define MEMORY_MS      600000.0 /* of heard audio */
#define HEARINGS_MOST  5.0
#define RETRY_MOST_MS  120000.0
#define RETRY_LEAST_MS 1000.0
#define UPLOAD_MS      10000.0 /* until uploads have ended */
#define LIVE_MS        60000.0 /* until streams have ended */
#define PLACES_KEEP    0.98 /* what is learned of places weighs so much less with each that ends */

int admission_init(struct admission *admission, const struct admission_options *options,
                   double now_ms)
{
    *admission = (struct admission){.unfolds = options->unfolds,
                                    .workers = options->workers,
                                    .cpus = options->workers,
                                    .chunk_ms = options->chunk_ms,
                                    .adaptive = options->adaptive,
                                    .live.most = options->max_live,
                                    .live.parallel = options->max_live,
                                    .uploads.most = options->max_uploads,
                                    .uploads.parallel = options->workers,
                                    .heard_ms = PRIOR_MS,
                                    .spoken_ms = PRIOR_MS,
                                    .finals_ms = PRIOR_MS,
                                    .segment_ms = SEGMENT_MS};
    atomic_init(&admission->ticked_ms, now_ms);
    if (options->cost)
        admission->cost = *options->cost;
    admission->cost.unfolds = options->unfolds;
    if (options->cpus > 0)
        admission->cpus = fmin(options->cpus, options->workers);
    if (!(admission->cost.slowdown > 0))
        admission->cost.slowdown = options->workers / admission->cpus;
    load_shedder_init(&admission->shedder, options->unfolds, now_ms);
    return pthread_mutex_init(&admission->lock, NULL) ? -1 : 0;
}

void admission_finish(struct admission *admission)
{
    pthread_mutex_destroy(&admission->lock);
}

/* ---- demand --------------------------------------------------------------------------------- */

static double speech_share(const struct admission *s)
{
    return fmin(s->spoken_ms / s->heard_ms, 1);
}

/* How the partials of a stream come. */
struct partials {
    uint32_t depth; /* 0: not at all */
    double every_ms;
    bool incremental;
};

/* ms of a worker that the partials of one second of speech cost. */
static double partials_ms(const struct cost *cost, double segment_ms,
                          const struct partials *partials, uint32_t chunk_ms)
{
    const double heard_ms = partial_window_mean_ms(segment_ms);

    if (!partials->incremental)
        return 1e3 / partials->every_ms * cost_drafted_ms(cost, partials->depth, heard_ms);
    /* They come when a chunk is whole. */
    const double every_ms = ceil(partials->every_ms / chunk_ms) * chunk_ms;
    return 1e3 / every_ms * cost_incremental_ms(cost, partials->depth, heard_ms, every_ms);
}

static bool incremental_is_cheaper(const struct cost *cost, double segment_ms,
                                   struct partials partials, uint32_t chunk_ms)
{
    partials.incremental = false;
    const double run_ms = partials_ms(cost, segment_ms, &partials, chunk_ms);
    partials.incremental = true;
    return partials_ms(cost, segment_ms, &partials, chunk_ms) < run_ms;
}

/* Sound that finals heard for each that they told: more than 1 where they hear some of it again. */
static double hearings(const struct admission *s)
{
    return fmin(fmax(s->finals_ms / s->spoken_ms, 1), HEARINGS_MOST);
}

/* ms of a worker that one second of speech costs. */
static double speech_ms(const struct cost *cost, double segment_ms, double hearings, uint32_t depth,
                        const struct partials *partials, uint32_t chunk_ms)
{
    const double final_ms = partials->depth ? cost_drafted_ms(cost, depth, segment_ms)
                                            : cost_ms(cost, depth, segment_ms);
    const double others_ms =
        partials->depth ? partials_ms(cost, segment_ms, partials, chunk_ms) : 0;

    return 1e3 / segment_ms * hearings * final_ms + fmin(others_ms, PARTIAL_MOST);
}

/* {lock} How deep a stream is heard at a level. */
static uint32_t depth_at(const struct admission *s, const struct admission_stream *stream,
                         enum depth_kind kind, uint32_t level)
{
    const struct depth_question question = {.kind = kind,
                                            .unfolds = s->unfolds,
                                            .tier = &stream->tier,
                                            .asked = stream->asked,
                                            .level = level,
                                            .cost = &s->cost};

    return depth_choose(&question).used;
}

/* {lock} */
static struct partials partials_at(const struct admission *s, const struct admission_stream *stream,
                                   uint32_t level)
{
    const uint32_t priority = stream->tier.priority, chunk_ms = stream->chunk_ms;
    struct partials partials = {0};

    if (!stream->partials)
        return partials;
    partials.depth = depth_at(s, stream, DEPTH_PARTIAL, level);
    partials.every_ms =
        (double)stream->partial_every_ms * depth_partial_stretch(level, s->unfolds, priority);
    if (chunk_ms &&
        (stream->always_incremental || depth_partials_are_incremental(level, s->unfolds, priority)))
        partials.incremental = stream->always_incremental ||
                               incremental_is_cheaper(&s->cost, s->segment_ms, partials, chunk_ms);
    return partials;
}

/* {lock} CPUs that the workers really have. */
static double cpus_now(const struct admission *s)
{
    return fmin(s->cpus, s->workers / cost_slowdown(&s->cost));
}

/* Share of all CPUs that a stream takes at a level while it is spoken into. */
static double stream_demand(const struct admission *s, const struct admission_stream *stream,
                            uint32_t level)
{
    const struct partials partials = partials_at(s, stream, level);
    const uint32_t depth = depth_at(s, stream, DEPTH_FINAL, level);

    return speech_share(s) *
           speech_ms(&s->cost, s->segment_ms, hearings(s), depth, &partials, stream->chunk_ms) /
           1e3 / cpus_now(s);
}

static bool are_alike(const struct admission_stream *a, const struct admission_stream *b)
{
    return a->asked == b->asked && a->partials == b->partials &&
           a->partial_every_ms == b->partial_every_ms && a->chunk_ms == b->chunk_ms &&
           a->always_incremental == b->always_incremental && a->tier.priority == b->tier.priority &&
           a->tier.depth_floor == b->tier.depth_floor &&
           a->tier.depth_ceiling == b->tier.depth_ceiling &&
           a->tier.partial_depth == b->tier.partial_depth;
}

/* {lock} demand [top + 1] of the active streams. Neighbours that are alike are reckoned together.
 */
static void sum_demand(struct admission *s, double now_ms)
{
    const struct admission_stream *group = NULL;
    double count = 0;

    for (uint32_t level = 0; level <= s->shedder.top; level++)
        s->demand[level] = 0;
    for (const struct admission_stream *stream = s->streams;; stream = stream->next) {
        if (group && (!stream || !are_alike(stream, group))) {
            for (uint32_t level = 0; level <= s->shedder.top && count > 0; level++)
                s->demand[level] += count * stream_demand(s, group, level);
            count = 0;
        }
        if (!stream)
            break;
        group = stream;
        count += stream->waits || now_ms - stream->active_ms < ACTIVE_MS;
    }
}

/* ---- coming and going ------------------------------------------------------------------------ */

/* Counts the time that those who hold a place have had since the last look: as many of them at once
 * as can get on. */
static void pass_time(struct admission_places *places, double now_ms)
{
    const double held = fmin(places->taken, places->parallel);

    places->spent_ms += held * fmax(now_ms - places->looked_ms, 0);
    places->looked_ms = now_ms;
}

static void place_taken(struct admission_places *places, double now_ms)
{
    pass_time(places, now_ms);
    places->taken++;
}

static void place_freed(struct admission_places *places, double now_ms)
{
    pass_time(places, now_ms);
    places->taken--;
    places->held_ms = places->held_ms * PLACES_KEEP + places->spent_ms;
    places->ended = places->ended * PLACES_KEEP + 1;
    places->spent_ms = 0;
    if (!places->taken)
        places->promised_ms = now_ms;
}

/* When whoever is refused now shall come again, from now. guess_ms: how long a place is held, while
 * none has become free. */
static double retry_after(struct admission_places *places, double guess_ms, double now_ms)
{
    pass_time(places, now_ms);
    const double held = fmax(fmin(places->taken, places->parallel), 1);
    const double held_ms = places->ended > 0 ? places->held_ms / places->ended : guess_ms;
    const double each_ms = held_ms / held;

    places->refused++;
    const double in_ms = fmin(fmax(places->promised_ms - now_ms, 0) + each_ms, RETRY_MOST_MS);
    places->promised_ms = now_ms + in_ms;
    return fmax(in_ms, RETRY_LEAST_MS);
}

/* {lock} */
static void tick(struct admission *s, double now_ms, double wait_ms)
{
    atomic_store(&s->ticked_ms, now_ms);
    sum_demand(s, now_ms);
    if (s->adaptive)
        load_shedder_tick(&s->shedder, now_ms, s->demand, wait_ms);
}

bool admission_join(struct admission *s, struct admission_stream *stream, double now_ms,
                    double *ret_retry_ms)
{
    pthread_mutex_lock(&s->lock);
    sum_demand(s, now_ms);
    bool room = s->live.taken < s->live.most;
    if (room && s->adaptive) {
        const double with_it = s->demand[s->shedder.top] + stream_demand(s, stream, s->shedder.top);
        room = s->live.taken < fmax(floor(s->cpus), 1) ||
               load_shedder_admits(&s->shedder, with_it, stream->tier.leaves_room);
    }
    if (room) {
        /* Next to its like, for sum_demand. */
        struct admission_stream *like = s->streams;
        while (like && !are_alike(like, stream))
            like = like->next;
        stream->active_ms = now_ms;
        stream->joined = true;
        stream->before = like;
        stream->next = like ? like->next : s->streams;
        if (stream->next)
            stream->next->before = stream;
        if (like)
            like->next = stream;
        else
            s->streams = stream;
        place_taken(&s->live, now_ms);
    } else {
        *ret_retry_ms = retry_after(&s->live, LIVE_MS, now_ms);
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

void admission_leave(struct admission *s, struct admission_stream *stream, double now_ms)
{
    pthread_mutex_lock(&s->lock);
    if (stream->joined) {
        stream->joined = false;
        if (stream->before)
            stream->before->next = stream->next;
        else
            s->streams = stream->next;
        if (stream->next)
            stream->next->before = stream->before;
        place_freed(&s->live, now_ms);
    }
    pthread_mutex_unlock(&s->lock);
}

void admission_change(struct admission *s, struct admission_stream *stream, uint32_t asked,
                      uint32_t partial_depth, uint32_t partial_every_ms)
{
    pthread_mutex_lock(&s->lock);
    stream->asked = asked;
    stream->tier.partial_depth = partial_depth;
    stream->partial_every_ms = partial_every_ms;
    pthread_mutex_unlock(&s->lock);
}

void admission_heard(struct admission *s, struct admission_stream *stream, double now_ms)
{
    pthread_mutex_lock(&s->lock);
    stream->active_ms = now_ms;
    pthread_mutex_unlock(&s->lock);
}

void admission_waits(struct admission *s, struct admission_stream *stream, bool waits)
{
    pthread_mutex_lock(&s->lock);
    stream->waits = waits;
    pthread_mutex_unlock(&s->lock);
}

bool admission_begin_upload(struct admission *s, double now_ms, double *ret_retry_ms)
{
    pthread_mutex_lock(&s->lock);
    const bool room = s->uploads.taken < s->uploads.most;
    if (room)
        place_taken(&s->uploads, now_ms);
    else
        *ret_retry_ms =
            retry_after(&s->uploads,
                        cost_slowdown(&s->cost) * cost_ms(&s->cost, s->unfolds, UPLOAD_MS), now_ms);
    pthread_mutex_unlock(&s->lock);
    return room;
}

void admission_end_upload(struct admission *s, double now_ms)
{
    pthread_mutex_lock(&s->lock);
    place_freed(&s->uploads, now_ms);
    pthread_mutex_unlock(&s->lock);
}

/* ---- work ------------------------------------------------------------------------------------ */

struct result_depth admission_choose(struct admission *s, struct depth_question *question,
                                     struct cost_ahead *ret_ahead)
{
    pthread_mutex_lock(&s->lock);
    question->unfolds = s->unfolds;
    question->level = s->shedder.level;
    question->upload_fill =
        s->adaptive && s->uploads.most ? (double)s->uploads.taken / s->uploads.most : 0;
    question->cost = &s->cost;
    const struct result_depth depth = depth_choose(question);
    if (ret_ahead)
        *ret_ahead = cost_ahead(&s->cost, question->audio_ms, question->drafted);
    pthread_mutex_unlock(&s->lock);
    return depth;
}

uint32_t admission_partial_every_ms(struct admission *s, const struct admission_stream *stream)
{
    pthread_mutex_lock(&s->lock);
    const uint32_t level = s->shedder.level;
    pthread_mutex_unlock(&s->lock);
    return stream->partial_every_ms *
           depth_partial_stretch(level, s->unfolds, stream->tier.priority);
}

bool admission_partial_is_incremental(struct admission *s, const struct admission_stream *stream)
{
    pthread_mutex_lock(&s->lock);
    const bool incrementals = partials_at(s, stream, s->shedder.level).incremental;
    pthread_mutex_unlock(&s->lock);
    return incrementals;
}

void admission_learn(struct admission *s, const struct cost_spent *spent)
{
    pthread_mutex_lock(&s->lock);
    cost_learn(&s->cost, spent);
    pthread_mutex_unlock(&s->lock);
}

void admission_learn_speech(struct admission *s, double audio_ms, double heard_ms)
{
    const double keep = exp(-heard_ms / MEMORY_MS);

    pthread_mutex_lock(&s->lock);
    s->spoken_ms = s->spoken_ms * keep + fmin(audio_ms, heard_ms);
    s->finals_ms = s->finals_ms * keep + audio_ms;
    s->heard_ms = s->heard_ms * keep + heard_ms;
    s->segment_ms += 0.1 * (fmax(audio_ms, 500) - s->segment_ms);
    pthread_mutex_unlock(&s->lock);
}

bool admission_is_due(struct admission *s, double now_ms)
{
    return now_ms - atomic_load(&s->ticked_ms) >= LOAD_SHEDDER_TICK_MS;
}

enum scheduler_hold admission_tick(struct admission *s, double now_ms, double wait_ms)
{
    pthread_mutex_lock(&s->lock);
    if (admission_is_due(s, now_ms)) /* else another thread has just done it */
        tick(s, now_ms, wait_ms);
    const enum scheduler_hold hold = s->shedder.level == 0   ? SCHEDULER_FREE
                                     : s->shedder.level == 1 ? SCHEDULER_ASIDE
                                                             : SCHEDULER_LAST;
    pthread_mutex_unlock(&s->lock);
    return hold;
}

/* ---- numbers --------------------------------------------------------------------------------- */

void admission_report(struct admission *s, struct admission_report *ret_report)
{
    pthread_mutex_lock(&s->lock);
    *ret_report = (struct admission_report){.unfolds = s->unfolds,
                                            .workers = s->workers,
                                            .chunk_ms = s->chunk_ms,
                                            .level = s->shedder.level,
                                            .top_level = s->shedder.top,
                                            .level_changes = s->shedder.changes,
                                            .live_refused = s->live.refused,
                                            .uploads_refused = s->uploads.refused,
                                            .adaptive = s->adaptive,
                                            .trust = s->shedder.trust,
                                            .cpus = cpus_now(s),
                                            .demand = s->demand[s->shedder.level],
                                            .floor_demand = s->demand[s->shedder.top],
                                            .speech_share = speech_share(s),
                                            .segment_ms = s->segment_ms,
                                            .hearings = hearings(s),
                                            .live = s->live.taken,
                                            .max_live = s->live.most,
                                            .uploads = s->uploads.taken,
                                            .max_uploads = s->uploads.most,
                                            .cost = s->cost};
    pthread_mutex_unlock(&s->lock);
}

double admission_stream_share(const struct admission_report *report, uint32_t depth, bool partials)
{
    struct partials usual = {.depth = partials ? 1 : 0, .every_ms = 600};

    usual.incremental =
        partials && report->chunk_ms &&
        incremental_is_cheaper(&report->cost, report->segment_ms, usual, report->chunk_ms);
    return report->speech_share *
           speech_ms(&report->cost, report->segment_ms, report->hearings, depth, &usual,
                     report->chunk_ms) /
           1e3;
}
