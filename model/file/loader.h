/* loader.h - tensors of a seed file by name: shape, dtype and values checked, and brought into the
 * form and precision that the network multiplies with. */
#ifndef LOADER_H
#define LOADER_H

#include "weights.h"

/* One opening of a model. Of many calls in a row the first error counts, and those behind it do
 * nothing: results are NULL or empty then, and nobody reads them. */
struct loader {
    struct fold_model *model;
    struct fold_note *note;
    int err;
    unsigned char *next; /* of the model's memory, */
    size_t left;         /* so many bytes of which are free */
};

/* format has one %s, for name. */
void loader_fail(struct loader *l, int err, const char *format, const char *name);

/* 64-byte aligned, zeroed memory that lives as long as the model. */
void *loader_own(struct loader *l, size_t bytes);

/* The tensor prefix + suffix of shape [a, b, c], zeros ending it, as finite float32: in the map
 * when it is so already, else the model's own. */
const float *loader_get(struct loader *l, const char *prefix, const char *suffix, uint32_t a,
                        uint32_t b, uint32_t c);

/* PyTorch's [out, in, taps] -> [out, taps, in]; out of a [d, 1, taps] depthwise: [taps, d]. */
const float *loader_time_major(struct loader *l, const float *w, uint32_t out, uint32_t in,
                               uint32_t taps);

/* A tensor of that shape as it is stored, and its scales [shape[0]] where it is I8, else NULL. */
struct seedfile_tensor *loader_stored(struct loader *l, const char *name, uint32_t dims,
                                      const uint32_t *shape, const float **ret_scale);

/* Row n of a stored matrix [out, in, taps] as bytes w [taps, in]; returns their scale: those of the
 * file where it is I8, else rounded here. room: two rows of floats. */
float loader_byte_row(const struct seedfile_tensor *t, const float *scale, size_t n, size_t in,
                      size_t taps, int8_t *w, float *room);

/* The tensor of that shape as finite float32, as loader_get. */
const float *loader_tensor(struct loader *l, const char *name, uint32_t dims,
                           const uint32_t *shape);

/* name.weight [out, in], or a convolution [out, in, taps] kept time-major, and name.bias [out], in
 * the model's precision. */
struct model_linear loader_matrix(struct loader *l, const char *name, uint32_t out, uint32_t in,
                                  uint32_t taps, bool bias);
/* A grouped convolution [out, in, taps] with its biases: one product for each of its groups. */
struct model_linear *loader_groups(struct loader *l, const char *name, uint32_t out, uint32_t in,
                                   uint32_t taps, uint32_t groups);
/* The same of prefix + layer, a plain matrix. */
struct model_linear loader_linear(struct loader *l, const char *prefix, const char *layer,
                                  uint32_t out, uint32_t in, bool bias);
/* A matrix that stays fp32 whatever the precision: small, or next to the sound itself. */
struct model_linear loader_floats(struct loader *l, const char *name, uint32_t out, uint32_t in,
                                  bool bias);

/* A table of integers, U8 or I32, any length. */
const void *loader_table(struct loader *l, const char *name, enum seedfile_dtype dtype,
                         size_t *ret_count);

#endif
