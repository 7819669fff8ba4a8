/* context_graph.c - see context_graph.h. A phrase of n letters with boost b is worth b * i / n
 * after i of them; a node on several phrases has the largest of their values. */
#include "context_graph.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The letter's place in a vocabulary of capitals, or else of small letters. */
static int letter_id(const char *const *vocab, uint32_t vocab_size, char c)
{
    const char pieces[2][2] = {{(char)toupper((unsigned char)c)},
                               {(char)tolower((unsigned char)c)}};
    for (int small = 0; small < 2; small++)
        for (uint32_t i = 1; i < vocab_size; i++)
            if (strcmp(vocab[i], pieces[small]) == 0)
                return (int)i;
    return -1;
}

uint32_t context_graph_find(const struct context_graph *b, uint32_t node, uint32_t letter)
{
    for (uint32_t c = b->nodes[node].child; c; c = b->nodes[c].sibling)
        if (b->nodes[c].letter == letter)
            return c;
    return 0;
}

/* Room for so many nodes more; the root is the first. */
static int grow(struct context_graph *b, uint32_t more)
{
    if (b->count + more <= b->room)
        return FOLD_OK;
    const uint32_t room = 2 * (b->count + more);
    struct context_graph_node *nodes = realloc(b->nodes, room * sizeof *nodes);
    if (!nodes)
        return FOLD_ERR_MEMORY;
    b->nodes = nodes;
    b->room = room;
    return FOLD_OK;
}

static int add(struct context_graph *b, const struct fold_hotword *hotword,
               const char *const *vocab, uint32_t vocab_size)
{
    const size_t length = strlen(hotword->text);
    uint32_t letters[256];
    size_t n = 0;
    for (size_t i = 0; i < length && n < 256; i++) {
        const char c = isspace((unsigned char)hotword->text[i]) || hotword->text[i] == '-'
                           ? ' '
                           : hotword->text[i];
        int id = letter_id(vocab, vocab_size, c);
        if (id < 0 || (c == ' ' && (n == 0 || vocab[letters[n - 1]][0] == ' ')))
            continue;
        letters[n++] = (uint32_t)id;
    }
    while (n && vocab[letters[n - 1]][0] == ' ')
        n--;
    return n ? context_graph_spell(b, letters, n, hotword->boost) : FOLD_ERR_ARGUMENT;
}

int context_graph_spell(struct context_graph *b, const uint32_t *letters, size_t n, float whole)
{
    int err = grow(b, (uint32_t)n + 1);
    if (err)
        return err;
    if (!b->count)
        b->nodes[b->count++] = (struct context_graph_node){0};
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t next = context_graph_find(b, at, letters[i]);
        if (!next) {
            next = b->count++;
            b->nodes[next] =
                (struct context_graph_node){.sibling = b->nodes[at].child, .letter = letters[i]};
            b->nodes[at].child = next;
        }
        const float credit = whole * (float)(i + 1) / (float)n;
        if (credit > b->nodes[next].credit)
            b->nodes[next].credit = credit;
        at = next;
    }
    b->nodes[at].terminal = true;
    return FOLD_OK;
}

int context_graph_init(struct context_graph *b, const struct fold_hotword *hotwords, size_t count,
                       const char *const *vocab, uint32_t vocab_size)
{
    *b = (struct context_graph){0};
    int err = FOLD_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = add(b, &hotwords[i], vocab, vocab_size);
    if (err)
        context_graph_finish(b);
    return err;
}

void context_graph_finish(struct context_graph *b)
{
    free(b->nodes);
    *b = (struct context_graph){0};
}

uint32_t context_graph_step(const struct context_graph *b, uint32_t state, uint32_t letter,
                            float *ret_change)
{
    *ret_change = 0;
    if (!b->count || state == CONTEXT_GRAPH_DEAD)
        return CONTEXT_GRAPH_DEAD;
    const uint32_t next = context_graph_find(b, state, letter);
    *ret_change = (next ? b->nodes[next].credit : 0) - b->nodes[state].credit;
    return next ? next : CONTEXT_GRAPH_DEAD;
}

uint32_t context_graph_end_word(const struct context_graph *b, uint32_t state, uint32_t space,
                                float *ret_change)
{
    *ret_change = 0;
    if (!b->count || state == CONTEXT_GRAPH_DEAD)
        return 0;
    if (b->nodes[state].terminal)
        return 0; /* completed: the credit stays */
    const uint32_t next = context_graph_find(b, state, space);
    *ret_change = (next ? b->nodes[next].credit : 0) - b->nodes[state].credit;
    return next;
}

float context_graph_greatest(const struct context_graph *b)
{
    float greatest = 0;
    for (uint32_t i = 0; i < b->count; i++)
        greatest = b->nodes[i].credit > greatest ? b->nodes[i].credit : greatest;
    return greatest;
}
