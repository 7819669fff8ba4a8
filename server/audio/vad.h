/* vad.h - is there a voice in these 10 ms? Level against an adaptive floor. */
#ifndef VAD_H
#define VAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VAD_FRAME_SAMPLES 160 /* 10 ms at 16 kHz */
#define VAD_BUCKETS       6
#define VAD_SMOOTH        3

struct vad_frame {
    float level_db; /* of the last 30 ms, full scale = 0, at least -100 */
    bool loud;      /* clearly above the floor */
};

/* Plain data; a stream that restarts is initialised again. */
struct vad {
    float last_in, last_out;   /* high-pass */
    double energy;             /* of the unfinished frame */
    uint32_t filled;           /* samples in it */
    double recent[VAD_SMOOTH]; /* energies of the last frames */
    uint32_t recent_at;
    float buckets_db[VAD_BUCKETS]; /* least level of each half second */
    uint32_t bucket, bucket_frames;
    float peak_db;
};

void vad_init(struct vad *vad);

/* Takes samples up to the end of a frame: returns how many of pcm [count] it took, and sets
 * *ret_done when that completed a frame, then written to *ret_frame. */
size_t vad_push(struct vad *vad, const float *pcm, size_t count, bool *ret_done,
                struct vad_frame *ret_frame);

/* Drops the unfinished frame: the next sample begins one. */
void vad_cut(struct vad *vad);

#endif
