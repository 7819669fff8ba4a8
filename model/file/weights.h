/* weights.h - the typed weights of a seed: what fold_model_open makes of a seed file.
 *
 * In fp32 matrices are float32 [out, in], row-major: F32 tensors stay in the map, others are
 * expanded once at open into the model's own memory. In int8 the matrices of the blocks and of
 * the stem's second and third convolutions are packed instead (quant.h), and have no floats.
 * Immutable and shared by all threads.
 */
#ifndef WEIGHTS_H
#define WEIGHTS_H

#include "bpe.h"
#include "kernels.h"
#include "seedfile.h"

#define STEM_CHUNK_MOST 32 /* frames of a stream that the stem makes in one go */

#define MODEL_UNFOLDS_MOST 16
#define MODEL_CONVS_MOST   16 /* of a front end over the wave */
#define MODEL_ROWS_MOST    64 /* of a shared block's norms, scales and adapters */

#define MODEL_STEM_KERNEL1 127 /* samples a window of the first convolution, every 64 */
#define MODEL_STEM_STRIDE1 64
#define MODEL_STEM_KERNEL2 7
#define MODEL_STEM_STRIDE2 3
#define MODEL_STEM_KERNEL3 3
#define MODEL_STEM_STRIDE3 2

/* A matrix [out, in] and its bias [out], which may be NULL; in int8 q has both. out is 0 where
 * the seed has no such matrix. */
struct model_linear {
    const float *w, *b;
    const struct quant_weights *q; /* NULL: fp32 */
    uint32_t out, in;
};

/* Layer norm: gain and bias [rows, d]; bias may be NULL. */
struct model_norm {
    const float *gain, *bias;
};

/* What a row of a block adds to one of its products: up(down(x)). down.out is 0 where there is
 * none. */
struct model_adapter {
    struct model_linear down, up; /* [rank, in], [out, rank] */
};

/* A block's products, as they are counted in its list of adapters. */
enum model_part { MODEL_Q, MODEL_K, MODEL_V, MODEL_O, MODEL_FC1, MODEL_FC2, MODEL_PARTS };

struct model_block {
    struct model_norm norm_attn, norm_conv, norm_ffn;
    struct model_linear q, k, v, o;
    struct model_linear pw1, pw2; /* conv module: out 0 when the block has none */
    const float *dw;      /* depthwise taps, transposed to [K, d] so that rows are contiguous */
    const float *dw_bias; /* [d] */
    const float *conv_gain, *conv_bias; /* the norm inside the conv module, [d] */
    struct model_linear fc1, fc2;
    const float *scale; /* [rows, 3, d]: residual scales of attention, conv, ffn; NULL: 1 */
    const struct model_adapter *adapters; /* [rows, MODEL_PARTS]; NULL: none */
};

/* What makes frames of sound. */
enum model_front { MODEL_STEM, MODEL_WAVE, MODEL_MEL };

/* A convolution over time of the wave front end; its norm, where it has one, is over channels. */
struct model_conv {
    struct model_linear lin; /* [out, kernel * in], time-major */
    uint32_t kernel, stride;
    const float *gain, *bias; /* [out]; NULL: none */
};

/* The front end of wav2vec 2.0 and HuBERT. */
struct model_wave {
    struct model_conv convs[MODEL_CONVS_MOST];
    uint32_t convs_count;
    bool over_time;  /* the first convolution's norm is over time, by channel; others have none */
    bool normalises; /* the recording, to zero mean and unit variance */
    struct model_norm project_norm; /* of the last convolution's channels; gain NULL: none */
    struct model_linear project;
    uint32_t taps, groups;          /* of the convolution that tells positions apart */
    struct model_linear *positions; /* [groups], [d / groups, taps * d / groups] each */
    struct model_norm last_norm;    /* gain NULL: none */
};

/* Log-mels and two convolutions of stride 2 over time and mels, channels last. */
struct model_mel {
    uint32_t channels;
    struct model_linear fourier; /* [2 * bins, window]: cosines, then sines, windowed */
    struct model_linear filters; /* [mels, bins] */
    const float *conv1, *bias1;  /* [3, 3, channels], [channels] */
    const float *conv2, *bias2;  /* [3, 3, channels, channels], input before output */
    struct model_linear out;     /* [d, channels * mels / 4] */
};

#define MODEL_MELS       80
#define MODEL_MEL_WINDOW 400
#define MODEL_MEL_HOP    160
#define MODEL_MEL_BINS   (MODEL_MEL_WINDOW / 2 + 1)

/* One attention of the decoder. */
struct model_heads {
    struct model_linear q, k, v, o;
};

struct model_layer {
    struct model_norm norm_self, norm_cross, norm_ffn; /* one row each */
    struct model_heads self, cross;
    struct model_linear up, down; /* [2 ffn, d]: value and gate; [d, ffn] */
};

/* One step of a run: a block, which of its rows of norms and scales it uses, and the least depth
 * that runs it; 0: all do. */
struct model_logical {
    const struct model_block *block;
    uint32_t row, depth;
};

/* What writes a depth: layers [count] in order, and the last norm's gain [d]. */
struct model_writing {
    const struct model_layer **layers;
    uint32_t count;
    const float *gain;
};

/* The attention decoder; layers_count 0: the seed has none. */
struct model_decoder {
    uint32_t layers_count, ffn;
    struct model_layer *layers;
    struct model_writing depths[MODEL_UNFOLDS_MOST];
    uint32_t longest;          /* layers, of those */
    struct model_linear embed; /* [pieces, d]: rows in, and as a product the logits out */
    const int8_t *embed_bytes; /* int8: the rows and their scales; NULL: embed.w has them */
    const float *embed_scale;
    struct bpe pieces;
};

struct fold_model {
    struct seedfile file;
    struct fold_info info;
    const struct kernels *kernels;
    char name[64];
    uint32_t ffn, conv_kernel, rope_dims, stem_rank; /* stem_rank 0: conv2 is whole */
    uint32_t rows; /* of a shared block's norms, scales and adapters */
    double rope_base;
    bool post_norm;    /* norms stand behind the residual sums, and exits have none */
    bool biases;       /* of queries, keys, values and outputs, and of all norms */
    uint32_t low_rank; /* the greatest of the adapters */
    enum model_front front;
    struct model_wave wave;
    struct model_mel mel;
    /* Stem. Convolution weights are kept time-major, [out, tap, in], so that a window of
     * consecutive frames times a row is one dot product. */
    struct model_linear conv1, conv2, conv3;
    struct model_linear mix;            /* behind conv2, where that is factored; out 0: it is not */
    const float *stem_gain, *stem_bias; /* [d] */
    struct model_block *prelude;        /* [info.prelude] */
    struct model_block *blocks;         /* [info.blocks] */
    struct model_norm exit_norm;        /* one row; gain NULL: none */
    struct model_linear head;
    struct model_block letters; /* a block behind every exit, for the head alone; q.out 0: none */
    struct model_norm letters_norm; /* then it stands in for exit_norm */
    struct model_linear feedback;   /* [d, V] */
    struct model_block bridge;      /* before the blocks of unfolds 2..; q.out 0: none */
    /* [d, d]: unfolds 2.. begin anew from the prelude's output plus this times the unfold before.
     * out 0: they go on from where it ended. */
    struct model_linear recall;
    /* Logical layers in the order in which they run: prelude, unfolds 1 .., the letters' block.
     * Those of unfold r, 0 for the prelude, are first[r] .. first[r + 1] - 1. */
    struct model_logical *layers;
    size_t layers_count, first[MODEL_UNFOLDS_MOST + 2];
    struct model_decoder decoder;
    char **vocab;
    void **owned; /* expanded and packed tensors */
    size_t owned_count, owned_room;
};

#endif
