/* front_weights.c - see front_weights.h. A "frontend" in the configuration says which kind it is;
 * without one it is the stem. */
#include "front_weights.h"

#include <math.h>

#include "config.h"
#include "err.h"

#define RATE_HZ      16000
#define HOP_LEAST    80 /* samples a frame */
#define HOP_MOST     8000
#define NUMBERS_MOST 131072 /* of a convolution, for one frame of the last */

static void configure_stem(struct loader *l)
{
    struct fold_model *m = l->model;
    const json_t *config = m->file.config;
    m->info.hop_samples = MODEL_STEM_STRIDE1 * MODEL_STEM_STRIDE2 * MODEL_STEM_STRIDE3;
    m->info.min_samples =
        MODEL_STEM_KERNEL1 + MODEL_STEM_STRIDE1 * (MODEL_STEM_KERNEL2 - 1 +
                                                   MODEL_STEM_STRIDE2 * (MODEL_STEM_KERNEL3 - 1));
    if (config_given(config, "stem_rank"))
        m->stem_rank = config_int(l, config, "stem_rank", 1, 2 * (json_int_t)m->info.d);
}

static void configure_wave(struct loader *l, const json_t *front)
{
    struct model_wave *w = &l->model->wave;
    struct fold_info *info = &l->model->info;
    uint32_t channels[MODEL_CONVS_MOST], kernels[MODEL_CONVS_MOST], strides[MODEL_CONVS_MOST];
    uint32_t positions[2];
    const uint32_t count =
        config_list(l, front, "channels", 1, MODEL_CONVS_MOST, 1, 4096, channels);
    config_list(l, front, "kernels", count, count, 1, 64, kernels);
    config_list(l, front, "strides", count, count, 1, 64, strides);
    config_list(l, front, "positions", 2, 2, 1, 1024, positions);
    w->over_time = config_choice(l, front, "norm", (const char *const[]){"group", "layer"}, 2) == 0;
    w->normalises = config_bool(l, front, "normalise");
    if (l->err)
        return;
    w->convs_count = count;
    w->taps = positions[0];
    w->groups = positions[1];
    info->hop_samples = info->min_samples = 1;
    for (uint32_t i = 0; i < count; i++) {
        w->convs[i].kernel = kernels[i];
        w->convs[i].stride = strides[i];
        w->convs[i].lin.out = channels[i];
        info->hop_samples *= strides[i];
        if (info->hop_samples > HOP_MOST)
            break;
    }
    if (info->hop_samples < HOP_LEAST || info->hop_samples > HOP_MOST) {
        loader_fail(l, FOLD_ERR_FORMAT,
                    "configuration: the product of \"%s\" must be 80 to 8000 samples", "strides");
        return;
    }
    for (uint32_t i = count, frames = 1; i-- > 0; frames *= strides[i])
        if ((uint64_t)frames * channels[i] > NUMBERS_MOST) {
            l->err = err_note(FOLD_ERR_FORMAT, l->note,
                              "configuration: convolution %u of \"frontend\" makes more than %d "
                              "numbers a frame",
                              i, NUMBERS_MOST);
            return;
        }
    for (uint32_t i = count; i-- > 0;)
        info->min_samples = (info->min_samples - 1) * strides[i] + kernels[i];
    if (info->min_samples > RATE_HZ)
        loader_fail(l, FOLD_ERR_FORMAT,
                    "configuration: a frame of these \"%s\" hears more than 16000 samples",
                    "kernels");
    if (info->d % w->groups)
        loader_fail(l, FOLD_ERR_FORMAT, "configuration: \"%s\" has groups that do not divide d",
                    "positions");
}

void front_weights_configure(struct loader *l)
{
    static const char *const kinds[] = {"wave", "mel"};
    struct fold_model *m = l->model;
    const json_t *front = config_given(m->file.config, "frontend");
    if (!front) {
        configure_stem(l);
        return;
    }
    if (!json_object_get(front, "kind"))
        loader_fail(l, FOLD_ERR_FORMAT,
                    "configuration: \"%s\" has no \"kind\": \"wave\" or \"mel\"", "frontend");
    m->front = MODEL_WAVE + config_choice(l, front, "kind", kinds, 2);
    for (int i = 0; i < 2; i++)
        if (config_given(m->file.config, i ? "stem_rank" : "stream"))
            loader_fail(l, FOLD_ERR_FORMAT,
                        "configuration: \"%s\" cannot be had together with a \"frontend\"",
                        i ? "stem_rank" : "stream");
    if (l->err)
        return;
    if (m->front == MODEL_WAVE) {
        configure_wave(l, front);
        return;
    }
    m->mel.channels = config_int(l, front, "channels", 1, 256);
    m->info.hop_samples = 4 * MODEL_MEL_HOP;
    m->info.min_samples = MODEL_MEL_HOP;
}

/* The second convolution may be two factors: one of fewer channels and no bias, and a pointwise one
 * behind it. */
static void load_stem(struct loader *l)
{
    struct fold_model *m = l->model;
    const uint32_t d = m->info.d;
    m->conv1 = (struct model_linear){
        .w = loader_get(l, "frontend.conv1", ".weight", d, 1, MODEL_STEM_KERNEL1),
        .out = d,
        .in = MODEL_STEM_KERNEL1,
    };
    m->stem_gain = loader_get(l, "frontend.norm", ".weight", d, 0, 0);
    m->stem_bias = loader_get(l, "frontend.norm", ".bias", d, 0, 0);
    m->conv2 = loader_matrix(l, "frontend.conv2", m->stem_rank ? m->stem_rank : 2 * d, d,
                             MODEL_STEM_KERNEL2, !m->stem_rank);
    if (m->stem_rank)
        m->mix = loader_matrix(l, "frontend.mix", 2 * d, m->stem_rank, 1, true);
    m->conv3 = loader_matrix(l, "frontend.conv3", d, 2 * d, MODEL_STEM_KERNEL3, true);
}

static struct model_norm norm(struct loader *l, const char *name, uint32_t d)
{
    return (struct model_norm){.gain = loader_get(l, name, ".weight", d, 0, 0),
                               .bias = loader_get(l, name, ".bias", d, 0, 0)};
}

static void load_wave(struct loader *l)
{
    struct fold_model *m = l->model;
    struct model_wave *w = &m->wave;
    const json_t *front = json_object_get(m->file.config, "frontend");
    const bool bias = config_bool(l, front, "bias");
    const uint32_t d = m->info.d;
    uint32_t in = 1;
    for (uint32_t i = 0; i < w->convs_count; i++) {
        struct model_conv *conv = &w->convs[i];
        const uint32_t out = conv->lin.out;
        char name[48];
        snprintf(name, sizeof name, "frontend.convs.%u", i);
        if (i)
            conv->lin = loader_matrix(l, name, out, in, conv->kernel, bias);
        else /* next to the sound: in floats */
            conv->lin =
                (struct model_linear){.w = loader_get(l, name, ".weight", out, 1, conv->kernel),
                                      .b = bias ? loader_get(l, name, ".bias", out, 0, 0) : NULL,
                                      .out = out,
                                      .in = conv->kernel};
        in = out;
        if (i && w->over_time)
            continue;
        snprintf(name, sizeof name, "frontend.norms.%u", i);
        const struct model_norm n = norm(l, name, out);
        conv->gain = n.gain;
        conv->bias = n.bias;
    }
    if (config_bool(l, front, "norm_features"))
        w->project_norm = norm(l, "frontend.project_norm", in);
    w->project = loader_linear(l, "frontend.", "project", d, in, true);
    w->positions = loader_groups(l, "frontend.positions", d, d / w->groups, w->taps, w->groups);
    if (config_bool(l, front, "norm_last"))
        w->last_norm = norm(l, "frontend.last_norm", d);
}

/* Cosines and sines of every bin, times Hann's window. */
static struct model_linear fourier(struct loader *l)
{
    const size_t window = MODEL_MEL_WINDOW, bins = MODEL_MEL_BINS;
    float *to = l->err ? NULL : loader_own(l, 2 * bins * window * sizeof *to);
    const double turn = 2 * acos(-1.0) / (double)window;
    for (size_t k = 0; to && k < bins; k++)
        for (size_t i = 0; i < window; i++) {
            const double hann = 0.5 - 0.5 * cos(turn * (double)i);
            const double angle = turn * (double)(k * i % window);
            to[k * window + i] = (float)(hann * cos(angle));
            to[(bins + k) * window + i] = (float)(hann * sin(angle));
        }
    return (struct model_linear){.w = to, .out = 2 * MODEL_MEL_BINS, .in = MODEL_MEL_WINDOW};
}

/* Triangles on the HTK mel scale, 0 to 8 kHz, as logmel.py has them. */
static struct model_linear filters(struct loader *l)
{
    const size_t bins = MODEL_MEL_BINS;
    float *to = l->err ? NULL : loader_own(l, MODEL_MELS * bins * sizeof *to);
    const double top = 2595 * log10(1 + RATE_HZ / 2 / 700.0);
    double edges[MODEL_MELS + 2];
    for (size_t i = 0; i < MODEL_MELS + 2; i++)
        edges[i] = 700 * (pow(10, top * (double)i / (MODEL_MELS + 1) / 2595) - 1);
    for (size_t i = 0; to && i < MODEL_MELS; i++)
        for (size_t k = 0; k < bins; k++) {
            const double hz = RATE_HZ / 2.0 * (double)k / (double)(bins - 1);
            const double up = (hz - edges[i]) / (edges[i + 1] - edges[i]);
            const double down = (edges[i + 2] - hz) / (edges[i + 2] - edges[i + 1]);
            to[i * bins + k] = (float)fmax(0, fmin(up, down));
        }
    return (struct model_linear){.w = to, .out = MODEL_MELS, .in = MODEL_MEL_BINS};
}

/* PyTorch's [out, in, 3, 3] -> [3, 3, in, out] */
static const float *channels_last(struct loader *l, const char *name, uint32_t out, uint32_t in)
{
    const float *w = loader_tensor(l, name, 4, (const uint32_t[]){out, in, 3, 3});
    float *to = w && !l->err ? loader_own(l, (size_t)9 * in * out * sizeof *to) : NULL;
    for (size_t o = 0; to && o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t tap = 0; tap < 9; tap++)
                to[(tap * in + i) * out + o] = w[(o * in + i) * 9 + tap];
    return to;
}

static void load_mel(struct loader *l)
{
    struct model_mel *mel = &l->model->mel;
    const uint32_t c = mel->channels;
    mel->fourier = fourier(l);
    mel->filters = filters(l);
    mel->conv1 = channels_last(l, "frontend.conv1.weight", c, 1);
    mel->bias1 = loader_get(l, "frontend.conv1", ".bias", c, 0, 0);
    mel->conv2 = channels_last(l, "frontend.conv2.weight", c, c);
    mel->bias2 = loader_get(l, "frontend.conv2", ".bias", c, 0, 0);
    mel->out = loader_linear(l, "frontend.", "out", l->model->info.d, MODEL_MELS / 4 * c, true);
}

void front_weights_load(struct loader *l)
{
    switch (l->model->front) {
    case MODEL_STEM:
        load_stem(l);
        break;
    case MODEL_WAVE:
        load_wave(l);
        break;
    case MODEL_MEL:
        load_mel(l);
        break;
    }
}
