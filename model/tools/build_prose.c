/* build_prose - the model that puts case and marks on words, from text that has them:
 *
 *     xzcat books.txt.xz | build_prose OUT.prose          trains
 *     build_prose --test FILE.prose < TEXT                says how well it does
 *
 * A line holds one or more sentences and goes on from the line before; an empty line says that it
 * does not. Features are counted with the labels they were seen with; those that tell most about
 * the label get a slot, and their weights are learned by logistic regression (AdaGrad, the text
 * read PASSES times). Every third gap is learned a second time as if what follows were not known:
 * so it is at the end of what was heard. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "must.h"
#include "punctuation.h"

#define SLOTS    (1u << 19) /* at most; fewer for short texts */
#define COUNTERS (1u << 24) /* the same */
#define LEAST    4          /* times that a feature must have been seen */
#define PASSES   4
#define RATE     0.15f
#define DECAY    2e-6f
#define STEP     (1.0f / 32)
#define LONGEST  40
#define FORMS    4000

struct token {
    char text[LONGEST]; /* as written, letters and apostrophes; empty: the text breaks off here */
    char mark;
    uint8_t cased;
};

struct counter {
    uint64_t feature; /* 0: free */
    uint32_t seen[PUNCTUATION_CLASSES];
};

static struct token *tokens;
static size_t tokens_count, tokens_room;

/* ---- reading ------------------------------------------------------------------------------------
 */

static void add_token(const struct token *t)
{
    if (tokens_count == tokens_room)
        tokens = must(realloc(tokens, (tokens_room = tokens_room ? 2 * tokens_room : 1 << 20) *
                                          sizeof *tokens));
    tokens[tokens_count++] = *t;
}

static void break_off(void)
{
    if (tokens_count && tokens[tokens_count - 1].text[0])
        add_token(&(struct token){.text = ""});
}

static uint8_t case_of(const char *text)
{
    size_t upper = 0, letters = 0;
    for (const char *c = text; *c; c++) {
        upper += isupper((unsigned char)*c) != 0;
        letters += isalpha((unsigned char)*c) != 0;
    }
    return !upper                                        ? FOLD_LOWER
           : upper == 1 && isupper((unsigned char)*text) ? FOLD_TITLE
           : upper == letters                            ? FOLD_UPPER
                                                         : FOLD_MIXED;
}

static bool is_title(const char *text)
{
    static const char *const titles[] = {"Mr",  "Mrs",  "Dr",  "St", "Messrs",
                                         "Rev", "Capt", "Col", "Gen"};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcmp(text, titles[i]) == 0)
            return true;
    return text[0] && !text[1] && *text != 'I'; /* initials */
}

/* What stands behind a word's letters as one mark. */
static char mark_of(const char *rest)
{
    const char *end = strpbrk(rest, ".!?");
    if (end)
        return *end == '?' ? '?' : '.';
    return strpbrk(rest, ",;:") ? ',' : '\0';
}

/* One piece between spaces or dashes; dashed: a dash follows it. */
static void read_piece(char *piece, bool dashed)
{
    struct token t = {.text = ""};
    size_t n = 0;
    while (*piece && !isalnum((unsigned char)*piece) && !(*piece & 0x80))
        piece++;
    for (; *piece == '\'' || isalpha((unsigned char)*piece); piece++)
        if (n + 1 < sizeof t.text)
            t.text[n++] = *piece;
    if (n && t.text[n - 1] == '\'')
        t.text[--n] = '\0';
    for (const char *c = piece; *c; c++)
        if (isalnum((unsigned char)*c) || (*c & 0x80)) {
            break_off(); /* digits, other letters: how that is said is not clear */
            return;
        }
    if (!n) {
        if (tokens_count && (dashed || *piece) && !tokens[tokens_count - 1].mark)
            tokens[tokens_count - 1].mark = mark_of(piece);
        return;
    }
    t.mark = mark_of(piece);
    if (t.mark == '.' && is_title(t.text))
        t.mark = '\0';
    if (!t.mark && dashed)
        t.mark = ',';
    if (strcmp(t.text, "Mr") == 0)
        strcpy(t.text, "Mister");
    if (strcmp(t.text, "Mrs") == 0)
        strcpy(t.text, "Missus");
    if (strcmp(t.text, "Dr") == 0)
        strcpy(t.text, "Doctor");
    t.cased = case_of(t.text);
    if (t.cased == FOLD_UPPER && !t.text[1])
        t.cased = FOLD_TITLE;
    add_token(&t);
}

/* Apostrophes, quotes and dashes of typography in ASCII. */
static void simplify(char *line)
{
    char *to = line;
    for (const char *from = line; *from;) {
        if (strncmp(from, "\xe2\x80\x99", 3) == 0 || strncmp(from, "\xe2\x80\x98", 3) == 0) {
            *to++ = '\'';
            from += 3;
        } else if (strncmp(from, "\xe2\x80\x94", 3) == 0 || strncmp(from, "\xe2\x80\x93", 3) == 0) {
            *to++ = '-';
            *to++ = '-';
            from += 3;
        } else if (strncmp(from, "\xe2\x80\x9c", 3) == 0 || strncmp(from, "\xe2\x80\x9d", 3) == 0) {
            *to++ = '"';
            from += 3;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void read_line(char *line)
{
    size_t upper = 0, lower = 0;
    simplify(line);
    for (const char *c = line; *c; c++) {
        upper += isupper((unsigned char)*c) != 0;
        lower += islower((unsigned char)*c) != 0;
    }
    if (upper >= lower) { /* empty, or a heading */
        break_off();
        return;
    }
    const size_t begin = tokens_count;
    for (char *at = line; *at;) {
        char *end = at + strcspn(at, " \t\r\n-_");
        const bool dashed = end[0] == '-' && end[1] == '-';
        const size_t gap = strspn(end, " \t\r\n-_");
        *end = '\0';
        if (*at || dashed)
            read_piece(at, dashed);
        at = end + gap;
        if (!gap)
            break;
    }
    /* "Stop!" said he: no sentence ends before a small letter. */
    for (size_t i = begin; i + 1 < tokens_count; i++)
        if (tokens[i].mark == '.' && islower((unsigned char)tokens[i + 1].text[0]))
            tokens[i].mark = ',';
}

static void read_text(FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, in) >= 0)
        read_line(line);
    free(line);
    break_off();
    if (!tokens_count)
        die("standard input holds no text");
}

/* ---- decisions ----------------------------------------------------------------------------------
 */

static int mark_class(char mark)
{
    return mark == ',' ? 1 : mark == '.' ? 2 : mark == '?' ? 3 : 0;
}

typedef void decision(const uint64_t *features, uint32_t count, int label);

/* All decisions of the text in order, with the truth as what went before. */
static void each(decision *decide)
{
    struct punctuation_view v = {0};
    uint64_t f[PUNCTUATION_FEATURES];
    for (size_t i = 0; i < tokens_count; i++) {
        const struct token *t = &tokens[i];
        if (!t->text[0]) {
            v = (struct punctuation_view){0};
            continue;
        }
        const struct token *after = &tokens[i + 1];
        const char *next = after->text[0] ? after->text : NULL;
        const char *next2 = next && after[1].text[0] ? after[1].text : NULL;
        const bool first = !v.since_end;
        punctuation_look(&v, t->text, next, next2);
        if (next || i % 3 == 0)
            decide(f, punctuation_mark_features(&v, f), mark_class(t->mark));
        if (!first && t->cased != FOLD_MIXED)
            decide(f, punctuation_case_features(&v, f), t->cased);
        if (next && i % 3 == 0) {
            struct punctuation_view blind = v;
            blind.after = blind.after2 = blind.after_tail = PUNCTUATION_HIDDEN;
            decide(f, punctuation_mark_features(&blind, f), mark_class(t->mark));
        }
        /* A sentence's first word may be a capital only for that. */
        punctuation_step(&v, t->mark, first && t->cased == FOLD_TITLE ? FOLD_LOWER : t->cased);
    }
}

/* ---- choosing features --------------------------------------------------------------------------
 */

static struct counter *counters;
static uint32_t counters_room, slots;
static uint16_t *tags;
static float *weights, *squares; /* [slots, PUNCTUATION_CLASSES] */

static void count_features(const uint64_t *f, uint32_t n, int label)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < 32; k++) {
            struct counter *c = &counters[((uint32_t)(f[i] >> 20) + k) & (counters_room - 1)];
            if (c->feature && c->feature != f[i])
                continue;
            c->feature = f[i];
            c->seen[label]++;
            break;
        }
}

struct choice {
    uint64_t feature;
    float worth;
};

static int by_worth(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    return x->worth != y->worth ? (x->worth > y->worth ? -1 : 1)
                                : (x->feature > y->feature) - (x->feature < y->feature);
}

/* What the labels seen with a feature tell beyond the usual ones, in bits and more: a
 * log-likelihood ratio against label frequencies of all features. */
static float worth(const struct counter *c, const double usual[PUNCTUATION_CLASSES])
{
    double sum = 0, total = 0;
    for (int k = 0; k < PUNCTUATION_CLASSES; k++)
        total += c->seen[k];
    if (total < LEAST)
        return 0;
    for (int k = 0; k < PUNCTUATION_CLASSES; k++)
        if (c->seen[k])
            sum += c->seen[k] * log(c->seen[k] / (total * usual[k]));
    return (float)sum;
}

static size_t choose_features(void)
{
    double usual[PUNCTUATION_CLASSES] = {0}, total = 0;
    size_t count = 0, put = 0;
    for (size_t i = 0; i < counters_room; i++)
        for (int k = 0; k < PUNCTUATION_CLASSES; k++)
            usual[k] += counters[i].seen[k];
    for (int k = 0; k < PUNCTUATION_CLASSES; k++)
        total += usual[k];
    for (int k = 0; k < PUNCTUATION_CLASSES; k++)
        usual[k] = (usual[k] + 1) / (total + PUNCTUATION_CLASSES);
    struct choice *choices = must(malloc(counters_room * sizeof *choices));
    for (size_t i = 0; i < counters_room; i++) {
        const float w = worth(&counters[i], usual);
        if (w > 2)
            choices[count++] = (struct choice){counters[i].feature, w};
    }
    qsort(choices, count, sizeof *choices, by_worth);
    for (size_t i = 0; i < count && put < slots / 10 * 7; i++) {
        const long slot = punctuation_slot(tags, slots, choices[i].feature, true);
        if (slot < 0)
            continue;
        tags[slot] = (uint16_t)(choices[i].feature >> 48 ? choices[i].feature >> 48 : 1);
        put++;
    }
    printf("%zu features tell something, %zu have a slot\n", count, put);
    free(choices);
    return put;
}

/* ---- learning -----------------------------------------------------------------------------------
 */

static double loss;
static size_t decisions;

static void learn(const uint64_t *f, uint32_t n, int label)
{
    long found[PUNCTUATION_FEATURES];
    uint32_t present = 0;
    float scores[PUNCTUATION_CLASSES] = {0}, top = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        if ((found[present] = punctuation_slot(tags, slots, f[i], false)) >= 0)
            present++;
    for (uint32_t i = 0; i < present; i++)
        for (int c = 0; c < PUNCTUATION_CLASSES; c++)
            scores[c] += weights[found[i] * PUNCTUATION_CLASSES + c];
    for (int c = 0; c < PUNCTUATION_CLASSES; c++)
        top = fmaxf(top, scores[c]);
    for (int c = 0; c < PUNCTUATION_CLASSES; c++)
        sum += scores[c] = expf(scores[c] - top);
    loss -= log((double)(scores[label] / sum));
    decisions++;
    for (int c = 0; c < PUNCTUATION_CLASSES; c++) {
        const float error = scores[c] / sum - (c == label);
        for (uint32_t i = 0; i < present; i++) {
            const long at = found[i] * PUNCTUATION_CLASSES + c;
            const float slope = error + DECAY * weights[at];
            squares[at] += slope * slope;
            weights[at] -= RATE * slope / sqrtf(squares[at] + 1e-6f);
        }
    }
}

/* ---- spellings
 * ----------------------------------------------------------------------------------- */

static int by_letters(const void *a, const void *b)
{
    const struct token *x = *(const struct token *const *)a, *y = *(const struct token *const *)b;
    const int order = strcasecmp(x->text, y->text);
    return order ? order : strcmp(x->text, y->text);
}

static struct token **sorted;

/* Words that are mostly written with a capital inside: their ends and texts. */
static uint32_t collect_forms(uint32_t *ends, char *texts, uint32_t *ret_bytes)
{
    uint32_t forms = 0, bytes = 0;
    sorted = must(malloc(tokens_count * sizeof *sorted));
    for (size_t i = 0; i < tokens_count; i++)
        sorted[i] = &tokens[i];
    qsort(sorted, tokens_count, sizeof *sorted, by_letters);
    for (size_t i = 0, end; i < tokens_count && forms < FORMS; i = end) {
        const struct token *best = NULL;
        size_t most = 0;
        for (end = i; end < tokens_count && strcasecmp(sorted[end]->text, sorted[i]->text) == 0;) {
            size_t same = end;
            while (end < tokens_count && strcmp(sorted[end]->text, sorted[same]->text) == 0)
                end++;
            if (end - same > most) {
                most = end - same;
                best = sorted[same];
            }
        }
        if (!best || best->cased != FOLD_MIXED || most < 3 || !best->text[1])
            continue;
        strcpy(texts + bytes, best->text);
        bytes += (uint32_t)strlen(best->text) + 1;
        ends[forms++] = bytes;
    }
    free(sorted);
    *ret_bytes = bytes;
    return forms;
}

/* ---- the two uses
 * --------------------------------------------------------------------------------- */

static uint32_t power_of_two(size_t least, uint32_t most)
{
    uint32_t power = 1024;
    while (power < least && power < most)
        power *= 2;
    return power;
}

static void train(const char *path)
{
    counters_room = power_of_two(16 * tokens_count, COUNTERS);
    slots = power_of_two(2 * tokens_count, SLOTS);
    counters = must(calloc(counters_room, sizeof *counters));
    tags = must(calloc(slots, sizeof *tags));
    weights = must(calloc((size_t)slots * PUNCTUATION_CLASSES, sizeof *weights));
    squares = must(calloc((size_t)slots * PUNCTUATION_CLASSES, sizeof *squares));
    each(count_features);
    choose_features();
    free(counters);
    for (int pass = 1; pass <= PASSES; pass++) {
        loss = 0;
        decisions = 0;
        each(learn);
        printf("pass %d: %.4f nats a decision\n", pass, loss / (double)decisions);
        fflush(stdout);
    }
    struct punctuation_header h = {
        .magic = PUNCTUATION_MAGIC, .version = PUNCTUATION_VERSION, .slots = slots, .step = STEP};
    uint32_t *ends = must(malloc(FORMS * sizeof *ends));
    char *texts = must(malloc(FORMS * LONGEST));
    h.forms = collect_forms(ends, texts, &h.form_bytes);
    const size_t fixed = (size_t)slots * (2 + PUNCTUATION_CLASSES);
    const size_t bytes = fixed + 4 * (size_t)h.forms + h.form_bytes;
    unsigned char *body = must(malloc(bytes));
    memcpy(body, tags, (size_t)slots * 2);
    for (size_t i = 0; i < (size_t)slots * PUNCTUATION_CLASSES; i++)
        body[slots * 2 + i] =
            (unsigned char)(int8_t)lrintf(fmaxf(-127, fminf(127, weights[i] / STEP)));
    memcpy(body + fixed, ends, 4 * (size_t)h.forms);
    memcpy(body + fixed + 4 * (size_t)h.forms, texts, h.form_bytes);
    if (!punctuation_digest(&h, body, bytes, h.sha256))
        die("SHA-256 could not be computed");
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(&h, sizeof h, 1, out) != 1 || fwrite(body, bytes, 1, out) != 1 ||
        fclose(out) != 0) {
        fprintf(stderr, "build_prose: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    printf("%s: %zu words read, %u spellings, %.1f MB\n", path, tokens_count, h.forms,
           (double)(bytes + sizeof h) / 1e6);
    free(ends);
    free(texts);
    free(body);
    free(tags);
    free(weights);
    free(squares);
}

static double f1(size_t hit, size_t said, size_t true_ones)
{
    return said + true_ones ? 200.0 * (double)hit / (double)(said + true_ones) : 0;
}

static void test(const char *path)
{
    struct fold_punctuation *prose;
    struct fold_note note = {{0}};
    size_t hit[4] = {0}, said[4] = {0}, truth[4] = {0}, cases = 0, right = 0, n = 0;
    size_t capitals = 0, capitals_hit = 0, capitals_said = 0;
    if (fold_punctuation_open(&prose, path, &note) != FOLD_OK)
        die(note.text);
    struct fold_punctuation_word *words = must(calloc(tokens_count, sizeof *words));
    for (size_t i = 0; i < tokens_count; i++) {
        if (tokens[i].text[0]) {
            words[n++] = (struct fold_punctuation_word){.text = tokens[i].text, .pause_s = NAN};
            continue;
        }
        struct fold_punctuation_state state = {0};
        fold_punctuation_mark(prose, &state, words, n, true);
        for (size_t k = 0; k < n; k++) {
            const struct token *t = &tokens[i - n + k];
            char text[LONGEST + 1];
            struct fold_punctuation_word bare = words[k];
            bare.mark = '\0';
            fold_punctuation_write(prose, &bare, text);
            const bool is = isupper((unsigned char)t->text[0]),
                       says = isupper((unsigned char)*text);
            right += strcmp(text, t->text) == 0;
            cases++;
            capitals += is;
            capitals_said += says;
            capitals_hit += is && says;
            const int a = mark_class(t->mark), b = mark_class(words[k].mark);
            truth[a]++;
            said[b]++;
            hit[a] += a == b;
        }
        n = 0;
    }
    free(words);
    fold_punctuation_close(prose);
    printf(
        "%zu words; F1: comma %.1f, full stop %.1f, question mark %.1f, all marks %.1f; ", cases,
        f1(hit[1], said[1], truth[1]), f1(hit[2], said[2], truth[2]), f1(hit[3], said[3], truth[3]),
        f1(hit[1] + hit[2] + hit[3], said[1] + said[2] + said[3], truth[1] + truth[2] + truth[3]));
    printf("written in the right case %.2f %%, capitals F1 %.1f\n",
           100.0 * (double)right / (double)cases, f1(capitals_hit, capitals_said, capitals));
}

int main(int argc, char **argv)
{
    const bool testing = argc == 3 && strcmp(argv[1], "--test") == 0;
    if (argc != 2 && !testing)
        die("usage: build_prose [--test] FILE.prose < TEXT");
    read_text(stdin);
    if (testing)
        test(argv[2]);
    else
        train(argv[1]);
    free(tokens);
    return 0;
}
