/* lm.c - map, check and look up; see lm.h for the layout. */
#include "lm.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "mapping.h"

#define LOG_MOST 10000 /* of probabilities and weights, as logarithms */

enum { BOOK_UNI_P, BOOK_UNI_B, BOOK_BI_P, BOOK_BI_B, BOOK_TRI_P, BOOKS };

static size_t padded(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

size_t lm_body_bytes(const struct lm_header *h)
{
    const size_t words = h->words, nodes = h->nodes, bigrams = h->bigrams, trigrams = h->trigrams;
    if (h->words > 1u << 23 || h->nodes > 1u << 28 || h->bigrams > 1u << 30 ||
        h->trigrams > 1u << 30)
        return 0;
    return padded(BOOKS * 256 * sizeof(float)) + padded((nodes + 1) * 4) + padded(words * 4) +
           padded((words + 4) * 4) + padded((bigrams / LM_BLOCK + 1) * 4) +
           padded((bigrams + 1) * 2) + 2 * padded(nodes) + 2 * padded(words + 3) +
           padded(3 * bigrams) + 2 * padded(bigrams) + padded(3 * trigrams) + padded(trigrams);
}

bool lm_digest(const struct lm_header *h, const void *body, uint8_t ret_sha256[32])
{
    struct lm_header bare = *h;
    memset(bare.sha256, 0, sizeof bare.sha256);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                      EVP_DigestUpdate(context, body, lm_body_bytes(h)) == 1 &&
                      EVP_DigestUpdate(context, &bare, sizeof bare) == 1 &&
                      EVP_DigestFinal_ex(context, ret_sha256, NULL) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

static const void *take(const unsigned char **at, size_t bytes)
{
    const unsigned char *here = *at;
    *at += padded(bytes);
    return here;
}

static uint32_t word24(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

static uint32_t trigrams_of(const struct fold_lm *lm, uint32_t bigram)
{
    return lm->tri_base[bigram / LM_BLOCK] + lm->tri_off[bigram];
}

static int check_trie(const struct fold_lm *lm, struct fold_note *note)
{
    const struct lm_header *h = &lm->h;
    if (lm->first[0] != 1 || lm->first[h->nodes] != h->nodes)
        return err_note(FOLD_ERR_FORMAT, note, "the lexicon's trie does not span its nodes");
    for (uint32_t i = 0; i < h->nodes; i++) {
        if (lm->first[i + 1] < lm->first[i] || lm->first[i] <= i || lm->letter[i] >= h->letters)
            return err_note(FOLD_ERR_FORMAT, note, "the lexicon's trie is out of order at node %u",
                            i);
        for (uint32_t c = lm->first[i] + 1; c < lm->first[i + 1]; c++)
            if (c >= h->nodes || lm->letter[c] <= lm->letter[c - 1])
                return err_note(FOLD_ERR_FORMAT, note,
                                "the lexicon's letters are out of order at node %u", c);
    }
    for (uint32_t w = 0; w < h->words; w++)
        if (lm->word_node[w] >= h->nodes || lm->word_node[w] == 0 ||
            (w && lm->word_node[w] <= lm->word_node[w - 1]))
            return err_note(FOLD_ERR_FORMAT, note, "word %u has no place in the lexicon", w);
    return FOLD_OK;
}

static int check_ngrams(const struct fold_lm *lm, struct fold_note *note)
{
    const struct lm_header *h = &lm->h;
    const uint32_t ids = h->words + 3;
    if (lm->bi_first[0] != 0 || lm->bi_first[ids] != h->bigrams)
        return err_note(FOLD_ERR_FORMAT, note, "bigram ranges do not span the bigrams");
    for (uint32_t w = 0; w < ids; w++)
        if (lm->bi_first[w + 1] < lm->bi_first[w])
            return err_note(FOLD_ERR_FORMAT, note, "bigram ranges are out of order at word %u", w);
    if (trigrams_of(lm, 0) != 0 || trigrams_of(lm, h->bigrams) != h->trigrams)
        return err_note(FOLD_ERR_FORMAT, note, "trigram ranges do not span the trigrams");
    for (uint32_t b = 0; b < h->bigrams; b++) {
        if (word24(lm->bi_word + 3 * (size_t)b) >= ids)
            return err_note(FOLD_ERR_FORMAT, note, "bigram %u names no word", b);
        if (trigrams_of(lm, b + 1) < trigrams_of(lm, b))
            return err_note(FOLD_ERR_FORMAT, note, "trigram ranges are out of order at bigram %u",
                            b);
    }
    for (uint32_t t = 0; t < h->trigrams; t++)
        if (word24(lm->tri_word + 3 * (size_t)t) >= ids)
            return err_note(FOLD_ERR_FORMAT, note, "trigram %u names no word", t);
    for (size_t i = 0; i < BOOKS * 256; i++)
        if (!(fabsf(lm->books[i]) <= LOG_MOST)) /* so that sums of them are finite, too */
            return err_note(FOLD_ERR_FORMAT, note, "a codebook holds a value beyond %d", LOG_MOST);
    return FOLD_OK;
}

int lm_parse(struct fold_lm *lm, const void *bytes, size_t count, bool check_hash,
             struct fold_note *note)
{
    *lm = (struct fold_lm){.map = bytes, .bytes = count};
    struct lm_header *h = &lm->h;
    if (count < sizeof *h || memcmp(bytes, LM_MAGIC, 8) != 0)
        return err_note(FOLD_ERR_FORMAT, note, "not a foldscribe language model");
    memcpy(h, bytes, sizeof *h);
    if (h->version != LM_VERSION)
        return err_note(FOLD_ERR_FORMAT, note,
                        "language model version %u; this program reads version %u", h->version,
                        LM_VERSION);
    if (h->order != 3 || h->letters == 0 || h->letters > LM_LETTERS || h->nodes == 0)
        return err_note(FOLD_ERR_FORMAT, note, "the language model's header is damaged");
    const size_t body = lm_body_bytes(h);
    if (!body || count != sizeof *h + body)
        return err_note(FOLD_ERR_FORMAT, note,
                        "the language model should be %zu bytes, is %zu: cut short or damaged",
                        sizeof *h + body, count);
    uint8_t sum[32];
    if (check_hash &&
        (!lm_digest(h, lm->map + sizeof *h, sum) || memcmp(sum, h->sha256, sizeof sum) != 0))
        return err_note(FOLD_ERR_FORMAT, note,
                        "the language model's hash does not match: the file is damaged");

    const unsigned char *at = lm->map + sizeof *h;
    lm->books = take(&at, BOOKS * 256 * sizeof(float));
    lm->first = take(&at, ((size_t)h->nodes + 1) * 4);
    lm->word_node = take(&at, (size_t)h->words * 4);
    lm->bi_first = take(&at, ((size_t)h->words + 4) * 4);
    lm->tri_base = take(&at, ((size_t)h->bigrams / LM_BLOCK + 1) * 4);
    lm->tri_off = take(&at, ((size_t)h->bigrams + 1) * 2);
    lm->letter = take(&at, h->nodes);
    lm->best = take(&at, h->nodes);
    lm->uni_p = take(&at, (size_t)h->words + 3);
    lm->uni_b = take(&at, (size_t)h->words + 3);
    lm->bi_word = take(&at, 3 * (size_t)h->bigrams);
    lm->bi_p = take(&at, h->bigrams);
    lm->bi_b = take(&at, h->bigrams);
    lm->tri_word = take(&at, 3 * (size_t)h->trigrams);
    lm->tri_p = take(&at, h->trigrams);
    int err = check_trie(lm, note);
    if (!err)
        err = check_ngrams(lm, note);
    if (err)
        return err;
    lm->node_word = malloc((size_t)h->nodes * sizeof *lm->node_word);
    if (!lm->node_word)
        return err_note(FOLD_ERR_MEMORY, note, "%s", fold_err_text(FOLD_ERR_MEMORY));
    for (uint32_t i = 0; i < h->nodes; i++)
        lm->node_word[i] = LM_NONE;
    for (uint32_t w = 0; w < h->words; w++)
        lm->node_word[lm->word_node[w]] = w;
    return FOLD_OK;
}

void lm_release(struct fold_lm *lm)
{
    free(lm->node_word);
    lm->node_word = NULL;
    if (lm->mapped)
        mapping_close(lm->map, lm->bytes);
    lm->mapped = false;
}

int fold_lm_open(struct fold_lm **ret_lm, const char *path, struct fold_note *note)
{
    const unsigned char *map;
    size_t count;
    int err = mapping_open(&map, &count, path, note);
    if (err)
        return err;
    struct fold_lm *lm = calloc(1, sizeof *lm);
    err = lm ? lm_parse(lm, map, count, true, note) : FOLD_ERR_MEMORY;
    if (err) {
        mapping_close(map, count);
        free(lm);
        return err;
    }
    lm->mapped = true;
    *ret_lm = lm;
    return FOLD_OK;
}

void fold_lm_close(struct fold_lm *lm)
{
    if (!lm)
        return;
    lm_release(lm);
    free(lm);
}

struct fold_lm_info fold_lm_info(const struct fold_lm *lm)
{
    return (struct fold_lm_info){.order = lm->h.order,
                                 .words = lm->h.words,
                                 .ngrams =
                                     (uint64_t)lm->h.words + 3 + lm->h.bigrams + lm->h.trigrams,
                                 .file_bytes = lm->bytes};
}

/* Index in [low, high) of word in a sorted list of 24-bit ids, or LM_NONE. */
static uint32_t find(const uint8_t *list, uint32_t low, uint32_t high, uint32_t word)
{
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2, at = word24(list + 3 * (size_t)middle);
        if (at == word)
            return middle;
        if (at < word)
            low = middle + 1;
        else
            high = middle;
    }
    return LM_NONE;
}

struct lm_state lm_start(const struct fold_lm *lm)
{
    return (struct lm_state){lm_begin(lm), LM_NONE};
}

float lm_score(const struct fold_lm *lm, struct lm_state state, uint32_t word,
               struct lm_state *ret_next)
{
    const float *books = lm->books;
    const uint32_t bigram =
        find(lm->bi_word, lm->bi_first[state.word], lm->bi_first[state.word + 1], word);
    if (ret_next)
        *ret_next = (struct lm_state){word, bigram};
    float back_off = 0;
    if (state.bigram != LM_NONE) {
        const uint32_t trigram = find(lm->tri_word, trigrams_of(lm, state.bigram),
                                      trigrams_of(lm, state.bigram + 1), word);
        if (trigram != LM_NONE)
            return books[BOOK_TRI_P * 256 + lm->tri_p[trigram]];
        back_off = books[BOOK_BI_B * 256 + lm->bi_b[state.bigram]];
    }
    if (bigram != LM_NONE)
        return back_off + books[BOOK_BI_P * 256 + lm->bi_p[bigram]];
    return back_off + books[BOOK_UNI_B * 256 + lm->uni_b[state.word]] +
           books[BOOK_UNI_P * 256 + lm->uni_p[word]];
}

uint32_t lm_child(const struct fold_lm *lm, uint32_t node, uint8_t letter)
{
    for (uint32_t c = lm->first[node]; c < lm->first[node + 1]; c++)
        if (lm->letter[c] == letter)
            return c;
    return LM_NONE;
}
