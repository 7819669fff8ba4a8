/* punctuation.c - case and marks, a word at a time from left to right.
 *
 * For the gap behind each word a mark is chosen, and for each word a case, by adding up the weights
 * of the features that are present: the words around, alone and in twos and threes, the first words
 * of the sentence (questions begin with a few), and how long ago the last mark was. Only features
 * that helped in training have a slot; a 16-bit tag in it keeps other features from being mistaken
 * for them, so what was never seen has no weight instead of a wrong one. The case is that of a word
 * within a sentence; the first word's letter becomes a capital on top of that. A pause speaks for a
 * mark, which written text cannot teach: it is a prior, set by hand. */
#include "punctuation.h"

#include <ctype.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "err.h"
#include "mapping.h"

static const char marks[PUNCTUATION_CLASSES] = {0, ',', '.', '?'};

/* Natural log odds for a mark against none that a pause adds: nothing at USUAL_S, SLOPE a second
 * more, within bounds. Spoken sentences run on without pause and have pauses within, so it is weak.
 */
#define USUAL_S 0.4f
#define SLOPE   3.0f
#define LEAST   -0.4f
#define MOST    3.0f
/* Where the speaker stopped for good, a sentence is likely over. */
#define END_ODDS 6.0f

/* ---- features ---------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t hash, uint32_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

uint32_t punctuation_hash(const char *text, size_t length)
{
    uint64_t hash = length;
    for (size_t i = 0; i < length; i++)
        hash = mix(hash, (uint32_t)toupper((unsigned char)text[i]));
    const uint32_t folded = (uint32_t)(hash >> 16);
    return folded > PUNCTUATION_HIDDEN ? folded : folded + 2;
}

static uint32_t word_hash(const char *text)
{
    return text ? punctuation_hash(text, strlen(text)) : PUNCTUATION_HIDDEN;
}

static uint32_t tail_hash(const char *text)
{
    const size_t length = text ? strlen(text) : 0;
    return !text ? PUNCTUATION_HIDDEN : length > 3 ? punctuation_hash(text + length - 3, 3) : 0;
}

void punctuation_look(struct punctuation_view *v, const char *word, const char *after,
                      const char *after2)
{
    v->word = word_hash(word);
    v->head = punctuation_hash(word, strnlen(word, 3));
    v->tail = tail_hash(word);
    v->after = word_hash(after);
    v->after_tail = tail_hash(after);
    v->after2 = word_hash(after2);
    if (!v->since_end)
        v->first = v->word;
    else if (v->since_end == 1)
        v->second = v->word;
    v->since_mark = (uint8_t)(v->since_mark + (v->since_mark < 255));
    v->since_end = (uint8_t)(v->since_end + (v->since_end < 255));
}

void punctuation_step(struct punctuation_view *v, char mark, enum fold_case cased)
{
    v->before2 = v->before;
    v->before = v->word;
    v->case_before = cased;
    if (mark)
        v->since_mark = 0;
    if (mark && mark != ',') {
        v->since_end = 0;
        v->first = v->second = 0;
    }
}

/* 1, 2, 3, 4, 5-6, 7-9, 10-14, 15-21, 22.. */
static uint32_t bucket(uint8_t words)
{
    static const uint8_t ends[] = {1, 2, 3, 4, 6, 9, 14, 21};
    uint32_t i = 0;
    while (i < sizeof ends && words > ends[i])
        i++;
    return i;
}

static uint64_t feature(uint32_t kind, uint32_t a, uint32_t b, uint32_t c)
{
    return mix(mix(mix(mix(0x51ED270B, kind), a), b), c);
}

uint32_t punctuation_mark_features(const struct punctuation_view *v, uint64_t *f)
{
    uint32_t n = 0;
    const uint32_t mark = bucket(v->since_mark), end = bucket(v->since_end);
    f[n++] = feature(1, v->after == PUNCTUATION_HIDDEN, 0, 0);
    f[n++] = feature(2, v->word, v->after == PUNCTUATION_HIDDEN, 0);
    f[n++] = feature(3, v->before, v->word, 0);
    f[n++] = feature(4, v->before2, v->before, v->word);
    f[n++] = feature(5, mark, end, v->after == PUNCTUATION_HIDDEN);
    f[n++] = feature(6, v->first, v->second, v->after == PUNCTUATION_HIDDEN);
    f[n++] = feature(7, v->first, end, 0);
    f[n++] = feature(8, v->tail, mark, 0);
    f[n++] = feature(9, v->first, v->word, 0);
    if (v->after == PUNCTUATION_HIDDEN)
        return n;
    f[n++] = feature(10, v->after, 0, 0);
    f[n++] = feature(11, v->word, v->after, 0);
    f[n++] = feature(12, v->before, v->word, v->after);
    f[n++] = feature(13, v->after, mark, 0);
    f[n++] = feature(14, v->tail, v->after, 0);
    f[n++] = feature(15, v->tail, v->after_tail, 0);
    f[n++] = feature(16, v->first, v->after, 1);
    if (v->after2 != PUNCTUATION_HIDDEN) {
        f[n++] = feature(17, v->after, v->after2, 0);
        f[n++] = feature(18, v->word, v->after, v->after2);
        f[n++] = feature(19, v->after2, mark, 0);
    }
    return n;
}

uint32_t punctuation_case_features(const struct punctuation_view *v, uint64_t *f)
{
    uint32_t n = 0;
    f[n++] = feature(31, v->case_before, 0, 0);
    f[n++] = feature(32, v->word, 0, 0);
    f[n++] = feature(33, v->word, v->case_before, 0);
    f[n++] = feature(34, v->before, v->word, 0);
    f[n++] = feature(35, v->before, v->case_before, 0);
    f[n++] = feature(36, v->tail, v->case_before, 0);
    f[n++] = feature(37, v->head, v->tail, 0);
    f[n++] = feature(38, v->before, v->tail, 0);
    if (v->after == PUNCTUATION_HIDDEN)
        return n;
    f[n++] = feature(39, v->word, v->after, 0);
    f[n++] = feature(40, v->after, v->case_before, 0);
    f[n++] = feature(41, v->before, v->word, v->after);
    f[n++] = feature(42, v->after_tail, v->case_before, 0);
    return n;
}

long punctuation_slot(const uint16_t *tags, uint32_t slots, uint64_t feature, bool free)
{
    const uint16_t tag = (uint16_t)(feature >> 48 ? feature >> 48 : 1);
    for (uint32_t i = 0; i < PUNCTUATION_PROBES; i++) {
        const uint32_t slot = ((uint32_t)feature + i) & (slots - 1);
        if (tags[slot] == tag)
            return free ? -1 : (long)slot;
        if (!tags[slot])
            return free ? (long)slot : -1;
    }
    return -1;
}

static void score(const struct fold_punctuation *p, const uint64_t *features, uint32_t count,
                  float ret_scores[PUNCTUATION_CLASSES])
{
    int32_t sums[PUNCTUATION_CLASSES] = {0};
    for (uint32_t i = 0; i < count; i++) {
        const long slot = punctuation_slot(p->tags, p->h.slots, features[i], false);
        for (long c = 0; slot >= 0 && c < PUNCTUATION_CLASSES; c++)
            sums[c] += p->weights[slot * PUNCTUATION_CLASSES + c];
    }
    for (int c = 0; c < PUNCTUATION_CLASSES; c++)
        ret_scores[c] = (float)sums[c] * p->h.step;
}

/* ---- the file -----------------------------------------------------------------------------------
 */

bool punctuation_digest(const struct punctuation_header *h, const void *body, size_t bytes,
                        uint8_t ret_sha256[32])
{
    struct punctuation_header bare = *h;
    memset(bare.sha256, 0, sizeof bare.sha256);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                      EVP_DigestUpdate(context, &bare, sizeof bare) == 1 &&
                      EVP_DigestUpdate(context, body, bytes) == 1 &&
                      EVP_DigestFinal_ex(context, ret_sha256, NULL) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

static const char *form_at(const struct fold_punctuation *p, uint32_t i)
{
    return p->forms + (i ? p->form_ends[i - 1] : 0);
}

static int check_forms(const struct fold_punctuation *p, struct fold_note *note)
{
    for (uint32_t i = 0; i < p->h.forms; i++) {
        const uint32_t from = i ? p->form_ends[i - 1] : 0, to = p->form_ends[i];
        if (to <= from + 1 || to > p->h.form_bytes || p->forms[to - 1] != '\0' ||
            strlen(p->forms + from) != to - from - 1)
            return err_note(FOLD_ERR_FORMAT, note, "spelling %u of the text model is damaged", i);
        if (i && strcasecmp(form_at(p, i - 1), form_at(p, i)) >= 0)
            return err_note(FOLD_ERR_FORMAT, note, "spelling %u of the text model is out of order",
                            i);
    }
    return FOLD_OK;
}

int punctuation_parse(struct fold_punctuation *p, const void *bytes, size_t count, bool check_hash,
                      struct fold_note *note)
{
    *p = (struct fold_punctuation){.map = bytes, .bytes = count};
    struct punctuation_header *h = &p->h;
    if (count < sizeof *h || memcmp(bytes, PUNCTUATION_MAGIC, 8) != 0)
        return err_note(FOLD_ERR_FORMAT, note, "not a foldscribe text model");
    memcpy(h, bytes, sizeof *h);
    if (h->version != PUNCTUATION_VERSION)
        return err_note(FOLD_ERR_FORMAT, note,
                        "text model version %u; this program reads version %u", h->version,
                        PUNCTUATION_VERSION);
    if (h->slots < 16 || h->slots > 1u << 26 || (h->slots & (h->slots - 1)) ||
        h->forms > 1u << 20 || h->form_bytes > 1u << 26 || !(h->step > 0 && h->step < 1))
        return err_note(FOLD_ERR_FORMAT, note, "the text model's header is damaged");
    const size_t body =
        (size_t)h->slots * (2 + PUNCTUATION_CLASSES) + 4 * (size_t)h->forms + (size_t)h->form_bytes;
    if (count != sizeof *h + body)
        return err_note(FOLD_ERR_FORMAT, note,
                        "the text model should be %zu bytes, is %zu: cut short or damaged",
                        sizeof *h + body, count);
    const unsigned char *at = p->map + sizeof *h;
    uint8_t sum[32];
    if (check_hash &&
        (!punctuation_digest(h, at, body, sum) || memcmp(sum, h->sha256, sizeof sum) != 0))
        return err_note(FOLD_ERR_FORMAT, note,
                        "the text model's hash does not match: the file is damaged");
    p->tags = (const uint16_t *)(const void *)at;
    at += 2 * (size_t)h->slots;
    p->weights = (const int8_t *)at;
    at += PUNCTUATION_CLASSES * (size_t)h->slots;
    p->form_ends = (const uint32_t *)(const void *)at;
    p->forms = (const char *)at + 4 * (size_t)h->forms;
    return check_forms(p, note);
}

int fold_punctuation_open(struct fold_punctuation **ret_punctuation, const char *path,
                          struct fold_note *note)
{
    const unsigned char *map;
    size_t count;
    int err = mapping_open(&map, &count, path, note);
    if (err)
        return err;
    struct fold_punctuation *p = calloc(1, sizeof *p);
    err = p ? punctuation_parse(p, map, count, true, note) : FOLD_ERR_MEMORY;
    if (err) {
        mapping_close(map, count);
        free(p);
        return err;
    }
    p->mapped = true;
    *ret_punctuation = p;
    return FOLD_OK;
}

void fold_punctuation_close(struct fold_punctuation *p)
{
    if (p && p->mapped)
        mapping_close(p->map, p->bytes);
    free(p);
}

/* ---- deciding -----------------------------------------------------------------------------------
 */

static const char *find_form(const struct fold_punctuation *p, const char *text)
{
    uint32_t low = 0, high = p->h.forms;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = strcasecmp(form_at(p, middle), text);
        if (order == 0)
            return form_at(p, middle);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* "I" and what is contracted with it. */
static bool is_i(const char *text)
{
    return (*text == 'I' || *text == 'i') && (text[1] == '\0' || text[1] == '\'');
}

static enum fold_case choose_case(const struct fold_punctuation *p,
                                  const struct punctuation_view *v, const char *text)
{
    uint64_t features[PUNCTUATION_FEATURES];
    float scores[PUNCTUATION_CLASSES];
    if (is_i(text))
        return FOLD_TITLE;
    if (find_form(p, text))
        return FOLD_MIXED;
    score(p, features, punctuation_case_features(v, features), scores);
    int best = FOLD_LOWER;
    for (int c = FOLD_TITLE; c <= FOLD_UPPER; c++)
        best = scores[c] > scores[best] ? c : best;
    return (enum fold_case)best;
}

static char choose_mark(const struct fold_punctuation *p, const struct punctuation_view *v,
                        float pause_s, bool at_pause)
{
    uint64_t features[PUNCTUATION_FEATURES];
    float scores[PUNCTUATION_CLASSES];
    score(p, features, punctuation_mark_features(v, features), scores);
    if (at_pause) {
        scores[1] = -INFINITY; /* nothing that is shown ends in a comma */
        scores[2] += END_ODDS;
        scores[3] += END_ODDS;
    } else if (!isnan(pause_s)) {
        const float odds = fminf(fmaxf((pause_s - USUAL_S) * SLOPE, LEAST), MOST);
        for (int c = 1; c < PUNCTUATION_CLASSES; c++)
            scores[c] += odds;
    }
    int best = 0;
    for (int c = 1; c < PUNCTUATION_CLASSES; c++)
        best = scores[c] > scores[best] ? c : best;
    return marks[best];
}

void fold_punctuation_mark(const struct fold_punctuation *p, struct fold_punctuation_state *state,
                           struct fold_punctuation_word *words, size_t count, bool at_pause)
{
    struct punctuation_view v = {.before2 = state->before2,
                                 .before = state->before,
                                 .first = state->first,
                                 .second = state->second,
                                 .since_mark = state->since_mark,
                                 .since_end = state->since_end,
                                 .case_before = (enum fold_case)(state->case_before & 3)};
    for (size_t i = 0; i < count; i++) {
        struct fold_punctuation_word *w = &words[i];
        const bool first = !v.since_end, last = i + 1 == count;
        punctuation_look(&v, w->text, last ? NULL : words[i + 1].text,
                         i + 2 < count ? words[i + 2].text : NULL);
        w->cased = choose_case(p, &v, w->text);
        w->mark = last && !at_pause ? '\0' : choose_mark(p, &v, w->pause_s, last);
        punctuation_step(&v, w->mark, w->cased);
        if (first && w->cased == FOLD_LOWER)
            w->cased = FOLD_TITLE;
    }
    *state = (struct fold_punctuation_state){.before2 = v.before2,
                                             .before = v.before,
                                             .first = v.first,
                                             .second = v.second,
                                             .since_mark = v.since_mark,
                                             .since_end = v.since_end,
                                             .case_before = (uint8_t)v.case_before};
}

size_t fold_punctuation_write(const struct fold_punctuation *p,
                              const struct fold_punctuation_word *w, char *to)
{
    const char *form = w->cased == FOLD_MIXED ? find_form(p, w->text) : NULL;
    const size_t length = strlen(w->text);
    for (size_t i = 0; i < length; i++) {
        const int c = (unsigned char)w->text[i];
        const bool upper = w->cased == FOLD_UPPER || (w->cased == FOLD_TITLE && i == 0);
        to[i] = form ? form[i] : (char)(c >= 128 ? c : upper ? toupper(c) : tolower(c));
    }
    size_t n = length;
    if (w->mark)
        to[n++] = w->mark;
    to[n] = '\0';
    return n;
}
