/* model.c - from a checked seed file to typed weights: every name, shape and size must be just
 * what the configuration says, and nothing may be left over. */
#include "weights.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "cpu.h"
#include "err.h"
#include "front_weights.h"
#include "loader.h"
#include "paths.h"

/* ---- configuration ----------------------------------------------------------------------- */

static void load_vocab(struct loader *l)
{
    struct fold_model *m = l->model;
    json_t *vocab = json_object_get(m->file.config, "vocab");
    size_t count = json_array_size(vocab);
    if (count < 2 || count > 65536) {
        loader_fail(l, FOLD_ERR_FORMAT,
                    "configuration: \"%s\" must be an array of 2 to 65536 strings", "vocab");
        return;
    }
    m->vocab = calloc(count, sizeof *m->vocab);
    if (!m->vocab) {
        l->err = FOLD_ERR_MEMORY;
        return;
    }
    m->info.vocab_size = (uint32_t)count;
    m->info.vocab = (const char *const *)m->vocab;
    for (size_t i = 0; i < count && !l->err; i++) {
        const char *piece = json_string_value(json_array_get(vocab, i));
        if (!piece)
            loader_fail(l, FOLD_ERR_FORMAT,
                        "configuration: \"%s\" holds something that is not a string", "vocab");
        else if (i && strlen(piece) > FOLD_PIECE_BYTES)
            l->err = err_note(FOLD_ERR_FORMAT, l->note,
                              "configuration: \"vocab\" holds \"%.40s\", which is longer than %d "
                              "bytes",
                              piece, FOLD_PIECE_BYTES);
        else if (!(m->vocab[i] = strdup(piece)))
            l->err = FOLD_ERR_MEMORY;
    }
}

static void load_config(struct loader *l)
{
    struct fold_model *m = l->model;
    json_t *config = m->file.config;
    const char *name = json_string_value(json_object_get(config, "name"));
    if (!name || !*name || strlen(name) >= sizeof m->name) {
        loader_fail(l, FOLD_ERR_FORMAT, "configuration: \"%s\" must be a string of 1 to 63 bytes",
                    "name");
        return;
    }
    strcpy(m->name, name);
    m->info.name = m->name;
    m->info.rate_hz = config_int(l, config, "rate", 16000, 16000);
    m->info.d = config_int(l, config, "d", 4, 4096);
    m->info.heads = config_int(l, config, "heads", 1, 64);
    m->ffn = config_int(l, config, "ffn", 1, 16384);
    m->info.prelude = config_int(l, config, "prelude", 0, 64);
    m->info.blocks = config_int(l, config, "blocks", 1, 64);
    m->info.unfolds = config_int(l, config, "unfolds", 1, MODEL_UNFOLDS_MOST);
    m->rows = config_given(config, "rows") ? config_int(l, config, "rows", 1, MODEL_ROWS_MOST)
                                           : m->info.unfolds;
    m->conv_kernel = config_int(l, config, "conv_kernel", 0, 63);
    m->rope_dims = config_int(l, config, "rope_dims", 0, 1024);
    m->post_norm = config_choice(l, config, "norm", (const char *const[]){"pre", "post"}, 2) == 1;
    m->biases = config_bool(l, config, "biases");
    m->rope_base = json_number_value(json_object_get(config, "rope_base"));
    if (l->err)
        return;
    if (m->info.d % m->info.heads || m->rope_dims % 2 || m->rope_dims > m->info.d / m->info.heads)
        loader_fail(l, FOLD_ERR_FORMAT, "configuration: \"%s\" does not fit d and heads",
                    "rope_dims");
    if (!(m->rope_base > 1))
        loader_fail(l, FOLD_ERR_FORMAT, "configuration: \"%s\" must be a number above 1",
                    "rope_base");
    if (m->conv_kernel && m->conv_kernel % 2 == 0)
        loader_fail(l, FOLD_ERR_FORMAT, "configuration: \"%s\" must be odd, or 0", "conv_kernel");
    for (int i = 0; i < 2 && config_given(config, "paths"); i++)
        if (config_bool(l, config, i ? "feedback" : "bridge"))
            loader_fail(l, FOLD_ERR_FORMAT,
                        "configuration: \"paths\" cannot be had together with \"%s\"",
                        i ? "feedback" : "bridge");
    front_weights_configure(l);
    const json_t *decoder = config_given(config, "decoder");
    if (decoder) {
        m->decoder.layers_count = config_int(l, decoder, "layers", 1, 64);
        m->decoder.ffn = config_int(l, decoder, "ffn", 1, 16384);
        m->info.pieces = config_int(l, decoder, "pieces", 3, BPE_MOST);
    }
    if (decoder && m->post_norm)
        loader_fail(l, FOLD_ERR_FORMAT,
                    "configuration: \"%s\" cannot be had together with \"norm\": \"post\"",
                    "decoder");
    const json_t *stream = config_given(config, "stream");
    const uint32_t half = m->conv_kernel / 2 + 1;
    if (stream) {
        m->info.chunk_frames = config_int(l, stream, "chunk", half, STEM_CHUNK_MOST);
        m->info.left_frames = config_int(l, stream, "left", half, 1024);
    }
    if (!l->err)
        load_vocab(l);
}
/* ---- weights ------------------------------------------------------------------------------ */

/* rows 0: one, with a bias where bias says so. */
static struct model_norm norm(struct loader *l, const char *prefix, const char *layer,
                              uint32_t rows, bool bias)
{
    char name[96];
    uint32_t d = l->model->info.d;
    snprintf(name, sizeof name, "%s%s", prefix, layer);
    if (!rows)
        return (struct model_norm){.gain = loader_get(l, name, ".gain", d, 0, 0),
                                   .bias = bias ? loader_get(l, name, ".bias", d, 0, 0) : NULL};
    return (struct model_norm){.gain = loader_get(l, name, ".gain", rows, d, 0),
                               .bias = loader_get(l, name, ".bias", rows, d, 0)};
}

/* What the rows of a shared block add to its products: ranks [m->rows], 0 is nothing. */
static void load_adapters(struct loader *l, struct model_block *b, const char *prefix,
                          const uint32_t *ranks)
{
    static const char *const names[MODEL_PARTS] = {"attn.q", "attn.k",  "attn.v",
                                                   "attn.o", "ffn.fc1", "ffn.fc2"};
    const struct model_linear *const of[MODEL_PARTS] = {&b->q, &b->k,   &b->v,
                                                        &b->o, &b->fc1, &b->fc2};
    const uint32_t rows = l->model->rows;
    struct model_adapter *adapters = loader_own(l, (size_t)rows * MODEL_PARTS * sizeof *adapters);
    for (uint32_t r = 0; r < rows && !l->err; r++)
        for (int part = 0; part < MODEL_PARTS && ranks[r]; part++) {
            struct model_adapter *a = &adapters[r * MODEL_PARTS + part];
            char layer[48];
            snprintf(layer, sizeof layer, "%s.adapters.%u.down", names[part], r);
            a->down = loader_linear(l, prefix, layer, ranks[r], of[part]->in, false);
            snprintf(layer, sizeof layer, "%s.adapters.%u.up", names[part], r);
            a->up = loader_linear(l, prefix, layer, of[part]->out, ranks[r], false);
        }
    b->adapters = adapters;
}

/* rows 0: a unique block, with neither scales nor a conv module. */
static void load_block(struct loader *l, struct model_block *b, const char *prefix, uint32_t rows)
{
    const struct fold_model *m = l->model;
    const uint32_t d = m->info.d, taps = rows ? m->conv_kernel : 0;
    const bool bias = m->biases;
    b->norm_attn = norm(l, prefix, "norm_attn", rows, bias);
    b->q = loader_linear(l, prefix, "attn.q", d, d, bias);
    b->k = loader_linear(l, prefix, "attn.k", d, d, bias);
    b->v = loader_linear(l, prefix, "attn.v", d, d, bias);
    b->o = loader_linear(l, prefix, "attn.o", d, d, bias);
    if (taps) {
        b->norm_conv = norm(l, prefix, "norm_conv", rows, bias);
        b->pw1 = loader_linear(l, prefix, "conv.pw1", 2 * d, d, true);
        b->dw =
            loader_time_major(l, loader_get(l, prefix, "conv.dw.weight", d, 1, taps), 1, d, taps);
        b->dw_bias = loader_get(l, prefix, "conv.dw.bias", d, 0, 0);
        b->conv_gain = loader_get(l, prefix, "conv.norm.weight", d, 0, 0);
        b->conv_bias = loader_get(l, prefix, "conv.norm.bias", d, 0, 0);
        b->pw2 = loader_linear(l, prefix, "conv.pw2", d, d, true);
    }
    b->norm_ffn = norm(l, prefix, "norm_ffn", rows, bias);
    b->fc1 = loader_linear(l, prefix, "ffn.fc1", m->ffn, d, true);
    b->fc2 = loader_linear(l, prefix, "ffn.fc2", d, m->ffn, true);
    b->scale = rows ? loader_get(l, prefix, "scale", rows, 3, d) : NULL;
}

static void load_blocks(struct loader *l, struct model_block *blocks, const char *list,
                        uint32_t count, uint32_t rows, const uint32_t *ranks)
{
    for (uint32_t i = 0; i < count; i++) {
        char prefix[48];
        snprintf(prefix, sizeof prefix, "%s.%u.", list, i);
        load_block(l, &blocks[i], prefix, rows);
        if (ranks && !l->err)
            load_adapters(l, &blocks[i], prefix, ranks);
    }
}

static struct model_heads heads(struct loader *l, const char *prefix, const char *name)
{
    const uint32_t d = l->model->info.d;
    struct model_heads h;
    struct model_linear *parts[] = {&h.q, &h.k, &h.v, &h.o};
    for (size_t i = 0; i < 4; i++) {
        char layer[16];
        snprintf(layer, sizeof layer, "%s.%c", name, "qkvo"[i]);
        *parts[i] = loader_linear(l, prefix, layer, d, d, false);
    }
    return h;
}

static void load_pieces(struct loader *l)
{
    size_t bytes_count = 0, offsets_count = 0, count = 0;
    const uint8_t *bytes = loader_table(l, "pieces.bytes", SEEDFILE_U8, &bytes_count);
    const int32_t *offsets = loader_table(l, "pieces.offsets", SEEDFILE_I32, &offsets_count);
    const int32_t *ranks = loader_table(l, "pieces.rank", SEEDFILE_I32, &count);
    if (!l->err && offsets_count != count + 1)
        loader_fail(l, FOLD_ERR_FORMAT,
                    "tensor \"%.80s\" must have one element more than pieces.rank",
                    "pieces.offsets");
    if (!l->err)
        l->err = bpe_open(&l->model->decoder.pieces, bytes, bytes_count, offsets, ranks,
                          (uint32_t)count, l->model->info.pieces, l->note);
}

/* The embedding is read by row and, transposed, is the last product. */
static void load_embedding(struct loader *l)
{
    static const char name[] = "decoder.embed";
    const uint32_t V = l->model->info.pieces, d = l->model->info.d, shape[] = {V, d};
    struct model_decoder *dec = &l->model->decoder;
    const float *scale;
    dec->embed = loader_matrix(l, name, V, d, 0, false);
    if (l->err || !dec->embed.q)
        return;
    struct seedfile_tensor *t = loader_stored(l, "decoder.embed.weight", 2, shape, &scale);
    dec->embed_scale = dec->embed.q->scale;
    if (t && t->dtype == SEEDFILE_I8) {
        t->kept = true;
        dec->embed_bytes = t->data;
        return;
    }
    int8_t *rows = loader_own(l, (size_t)V * d);
    float *room = malloc(2 * d * sizeof *room);
    if (!room)
        l->err = FOLD_ERR_MEMORY;
    for (size_t n = 0; n < V && !l->err; n++)
        loader_byte_row(t, scale, n, d, 1, rows + n * d, room);
    free(room);
    dec->embed_bytes = rows;
}

static void load_decoder(struct loader *l)
{
    struct model_decoder *dec = &l->model->decoder;
    const uint32_t d = l->model->info.d;
    if (!dec->layers_count)
        return;
    dec->layers = calloc(dec->layers_count, sizeof *dec->layers);
    if (!dec->layers) {
        l->err = FOLD_ERR_MEMORY;
        return;
    }
    for (uint32_t i = 0; i < dec->layers_count; i++) {
        struct model_layer *layer = &dec->layers[i];
        char prefix[48];
        snprintf(prefix, sizeof prefix, "decoder.layers.%u.", i);
        layer->norm_self = norm(l, prefix, "norm_self", 0, false);
        layer->self = heads(l, prefix, "self");
        layer->norm_cross = norm(l, prefix, "norm_cross", 0, false);
        layer->cross = heads(l, prefix, "cross");
        layer->norm_ffn = norm(l, prefix, "norm_ffn", 0, false);
        layer->up = loader_linear(l, prefix, "ffn.up", 2 * dec->ffn, d, true);
        layer->down = loader_linear(l, prefix, "ffn.down", d, dec->ffn, true);
    }
    paths_write(l);
    load_embedding(l);
    load_pieces(l);
}

static void load_weights(struct loader *l)
{
    struct fold_model *m = l->model;
    const json_t *config = m->file.config;
    const uint32_t d = m->info.d;
    uint32_t ranks[MODEL_ROWS_MOST];
    const bool adapted = config_given(config, "adapters");
    if (adapted)
        config_list(l, config, "adapters", m->rows, m->rows, 0, 1024, ranks);
    for (uint32_t r = 0; adapted && !l->err && r < m->rows; r++)
        m->low_rank = ranks[r] > m->low_rank ? ranks[r] : m->low_rank;
    front_weights_load(l);
    m->prelude = calloc(m->info.prelude + 1, sizeof *m->prelude);
    m->blocks = calloc(m->info.blocks, sizeof *m->blocks);
    if (!m->prelude || !m->blocks) {
        l->err = FOLD_ERR_MEMORY;
        return;
    }
    load_blocks(l, m->prelude, "prelude", m->info.prelude, 0, NULL);
    load_blocks(l, m->blocks, "blocks", m->info.blocks, m->rows, adapted ? ranks : NULL);
    if (!m->post_norm)
        m->exit_norm = norm(l, "exit.", "norm", 0, m->biases);
    m->head = loader_floats(l, "exit.head", m->info.vocab_size, d, true);
    if (config_bool(l, config, "letters")) {
        load_block(l, &m->letters, "letters.block.", 1);
        m->letters_norm = norm(l, "letters.", "norm", 0, false);
    }
    if (config_bool(l, config, "bridge")) {
        load_block(l, &m->bridge, "bridge.block.", 0);
        m->recall = loader_linear(l, "bridge.", "recall", d, d, false);
    }
    if (config_bool(l, config, "feedback"))
        m->feedback = loader_floats(l, "feedback", d, m->info.vocab_size, false);
    paths_unfold(l);
    load_decoder(l);
    for (size_t i = 0; i < m->file.tensors_count && !l->err; i++) {
        const struct seedfile_tensor *t = &m->file.tensors[i];
        size_t length = strlen(t->name);
        const bool table = t->dtype == SEEDFILE_U8 || t->dtype == SEEDFILE_I32;
        if (!t->used)
            loader_fail(l, FOLD_ERR_FORMAT, "tensor \"%.80s\" is not one of this configuration's",
                        t->name);
        if (table)
            continue;
        if (t->dtype != SEEDFILE_F32 || length < 6 || strcmp(t->name + length - 6, ".scale") != 0 ||
            t->dims != 1)
            m->info.parameters += t->count;
    }
}

int fold_model_open(struct fold_model **ret_model, const char *path, struct fold_note *note)
{
    return fold_model_open_as(ret_model, path, FOLD_FASTEST, note);
}

int fold_model_open_as(struct fold_model **ret_model, const char *path,
                       enum fold_precision precision, struct fold_note *note)
{
    struct fold_model *m = calloc(1, sizeof *m);
    if (!m)
        return FOLD_ERR_MEMORY;
    if (note)
        note->text[0] = '\0';
    struct loader l = {.model = m, .note = note};
    m->kernels = cpu_kernels(0);
    m->info.precision = precision != FOLD_FASTEST ? precision
                        : m->kernels->int8_pays   ? FOLD_INT8
                                                  : FOLD_FP32;
    l.err = seedfile_open(&m->file, path, note);
    if (!l.err)
        load_config(&l);
    if (!l.err)
        load_weights(&l);
    if (l.err) {
        if (note && !note->text[0])
            err_note(l.err, note, "%s", fold_err_text(l.err));
        fold_model_close(m);
        return l.err;
    }
    seedfile_forget(&m->file);
    m->info.file_bytes = m->file.bytes;
    memcpy(m->info.sha256, m->file.sha256, sizeof m->info.sha256);
    *ret_model = m;
    return FOLD_OK;
}

void fold_model_close(struct fold_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < model->owned_count; i++)
        free(model->owned[i]);
    for (size_t i = 0; model->vocab && i < model->info.vocab_size; i++)
        free(model->vocab[i]);
    free(model->owned);
    free(model->vocab);
    free(model->prelude);
    free(model->blocks);
    free(model->layers);
    free(model->decoder.layers);
    bpe_close(&model->decoder.pieces);
    seedfile_close(&model->file);
    free(model);
}

const struct fold_info *fold_model_info(const struct fold_model *model)
{
    return &model->info;
}
