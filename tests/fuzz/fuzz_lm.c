/* Any bytes as a language model whose hash is taken as right: what passes the checks must be safe
 * to walk. The last byte chooses where the walk goes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lm.h"
#include "pace.h"

const struct pace pace_limit = {0.2, 1e-5};

static void walk(const struct fold_lm *lm, uint32_t seed)
{
    struct lm_state state = lm_start(lm);
    const uint32_t ids = lm->h.words + 3;
    for (int i = 0; i < 200; i++) {
        seed = seed * 1664525 + 1013904223;
        if (!isfinite(lm_score(lm, state, (seed >> 8) % ids, &state)))
            abort();
        uint32_t node = 0;
        for (int depth = 0; depth < 40 && node != LM_NONE; depth++) {
            if (lm_node_word(lm, node) != LM_NONE && lm_node_word(lm, node) >= lm->h.words)
                abort();
            seed = seed * 1664525 + 1013904223;
            node = lm_child(lm, node, (uint8_t)((seed >> 16) % lm->h.letters));
        }
    }
}

void pace_input(const uint8_t *bytes, size_t count)
{
    struct fold_lm lm;
    void *aligned = aligned_alloc(64, (count + 64) / 64 * 64);
    if (!aligned)
        return;
    memcpy(aligned, bytes, count);
    if (lm_parse(&lm, aligned, count, false, NULL) == FOLD_OK) {
        walk(&lm, count ? bytes[count - 1] : 0);
        lm_release(&lm);
    }
    free(aligned);
}
