/* voice.h - is there a voice in these 10 ms? Level against an adaptive floor. */
#ifndef VOICE_H
#define VOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VOICE_FRAME_SAMPLES 160 /* 10 ms at 16 kHz */
#define VOICE_BUCKETS       6
#define VOICE_SMOOTH        3

struct voice_frame {
    float level_db; /* of the last 30 ms, full scale = 0, at least -100 */
    bool loud;      /* clearly above the floor */
};

/* Plain data; a stream that restarts is initialised again. */
struct voice {
    float last_in, last_out;     /* high-pass */
    double energy;               /* of the unfinished frame */
    uint32_t filled;             /* samples in it */
    double recent[VOICE_SMOOTH]; /* energies of the last frames */
    uint32_t recent_at;
    float buckets_db[VOICE_BUCKETS]; /* least level of each half second */
    uint32_t bucket, bucket_frames;
    float peak_db;
};

void voice_init(struct voice *voice);

/* Takes samples up to the end of a frame: returns how many of pcm [count] it took, and sets
 * *ret_done when that completed a frame, then written to *ret_frame. */
size_t voice_push(struct voice *voice, const float *pcm, size_t count, bool *ret_done,
                  struct voice_frame *ret_frame);

/* Drops the unfinished frame: the next sample begins one. */
void voice_cut(struct voice *voice);

#endif
