/* beam.c - time-synchronous prefix beam search.
 *
 * A hypothesis is a text, not an alignment: everything that spells the same letters is one entry,
 * with the probability of its alignments that end in blank and of those that end in its last
 * letter kept apart (Graves 2012, section 7.5; Hannun et al. 2014, arXiv 1408.2873). Texts are
 * told apart by a 64-bit hash.
 *
 * The unfinished word is a node of the lexicon's trie. While it is unfinished it carries the best
 * unigram below its node as look-ahead; at the space that is exchanged for the n-gram's word
 * probability and the bonus. Where no word goes on, the hypothesis is outside the lexicon: it has
 * paid unknown_score once and may spell on. That a text is outside follows from its letters alone,
 * so equal texts always carry equal scores and merging is exact.
 *
 * Each frame only letters above a floor are tried, and only the best `width` texts within a margin
 * of the best survive. */
#include "beam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LETTER_FLOOR                                                                               \
    -7.0f            /* natural log: letters less likely than this in a frame are not tried        \
                      */
#define MARGIN 16.0f /* texts worse than the best by more are dropped */
/* Spelling outside the lexicon costs this much a letter on top of unknown_score: more than what a
 * word of the language model costs, so that spelling on is never cheaper than a word. */
#define SPELLING -2.0f
/* A hotword outside the lexicon counts as a word with this log-probability. */
#define RARE -10.0f

static float log_add(float a, float b)
{
    const float high = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? high : high + log1pf(expf(low - high));
}

static uint64_t hash_letter(uint64_t hash, uint16_t letter)
{
    hash = (hash ^ (letter + 1u)) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

int beam_init(struct beam *b, const struct fold_lm *lm, const struct boost *boost,
              const char *const *vocab, uint32_t vocab_size, const struct beam_options *options)
{
    if (vocab_size < 3 || vocab_size > BEAM_VOCAB || options->width < 1 || options->width > 10000)
        return FOLD_ERR_ARGUMENT;
    *b = (struct beam){.lm = lm, .boost = boost, .options = *options, .vocab_size = vocab_size};
    memset(b->letter_of, 255, sizeof b->letter_of);
    for (uint32_t i = 1; i < vocab_size; i++) {
        if (strcmp(vocab[i], " ") == 0)
            b->space = (uint16_t)i;
        for (uint32_t j = 0; j < lm->h.letters; j++)
            if (vocab[i][0] == lm->h.alphabet[j] && vocab[i][1] == '\0')
                b->letter_of[i] = (uint8_t)j;
    }
    if (!b->space)
        return FOLD_ERR_ARGUMENT;
    b->room = options->width * (vocab_size + 1);
    b->table_size = 1024;
    while (b->table_size < 2 * b->room)
        b->table_size *= 2;
    b->now = malloc(options->width * sizeof *b->now);
    b->next = malloc(b->room * sizeof *b->next);
    b->table = malloc(b->table_size * sizeof *b->table);
    b->stamps = calloc(b->table_size, sizeof *b->stamps);
    if (!b->now || !b->next || !b->table || !b->stamps || trail_init(&b->trail) != FOLD_OK) {
        beam_finish(b);
        return FOLD_ERR_MEMORY;
    }
    beam_reset(b);
    return FOLD_OK;
}

void beam_finish(struct beam *b)
{
    free(b->now);
    free(b->next);
    free(b->table);
    free(b->stamps);
    trail_finish(&b->trail);
    b->now = b->next = NULL;
    b->table = b->stamps = NULL;
}

void beam_reset(struct beam *b)
{
    trail_reset(&b->trail);
    b->frame = 0;
    b->now_count = 1;
    b->now[0] = (struct beam_prefix){.hash = 1,
                                     .blank = 0,
                                     .letter = -INFINITY,
                                     .last_part = -INFINITY,
                                     .trail = TRAIL_NONE,
                                     .state = lm_start(b->lm)};
}

/* ---- what a text costs ---------------------------------------------------------------------- */

static float unknown(const struct beam *b, const struct beam_prefix *p, bool is_hotword)
{
    return is_hotword ? b->options.lm_weight * RARE
                      : b->options.unknown_score + SPELLING * (float)p->word_letters;
}

/* The unfinished word's share of text that a finished word would not have. */
static float pending(const struct beam *b, const struct beam_prefix *p)
{
    if (!p->word_letters)
        return 0;
    return p->node == LM_NONE ? unknown(b, p, p->hot != BOOST_DEAD)
                              : b->options.lm_weight * lm_best(b->lm, p->node);
}

/* Text score once the unfinished word counts as finished; *ret_state is the state behind it. */
static float finished(const struct beam *b, const struct beam_prefix *p, struct lm_state *ret_state)
{
    if (!p->word_letters) {
        *ret_state = p->state;
        return p->text;
    }
    float text = p->text - pending(b, p) + b->options.word_bonus;
    const uint32_t word = p->node == LM_NONE ? LM_NONE : lm_node_word(b->lm, p->node);
    if (word != LM_NONE)
        return text + b->options.lm_weight * lm_score(b->lm, p->state, word, ret_state);
    *ret_state = (struct lm_state){lm_unknown(b->lm), LM_NONE};
    return text + unknown(b, p, boost_is_complete(b->boost, p->hot));
}

/* p with one more letter c: new text scores and states; acoustic scores are left empty. */
static struct beam_prefix extended(const struct beam *b, const struct beam_prefix *p, uint16_t c)
{
    struct beam_prefix n = *p;
    float change;
    n.hash = hash_letter(p->hash, c);
    n.blank = n.letter = n.last_part = -INFINITY;
    n.parent = p->trail;
    n.last = c;
    n.fresh = true;
    if (c == b->space) {
        n.text = finished(b, p, &n.state);
        n.hot = boost_end_word(b->boost, p->hot, c, &change);
        n.text += change;
        n.node = 0;
        n.word_letters = 0;
        return n;
    }
    n.text -= pending(b, p);
    if (p->node != LM_NONE)
        n.node = b->letter_of[c] == 255 ? LM_NONE : lm_child(b->lm, p->node, b->letter_of[c]);
    n.word_letters = (uint16_t)(p->word_letters + (p->word_letters < UINT16_MAX));
    n.hot = boost_step(b->boost, p->hot, c, &change);
    n.text += pending(b, &n) + change;
    return n;
}

/* ---- one frame ------------------------------------------------------------------------------ */

/* The entry of next with this hash, or NULL and the place for a new one in *ret_slot. */
static struct beam_prefix *lookup(struct beam *b, uint64_t hash, uint32_t *ret_slot)
{
    uint32_t slot = (uint32_t)(hash >> 20) & (b->table_size - 1);
    while (b->stamps[slot] == b->stamp) {
        if (b->next[b->table[slot]].hash == hash)
            return &b->next[b->table[slot]];
        slot = (slot + 1) & (b->table_size - 1);
    }
    *ret_slot = slot;
    return NULL;
}

static struct beam_prefix *insert(struct beam *b, const struct beam_prefix *p, uint32_t slot)
{
    b->stamps[slot] = b->stamp;
    b->table[slot] = b->next_count;
    b->next[b->next_count] = *p;
    return &b->next[b->next_count++];
}

/* Adds part to the alignments that end in the last letter; the largest part dates it. */
static void add_letter(struct beam_prefix *p, float part, uint32_t frame, float logp)
{
    p->letter = log_add(p->letter, part);
    if (part > p->last_part) {
        p->last_part = part;
        p->frame = frame;
        p->logp = logp;
    }
}

/* p as it stands, with a blank or its last letter repeated. */
static void stay(struct beam *b, const struct beam_prefix *p, float both, const float *logp)
{
    uint32_t slot;
    struct beam_prefix *n = lookup(b, p->hash, &slot);
    if (!n) {
        n = insert(b, p, slot);
        n->blank = n->letter = n->last_part = -INFINITY;
    } else if (n->fresh && !p->fresh) {
        /* Met first as an extension of its parent; it has a trail of its own. */
        n->trail = p->trail;
        n->fresh = false;
    }
    n->blank = log_add(n->blank, both + logp[0]);
    /* Nothing can repeat before the first letter. */
    if (p->last) {
        const float part = p->letter + logp[p->last];
        const bool louder = logp[p->last] > p->logp;
        add_letter(n, part, louder ? b->frame : p->frame, louder ? logp[p->last] : p->logp);
    }
}

static void extend(struct beam *b, const struct beam_prefix *p, float both, uint16_t c, float logp)
{
    const float part = (c == p->last ? p->blank : both) + logp;
    if (part == -INFINITY)
        return;
    uint32_t slot;
    struct beam_prefix *n = lookup(b, hash_letter(p->hash, c), &slot);
    if (!n) {
        const struct beam_prefix fresh = extended(b, p, c);
        n = insert(b, &fresh, slot);
    }
    add_letter(n, part, b->frame, logp);
}

/* A space where no word has begun shows nothing: p keeps its text, as if it were a blank. */
static void absorb_space(struct beam *b, const struct beam_prefix *p, float both, float logp)
{
    uint32_t slot;
    struct beam_prefix *n = lookup(b, p->hash, &slot);
    n->blank = log_add(n->blank, (p->last == b->space ? p->blank : both) + logp);
}

static int by_total(const void *a, const void *b)
{
    const struct beam_prefix *x = a, *y = b;
    if (x->total != y->total)
        return x->total > y->total ? -1 : 1;
    return x->hash < y->hash ? -1 : x->hash > y->hash; /* so that results do not depend on order */
}

/* The best width entries of next within the margin become now, in descending order. */
static int select_best(struct beam *b)
{
    float top = -INFINITY;
    for (uint32_t i = 0; i < b->next_count; i++) {
        struct beam_prefix *p = &b->next[i];
        p->total = log_add(p->blank, p->letter) + p->text;
        top = p->total > top ? p->total : top;
    }
    if (top == -INFINITY)
        return FOLD_OK; /* nothing is possible: the frame is as if it had not been */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->next_count; i++)
        if (b->next[i].total >= top - MARGIN)
            b->next[kept++] = b->next[i];
    qsort(b->next, kept, sizeof *b->next, by_total);
    b->now_count = kept < b->options.width ? kept : b->options.width;
    memcpy(b->now, b->next, b->now_count * sizeof *b->now);
    /* Acoustic scores only shrink; subtracting the best one keeps them in float's good range. */
    float shift = -INFINITY;
    for (uint32_t i = 0; i < b->now_count; i++)
        shift = fmaxf(shift, fmaxf(b->now[i].blank, b->now[i].letter));
    for (uint32_t i = 0; i < b->now_count; i++) {
        b->now[i].blank -= shift;
        b->now[i].letter -= shift;
    }
    return FOLD_OK;
}

/* Gives fresh letters their place in the trail, and tells the trail what is known of old ones. */
static int settle(struct beam *b)
{
    if (trail_is_full(&b->trail, b->now_count)) {
        uint32_t **leaves = malloc(2 * (size_t)b->now_count * sizeof *leaves);
        if (!leaves)
            return FOLD_ERR_MEMORY;
        size_t count = 0;
        for (uint32_t i = 0; i < b->now_count; i++)
            leaves[count++] = b->now[i].fresh ? &b->now[i].parent : &b->now[i].trail;
        int err = trail_collect(&b->trail, leaves, count, b->options.width);
        free(leaves);
        if (err)
            return err;
    }
    for (uint32_t i = 0; i < b->now_count; i++) {
        struct beam_prefix *p = &b->now[i];
        if (p->fresh) {
            p->trail = trail_add(&b->trail, p->parent, p->frame, p->last, p->logp);
            p->fresh = false;
        } else if (p->trail != TRAIL_NONE) {
            b->trail.nodes[p->trail].frame = p->frame;
            b->trail.nodes[p->trail].logp = p->logp;
        }
    }
    return FOLD_OK;
}

int beam_push(struct beam *b, const float *given)
{
    float logp[BEAM_VOCAB];
    uint16_t letters[BEAM_VOCAB];
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->vocab_size; i++)
        logp[i] = isnan(given[i]) ? -INFINITY : given[i] > 0 ? 0 : given[i];
    for (uint32_t i = 1; i < b->vocab_size; i++)
        if (logp[i] > LETTER_FLOOR)
            letters[count++] = (uint16_t)i;
    b->next_count = 0;
    if (++b->stamp == 0) {
        memset(b->stamps, 0, b->table_size * sizeof *b->stamps);
        b->stamp = 1;
    }
    for (uint32_t i = 0; i < b->now_count; i++) {
        const struct beam_prefix *p = &b->now[i];
        const float both = log_add(p->blank, p->letter);
        stay(b, p, both, logp);
        for (uint32_t j = 0; j < count; j++) {
            const uint16_t c = letters[j];
            if (c != b->space || p->word_letters)
                extend(b, p, both, c, logp[c]);
            else
                absorb_space(b, p, both, logp[c]);
        }
    }
    int err = select_best(b);
    if (!err)
        err = settle(b);
    b->frame++;
    return err;
}

const struct beam_prefix *beam_best(const struct beam *b)
{
    const struct beam_prefix *best = &b->now[0];
    float top = -INFINITY;
    for (uint32_t i = 0; i < b->now_count; i++) {
        struct lm_state state;
        const float total =
            log_add(b->now[i].blank, b->now[i].letter) + finished(b, &b->now[i], &state);
        if (total > top) {
            top = total;
            best = &b->now[i];
        }
    }
    return best;
}
