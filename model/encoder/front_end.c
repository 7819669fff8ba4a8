/* front_end.c - see front_end.h. */
#include "front_end.h"

#include "mel.h"
#include "stem.h"
#include "wave.h"

size_t front_end_frames(const struct fold_model *m, size_t samples)
{
    switch (m->front) {
    case MODEL_WAVE:
        return wave_frames(m, samples);
    case MODEL_MEL:
        return mel_frames(samples);
    case MODEL_STEM:
        break;
    }
    return stem_frames(samples).conv3;
}

size_t front_end_bytes(const struct fold_model *m)
{
    switch (m->front) {
    case MODEL_WAVE:
        return wave_bytes(m);
    case MODEL_MEL:
        return mel_bytes(m);
    case MODEL_STEM:
        break;
    }
    return stem_bytes(m);
}

size_t front_end_kept(const struct fold_model *m, size_t T)
{
    switch (m->front) {
    case MODEL_WAVE:
        return wave_kept(m, T) * sizeof(float);
    case MODEL_MEL:
        return mel_kept(T) * sizeof(float);
    case MODEL_STEM:
        break;
    }
    return stem_kept(m, T) * sizeof(int16_t);
}

bool front_end_run(const struct fold_model *m, float *x, const float *pcm, size_t samples,
                   void *kept, bool (*stop)(const void *user), const void *user, void *scratch)
{
    switch (m->front) {
    case MODEL_WAVE:
        return wave_run(m, x, pcm, samples, kept, stop, user, scratch);
    case MODEL_MEL:
        return mel_run(m, x, pcm, samples, kept, stop, user, scratch);
    case MODEL_STEM:
        break;
    }
    return stem_run(m, x, pcm, samples, kept, stop, user, scratch);
}
