/* Where to cut.
 *
 * voice.c says of every 10 ms whether it is loud. Speech is at least 50 ms of loud frames in a
 * row (a click is not). Sound before the first speech is forgotten but for a lead of 300 ms, so
 * that a soft first consonant is kept; times stay those of the stream.
 *
 * A span ends when `pause_ms` without speech have followed speech; it keeps 300 ms of that as
 * its tail. When a span grows to its greatest length first, it is cut in the longest pause of
 * its later part; a pause counts from 80 ms on, which is more than the closure of a stop. Only
 * where there is none is it cut inside speech, at the quietest 50 ms. What lies after the cut
 * is the beginning of the next span: no sample is lost or used twice.
 *
 * Steady sound is no speech. Levels of speech, over 30 ms, spread over tens of dB; those of a fan
 * or of hiss over two or three. A span that is longer than a word and spreads less than 4 dB
 * between its quiet tenth and its loud twentieth costs nothing: it is dropped.
 */
#include "endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "voice.h"

#define FRAME         VOICE_FRAME_SAMPLES
#define FRAMES(ms)    ((size_t)(ms) / 10)
#define SPEECH_FRAMES 5
#define LEAD_FRAMES   FRAMES(300)
#define TAIL_FRAMES   FRAMES(300)
#define IDLE_FRAMES   FRAMES(1000) /* kept of silence before it is trimmed to the lead */
#define LEAST_PAUSE   FRAMES(80)
#define STEADY_FRAMES FRAMES(700)
#define STEADY_DB     4
#define LEVELS        101 /* histogram bins of 1 dB, -100..0 */
#define NO_FRAME      SIZE_MAX

struct endpoint {
    struct voice voice;
    size_t pause_frames, max_frames;
    float *pcm;                 /* [room_frames * FRAME] */
    struct voice_frame *levels; /* [room_frames] */
    bool *speech;               /* [room_frames] */
    size_t room_frames;
    int64_t base_samples; /* stream time of pcm[0] */
    size_t samples;       /* in pcm */
    size_t frames;        /* whole frames judged; samples - frames * FRAME are of the next one */
    size_t loud_run;      /* loud frames in a row up to now */
    size_t first, last;   /* first and last frame of speech; NO_FRAME: none */
    int64_t speech_clock;
    bool complete;
    enum endpoint_why why;
    size_t cut_samples; /* complete: the span ends here */
};

int endpoint_open(struct endpoint **ret_endpoint, uint32_t pause_ms, uint32_t max_ms)
{
    if (max_ms < ENDPOINT_MIN_SPAN_MS)
        return -1;
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (!endpoint)
        return -1;
    voice_init(&endpoint->voice);
    endpoint->pause_frames = FRAMES(pause_ms) > SPEECH_FRAMES ? FRAMES(pause_ms) : SPEECH_FRAMES;
    endpoint->max_frames = FRAMES(max_ms);
    endpoint->first = endpoint->last = NO_FRAME;
    *ret_endpoint = endpoint;
    return 0;
}

void endpoint_close(struct endpoint *endpoint)
{
    if (!endpoint)
        return;
    free(endpoint->pcm);
    free(endpoint->levels);
    free(endpoint->speech);
    free(endpoint);
}

/* Room for one more frame. Doubles: silence costs little, only long spans have long buffers. */
static bool make_room(struct endpoint *endpoint)
{
    if (endpoint->frames < endpoint->room_frames)
        return true;
    const size_t room = endpoint->room_frames ? 2 * endpoint->room_frames : 2 * IDLE_FRAMES;
    float *pcm = realloc(endpoint->pcm, room * FRAME * sizeof(*pcm));
    if (pcm)
        endpoint->pcm = pcm;
    struct voice_frame *levels = realloc(endpoint->levels, room * sizeof(*levels));
    if (levels)
        endpoint->levels = levels;
    bool *speech = realloc(endpoint->speech, room * sizeof(*speech));
    if (speech)
        endpoint->speech = speech;
    if (!pcm || !levels || !speech)
        return false;
    endpoint->room_frames = room;
    return true;
}

/* Forgets the first `samples` samples; their frames too, which they must end with, unless they
 * are all there is. */
static void drop(struct endpoint *endpoint, size_t samples)
{
    const size_t frames = samples / FRAME < endpoint->frames ? samples / FRAME : endpoint->frames;
    const size_t kept = endpoint->frames - frames;

    if (samples == 0)
        return;
    endpoint->samples -= samples;
    endpoint->base_samples += (int64_t)samples;
    memmove(endpoint->pcm, endpoint->pcm + samples, endpoint->samples * sizeof(*endpoint->pcm));
    memmove(endpoint->levels, endpoint->levels + frames, kept * sizeof(*endpoint->levels));
    memmove(endpoint->speech, endpoint->speech + frames, kept * sizeof(*endpoint->speech));
    endpoint->frames = kept;
    if (endpoint->loud_run > kept)
        endpoint->loud_run = kept;
    endpoint->first = endpoint->last = NO_FRAME;
    for (size_t i = 0; i < kept; i++)
        if (endpoint->speech[i]) {
            if (endpoint->first == NO_FRAME)
                endpoint->first = i;
            endpoint->last = i;
        }
}

static size_t start_frame(const struct endpoint *endpoint)
{
    return endpoint->first > LEAD_FRAMES ? endpoint->first - LEAD_FRAMES : 0;
}

/* Do levels from the first to the last speech spread too little for a voice? */
static bool is_steady(const struct endpoint *endpoint)
{
    const size_t count = endpoint->last + 1 - endpoint->first;
    size_t bins[LEVELS] = {0}, seen = 0;
    int quiet_db = 0, loud_db = 0;

    if (count < STEADY_FRAMES)
        return false;
    for (size_t i = endpoint->first; i <= endpoint->last; i++) {
        const int db = (int)(endpoint->levels[i].level_db + 100.0f);
        bins[db < 0 ? 0 : db >= LEVELS ? LEVELS - 1 : db]++;
    }
    for (int db = 0; db < LEVELS; db++) {
        if (seen * 10 < count)
            quiet_db = db;
        if (seen * 20 < count * 19)
            loud_db = db;
        seen += bins[db];
    }
    return loud_db - quiet_db < STEADY_DB;
}

/* The frame before which a span that is too long is best cut; see the top. */
static size_t best_cut(const struct endpoint *endpoint, size_t start)
{
    const size_t lo = start + endpoint->max_frames * 2 / 5;
    size_t best = NO_FRAME, longest = LEAST_PAUSE - 1, run = 0;

    for (size_t i = lo; i <= endpoint->frames; i++) {
        if (i < endpoint->frames && !endpoint->speech[i]) {
            run++;
            continue;
        }
        if (run > longest) {
            longest = run;
            best = i - run + (run / 2 < TAIL_FRAMES ? run / 2 : TAIL_FRAMES);
        }
        run = 0;
    }
    if (best != NO_FRAME)
        return best;

    float quietest = 1e9f;
    for (size_t i = lo + 2; i + 2 < endpoint->frames; i++) {
        float sum = 0;
        for (size_t k = i - 2; k <= i + 2; k++)
            sum += endpoint->levels[k].level_db;
        if (sum <= quietest) {
            quietest = sum;
            best = i;
        }
    }
    return best;
}

/* Ends the span before cut_samples, or drops it if it is steady. */
static void complete(struct endpoint *endpoint, size_t cut_samples, enum endpoint_why why)
{
    if (is_steady(endpoint)) {
        drop(endpoint, cut_samples);
        return;
    }
    endpoint->complete = true;
    endpoint->why = why;
    endpoint->cut_samples = cut_samples;
}

static void judge(struct endpoint *endpoint, struct voice_frame frame)
{
    const size_t now = endpoint->frames++;

    endpoint->levels[now] = frame;
    endpoint->speech[now] = false;
    endpoint->loud_run = frame.loud ? endpoint->loud_run + 1 : 0;
    if (endpoint->loud_run >= SPEECH_FRAMES) {
        for (size_t i = now + 1 - SPEECH_FRAMES; i <= now; i++)
            endpoint->speech[i] = true;
        if (endpoint->first == NO_FRAME)
            endpoint->first = now + 1 - SPEECH_FRAMES;
        endpoint->last = now;
        endpoint->speech_clock = endpoint->base_samples + (int64_t)(endpoint->frames * FRAME);
    }
    if (endpoint->first == NO_FRAME) {
        if (endpoint->frames >= IDLE_FRAMES)
            drop(endpoint, (endpoint->frames - LEAD_FRAMES) * FRAME);
        return;
    }
    const size_t silent = now - endpoint->last;
    const size_t start = start_frame(endpoint);
    if (silent >= endpoint->pause_frames) {
        const size_t tail = silent < TAIL_FRAMES ? silent : TAIL_FRAMES;
        complete(endpoint, (endpoint->last + 1 + tail) * FRAME, ENDPOINT_PAUSE);
    } else if (endpoint->frames - start >= endpoint->max_frames) {
        complete(endpoint, best_cut(endpoint, start) * FRAME, ENDPOINT_FULL);
    }
}

long endpoint_push(struct endpoint *endpoint, const float *pcm, size_t count)
{
    size_t taken = 0;

    while (taken < count && !endpoint->complete) {
        struct voice_frame frame;
        bool done;
        if (!make_room(endpoint))
            return -1;
        const size_t now = voice_push(&endpoint->voice, pcm + taken, count - taken, &done, &frame);
        memcpy(endpoint->pcm + endpoint->samples, pcm + taken, now * sizeof(*pcm));
        endpoint->samples += now;
        taken += now;
        if (done)
            judge(endpoint, frame);
    }
    return (long)taken;
}

void endpoint_flush(struct endpoint *endpoint)
{
    if (endpoint->complete)
        return;
    voice_cut(&endpoint->voice);
    endpoint->loud_run = 0;
    if (endpoint->first == NO_FRAME)
        drop(endpoint, endpoint->samples);
    else
        complete(endpoint, endpoint->samples, ENDPOINT_FLUSHED);
}

bool endpoint_span(const struct endpoint *endpoint, struct endpoint_span *ret_span)
{
    if (!endpoint->complete)
        return false;
    const size_t start = start_frame(endpoint) * FRAME;
    *ret_span = (struct endpoint_span){.pcm = endpoint->pcm + start,
                                       .count = endpoint->cut_samples - start,
                                       .start_samples = endpoint->base_samples + (int64_t)start,
                                       .why = endpoint->why};
    return true;
}

void endpoint_pop(struct endpoint *endpoint)
{
    if (!endpoint->complete)
        return;
    endpoint->complete = false;
    drop(endpoint, endpoint->cut_samples);
}

bool endpoint_peek(const struct endpoint *endpoint, struct endpoint_span *ret_span)
{
    if (endpoint->complete || endpoint->first == NO_FRAME || is_steady(endpoint))
        return false;
    const size_t start = start_frame(endpoint) * FRAME;
    *ret_span = (struct endpoint_span){.pcm = endpoint->pcm + start,
                                       .count = endpoint->samples - start,
                                       .start_samples = endpoint->base_samples + (int64_t)start,
                                       .why = ENDPOINT_FLUSHED};
    return true;
}

bool endpoint_has_speech(const struct endpoint *endpoint)
{
    return endpoint->complete || endpoint->first != NO_FRAME;
}

int64_t endpoint_clock(const struct endpoint *endpoint)
{
    return endpoint->base_samples + (int64_t)endpoint->samples;
}

int64_t endpoint_speech_clock(const struct endpoint *endpoint)
{
    return endpoint->speech_clock;
}
