/* ctc_beam.c - time-synchronous prefix beam search.
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
 * A text and its extension by one letter are the only two ways to the same text within a frame, so
 * the texts of the last frame are all that an extension is looked up among. An extension that
 * nothing was found for is a trial of few bytes; it becomes a prefix only if it survives. Each
 * frame only letters above a floor are tried; of texts and trials within a margin of the best,
 * about the best `width` survive, by a histogram of their scores. */
#include "ctc_beam.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"

#define LETTER_FLOOR -7.0f /* natural log: letters less likely than this are not tried */
#define MARGIN       12.0f /* texts worse than the best by more are dropped */
#define BINS         256   /* of the histogram over the margin */
/* Spelling outside the lexicon costs this much a letter on top of unknown_score: more than what a
 * word of the language model costs, so that spelling on is never cheaper than a word. */
#define SPELLING -2.0f
/* A hotword outside the lexicon counts as a word with this log-probability. */
#define RARE -10.0f

static float log_add(float a, float b)
{
    const float high = a > b ? a : b, low = a > b ? b : a;
    return low < high - 17 || high == -INFINITY ? high : high + log1pf(expf(low - high));
}

static uint64_t hash_letter(uint64_t hash, uint16_t letter)
{
    hash = (hash ^ (letter + 1u)) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

/* A piece's index in the language model's alphabet, whatever its case; 255: none. */
static uint8_t letter_of(const struct fold_lm *lm, const char *piece)
{
    const char upper = (char)toupper((unsigned char)piece[0]);
    for (uint32_t j = 0; piece[0] && !piece[1] && j < lm->h.letters; j++)
        if (upper == lm->h.alphabet[j])
            return (uint8_t)j;
    return 255;
}

bool ctc_beam_reads(const char *const *vocab, uint32_t vocab_size, const struct fold_lm *lm,
                    struct fold_note *note)
{
    bool spaces = false, letters = false;
    if (vocab_size < 3 || vocab_size > CTC_BEAM_VOCAB) {
        err_note(FOLD_ERR_ARGUMENT, note,
                 "the seed tells %u pieces apart, a search with a language model 3 to %d",
                 vocab_size, CTC_BEAM_VOCAB);
        return false;
    }
    for (uint32_t i = 1; i < vocab_size; i++) {
        spaces |= strcmp(vocab[i], " ") == 0;
        letters |= letter_of(lm, vocab[i]) != 255;
    }
    if (!spaces || !letters)
        err_note(FOLD_ERR_ARGUMENT, note, "the seed's vocabulary has no %s",
                 spaces ? "letter that the language model knows" : "\" \" between words");
    return spaces && letters;
}

int ctc_beam_init(struct ctc_beam *b, const struct fold_lm *lm, const struct context_graph *graph,
                  const char *const *vocab, uint32_t vocab_size,
                  const struct ctc_beam_options *options)
{
    if (!ctc_beam_reads(vocab, vocab_size, lm, NULL) || options->width < 1 ||
        options->width > 10000)
        return FOLD_ERR_ARGUMENT;
    *b = (struct ctc_beam){.lm = lm,
                           .graph = graph,
                           .options = *options,
                           .vocab_size = vocab_size,
                           .credit = context_graph_greatest(graph)};
    memset(b->letter_of, 255, sizeof b->letter_of);
    for (uint32_t i = 1; i < vocab_size; i++) {
        if (strcmp(vocab[i], " ") == 0)
            b->space = (uint16_t)i;
        b->letter_of[i] = letter_of(lm, vocab[i]);
        b->silent[i] = !*vocab[i];
    }
    b->table_size = 64;
    while (b->table_size < 2 * options->width)
        b->table_size *= 2;
    b->now = malloc(options->width * sizeof *b->now);
    b->next = malloc(options->width * sizeof *b->next);
    b->stays = malloc(options->width * sizeof *b->stays);
    b->trials = malloc((size_t)options->width * vocab_size * sizeof *b->trials);
    b->survivors = malloc(options->width * sizeof *b->survivors);
    b->table = malloc(b->table_size * sizeof *b->table);
    if (!b->now || !b->next || !b->stays || !b->trials || !b->survivors || !b->table ||
        backpointers_init(&b->backpointers) != FOLD_OK) {
        ctc_beam_finish(b);
        return FOLD_ERR_MEMORY;
    }
    ctc_beam_reset(b);
    return FOLD_OK;
}

void ctc_beam_finish(struct ctc_beam *b)
{
    free(b->now);
    free(b->next);
    free(b->stays);
    free(b->trials);
    free(b->survivors);
    free(b->table);
    backpointers_finish(&b->backpointers);
    b->now = b->next = NULL;
    b->stays = NULL;
    b->trials = NULL;
    b->survivors = b->table = NULL;
}

void ctc_beam_reset(struct ctc_beam *b)
{
    backpointers_reset(&b->backpointers);
    b->frame = 0;
    b->now_count = 1;
    b->now[0] = (struct ctc_beam_prefix){.hash = 1,
                                         .letter = -INFINITY,
                                         .finished = NAN,
                                         .backpointers = BACKPOINTERS_NONE,
                                         .state = lm_start(b->lm)};
}

/* ---- what a text costs ---------------------------------------------------------------------- */

static float unknown(const struct ctc_beam *b, uint16_t letters, bool is_hotword)
{
    return is_hotword ? b->options.lm_weight * RARE
                      : b->options.unknown_score + SPELLING * (float)letters;
}

/* What a word that has begun costs at least. */
static float ahead(const struct ctc_beam *b, uint32_t node, uint16_t letters, uint32_t hot)
{
    return node == LM_NONE ? unknown(b, letters, hot != CONTEXT_GRAPH_DEAD)
                           : b->options.lm_weight * lm_best(b->lm, node);
}

/* Text score once the unfinished word counts as finished; p->after is the state behind it. */
static float finished(const struct ctc_beam *b, struct ctc_beam_prefix *p)
{
    if (!isnan(p->finished))
        return p->finished;
    const uint32_t word = p->node == LM_NONE ? LM_NONE : lm_node_word(b->lm, p->node);
    p->after = p->state;
    p->finished = p->text;
    if (!p->word_letters)
        return p->finished;
    p->finished += b->options.word_bonus;
    if (word != LM_NONE) {
        p->finished += b->options.lm_weight * lm_score(b->lm, p->state, word, &p->after);
    } else {
        p->after = (struct lm_state){lm_unknown(b->lm), LM_NONE};
        p->finished += unknown(b, p->word_letters, context_graph_is_complete(b->graph, p->hot));
    }
    return p->finished;
}

static uint16_t one_more(uint16_t letters)
{
    return (uint16_t)(letters + (letters < UINT16_MAX));
}

/* Text scores of p with one more letter. */
static void cost(const struct ctc_beam *b, struct ctc_beam_prefix *p, uint16_t c,
                 struct ctc_beam_trial *t)
{
    float change;
    if (c == b->space) {
        t->text = finished(b, p);
        context_graph_end_word(b->graph, p->hot, c, &change);
        t->text += change;
        t->ahead = 0;
        t->node = 0;
        return;
    }
    const uint32_t hot = context_graph_step(b->graph, p->hot, c, &change);
    t->node = p->node == LM_NONE || b->letter_of[c] == 255
                  ? LM_NONE
                  : lm_child(b->lm, p->node, b->letter_of[c]);
    t->text = p->text + change;
    t->ahead = ahead(b, t->node, one_more(p->word_letters), hot);
}

/* The trial as a text of its own. Its letter must have a place in the backpointers, which there is.
 */
static void grow(struct ctc_beam *b, const struct ctc_beam_trial *t, struct ctc_beam_prefix *n)
{
    const struct ctc_beam_prefix *p = &b->now[t->parent];
    float change;
    *n = (struct ctc_beam_prefix){
        .hash = hash_letter(p->hash, t->letter),
        .blank = -INFINITY,
        .letter = t->part,
        .text = t->text,
        .ahead = t->ahead,
        .total = t->total,
        .finished = NAN,
        .state = p->state,
        .node = t->node,
        .backpointers =
            backpointers_add(&b->backpointers, p->backpointers, b->frame, t->letter, t->logp),
        .frame = b->frame,
        .logp = t->logp,
        .last = t->letter,
    };
    if (t->letter == b->space) {
        n->hot = context_graph_end_word(b->graph, p->hot, t->letter, &change);
        n->state = p->after;
    } else {
        n->hot = context_graph_step(b->graph, p->hot, t->letter, &change);
        n->word_letters = one_more(p->word_letters);
    }
}

/* ---- one frame ------------------------------------------------------------------------------ */

static uint32_t slot_of(const struct ctc_beam *b, uint64_t hash)
{
    return (uint32_t)(hash >> 20) & (b->table_size - 1);
}

static void fill_table(struct ctc_beam *b)
{
    memset(b->table, 0, b->table_size * sizeof *b->table);
    for (uint32_t i = 0; i < b->now_count; i++) {
        uint32_t slot = slot_of(b, b->now[i].hash);
        while (b->table[slot])
            slot = (slot + 1) & (b->table_size - 1);
        b->table[slot] = i + 1;
    }
}

/* Index in now of the text with this hash, or now_count. */
static uint32_t lookup(const struct ctc_beam *b, uint64_t hash)
{
    for (uint32_t slot = slot_of(b, hash); b->table[slot]; slot = (slot + 1) & (b->table_size - 1))
        if (b->now[b->table[slot] - 1].hash == hash)
            return b->table[slot] - 1;
    return b->now_count;
}

/* p with a blank or its last letter repeated; nothing can repeat before the first letter. A space
 * where no word has begun shows nothing and counts as a blank. */
static struct ctc_beam_stay stay(const struct ctc_beam *b, const struct ctc_beam_prefix *p,
                                 const float *logp)
{
    const float both = log_add(p->blank, p->letter);
    struct ctc_beam_stay s = {.blank = both + logp[0],
                              .letter = p->last ? p->letter + logp[p->last] : -INFINITY,
                              .frame = p->frame,
                              .logp = p->logp};
    s.last_part = s.letter;
    if (p->last && logp[p->last] > p->logp) {
        s.frame = b->frame;
        s.logp = logp[p->last];
    }
    if (!p->word_letters && logp[b->space] > LETTER_FLOOR)
        s.blank = log_add(s.blank, (p->last == b->space ? p->blank : both) + logp[b->space]);
    return s;
}

/* The same text by another way, as long as its parent too is among the texts. */
static void merge(struct ctc_beam_stay *s, float part, uint32_t frame, float logp)
{
    s->letter = log_add(s->letter, part);
    if (part > s->last_part) {
        s->last_part = part;
        s->frame = frame;
        s->logp = logp;
    }
}

/* All extensions of now[parent] that are not texts of now and score at least floor. */
static void extend(struct ctc_beam *b, uint32_t parent, const float *logp, const uint16_t *letters,
                   uint32_t count, float floor)
{
    struct ctc_beam_prefix *p = &b->now[parent];
    const float both = log_add(p->blank, p->letter);
    /* A letter more can make up for what the word costs so far, but hardly for much else. */
    const float hope = p->text + fmaxf(p->ahead, b->options.unknown_score) + b->credit;
    for (uint32_t j = 0; j < count; j++) {
        const uint16_t c = letters[j];
        if (c == b->space && !p->word_letters)
            continue;
        const float part = (c == p->last ? p->blank : both) + logp[c];
        const uint32_t same = lookup(b, hash_letter(p->hash, c));
        if (same < b->now_count) {
            merge(&b->stays[same], part, b->frame, logp[c]);
            continue;
        }
        if (part == -INFINITY || (c != b->space && part + hope < floor))
            continue;
        struct ctc_beam_trial *t = &b->trials[b->trials_count];
        cost(b, p, c, t);
        t->total = part + t->text + t->ahead;
        if (t->total < floor)
            continue;
        t->part = part;
        t->parent = parent;
        t->logp = logp[c];
        t->letter = c;
        b->trials_count++;
    }
}

static float total_of(const struct ctc_beam *b, uint32_t i)
{
    return i < b->now_count ? b->now[i].total : b->trials[i - b->now_count].total;
}

/* Fills survivors: those of texts and trials within the margin whose histogram bin is among the
 * best; the last bin, which is not whole, in order. Returns how many; 0: nothing is possible. */
static uint32_t select_best(struct ctc_beam *b, float top)
{
    const uint32_t all = b->now_count + b->trials_count;
    const float scale = (BINS - 1) / MARGIN;
    uint32_t bins[BINS] = {0}, last = 0, sum = 0, kept = 0;
    for (uint32_t i = 0; i < all; i++)
        if (total_of(b, i) >= top - MARGIN)
            bins[(uint32_t)((top - total_of(b, i)) * scale)]++;
    while (last < BINS && sum + bins[last] <= b->options.width)
        sum += bins[last++];
    uint32_t partly = b->options.width - sum; /* of the bin that does not fit */
    for (uint32_t i = 0; i < all; i++) {
        if (!(total_of(b, i) >= top - MARGIN))
            continue;
        const uint32_t bin = (uint32_t)((top - total_of(b, i)) * scale);
        if (bin < last || (bin == last && partly && partly--))
            b->survivors[kept++] = i;
    }
    return kept;
}

/* Makes room in the backpointers for a letter of every survivor. */
static int make_room(struct ctc_beam *b)
{
    if (!backpointers_is_full(&b->backpointers, b->options.width))
        return FOLD_OK;
    uint32_t **leaves = malloc(b->now_count * sizeof *leaves);
    if (!leaves)
        return FOLD_ERR_MEMORY;
    for (uint32_t i = 0; i < b->now_count; i++)
        leaves[i] = &b->now[i].backpointers;
    int err = backpointers_collect(&b->backpointers, leaves, b->now_count, b->options.width);
    free(leaves);
    return err;
}

/* The survivors become now. */
static void survive(struct ctc_beam *b, uint32_t count)
{
    /* Acoustic scores only shrink; subtracting the best one keeps them in float's good range. */
    float shift = -INFINITY;
    for (uint32_t k = 0; k < count; k++) {
        const uint32_t i = b->survivors[k];
        struct ctc_beam_prefix *n = &b->next[k];
        if (i < b->now_count) {
            const struct ctc_beam_stay *s = &b->stays[i];
            *n = b->now[i];
            n->blank = s->blank;
            n->letter = s->letter;
            n->frame = s->frame;
            n->logp = s->logp;
            if (n->backpointers != BACKPOINTERS_NONE) {
                b->backpointers.nodes[n->backpointers].frame = n->frame;
                b->backpointers.nodes[n->backpointers].logp = n->logp;
            }
        } else {
            grow(b, &b->trials[i - b->now_count], n);
        }
        shift = fmaxf(shift, fmaxf(n->blank, n->letter));
    }
    for (uint32_t k = 0; k < count; k++) {
        b->next[k].blank -= shift;
        b->next[k].letter -= shift;
    }
    struct ctc_beam_prefix *last = b->now;
    b->now = b->next;
    b->next = last;
    b->now_count = count;
}

int ctc_beam_push(struct ctc_beam *b, const float *given)
{
    float logp[CTC_BEAM_VOCAB], top = -INFINITY, least = INFINITY;
    uint16_t letters[CTC_BEAM_VOCAB];
    uint32_t count = 0;
    int err = make_room(b);
    if (err)
        return err;
    for (uint32_t i = 0; i < b->vocab_size; i++)
        logp[i] = isnan(given[i]) ? -INFINITY : given[i] > 0 ? 0 : given[i];
    for (uint32_t i = 1; i < b->vocab_size; i++)
        if (logp[i] > LETTER_FLOOR && !b->silent[i])
            letters[count++] = (uint16_t)i;
    for (uint32_t i = 0; i < b->now_count; i++) {
        struct ctc_beam_prefix *p = &b->now[i];
        b->stays[i] = stay(b, p, logp);
        const float total = log_add(b->stays[i].blank, b->stays[i].letter) + p->text + p->ahead;
        top = fmaxf(top, total);
        least = fminf(least, total);
    }
    b->trials_count = 0;
    if (count) {
        /* What is worse than all of a full beam cannot get in: texts only gain by what merges. */
        const float floor =
            fmaxf(top - MARGIN, b->now_count == b->options.width ? least : top - MARGIN);
        fill_table(b);
        for (uint32_t i = 0; i < b->now_count; i++)
            extend(b, i, logp, letters, count, floor);
    }
    top = -INFINITY;
    for (uint32_t i = 0; i < b->now_count; i++) {
        struct ctc_beam_prefix *p = &b->now[i];
        p->total = log_add(b->stays[i].blank, b->stays[i].letter) + p->text + p->ahead;
        top = fmaxf(top, p->total);
    }
    for (uint32_t i = 0; i < b->trials_count; i++)
        top = fmaxf(top, b->trials[i].total);
    if (top != -INFINITY) /* else nothing is possible: the frame is as if it had not been */
        survive(b, select_best(b, top));
    b->frame++;
    return FOLD_OK;
}

/* Do two tips spell the same? */
static bool same_text(const struct backpointers_node *nodes, uint32_t a, uint32_t b)
{
    while (a != b) {
        if (a == BACKPOINTERS_NONE || b == BACKPOINTERS_NONE || nodes[a].letter != nodes[b].letter)
            return false;
        a = nodes[a].parent;
        b = nodes[b].parent;
    }
    return true;
}

uint32_t ctc_beam_texts(struct ctc_beam *b, struct ctc_beam_text *texts, uint32_t most)
{
    const struct backpointers_node *nodes = b->backpointers.nodes;
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->now_count; i++) {
        struct ctc_beam_text t = {b->now[i].backpointers,
                                  log_add(b->now[i].blank, b->now[i].letter) +
                                      finished(b, &b->now[i])};
        if (t.tip != BACKPOINTERS_NONE && nodes[t.tip].letter == b->space)
            t.tip = nodes[t.tip].parent;
        uint32_t at = count, same = 0;
        while (at && texts[at - 1].total < t.total)
            at--;
        while (same < count && !same_text(nodes, texts[same].tip, t.tip))
            same++;
        if (same < at || at == most)
            continue; /* known, and better; or too far down */
        if (same == count)
            count += count < most;
        const uint32_t end = same < count - 1 ? same : count - 1;
        memmove(&texts[at + 1], &texts[at], (end - at) * sizeof *texts);
        texts[at] = t;
    }
    return count;
}

uint32_t ctc_beam_common(const struct ctc_beam *b)
{
    const struct backpointers_node *nodes = b->backpointers.nodes;
    uint32_t common = b->now[0].backpointers;
    for (uint32_t i = 1; i < b->now_count && common != BACKPOINTERS_NONE; i++) {
        uint32_t other = b->now[i].backpointers;
        /* Parents have smaller indices, so the greater of two nodes is not an ancestor. */
        while (common != other && common != BACKPOINTERS_NONE && other != BACKPOINTERS_NONE) {
            if (common > other)
                common = nodes[common].parent;
            else
                other = nodes[other].parent;
        }
        common = other == BACKPOINTERS_NONE ? BACKPOINTERS_NONE : common;
    }
    return common;
}
