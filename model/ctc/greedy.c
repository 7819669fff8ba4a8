/* greedy.c - see greedy.h. */
#include "greedy.h"

int greedy_init(struct greedy *g, uint32_t vocab_size)
{
    *g = (struct greedy){.tip = TRAIL_NONE, .vocab_size = vocab_size};
    return trail_init(&g->trail);
}

void greedy_finish(struct greedy *g)
{
    trail_finish(&g->trail);
}

void greedy_reset(struct greedy *g)
{
    trail_reset(&g->trail);
    g->tip = TRAIL_NONE;
    g->frame = 0;
    g->last = 0;
}

int greedy_push(struct greedy *g, const float *logp)
{
    uint16_t best = 0;
    for (uint32_t i = 1; i < g->vocab_size; i++)
        if (logp[i] > logp[best])
            best = (uint16_t)i;
    if (best && best == g->last) {
        struct trail_node *tip = &g->trail.nodes[g->tip];
        if (logp[best] > tip->logp) {
            tip->logp = logp[best];
            tip->frame = g->frame;
        }
    } else if (best) {
        if (trail_is_full(&g->trail, 1)) {
            uint32_t *tip = &g->tip;
            int err = trail_collect(&g->trail, &tip, 1, 1024);
            if (err)
                return err;
        }
        g->tip = trail_add(&g->trail, g->tip, g->frame, best, logp[best]);
    }
    g->last = best;
    g->frame++;
    return FOLD_OK;
}
