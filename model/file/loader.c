/* loader.c - tensors of a seed file by name, checked, in the form that the network wants. */
#include "loader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "err.h"

/* Every piece that is written walks through all of the decoder's weights: in small pages that is
 * thousands of them. */
#define PAGE  ((size_t)2 << 20)
#define BLOCK ((size_t)8 << 20)

void loader_fail(struct loader *l, int err, const char *format, const char *name)
{
    if (!l->err)
        l->err = err_note(err, l->note, format, name);
}

/* Memory that goes with the model, of at least so many bytes; huge pages, where the system has
 * them. */
static void *own_block(struct loader *l, size_t bytes)
{
    struct fold_model *m = l->model;
    if (m->owned_count == m->owned_room) {
        size_t room = m->owned_room ? 2 * m->owned_room : 16;
        void **grown = realloc(m->owned, room * sizeof *grown);
        if (!grown)
            return NULL;
        m->owned = grown;
        m->owned_room = room;
    }
    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    void *memory = aligned_alloc(PAGE, bytes);
    if (!memory)
        return NULL;
    madvise(memory, bytes, MADV_HUGEPAGE); /* only faster */
    return m->owned[m->owned_count++] = memory;
}

void *loader_own(struct loader *l, size_t bytes)
{
    bytes = bytes ? (bytes + 63) / 64 * 64 : 64;
    if (bytes > l->left) {
        const size_t block = bytes > BLOCK ? bytes : BLOCK;
        l->next = own_block(l, block);
        l->left = l->next ? block : 0;
    }
    if (!l->next) {
        l->err = FOLD_ERR_MEMORY;
        return NULL;
    }
    void *memory = l->next;
    memset(memory, 0, bytes);
    l->next += bytes;
    l->left -= bytes;
    return memory;
}

static float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 0) {
        float tiny = ldexpf((float)fraction, -24);
        return sign ? -tiny : tiny;
    }
    uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

/* to [count] <- the tensor's elements from first on; scale [shape[0]] when it is I8. */
static void expand(const struct seedfile_tensor *t, const float *scale, size_t first, size_t count,
                   float *to)
{
    const size_t row = t->count / t->shape[0];
    for (size_t i = first; i < first + count; i++, to++) {
        uint32_t bits;
        switch (t->dtype) {
        case SEEDFILE_F32:
            *to = ((const float *)t->data)[i];
            break;
        case SEEDFILE_F16:
            *to = half_to_float(((const uint16_t *)t->data)[i]);
            break;
        case SEEDFILE_BF16:
            bits = (uint32_t)((const uint16_t *)t->data)[i] << 16;
            memcpy(to, &bits, 4);
            break;
        case SEEDFILE_I8:
            *to = scale[i / row] * ((const int8_t *)t->data)[i];
            break;
        case SEEDFILE_U8:
        case SEEDFILE_I32: /* refused by loader_stored() */
            break;
        }
    }
}

static struct seedfile_tensor *find(struct loader *l, const char *name, uint32_t dims,
                                    const uint32_t *shape)
{
    struct seedfile_tensor *t = seedfile_find(&l->model->file, name);
    if (!t) {
        loader_fail(l, FOLD_ERR_FORMAT, "tensor \"%.80s\" is missing", name);
        return NULL;
    }
    if (t->dims != dims || memcmp(t->shape, shape, dims * sizeof *shape) != 0) {
        if (!l->err) {
            char have[64] = "", want[64] = "";
            for (uint32_t i = 0; i < t->dims; i++)
                snprintf(have + strlen(have), sizeof have - strlen(have), "%s%u", i ? ", " : "",
                         t->shape[i]);
            for (uint32_t i = 0; i < dims; i++)
                snprintf(want + strlen(want), sizeof want - strlen(want), "%s%u", i ? ", " : "",
                         shape[i]);
            l->err =
                err_note(FOLD_ERR_FORMAT, l->note,
                         "tensor \"%.80s\" is [%s], the configuration says [%s]", name, have, want);
        }
        return NULL;
    }
    return t;
}

struct seedfile_tensor *loader_stored(struct loader *l, const char *name, uint32_t dims,
                                      const uint32_t *shape, const float **ret_scale)
{
    struct seedfile_tensor *t = l->err ? NULL : find(l, name, dims, shape);
    *ret_scale = NULL;
    if (t && (t->dtype == SEEDFILE_U8 || t->dtype == SEEDFILE_I32)) {
        loader_fail(l, FOLD_ERR_FORMAT, "tensor \"%.80s\" must be F32, F16, BF16 or I8", name);
        return NULL;
    }
    if (!t || t->dtype != SEEDFILE_I8)
        return t;
    char scale_name[160];
    snprintf(scale_name, sizeof scale_name, "%s.scale", name);
    struct seedfile_tensor *s = find(l, scale_name, 1, shape);
    if (s && s->dtype != SEEDFILE_F32)
        loader_fail(l, FOLD_ERR_FORMAT, "tensor \"%.80s\" must be F32", scale_name);
    if (l->err)
        return NULL;
    s->kept = true;
    *ret_scale = s->data;
    return t;
}

static const float *all_finite(struct loader *l, const char *name, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i])) {
            loader_fail(l, FOLD_ERR_FORMAT, "tensor \"%.80s\" holds a number that is not finite",
                        name);
            return NULL;
        }
    return x;
}

const float *loader_tensor(struct loader *l, const char *name, uint32_t dims, const uint32_t *shape)
{
    const float *scale;
    struct seedfile_tensor *t = loader_stored(l, name, dims, shape, &scale);
    if (!t)
        return NULL;
    if (t->dtype == SEEDFILE_F32) {
        t->kept = true;
        return all_finite(l, name, t->data, t->count);
    }
    float *to = loader_own(l, t->count * sizeof *to);
    if (!to)
        return NULL;
    expand(t, scale, 0, t->count, to);
    return all_finite(l, name, to, t->count);
}

const float *loader_get(struct loader *l, const char *prefix, const char *suffix, uint32_t a,
                        uint32_t b, uint32_t c)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    return loader_tensor(l, name, c ? 3 : b ? 2 : 1, (const uint32_t[]){a, b, c});
}

const float *loader_time_major(struct loader *l, const float *w, uint32_t out, uint32_t in,
                               uint32_t taps)
{
    float *to = w && !l->err ? loader_own(l, (size_t)out * in * taps * sizeof *to) : NULL;
    for (size_t o = 0; to && o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t t = 0; t < taps; t++)
                to[(o * taps + t) * in + i] = w[(o * in + i) * taps + t];
    return to;
}

float loader_byte_row(const struct seedfile_tensor *t, const float *scale, size_t n, size_t in,
                      size_t taps, int8_t *w, float *room)
{
    const size_t count = in * taps;
    float *as_stored = room, *row = room + count;
    if (t->dtype == SEEDFILE_I8) {
        const int8_t *bytes = (const int8_t *)t->data + n * count;
        for (size_t i = 0; i < count; i++)
            w[i % taps * in + i / taps] = bytes[i];
        return scale[n];
    }
    expand(t, NULL, n * count, count, as_stored);
    for (size_t i = 0; i < count; i++)
        row[i % taps * in + i / taps] = as_stored[i];
    return quant_row(w, row, count);
}

/* Rows first .. first + out of the matrix [shape[0], taps * in], packed in bytes, with their biases
 * (may be NULL). */
static const struct quant_weights *packed(struct loader *l, const char *name, uint32_t dims,
                                          const uint32_t *shape, size_t first, size_t out,
                                          const float *bias)
{
    const size_t in = shape[1], taps = dims == 3 ? shape[2] : 1, count = in * taps;
    const float *scale;
    struct seedfile_tensor *t = loader_stored(l, name, dims, shape, &scale);
    struct quant_weights *q = t ? loader_own(l, sizeof *q) : NULL;
    float *scales = t ? loader_own(l, quant_padded(out) * sizeof *scales) : NULL;
    float *biases = t ? loader_own(l, quant_padded(out) * sizeof *biases) : NULL;
    int32_t *sums = t ? loader_own(l, quant_padded(out) * sizeof *sums) : NULL;
    int8_t *bytes = t ? loader_own(l, quant_packed_bytes(out, count)) : NULL;
    int8_t *row = malloc(count * (1 + 2 * sizeof(float)));
    if (!row && !l->err)
        l->err = FOLD_ERR_MEMORY;
    for (size_t n = 0; n < out && !l->err; n++) {
        scales[n] = loader_byte_row(t, scale, first + n, in, taps, row + 2 * count * sizeof(float),
                                    (float *)(void *)row);
        sums[n] = quant_pack_row(bytes, n, row + 2 * count * sizeof(float), count);
    }
    free(row);
    if (l->err || !all_finite(l, name, scales, out))
        return NULL;
    if (bias)
        memcpy(biases, bias, out * sizeof *biases);
    *q = (struct quant_weights){bytes, scales, sums, biases, out, count};
    return q;
}

/* A matrix [out, in], or one with taps, as parts [count] of its rows, all alike. */
static void parts_of(struct loader *l, const char *name, const uint32_t shape[3], bool bias,
                     struct model_linear *ret_parts, uint32_t count)
{
    char weight[96];
    const uint32_t in = shape[1], taps = shape[2], dims = taps ? 3 : 2, out = shape[0] / count;
    snprintf(weight, sizeof weight, "%s.weight", name);
    const bool int8 = l->model->info.precision == FOLD_INT8;
    const float *b = bias ? loader_get(l, name, ".bias", shape[0], 0, 0) : NULL;
    const float *w = int8 ? NULL : loader_tensor(l, weight, dims, shape);
    for (uint32_t i = 0; i < count; i++) {
        struct model_linear *part = &ret_parts[i];
        *part = (struct model_linear){.out = out, .in = in * (taps ? taps : 1)};
        part->b = b ? b + (size_t)i * out : NULL;
        const float *mine = w ? w + (size_t)i * out * part->in : NULL;
        if (int8)
            part->q = packed(l, weight, dims, shape, (size_t)i * out, out, part->b);
        else
            part->w = taps ? loader_time_major(l, mine, out, in, taps) : mine;
    }
}

struct model_linear loader_matrix(struct loader *l, const char *name, uint32_t out, uint32_t in,
                                  uint32_t taps, bool bias)
{
    struct model_linear lin;
    parts_of(l, name, (const uint32_t[]){out, in, taps}, bias, &lin, 1);
    return lin;
}

struct model_linear *loader_groups(struct loader *l, const char *name, uint32_t out, uint32_t in,
                                   uint32_t taps, uint32_t groups)
{
    struct model_linear *parts = l->err ? NULL : loader_own(l, groups * sizeof *parts);
    if (parts)
        parts_of(l, name, (const uint32_t[]){out, in, taps}, true, parts, groups);
    return parts;
}

struct model_linear loader_linear(struct loader *l, const char *prefix, const char *layer,
                                  uint32_t out, uint32_t in, bool bias)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s", prefix, layer);
    return loader_matrix(l, name, out, in, 0, bias);
}

struct model_linear loader_floats(struct loader *l, const char *name, uint32_t out, uint32_t in,
                                  bool bias)
{
    return (struct model_linear){.w = loader_get(l, name, ".weight", out, in, 0),
                                 .b = bias ? loader_get(l, name, ".bias", out, 0, 0) : NULL,
                                 .out = out,
                                 .in = in};
}

const void *loader_table(struct loader *l, const char *name, enum seedfile_dtype dtype,
                         size_t *ret_count)
{
    struct seedfile_tensor *t = l->err ? NULL : seedfile_find(&l->model->file, name);
    if (!t || t->dims != 1 || t->dtype != dtype) {
        loader_fail(l, FOLD_ERR_FORMAT,
                    dtype == SEEDFILE_U8 ? "tensor \"%.80s\" must be U8 [n]"
                                         : "tensor \"%.80s\" must be I32 [n]",
                    name);
        return NULL;
    }
    t->kept = true;
    *ret_count = t->count;
    return t->data;
}
