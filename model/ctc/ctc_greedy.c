/* ctc_greedy.c - see ctc_greedy.h. */
#include "ctc_greedy.h"

int ctc_greedy_init(struct ctc_greedy *g, const char *const *vocab, uint32_t vocab_size)
{
    *g = (struct ctc_greedy){.tip = BACKPOINTERS_NONE, .vocab_size = vocab_size, .vocab = vocab};
    return backpointers_init(&g->backpointers);
}

void ctc_greedy_finish(struct ctc_greedy *g)
{
    backpointers_finish(&g->backpointers);
}

void ctc_greedy_reset(struct ctc_greedy *g)
{
    backpointers_reset(&g->backpointers);
    g->tip = BACKPOINTERS_NONE;
    g->frame = 0;
    g->last = 0;
}

int ctc_greedy_push(struct ctc_greedy *g, const float *logp)
{
    uint16_t best = 0;
    for (uint32_t i = 1; i < g->vocab_size; i++)
        if (logp[i] > logp[best])
            best = (uint16_t)i;
    if (!best || !*g->vocab[best]) {
        ; /* nothing is written */
    } else if (best == g->last) {
        struct backpointers_node *tip = &g->backpointers.nodes[g->tip];
        if (logp[best] > tip->logp) {
            tip->logp = logp[best];
            tip->frame = g->frame;
        }
    } else {
        if (backpointers_is_full(&g->backpointers, 1)) {
            uint32_t *tip = &g->tip;
            int err = backpointers_collect(&g->backpointers, &tip, 1, 1024);
            if (err)
                return err;
        }
        g->tip = backpointers_add(&g->backpointers, g->tip, g->frame, best, logp[best]);
    }
    g->last = best;
    g->frame++;
    return FOLD_OK;
}
