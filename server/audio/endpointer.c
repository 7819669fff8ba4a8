/* Where to cut.
 *
 * vad.c says of every 10 ms whether it is loud. Speech is at least 50 ms of loud frames in a
 * row (a click is not). Sound before the first speech is forgotten but for a lead of 300 ms, so
 * that a soft first consonant is kept; times stay those of the stream.
 *
 * A segment ends when `pause_ms` without speech have followed speech; it keeps 300 ms of that as
 * its tail. When a segment grows to its greatest length first, it is cut in the longest pause of
 * its later part; a pause counts from 80 ms on, which is more than the closure of a stop. Only
 * where there is none is it cut inside speech, at the quietest 50 ms. What lies after the cut
 * is the beginning of the next segment: no sample is lost or used twice.
 *
 * Steady sound is no speech. Levels of speech, over 30 ms, spread over tens of dB; those of a fan
 * or of hiss over two or three. A segment that is longer than a word and spreads less than 4 dB
 * between its quiet tenth and its loud twentieth costs nothing: it is dropped.
 */
#include "endpointer.h"

#include <stdlib.h>
#include <string.h>

#include "vad.h"

#define FRAME         VAD_FRAME_SAMPLES
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

struct endpointer {
    struct vad vad;
    size_t pause_frames, max_frames;
    float *pcm;               /* [room_frames * FRAME] */
    struct vad_frame *levels; /* [room_frames] */
    bool *speech;             /* [room_frames] */
    size_t room_frames;
    int64_t base_samples; /* stream time of pcm[0] */
    size_t samples;       /* in pcm */
    size_t frames;        /* whole frames judged; samples - frames * FRAME are of the next one */
    size_t loud_run;      /* loud frames in a row up to now */
    size_t first, last;   /* first and last frame of speech; NO_FRAME: none */
    int64_t speech_clock;
    bool complete;
    enum endpointer_why why;
    size_t cut_samples; /* complete: the segment ends here */
};

int endpointer_open(struct endpointer **ret_endpointer, uint32_t pause_ms, uint32_t max_ms)
{
    if (max_ms < ENDPOINTER_MIN_SEGMENT_MS)
        return -1;
    struct endpointer *endpointer = calloc(1, sizeof(*endpointer));
    if (!endpointer)
        return -1;
    vad_init(&endpointer->vad);
    endpointer->pause_frames = FRAMES(pause_ms) > SPEECH_FRAMES ? FRAMES(pause_ms) : SPEECH_FRAMES;
    endpointer->max_frames = FRAMES(max_ms);
    endpointer->first = endpointer->last = NO_FRAME;
    *ret_endpointer = endpointer;
    return 0;
}

void endpointer_close(struct endpointer *endpointer)
{
    if (!endpointer)
        return;
    free(endpointer->pcm);
    free(endpointer->levels);
    free(endpointer->speech);
    free(endpointer);
}

/* Room for one more frame. Doubles: silence costs little, only long segments have long buffers. */
static bool make_room(struct endpointer *endpointer)
{
    if (endpointer->frames < endpointer->room_frames)
        return true;
    const size_t room = endpointer->room_frames ? 2 * endpointer->room_frames : 2 * IDLE_FRAMES;
    float *pcm = realloc(endpointer->pcm, room * FRAME * sizeof(*pcm));
    if (pcm)
        endpointer->pcm = pcm;
    struct vad_frame *levels = realloc(endpointer->levels, room * sizeof(*levels));
    if (levels)
        endpointer->levels = levels;
    bool *speech = realloc(endpointer->speech, room * sizeof(*speech));
    if (speech)
        endpointer->speech = speech;
    if (!pcm || !levels || !speech)
        return false;
    endpointer->room_frames = room;
    return true;
}

/* Forgets the first `samples` samples; their frames too, which they must end with, unless they
 * are all there is. */
static void drop(struct endpointer *endpointer, size_t samples)
{
    const size_t frames =
        samples / FRAME < endpointer->frames ? samples / FRAME : endpointer->frames;
    const size_t kept = endpointer->frames - frames;

    if (samples == 0)
        return;
    endpointer->samples -= samples;
    endpointer->base_samples += (int64_t)samples;
    memmove(endpointer->pcm, endpointer->pcm + samples,
            endpointer->samples * sizeof(*endpointer->pcm));
    memmove(endpointer->levels, endpointer->levels + frames, kept * sizeof(*endpointer->levels));
    memmove(endpointer->speech, endpointer->speech + frames, kept * sizeof(*endpointer->speech));
    endpointer->frames = kept;
    if (endpointer->loud_run > kept)
        endpointer->loud_run = kept;
    endpointer->first = endpointer->last = NO_FRAME;
    for (size_t i = 0; i < kept; i++)
        if (endpointer->speech[i]) {
            if (endpointer->first == NO_FRAME)
                endpointer->first = i;
            endpointer->last = i;
        }
}

static size_t start_frame(const struct endpointer *endpointer)
{
    return endpointer->first > LEAD_FRAMES ? endpointer->first - LEAD_FRAMES : 0;
}

/* Do levels from the first to the last speech spread too little for a voice? */
static bool is_steady(const struct endpointer *endpointer)
{
    const size_t count = endpointer->last + 1 - endpointer->first;
    size_t bins[LEVELS] = {0}, seen = 0;
    int quiet_db = 0, loud_db = 0;

    if (count < STEADY_FRAMES)
        return false;
    for (size_t i = endpointer->first; i <= endpointer->last; i++) {
        const int db = (int)(endpointer->levels[i].level_db + 100.0f);
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

/* The frame before which a segment that is too long is best cut; see the top. */
static size_t best_cut(const struct endpointer *endpointer, size_t start)
{
    const size_t lo = start + endpointer->max_frames * 2 / 5;
    size_t best = NO_FRAME, longest = LEAST_PAUSE - 1, run = 0;

    for (size_t i = lo; i <= endpointer->frames; i++) {
        if (i < endpointer->frames && !endpointer->speech[i]) {
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
    for (size_t i = lo + 2; i + 2 < endpointer->frames; i++) {
        float sum = 0;
        for (size_t k = i - 2; k <= i + 2; k++)
            sum += endpointer->levels[k].level_db;
        if (sum <= quietest) {
            quietest = sum;
            best = i;
        }
    }
    return best;
}

/* Ends the segment before cut_samples, or drops it if it is steady. */
static void complete(struct endpointer *endpointer, size_t cut_samples, enum endpointer_why why)
{
    if (is_steady(endpointer)) {
        drop(endpointer, cut_samples);
        return;
    }
    endpointer->complete = true;
    endpointer->why = why;
    endpointer->cut_samples = cut_samples;
}

static void judge(struct endpointer *endpointer, struct vad_frame frame)
{
    const size_t now = endpointer->frames++;

    endpointer->levels[now] = frame;
    endpointer->speech[now] = false;
    endpointer->loud_run = frame.loud ? endpointer->loud_run + 1 : 0;
    if (endpointer->loud_run >= SPEECH_FRAMES) {
        for (size_t i = now + 1 - SPEECH_FRAMES; i <= now; i++)
            endpointer->speech[i] = true;
        if (endpointer->first == NO_FRAME)
            endpointer->first = now + 1 - SPEECH_FRAMES;
        endpointer->last = now;
        endpointer->speech_clock = endpointer->base_samples + (int64_t)(endpointer->frames * FRAME);
    }
    if (endpointer->first == NO_FRAME) {
        if (endpointer->frames >= IDLE_FRAMES)
            drop(endpointer, (endpointer->frames - LEAD_FRAMES) * FRAME);
        return;
    }
    const size_t silent = now - endpointer->last;
    const size_t start = start_frame(endpointer);
    if (silent >= endpointer->pause_frames) {
        const size_t tail = silent < TAIL_FRAMES ? silent : TAIL_FRAMES;
        complete(endpointer, (endpointer->last + 1 + tail) * FRAME, ENDPOINTER_PAUSE);
    } else if (endpointer->frames - start >= endpointer->max_frames) {
        complete(endpointer, best_cut(endpointer, start) * FRAME, ENDPOINTER_FULL);
    }
}

long endpointer_push(struct endpointer *endpointer, const float *pcm, size_t count)
{
    size_t taken = 0;

    while (taken < count && !endpointer->complete) {
        struct vad_frame frame;
        bool done;
        if (!make_room(endpointer))
            return -1;
        const size_t now = vad_push(&endpointer->vad, pcm + taken, count - taken, &done, &frame);
        memcpy(endpointer->pcm + endpointer->samples, pcm + taken, now * sizeof(*pcm));
        endpointer->samples += now;
        taken += now;
        if (done)
            judge(endpointer, frame);
    }
    return (long)taken;
}

void endpointer_flush(struct endpointer *endpointer)
{
    if (endpointer->complete)
        return;
    vad_cut(&endpointer->vad);
    endpointer->loud_run = 0;
    if (endpointer->first == NO_FRAME)
        drop(endpointer, endpointer->samples);
    else
        complete(endpointer, endpointer->samples, ENDPOINTER_FLUSHED);
}

bool endpointer_segment(const struct endpointer *endpointer, struct endpointer_segment *ret_segment)
{
    if (!endpointer->complete)
        return false;
    const size_t start = start_frame(endpointer) * FRAME;
    *ret_segment =
        (struct endpointer_segment){.pcm = endpointer->pcm + start,
                                    .count = endpointer->cut_samples - start,
                                    .start_samples = endpointer->base_samples + (int64_t)start,
                                    .why = endpointer->why};
    return true;
}

void endpointer_pop(struct endpointer *endpointer)
{
    if (!endpointer->complete)
        return;
    endpointer->complete = false;
    drop(endpointer, endpointer->cut_samples);
}

bool endpointer_peek(const struct endpointer *endpointer, struct endpointer_segment *ret_segment)
{
    if (endpointer->complete || endpointer->first == NO_FRAME || is_steady(endpointer))
        return false;
    const size_t start = start_frame(endpointer) * FRAME;
    *ret_segment =
        (struct endpointer_segment){.pcm = endpointer->pcm + start,
                                    .count = endpointer->samples - start,
                                    .start_samples = endpointer->base_samples + (int64_t)start,
                                    .why = ENDPOINTER_FLUSHED};
    return true;
}

bool endpointer_has_speech(const struct endpointer *endpointer)
{
    return endpointer->complete || endpointer->first != NO_FRAME;
}

int64_t endpointer_clock(const struct endpointer *endpointer)
{
    return endpointer->base_samples + (int64_t)endpointer->samples;
}

int64_t endpointer_speech_clock(const struct endpointer *endpointer)
{
    return endpointer->speech_clock;
}
