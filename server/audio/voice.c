/* How loud is loud?
 *
 * Recordings differ by 60 dB in level and as much in noise, so no fixed threshold will do. The
 * floor is the least level (over 30 ms) of the last three seconds: nobody speaks for three
 * seconds without a stop consonant or a breath, and a fan that starts becomes floor after
 * those. A frame is loud when it is 6 dB above the floor, more where speech has been seen to
 * rise far above it: in a quiet room lips and clothes are 10 dB above the floor too.
 *
 * A stream may begin in the middle of a word, so the floor starts low: then noise from the first
 * sample on counts as loud for three seconds, which endpoint.c looks at again ("steady").
 * Exact digital silence says nothing about the room and leaves the floor alone.
 *
 * Hum and offset are taken away first (one pole high-pass at about 100 Hz).
 */
#include "voice.h"

#include <math.h>

#define LEAST_DB        (-100.0f)
#define DIGITAL_ZERO_DB (-96.0f)
#define FIRST_FLOOR_DB  (-60.0f)
#define LEAST_LOUD_DB   (-70.0f)
#define ABOVE_FLOOR_DB  6.0f
#define BUCKET_FRAMES   50
#define PEAK_FALL_DB    0.03f /* a frame: 3 dB a second */

void voice_init(struct voice *voice)
{
    *voice = (struct voice){.peak_db = LEAST_DB};
    for (int i = 0; i < VOICE_BUCKETS; i++)
        voice->buckets_db[i] = FIRST_FLOOR_DB;
}

static float floor_db(const struct voice *voice)
{
    float least = voice->buckets_db[0];

    for (int i = 1; i < VOICE_BUCKETS; i++)
        least = fminf(least, voice->buckets_db[i]);
    return least;
}

static void learn(struct voice *voice, float level_db)
{
    voice->peak_db = fmaxf(voice->peak_db - PEAK_FALL_DB, level_db);
    if (level_db <= DIGITAL_ZERO_DB)
        return;
    if (voice->bucket_frames == BUCKET_FRAMES) {
        voice->bucket = (voice->bucket + 1) % VOICE_BUCKETS;
        voice->bucket_frames = 0;
        voice->buckets_db[voice->bucket] = level_db;
    }
    voice->bucket_frames++;
    float *bucket = &voice->buckets_db[voice->bucket];
    *bucket = fminf(*bucket, level_db);
}

static struct voice_frame judge(struct voice *voice)
{
    double energy = 0;

    for (int i = 0; i < VOICE_SMOOTH; i++)
        energy += voice->recent[i];
    energy /= VOICE_SMOOTH * VOICE_FRAME_SAMPLES;
    const float level_db = fmaxf(LEAST_DB, (float)(10 * log10(energy + 1e-12)));
    learn(voice, level_db);
    const float least = floor_db(voice);
    const float rise = fminf(fmaxf(voice->peak_db - least - 20.0f, 0.0f), 40.0f);
    const float loud_db = fmaxf(LEAST_LOUD_DB, least + ABOVE_FLOOR_DB + 0.2f * rise);
    return (struct voice_frame){.level_db = level_db, .loud = level_db > loud_db};
}

size_t voice_push(struct voice *voice, const float *pcm, size_t count, bool *ret_done,
                  struct voice_frame *ret_frame)
{
    const size_t missing = VOICE_FRAME_SAMPLES - voice->filled;
    const size_t now = count < missing ? count : missing;

    for (size_t i = 0; i < now; i++) {
        voice->last_out = pcm[i] - voice->last_in + 0.96f * voice->last_out;
        voice->last_in = pcm[i];
        voice->energy += (double)voice->last_out * voice->last_out;
    }
    voice->filled += (uint32_t)now;
    *ret_done = voice->filled == VOICE_FRAME_SAMPLES;
    if (*ret_done) {
        voice->recent[voice->recent_at] = voice->energy;
        voice->recent_at = (voice->recent_at + 1) % VOICE_SMOOTH;
        voice_cut(voice);
        *ret_frame = judge(voice);
    }
    return now;
}

void voice_cut(struct voice *voice)
{
    voice->energy = 0;
    voice->filled = 0;
}
