/* build_lm - an ARPA n-gram (order 3) as a compact file for libfold:
 *
 *     zcat 3gram.arpa.gz | build_lm OUT.flm
 *
 * Words with characters outside A-Z and the apostrophe are dropped, with all their n-grams.
 * Log-probabilities become natural and are quantised to 256 values per kind. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lm.h"
#include "must.h"

static const char alphabet[] = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ";

struct word {
    char *text;
    float p, b;
    uint32_t id; /* in the order of trie nodes */
};

struct gram {
    uint32_t w[3];
    float p, b;
};

struct grams {
    struct gram *at;
    size_t count, room;
};

struct node {
    uint32_t first, word; /* word: index in the sorted list, or LM_NONE */
    uint32_t low, high;   /* words below: [low, high) of the sorted list */
    uint8_t letter;
};

/* ---- reading ------------------------------------------------------------------------------ */

static struct word *words; /* sorted by text, the special ones apart */
static size_t words_count, words_room;
static struct word special[3] = {
    {.p = -INFINITY}, {.p = -INFINITY}, {.p = -INFINITY}}; /* </s>, <s>, <unk> */

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

static int special_index(const char *text)
{
    return strcmp(text, "</s>") == 0                                  ? 0
           : strcmp(text, "<s>") == 0                                 ? 1
           : strcmp(text, "<unk>") == 0 || strcmp(text, "<UNK>") == 0 ? 2
                                                                      : -1;
}

static bool is_plain(const char *text)
{
    return *text && strspn(text, alphabet) == strlen(text);
}

static void add_word(const char *text, float p, float b)
{
    int s = special_index(text);
    if (s >= 0) {
        special[s].p = p;
        special[s].b = b;
        return;
    }
    if (!is_plain(text))
        return;
    if (words_count == words_room)
        words = must(
            realloc(words, (words_room = words_room ? 2 * words_room : 1 << 16) * sizeof *words));
    words[words_count++] = (struct word){must(strdup(text)), p, b, 0};
}

/* Index in the sorted list, words_count + 0..2 for the special ones, LM_NONE for dropped words. */
static uint32_t find_word(const char *text)
{
    int s = special_index(text);
    if (s >= 0)
        return (uint32_t)(words_count + (size_t)s);
    struct word key = {.text = (char *)text};
    struct word *w = bsearch(&key, words, words_count, sizeof *words, by_text);
    return w ? (uint32_t)(w - words) : LM_NONE;
}

static void add_gram(struct grams *g, const struct gram *gram)
{
    if (g->count == g->room)
        g->at = must(realloc(g->at, (g->room = g->room ? 2 * g->room : 1 << 16) * sizeof *g->at));
    g->at[g->count++] = *gram;
}

/* One line of section order: log10 p, order words, log10 back-off (may be missing). */
static void read_line(char *line, int order, struct grams *grams)
{
    const float ln10 = 2.302585093f;
    char *fields[6], *save = NULL;
    int n = 0;
    for (char *f = strtok_r(line, " \t\r\n", &save); f && n < 6;
         f = strtok_r(NULL, " \t\r\n", &save))
        fields[n++] = f;
    if (n < order + 1 || n > order + 2)
        die("a line of the ARPA file has a wrong number of fields");
    struct gram g = {.p = strtof(fields[0], NULL) * ln10,
                     .b = n == order + 2 ? strtof(fields[n - 1], NULL) * ln10 : 0};
    if (order == 1) {
        add_word(fields[1], g.p, g.b);
        return;
    }
    for (int i = 0; i < order; i++)
        if ((g.w[i] = find_word(fields[1 + i])) == LM_NONE)
            return;
    add_gram(grams, &g);
}

static void read_arpa(FILE *in, struct grams grams[4])
{
    char *line = NULL;
    size_t room = 0;
    int order = 0, seen = 0;
    while (getline(&line, &room, in) >= 0) {
        int n;
        if (line[0] == '\n' || line[0] == '\r')
            continue;
        if (line[0] == '\\') {
            if (order == 1 && words_count)
                qsort(words, words_count, sizeof *words, by_text);
            order = sscanf(line, "\\%d-grams:", &n) == 1 ? n : 0;
            if (order > 3)
                die("the ARPA file's order is above 3");
            seen = order > seen ? order : seen;
        } else if (order > 0) {
            read_line(line, order, &grams[order]);
        }
    }
    free(line);
    if (seen != 3 || !words_count)
        die("standard input is not an ARPA file of order 3");
}

/* ---- the trie ------------------------------------------------------------------------------- */

static uint8_t letter_index(char c)
{
    return (uint8_t)(strchr(alphabet, c) - alphabet);
}

/* Breadth first over the sorted list: a node is the range of words that share a prefix. */
static struct node *build_trie(uint32_t *ret_count)
{
    size_t room = 1 << 16, count = 1;
    struct node *nodes = must(malloc(room * sizeof *nodes));
    uint32_t next_id = 0, depth = 0, level_end = 1;
    nodes[0] = (struct node){.word = LM_NONE, .high = (uint32_t)words_count};
    for (uint32_t i = 0; i < count; i++) {
        if (i == level_end) {
            depth++;
            level_end = (uint32_t)count;
        }
        nodes[i].first = (uint32_t)count;
        uint32_t at = nodes[i].low;
        const uint32_t high = nodes[i].high;
        if (depth && words[at].text[depth] == '\0') {
            nodes[i].word = at;
            words[at++].id = next_id++;
        }
        while (at < high) {
            uint32_t end = at + 1;
            while (end < high && words[end].text[depth] == words[at].text[depth])
                end++;
            if (count == room)
                nodes = must(realloc(nodes, (room *= 2) * sizeof *nodes));
            nodes[count++] = (struct node){.word = LM_NONE,
                                           .low = at,
                                           .high = end,
                                           .letter = letter_index(words[at].text[depth])};
            at = end;
        }
    }
    *ret_count = (uint32_t)count;
    return nodes;
}

/* ---- quantising ------------------------------------------------------------------------------ */

/* book [256] ascending: 256 equal steps from the least to the greatest value, each then moved to
 * the mean of what falls into it. Equal steps, not equal counts: a few frequent words carry most
 * of what is said, and they must not share one code. */
static void make_book(float *book, const float *values, size_t count)
{
    float low = INFINITY, high = -INFINITY;
    double totals[256] = {0};
    size_t counts[256] = {0};
    for (size_t i = 0; i < count; i++) {
        low = fminf(low, values[i]);
        high = fmaxf(high, values[i]);
    }
    const float step = count && high > low ? (high - low) / 256 : 1;
    for (size_t i = 0; i < count; i++) {
        size_t bin = (size_t)((values[i] - low) / step);
        bin = bin > 255 ? 255 : bin;
        totals[bin] += (double)values[i];
        counts[bin]++;
    }
    for (size_t i = 0; i < 256; i++)
        book[i] = counts[i] ? (float)(totals[i] / (double)counts[i])
                            : (count ? low : 0) + step * ((float)i + 0.5f);
}

static uint8_t quantise(const float *book, float value)
{
    int low = 0, high = 255;
    while (low < high) {
        int middle = (low + high) / 2;
        if (book[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && fabsf(book[low - 1] - value) < fabsf(book[low] - value))
        low--;
    return (uint8_t)low;
}

/* ---- writing --------------------------------------------------------------------------------- */

static unsigned char *body_at;

static void put(const void *bytes, size_t count)
{
    memcpy(body_at, bytes, count);
    body_at += (count + 7) / 8 * 8;
}

static uint32_t final_id(uint32_t w)
{
    return w < words_count ? words[w].id : w;
}

static int by_ids(const void *a, const void *b)
{
    const struct gram *x = a, *y = b;
    for (int i = 0; i < 3; i++)
        if (x->w[i] != y->w[i])
            return x->w[i] < y->w[i] ? -1 : 1;
    return 0;
}

static void renumber(struct grams *g, int order)
{
    for (size_t i = 0; i < g->count; i++)
        for (int j = 0; j < order; j++)
            g->at[i].w[j] = final_id(g->at[i].w[j]);
    qsort(g->at, g->count, sizeof *g->at, by_ids);
}

/* Codes of p (or b) of all grams. */
static uint8_t *codes(const struct grams *g, bool back_off, float *book)
{
    float *values = must(calloc(g->count + 1, sizeof *values));
    uint8_t *out = must(malloc(g->count + 1));
    for (size_t i = 0; i < g->count; i++)
        values[i] = back_off ? g->at[i].b : g->at[i].p;
    make_book(book, values, g->count);
    for (size_t i = 0; i < g->count; i++)
        out[i] = quantise(book, values[i]);
    free(values);
    return out;
}

static uint8_t *ids24(const struct grams *g, int index)
{
    uint8_t *out = must(malloc(3 * g->count + 1));
    for (size_t i = 0; i < g->count; i++)
        for (int k = 0; k < 3; k++)
            out[3 * i + (size_t)k] = (uint8_t)(g->at[i].w[index] >> (8 * k));
    return out;
}

/* off[b] and base[b / LM_BLOCK] say where the trigrams of bigram b begin. */
static void trigram_ranges(const struct grams *bi, const struct grams *tri, uint32_t *base,
                           uint16_t *off)
{
    size_t t = 0;
    for (size_t b = 0; b <= bi->count; b++) {
        while (t < tri->count && b < bi->count &&
               (tri->at[t].w[0] < bi->at[b].w[0] ||
                (tri->at[t].w[0] == bi->at[b].w[0] && tri->at[t].w[1] < bi->at[b].w[1])))
            die("a trigram's first two words are not a bigram of the file");
        if (b == bi->count && t < tri->count)
            die("a trigram's first two words are not a bigram of the file");
        if (b % LM_BLOCK == 0)
            base[b / LM_BLOCK] = (uint32_t)t;
        if (t - base[b / LM_BLOCK] > UINT16_MAX)
            die("too many trigrams in one block");
        off[b] = (uint16_t)(t - base[b / LM_BLOCK]);
        while (t < tri->count && b < bi->count && tri->at[t].w[0] == bi->at[b].w[0] &&
               tri->at[t].w[1] == bi->at[b].w[1])
            t++;
    }
}

int main(int argc, char **argv)
{
    struct grams grams[4] = {0};
    if (argc != 2)
        die("usage: zcat FILE.arpa.gz | build_lm OUT.flm");
    read_arpa(stdin, grams);
    uint32_t nodes_count;
    struct node *nodes = build_trie(&nodes_count);
    struct grams *bi = &grams[2], *tri = &grams[3], uni = {0};
    renumber(bi, 2);
    renumber(tri, 3);

    struct gram *by_id = must(calloc(words_count + 3, sizeof *by_id));
    for (size_t i = 0; i < words_count; i++)
        by_id[words[i].id] = (struct gram){.p = words[i].p, .b = words[i].b};
    /* What the file does not list (often <unk>), or as impossible (<s>), is as likely as its least
     * likely word: it is never asked for, and would stretch the codebook. */
    float least = 0;
    for (size_t i = 0; i < words_count; i++)
        least = fminf(least, words[i].p);
    for (size_t i = 0; i < 3; i++)
        by_id[words_count + i] =
            (struct gram){.p = special[i].p > least ? special[i].p : least, .b = special[i].b};
    uni = (struct grams){by_id, words_count + 3, words_count + 3};

    struct lm_header h = {.magic = LM_MAGIC,
                          .version = LM_VERSION,
                          .order = 3,
                          .letters = sizeof alphabet - 1,
                          .words = (uint32_t)words_count,
                          .nodes = nodes_count,
                          .bigrams = (uint32_t)bi->count,
                          .trigrams = (uint32_t)tri->count};
    memcpy(h.alphabet, alphabet, sizeof alphabet - 1);

    float *books = must(calloc(5 * 256, sizeof *books));
    uint8_t *uni_p = codes(&uni, false, books), *uni_b = codes(&uni, true, books + 256);
    uint8_t *bi_p = codes(bi, false, books + 512), *bi_b = codes(bi, true, books + 768);
    uint8_t *tri_p = codes(tri, false, books + 1024);
    uint8_t *bi_word = ids24(bi, 1), *tri_word = ids24(tri, 2);
    uint32_t *first = must(malloc((nodes_count + 1) * sizeof *first));
    uint32_t *word_node = must(malloc(words_count * sizeof *word_node));
    uint8_t *letter = must(calloc(nodes_count, 1)), *best = must(calloc(nodes_count, 1));
    for (uint32_t i = 0; i < nodes_count; i++) {
        first[i] = nodes[i].first;
        letter[i] = nodes[i].letter;
        for (uint32_t w = nodes[i].low; w < nodes[i].high; w++)
            best[i] = uni_p[words[w].id] > best[i] ? uni_p[words[w].id] : best[i];
        if (nodes[i].word != LM_NONE)
            word_node[words[nodes[i].word].id] = i;
    }
    first[nodes_count] = nodes_count;
    uint32_t *bi_first = must(calloc(words_count + 4, sizeof *bi_first));
    for (size_t i = 0; i < bi->count; i++)
        bi_first[bi->at[i].w[0] + 1]++;
    for (size_t i = 0; i < words_count + 3; i++)
        bi_first[i + 1] += bi_first[i];
    uint32_t *tri_base = must(calloc(bi->count / LM_BLOCK + 1, sizeof *tri_base));
    uint16_t *tri_off = must(calloc(bi->count + 1, sizeof *tri_off));
    trigram_ranges(bi, tri, tri_base, tri_off);

    const size_t bytes = lm_body_bytes(&h);
    unsigned char *body = must(calloc(bytes + 1, 1));
    body_at = body;
    put(books, 5 * 256 * sizeof *books);
    put(first, (nodes_count + 1) * sizeof *first);
    put(word_node, words_count * sizeof *word_node);
    put(bi_first, (words_count + 4) * sizeof *bi_first);
    put(tri_base, (bi->count / LM_BLOCK + 1) * sizeof *tri_base);
    put(tri_off, (bi->count + 1) * sizeof *tri_off);
    put(letter, nodes_count);
    put(best, nodes_count);
    put(uni_p, words_count + 3);
    put(uni_b, words_count + 3);
    put(bi_word, 3 * bi->count);
    put(bi_p, bi->count);
    put(bi_b, bi->count);
    put(tri_word, 3 * tri->count);
    put(tri_p, tri->count);
    if (!lm_digest(&h, body, h.sha256))
        die("SHA-256 could not be computed");
    FILE *out = fopen(argv[1], "wb");
    if (!out || fwrite(&h, sizeof h, 1, out) != 1 || fwrite(body, bytes, 1, out) != 1 ||
        fclose(out) != 0) {
        fprintf(stderr, "build_lm: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    printf("%s: %zu words, %zu bigrams, %zu trigrams, %u nodes, %.1f MB\n", argv[1], words_count,
           bi->count, tri->count, nodes_count, (double)(bytes + sizeof h) / 1e6);
    return 0;
}
