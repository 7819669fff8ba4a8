/* paths.c - lists of blocks.
 *
 * A seed says in one of three ways what an unfold runs. In a chain every unfold runs all blocks,
 * and begins where the one before ended. With a bridge unfolds 2.. begin anew from the prelude's
 * output plus a projection of the unfold before (the matrix `recall`), and run one more block
 * before the others. With paths they begin anew as well, and every unfold has a list of its own, so
 * that a shallow one leaves out what a deep one runs; unless they are "chained", when they go on
 * from where the one before ended. Here all become one list of logical layers; what runs them need
 * not know which it was.
 *
 * A path's entry is a block, which takes the row of its unfold, or [block, row]. */
#include "paths.h"

#include <stdlib.h>

#include "config.h"
#include "err.h"

#define PATH_MOST 64 /* layers of one path */

/* Lists of what is below `below`, one an unfold; without any, all of it in order. rows: of each
 * step, where `rows` is not 0. */
struct paths {
    uint32_t count[MODEL_UNFOLDS_MOST], at[MODEL_UNFOLDS_MOST][PATH_MOST];
    uint32_t row[MODEL_UNFOLDS_MOST][PATH_MOST];
    uint32_t below, rows;
    bool given;
};

/* Block and row of one step of unfold r + 1; false where it is none. */
static bool read_step(const json_t *step, const struct paths *p, uint32_t r, uint32_t *ret_at,
                      uint32_t *ret_row)
{
    const bool pair = p->rows && json_array_size(step) == 2;
    const json_t *at = pair ? json_array_get(step, 0) : step;
    const json_t *row = pair ? json_array_get(step, 1) : NULL;
    const json_int_t n = json_integer_value(at), m = json_integer_value(row);
    if (!json_is_integer(at) || n < 0 || n >= p->below)
        return false;
    if (pair && (!json_is_integer(row) || m < 0 || m >= p->rows))
        return false;
    *ret_at = (uint32_t)n;
    *ret_row = pair ? (uint32_t)m : r < p->rows ? r : p->rows ? p->rows - 1 : 0;
    return true;
}

/* One of the lists of an object's "paths", by name. */
static void read_path(struct loader *l, const char *name, const json_t *list, uint32_t r,
                      struct paths *p)
{
    const size_t count = json_array_size(list);
    if (count < 1 || count > PATH_MOST) {
        l->err = err_note(FOLD_ERR_FORMAT, l->note,
                          "configuration: \"%s\" of depth %u must be a list of 1 to %d indices",
                          name, r + 1, PATH_MOST);
        return;
    }
    for (size_t i = 0; i < count && !l->err; i++) {
        if (read_step(json_array_get(list, i), p, r, &p->at[r][i], &p->row[r][i]))
            continue;
        char pair[48] = "";
        if (p->rows)
            snprintf(pair, sizeof pair, ", nor that and a row from 0 to %u", p->rows - 1);
        l->err = err_note(FOLD_ERR_FORMAT, l->note,
                          "configuration: \"%s\" of depth %u holds what is no index from 0 to %u%s",
                          name, r + 1, p->below - 1, pair);
    }
    p->count[r] = (uint32_t)count;
}

static void read_paths(struct loader *l, const char *name, const json_t *object, uint32_t below,
                       uint32_t rows, struct paths *ret_paths)
{
    const uint32_t unfolds = l->model->info.unfolds;
    const json_t *lists = config_given(object, "paths");
    *ret_paths = (struct paths){.given = lists, .below = below, .rows = rows};
    if (ret_paths->given && (!json_is_array(lists) || json_array_size(lists) != unfolds))
        l->err =
            err_note(FOLD_ERR_FORMAT, l->note,
                     "configuration: \"%s\" must be %u lists, one for every unfold", name, unfolds);
    for (uint32_t r = 0; r < unfolds && !l->err; r++) {
        if (ret_paths->given) {
            read_path(l, name, json_array_get(lists, r), r, ret_paths);
            continue;
        }
        ret_paths->count[r] = below;
        for (uint32_t i = 0; i < below; i++) {
            ret_paths->at[r][i] = i;
            ret_paths->row[r][i] = r < rows ? r : rows ? rows - 1 : 0;
        }
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
    read_paths(l, "paths", m->file.config, m->info.blocks, m->rows, &paths);
    if (paths.given && m->info.unfolds > 1 && !config_bool(l, m->file.config, "chained"))
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
            add(m, &m->blocks[paths.at[r][i]], paths.row[r][i], r + 1);
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
    read_paths(l, "decoder.paths", json_object_get(m->file.config, "decoder"), dec->layers_count, 0,
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
