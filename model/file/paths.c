/* paths.c - lists of blocks.
 *
 * A seed says in one of three ways what an unfold runs. In a chain every unfold runs all blocks,
 * and begins where the one before ended. With a bridge unfolds 2.. begin anew from the prelude's
 * output plus a projection of the unfold before (the matrix `recall`), and run one more block
 * before the others. With paths they begin anew as well, and every unfold has a list of its own, so
 * that a shallow one leaves out what a deep one runs. Here all three become one list of logical
 * layers; what runs them need not know which it was. */
#include "paths.h"

#include <stdlib.h>

#include "err.h"

#define PATH_MOST 64 /* layers of one path */

/* One of the lists of an object's "paths", by name; its length, 0 where it is no good. */
static size_t read_path(struct loader *l, const char *name, json_t *list, uint32_t r,
                        uint32_t below, uint32_t *ret_path)
{
    const size_t count = json_array_size(list);
    if (count < 1 || count > PATH_MOST) {
        l->err = err_note(FOLD_ERR_FORMAT, l->note,
                          "configuration: \"%s\" of depth %u must be a list of 1 to %d indices",
                          name, r + 1, PATH_MOST);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        const json_int_t n = json_integer_value(value);
        if (!json_is_integer(value) || n < 0 || n >= below) {
            l->err =
                err_note(FOLD_ERR_FORMAT, l->note,
                         "configuration: \"%s\" of depth %u holds what is no index from 0 to %u",
                         name, r + 1, below - 1);
            return 0;
        }
        ret_path[i] = (uint32_t)n;
    }
    return count;
}

/* Lists below `below`, one an unfold; without any, all of them in order. */
struct paths {
    uint32_t count[MODEL_UNFOLDS_MOST], at[MODEL_UNFOLDS_MOST][PATH_MOST];
    bool given;
};

static void read_paths(struct loader *l, const char *name, json_t *object, uint32_t below,
                       struct paths *ret_paths)
{
    const uint32_t unfolds = l->model->info.unfolds;
    json_t *lists = json_object_get(object, "paths");
    *ret_paths = (struct paths){.given = lists && !json_is_null(lists)};
    if (ret_paths->given && (!json_is_array(lists) || json_array_size(lists) != unfolds))
        l->err =
            err_note(FOLD_ERR_FORMAT, l->note,
                     "configuration: \"%s\" must be %u lists, one for every unfold", name, unfolds);
    for (uint32_t r = 0; r < unfolds && !l->err; r++) {
        if (ret_paths->given) {
            ret_paths->count[r] =
                (uint32_t)read_path(l, name, json_array_get(lists, r), r, below, ret_paths->at[r]);
            continue;
        }
        ret_paths->count[r] = below;
        for (uint32_t i = 0; i < below; i++)
            ret_paths->at[r][i] = i;
    }
}

static void add(struct fold_model *m, const struct model_block *block, uint32_t row, uint32_t depth)
{
    m->layers[m->layers_count++] = (struct model_logical){block, row, depth};
}

void paths_unfold(struct loader *l)
{
    struct fold_model *m = l->model;
    struct paths paths;
    if (l->err)
        return;
    read_paths(l, "paths", m->file.config, m->info.blocks, &paths);
    if (paths.given && m->info.unfolds > 1)
        m->recall = loader_linear(l, "", "recall", m->info.d, m->info.d, false);
    size_t count = m->info.prelude + 1;
    for (uint32_t r = 0; r < m->info.unfolds && !l->err; r++)
        count += paths.count[r] + 1;
    m->layers = l->err ? NULL : calloc(count, sizeof *m->layers);
    if (!m->layers) {
        l->err = l->err ? l->err : FOLD_ERR_MEMORY;
        return;
    }
    for (uint32_t i = 0; i < m->info.prelude; i++)
        add(m, &m->prelude[i], 0, 0);
    for (uint32_t r = 0; r < m->info.unfolds; r++) {
        m->first[r + 1] = m->layers_count;
        if (r && m->bridge.q.out)
            add(m, &m->bridge, 0, r + 1);
        for (uint32_t i = 0; i < paths.count[r]; i++)
            add(m, &m->blocks[paths.at[r][i]], r, r + 1);
    }
    m->first[m->info.unfolds + 1] = m->layers_count;
    if (m->letters.q.out)
        add(m, &m->letters, 0, 0);
}

void paths_write(struct loader *l)
{
    struct fold_model *m = l->model;
    struct model_decoder *dec = &m->decoder;
    const uint32_t d = m->info.d, unfolds = m->info.unfolds;
    struct paths paths;
    if (l->err)
        return;
    read_paths(l, "decoder.paths", json_object_get(m->file.config, "decoder"), dec->layers_count,
               &paths);
    const float *gain = paths.given ? loader_get(l, "decoder.norm", ".gain", unfolds, d, 0)
                                    : loader_get(l, "decoder.norm", ".gain", d, 0, 0);
    for (uint32_t r = 0; r < unfolds && !l->err; r++) {
        struct model_writing *writing = &dec->depths[r];
        writing->layers = loader_own(l, paths.count[r] * sizeof(struct model_layer *));
        if (l->err)
            return;
        writing->count = paths.count[r];
        for (uint32_t i = 0; i < writing->count; i++)
            writing->layers[i] = &dec->layers[paths.at[r][i]];
        writing->gain = paths.given ? gain + r * d : gain;
        dec->longest = writing->count > dec->longest ? writing->count : dec->longest;
    }
}
