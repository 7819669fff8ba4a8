/* What the live streams would take, at every rung of the ladder.
 *
 * A stream's audio comes at the speed of speech, whatever it is fed with, so a stream that is being
 * spoken into takes, per second,
 *
 *     (speech / heard) * (final of a usual segment + its partials) / (length of a usual segment)
 *
 * where the share of speech and the usual segment are learned from what was heard, costs come from
 * the cost table, and the partials of a segment are segment / interval runs over what window.h lets
 * them hear, or that many chunks that a stream hears (follow.h) and readings of the window. A
 * stream that nobody has spoken into for ACTIVE_MS takes nothing, unless what was said still waits:
 * else a crowd that stops would have its backlog worked off at full depth. Summed over all streams
 * and divided by the workers that is the demand; done for every rung it is what load.c wants.
 *
 * Newcomers are refused when all streams and the newcomer would not fit with everybody at the
 * tier's floor: so never while depth can still fall, and never while there are fewer streams than
 * workers, however slow a machine may be. Whoever is refused is told when to come again,
 * and that is a promise. Places become free at a rate that is learned; the first refused is
 * promised the next place, the next one the one after that, and so on, so that they do not all come
 * back for one place. A place that is promised for a moment from now is kept: a newcomer that
 * happens by is itself told when to come. One who does not come within GRACE_MS has lost it.
 */
#include "steward.h"

#include <math.h>

#include "window.h"

#define ACTIVE_MS      2000
#define PARTIAL_MOST   500.0    /* ms a second: live.c gives partials half of a worker at most */
#define SEGMENT_MS     5000.0   /* until segments have been heard */
#define PRIOR_MS       30000.0  /* of audio that is taken for speech until more has been heard */
#define MEMORY_MS      600000.0 /* of heard audio */
#define RETRY_FIRST_MS 10000.0  /* until places have become free */
#define RETRY_MOST_MS  120000.0
#define RETRY_LEAST_MS 1000.0
#define GRACE_MS       3000.0
#define KEPT_MS        3000.0

int steward_init(struct steward *steward, const struct steward_options *options, double now_ms)
{
    *steward = (struct steward){.unfolds = options->unfolds,
                                .workers = options->workers,
                                .chunk_ms = options->chunk_ms,
                                .adaptive = options->adaptive,
                                .live.most = options->max_live,
                                .uploads.most = options->max_uploads,
                                .heard_ms = PRIOR_MS,
                                .spoken_ms = PRIOR_MS,
                                .segment_ms = SEGMENT_MS};
    atomic_init(&steward->ticked_ms, now_ms);
    if (options->cost)
        steward->cost = *options->cost;
    steward->cost.unfolds = options->unfolds;
    load_init(&steward->load, options->unfolds, now_ms);
    return pthread_mutex_init(&steward->lock, NULL) ? -1 : 0;
}

void steward_finish(struct steward *steward)
{
    pthread_mutex_destroy(&steward->lock);
}

/* ---- demand --------------------------------------------------------------------------------- */

static double speech_share(const struct steward *s)
{
    return fmin(s->spoken_ms / s->heard_ms, 1);
}

/* How the partials of a stream come. */
struct partials {
    uint32_t depth; /* 0: not at all */
    double every_ms;
    bool follow;
};

/* ms of a worker that the partials of one second of speech cost. */
static double partials_ms(const struct cost *cost, double segment_ms,
                          const struct partials *partials, uint32_t chunk_ms)
{
    const double heard_ms = window_mean_ms(segment_ms);

    if (!partials->follow)
        return 1e3 / partials->every_ms * cost_drafted_ms(cost, partials->depth, heard_ms);
    /* They come when a chunk is whole. */
    const double every_ms = ceil(partials->every_ms / chunk_ms) * chunk_ms;
    return 1e3 / every_ms * cost_followed_ms(cost, partials->depth, heard_ms, every_ms);
}

static bool is_cheaper_to_follow(const struct cost *cost, double segment_ms,
                                 struct partials partials, uint32_t chunk_ms)
{
    partials.follow = false;
    const double run_ms = partials_ms(cost, segment_ms, &partials, chunk_ms);
    partials.follow = true;
    return partials_ms(cost, segment_ms, &partials, chunk_ms) < run_ms;
}

/* ms of a worker that one second of speech costs. */
static double speech_ms(const struct cost *cost, double segment_ms, uint32_t depth,
                        const struct partials *partials, uint32_t chunk_ms)
{
    const double final_ms = partials->depth ? cost_drafted_ms(cost, depth, segment_ms)
                                            : cost_ms(cost, depth, segment_ms);
    const double others_ms =
        partials->depth ? partials_ms(cost, segment_ms, partials, chunk_ms) : 0;

    return 1e3 / segment_ms * final_ms + fmin(others_ms, PARTIAL_MOST);
}

/* {lock} How deep a stream is heard at a level. */
static uint32_t depth_at(const struct steward *s, const struct steward_stream *stream,
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
static struct partials partials_at(const struct steward *s, const struct steward_stream *stream,
                                   uint32_t level)
{
    const uint32_t priority = stream->tier.priority, chunk_ms = stream->chunk_ms;
    struct partials partials = {0};

    if (!stream->partials)
        return partials;
    partials.depth = depth_at(s, stream, DEPTH_PARTIAL, level);
    partials.every_ms =
        (double)stream->partial_every_ms * depth_partial_stretch(level, s->unfolds, priority);
    if (chunk_ms && (stream->always_follows || depth_partials_follow(level, s->unfolds, priority)))
        partials.follow = stream->always_follows ||
                          is_cheaper_to_follow(&s->cost, s->segment_ms, partials, chunk_ms);
    return partials;
}

/* Share of all workers that a stream takes at a level while it is spoken into. */
static double stream_demand(const struct steward *s, const struct steward_stream *stream,
                            uint32_t level)
{
    const struct partials partials = partials_at(s, stream, level);
    const uint32_t depth = depth_at(s, stream, DEPTH_FINAL, level);

    return speech_share(s) *
           speech_ms(&s->cost, s->segment_ms, depth, &partials, stream->chunk_ms) / 1e3 /
           s->workers;
}

static bool are_alike(const struct steward_stream *a, const struct steward_stream *b)
{
    return a->asked == b->asked && a->partials == b->partials &&
           a->partial_every_ms == b->partial_every_ms && a->chunk_ms == b->chunk_ms &&
           a->always_follows == b->always_follows && a->tier.priority == b->tier.priority &&
           a->tier.depth_floor == b->tier.depth_floor &&
           a->tier.depth_ceiling == b->tier.depth_ceiling &&
           a->tier.partial_depth == b->tier.partial_depth;
}

/* {lock} demand [top + 1] of the active streams. Neighbours that are alike are reckoned together.
 */
static void sum_demand(struct steward *s, double now_ms)
{
    const struct steward_stream *group = NULL;
    double count = 0;

    for (uint32_t level = 0; level <= s->load.top; level++)
        s->demand[level] = 0;
    for (const struct steward_stream *stream = s->streams;; stream = stream->next) {
        if (group && (!stream || !are_alike(stream, group))) {
            for (uint32_t level = 0; level <= s->load.top && count > 0; level++)
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

static void place_freed(struct steward_places *places, double now_ms)
{
    const double gap_ms = now_ms - places->freed_ms;

    places->taken--;
    if (places->freed_ms > 0)
        places->mean_ms = places->mean_ms > 0 ? 0.8 * places->mean_ms + 0.2 * gap_ms : gap_ms;
    places->freed_ms = now_ms;
}

static void drop_promise(struct steward_places *places)
{
    places->first_promise = (places->first_promise + 1) % STEWARD_PROMISES;
    places->promises--;
}

/* Whether a place that is free now may be given to whoever asks. Nobody can tell one who was told
 * to come from one who was not; a promise that is due is kept by letting one in. */
static bool may_enter(struct steward_places *places, double now_ms)
{
    while (places->promises && places->promises_ms[places->first_promise] + GRACE_MS < now_ms)
        drop_promise(places);
    if (!places->promises)
        return true;
    const double next_ms = places->promises_ms[places->first_promise];
    if (next_ms <= now_ms) {
        drop_promise(places);
        return true;
    }
    return next_ms - now_ms > fmin(places->mean_ms, KEPT_MS);
}

/* When whoever is refused now shall come again, from now. */
static double promise(struct steward_places *places, double now_ms)
{
    const double mean_ms = places->mean_ms > 0 ? places->mean_ms : RETRY_FIRST_MS;
    const uint32_t end = places->first_promise + places->promises;
    const double last_ms =
        places->promises ? places->promises_ms[(end - 1) % STEWARD_PROMISES] : now_ms;
    const double at_ms = fmax(fmax(last_ms, now_ms) + mean_ms, now_ms + RETRY_LEAST_MS);

    places->refused++;
    if (at_ms > now_ms + RETRY_MOST_MS || places->promises == STEWARD_PROMISES)
        return RETRY_MOST_MS;
    places->promises_ms[end % STEWARD_PROMISES] = at_ms;
    places->promises++;
    return at_ms - now_ms;
}

/* {lock} */
static void tick(struct steward *s, double now_ms, double wait_ms)
{
    atomic_store(&s->ticked_ms, now_ms);
    sum_demand(s, now_ms);
    if (s->adaptive)
        load_tick(&s->load, now_ms, s->demand, wait_ms);
}

bool steward_join(struct steward *s, struct steward_stream *stream, double now_ms,
                  double *ret_retry_ms)
{
    pthread_mutex_lock(&s->lock);
    sum_demand(s, now_ms);
    bool room = s->live.taken < s->live.most;
    if (room && s->adaptive) {
        const double with_it = s->demand[s->load.top] + stream_demand(s, stream, s->load.top);
        room = s->live.taken < s->workers || load_admits(&s->load, with_it, stream->tier.priority);
    }
    if (room && may_enter(&s->live, now_ms)) {
        /* Next to its like, for sum_demand. */
        struct steward_stream *like = s->streams;
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
        s->live.taken++;
    } else {
        room = false;
        *ret_retry_ms = promise(&s->live, now_ms);
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

void steward_leave(struct steward *s, struct steward_stream *stream, double now_ms)
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

void steward_heard(struct steward *s, struct steward_stream *stream, double now_ms)
{
    pthread_mutex_lock(&s->lock);
    stream->active_ms = now_ms;
    pthread_mutex_unlock(&s->lock);
}

void steward_waits(struct steward *s, struct steward_stream *stream, bool waits)
{
    pthread_mutex_lock(&s->lock);
    stream->waits = waits;
    pthread_mutex_unlock(&s->lock);
}

bool steward_begin_upload(struct steward *s, double now_ms, double *ret_retry_ms)
{
    pthread_mutex_lock(&s->lock);
    const bool room = s->uploads.taken < s->uploads.most && may_enter(&s->uploads, now_ms);
    if (room)
        s->uploads.taken++;
    else
        *ret_retry_ms = promise(&s->uploads, now_ms);
    pthread_mutex_unlock(&s->lock);
    return room;
}

void steward_end_upload(struct steward *s, double now_ms)
{
    pthread_mutex_lock(&s->lock);
    place_freed(&s->uploads, now_ms);
    pthread_mutex_unlock(&s->lock);
}

/* ---- work ------------------------------------------------------------------------------------ */

struct result_depth steward_choose(struct steward *s, struct depth_question *question,
                                   double *ret_unfold_ms, double *ret_tail_ms)
{
    pthread_mutex_lock(&s->lock);
    question->unfolds = s->unfolds;
    question->level = s->load.level;
    question->upload_fill =
        s->adaptive && s->uploads.most ? (double)s->uploads.taken / s->uploads.most : 0;
    question->cost = &s->cost;
    const struct result_depth depth = depth_choose(question);
    if (ret_unfold_ms)
        *ret_unfold_ms = cost_unfold_ms(&s->cost, question->audio_ms);
    if (ret_tail_ms)
        *ret_tail_ms = question->drafted
                           ? cost_drafted_tail_ms(&s->cost, depth.used, question->audio_ms)
                           : cost_tail_ms(&s->cost, depth.used, question->audio_ms);
    pthread_mutex_unlock(&s->lock);
    return depth;
}

uint32_t steward_partial_every_ms(struct steward *s, const struct steward_stream *stream)
{
    pthread_mutex_lock(&s->lock);
    const uint32_t level = s->load.level;
    pthread_mutex_unlock(&s->lock);
    return stream->partial_every_ms *
           depth_partial_stretch(level, s->unfolds, stream->tier.priority);
}

bool steward_partial_follows(struct steward *s, const struct steward_stream *stream)
{
    pthread_mutex_lock(&s->lock);
    const bool follows = partials_at(s, stream, s->load.level).follow;
    pthread_mutex_unlock(&s->lock);
    return follows;
}

void steward_learn(struct steward *s, const struct cost_spent *spent)
{
    pthread_mutex_lock(&s->lock);
    cost_learn(&s->cost, spent);
    pthread_mutex_unlock(&s->lock);
}

void steward_learn_speech(struct steward *s, double audio_ms, double heard_ms)
{
    const double keep = exp(-heard_ms / MEMORY_MS);

    pthread_mutex_lock(&s->lock);
    s->spoken_ms = s->spoken_ms * keep + fmin(audio_ms, heard_ms);
    s->heard_ms = s->heard_ms * keep + heard_ms;
    s->segment_ms += 0.1 * (fmax(audio_ms, 500) - s->segment_ms);
    pthread_mutex_unlock(&s->lock);
}

bool steward_is_due(struct steward *s, double now_ms)
{
    return now_ms - atomic_load(&s->ticked_ms) >= LOAD_TICK_MS;
}

enum scheduler_hold steward_tick(struct steward *s, double now_ms, double wait_ms)
{
    pthread_mutex_lock(&s->lock);
    if (steward_is_due(s, now_ms)) /* else another thread has just done it */
        tick(s, now_ms, wait_ms);
    const enum scheduler_hold hold = s->load.level == 0   ? SCHEDULER_FREE
                                     : s->load.level == 1 ? SCHEDULER_ASIDE
                                                          : SCHEDULER_LAST;
    pthread_mutex_unlock(&s->lock);
    return hold;
}

/* ---- numbers --------------------------------------------------------------------------------- */

void steward_report(struct steward *s, struct steward_report *ret_report)
{
    pthread_mutex_lock(&s->lock);
    *ret_report = (struct steward_report){.unfolds = s->unfolds,
                                          .workers = s->workers,
                                          .chunk_ms = s->chunk_ms,
                                          .level = s->load.level,
                                          .top_level = s->load.top,
                                          .level_changes = s->load.changes,
                                          .live_refused = s->live.refused,
                                          .uploads_refused = s->uploads.refused,
                                          .adaptive = s->adaptive,
                                          .trust = s->load.trust,
                                          .demand = s->demand[s->load.level],
                                          .floor_demand = s->demand[s->load.top],
                                          .speech_share = speech_share(s),
                                          .segment_ms = s->segment_ms,
                                          .live = s->live.taken,
                                          .max_live = s->live.most,
                                          .uploads = s->uploads.taken,
                                          .max_uploads = s->uploads.most,
                                          .cost = s->cost};
    pthread_mutex_unlock(&s->lock);
}

double steward_stream_share(const struct steward_report *report, uint32_t depth, bool partials)
{
    struct partials usual = {.depth = partials ? 1 : 0, .every_ms = 600};

    usual.follow = partials && report->chunk_ms &&
                   is_cheaper_to_follow(&report->cost, report->segment_ms, usual, report->chunk_ms);
    return report->speech_share *
           speech_ms(&report->cost, report->segment_ms, depth, &usual, report->chunk_ms) / 1e3;
}
