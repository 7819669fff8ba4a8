/* stem.c - conv k127 s64, tanh, group norm, conv k7 s3, gelu, conv k3 s2, gelu (Moonshine's stem).
 *
 * Frames are kept time-major, [T, d], so the inputs of one output frame lie next to each other:
 * a convolution is a GEMM whose input rows overlap (row stride = hop * width), and nothing is
 * ever copied into windows. The group norm has one group: mean and variance are over all frames
 * and channels of the utterance. */
#include "stem.h"

#include <math.h>

#include "kernels.h"
#include "matmul.h"

struct stem_frames stem_frames(size_t samples)
{
    struct stem_frames f = {0};
    if (samples < MODEL_STEM_KERNEL1)
        return f;
    f.conv1 = (samples - MODEL_STEM_KERNEL1) / MODEL_STEM_STRIDE1 + 1;
    if (f.conv1 < MODEL_STEM_KERNEL2)
        return (struct stem_frames){0};
    f.conv2 = (f.conv1 - MODEL_STEM_KERNEL2) / MODEL_STEM_STRIDE2 + 1;
    if (f.conv2 < MODEL_STEM_KERNEL3)
        return (struct stem_frames){0};
    f.conv3 = (f.conv2 - MODEL_STEM_KERNEL3) / MODEL_STEM_STRIDE3 + 1;
    return f;
}

size_t stem_scratch(const struct fold_model *model, size_t samples)
{
    const struct stem_frames f = stem_frames(samples);
    return (f.conv1 + 2 * f.conv2) * model->info.d;
}

/* x [T, d] normalised over all its elements, then gain and bias per channel. */
static void group_norm(float *x, const float *gain, const float *bias, size_t T, size_t d)
{
    double total = 0, squares = 0;
    for (size_t t = 0; t < T; t++) {
        float row = 0, row_squares = 0;
        for (size_t i = 0; i < d; i++) {
            row += x[t * d + i];
            row_squares += x[t * d + i] * x[t * d + i];
        }
        total += row;
        squares += row_squares;
    }
    const double n = (double)T * (double)d, mean = total / n;
    const double variance = fmax(squares / n - mean * mean, 0);
    const float shift = (float)mean, inverse = (float)(1 / sqrt(variance + 1e-5));
    for (size_t t = 0; t < T; t++, x += d)
        for (size_t i = 0; i < d; i++)
            x[i] = (x[i] - shift) * inverse * gain[i] + bias[i];
}

void stem_run(const struct fold_model *m, float *x, const float *pcm, size_t samples,
              float *scratch)
{
    const struct stem_frames f = stem_frames(samples);
    const size_t d = m->info.d;
    float *h1 = scratch;          /* [T1, d] */
    float *h2 = h1 + f.conv1 * d; /* [T2, 2d] */
    matmul_rows(h1, d, pcm, MODEL_STEM_STRIDE1, f.conv1, &m->conv1);
    kernels_tanh(h1, f.conv1 * d);
    group_norm(h1, m->stem_gain, m->stem_bias, f.conv1, d);
    matmul_rows(h2, 2 * d, h1, MODEL_STEM_STRIDE2 * d, f.conv2, &m->conv2);
    kernels_gelu(h2, m->conv2.b, f.conv2, 2 * d);
    matmul_rows(x, d, h2, MODEL_STEM_STRIDE3 * 2 * d, f.conv3, &m->conv3);
    kernels_gelu(x, m->conv3.b, f.conv3, d);
}
