/* How loud is loud?
 *
 * Recordings differ by 60 dB in level and as much in noise, so no fixed threshold will do. The
 * floor is the least level (over 30 ms) of the last three seconds: nobody speaks for three
 * seconds without a stop consonant or a breath, and a fan that starts becomes floor after
 * those. A frame is loud when it is 6 dB above the floor, more where speech has been seen to
 * rise far above it: in a quiet room lips and clothes are 10 dB above the floor too.
 *
 * A stream may begin in the middle of a word, so the floor starts low: then noise from the first
 * sample on counts as loud for three seconds, which endpointer.c looks at again ("steady").
 * Exact digital silence says nothing about the room and leaves the floor alone.
 *
 * Hum and offset are taken away first (one pole high-pass at about 100 Hz).
 */
#include "vad.h"

#include <math.h>

#define LEAST_DB        (-100.0f)
#define DIGITAL_ZERO_DB (-96.0f)
#define FIRST_FLOOR_DB  (-60.0f)
#define LEAST_LOUD_DB   (-70.0f)
#define ABOVE_FLOOR_DB  6.0f
#define BUCKET_FRAMES   50
#define PEAK_FALL_DB    0.03f /* a frame: 3 dB a second */

void vad_init(struct vad *vad)
{
    *vad = (struct vad){.peak_db = LEAST_DB};
    for (int i = 0; i < VAD_BUCKETS; i++)
        vad->buckets_db[i] = FIRST_FLOOR_DB;
}

static float floor_db(const struct vad *vad)
{
    float least = vad->buckets_db[0];

    for (int i = 1; i < VAD_BUCKETS; i++)
        least = fminf(least, vad->buckets_db[i]);
    return least;
}

static void learn(struct vad *vad, float level_db)
{
    vad->peak_db = fmaxf(vad->peak_db - PEAK_FALL_DB, level_db);
    if (level_db <= DIGITAL_ZERO_DB)
        return;
    if (vad->bucket_frames == BUCKET_FRAMES) {
        vad->bucket = (vad->bucket + 1) % VAD_BUCKETS;
        vad->bucket_frames = 0;
        vad->buckets_db[vad->bucket] = level_db;
    }
    vad->bucket_frames++;
    float *bucket = &vad->buckets_db[vad->bucket];
    *bucket = fminf(*bucket, level_db);
}

static struct vad_frame judge(struct vad *vad)
{
    double energy = 0;

    for (int i = 0; i < VAD_SMOOTH; i++)
        energy += vad->recent[i];
    energy /= VAD_SMOOTH * VAD_FRAME_SAMPLES;
    const float level_db = fmaxf(LEAST_DB, (float)(10 * log10(energy + 1e-12)));
    learn(vad, level_db);
    const float least = floor_db(vad);
    const float rise = fminf(fmaxf(vad->peak_db - least - 20.0f, 0.0f), 40.0f);
    const float loud_db = fmaxf(LEAST_LOUD_DB, least + ABOVE_FLOOR_DB + 0.2f * rise);
    return (struct vad_frame){.level_db = level_db, .loud = level_db > loud_db};
}

size_t vad_push(struct vad *vad, const float *pcm, size_t count, bool *ret_done,
                struct vad_frame *ret_frame)
{
    const size_t missing = VAD_FRAME_SAMPLES - vad->filled;
    const size_t now = count < missing ? count : missing;

    for (size_t i = 0; i < now; i++) {
        vad->last_out = pcm[i] - vad->last_in + 0.96f * vad->last_out;
        vad->last_in = pcm[i];
        vad->energy += (double)vad->last_out * vad->last_out;
    }
    vad->filled += (uint32_t)now;
    *ret_done = vad->filled == VAD_FRAME_SAMPLES;
    if (*ret_done) {
        vad->recent[vad->recent_at] = vad->energy;
        vad->recent_at = (vad->recent_at + 1) % VAD_SMOOTH;
        vad_cut(vad);
        *ret_frame = judge(vad);
    }
    return now;
}

void vad_cut(struct vad *vad)
{
    vad->energy = 0;
    vad->filled = 0;
}
