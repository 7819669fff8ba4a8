/* context_graph.h - hotwords as a letter trie: credit while a hypothesis spells one, kept when it
 * is completed at a word end and given back when it is not. */
#ifndef CONTEXT_GRAPH_H
#define CONTEXT_GRAPH_H

#include "fold.h"

#define CONTEXT_GRAPH_DEAD UINT32_MAX /* the present word cannot become a hotword */

struct context_graph_node {
    uint32_t child, sibling; /* 0: none */
    uint32_t letter;         /* vocabulary id; the space inside phrases included */
    bool terminal;
    float credit; /* of a hypothesis that stands here */
};

struct context_graph {
    struct context_graph_node *nodes; /* [0] is the root; count 0: no hotwords */
    uint32_t count, room;
};

/* Phrases are matched in any case. Letters that the vocabulary [vocab_size] lacks end a phrase's
 * entry: FOLD_ERR_ARGUMENT when a text has no letter of it at all. */
int context_graph_init(struct context_graph *graph, const struct fold_hotword *hotwords,
                       size_t count, const char *const *vocab, uint32_t vocab_size);
/* Adds letters [n >= 1] by id, worth credit once they are complete. */
int context_graph_spell(struct context_graph *graph, const uint32_t *letters, size_t n,
                        float credit);
void context_graph_finish(struct context_graph *graph);

/* Follows one letter from a state (0: a word begins); credit changes by *ret_change. */
uint32_t context_graph_step(const struct context_graph *graph, uint32_t state, uint32_t letter,
                            float *ret_change);
/* The state behind one that spells letter as well; 0: none. */
uint32_t context_graph_find(const struct context_graph *graph, uint32_t state, uint32_t letter);
/* Would a word that ends at state be a hotword, or the last word of a phrase? */
static inline bool context_graph_is_complete(const struct context_graph *graph, uint32_t state)
{
    return state != CONTEXT_GRAPH_DEAD && state < graph->count && graph->nodes[state].terminal;
}
/* A word ends at state: the credit to give back (<= 0), and the state in which the next word
 * begins (inside a phrase, or 0). */
uint32_t context_graph_end_word(const struct context_graph *graph, uint32_t state, uint32_t space,
                                float *ret_change);
/* The most that one letter can be worth. */
float context_graph_greatest(const struct context_graph *graph);

#endif
