#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctc_decoder.h"
#include "lm.h"

#define V 4 /* blank, space, A, B */
static const char *const vocab[V] = {"<blank>", " ", "A", "B"};
static struct fold_lm *lm;

static int open_lm(void **state)
{
    struct fold_note note = {{0}};
    (void)state;
    if (fold_lm_open(&lm, getenv("FOLDSCRIBE_TEST_LM"), &note) != FOLD_OK)
        fail_msg("%s", note.text);
    return 0;
}

static int close_lm(void **state)
{
    (void)state;
    fold_lm_close(lm);
    return 0;
}

static struct fold_decoder *open_decoder(const struct fold_lm *with,
                                         const struct fold_decoder_options *options)
{
    struct fold_decoder *d;
    assert_int_equal(ctc_decoder_open_vocab(&d, vocab, V, with, options), FOLD_OK);
    return d;
}

/* Random frames, logp [T, V], no letter less likely than the search's floor. */
static void random_frames(float *logp, size_t T, unsigned seed)
{
    srand(seed);
    for (size_t t = 0; t < T; t++, logp += V) {
        float p[V], sum = 0;
        for (int i = 0; i < V; i++)
            sum += p[i] = 0.02f + powf((float)rand() / (float)RAND_MAX, 3);
        for (int i = 0; i < V; i++)
            logp[i] = logf(p[i] / sum);
    }
}

static void text_of(struct fold_decoder *d, char *to)
{
    struct fold_result result;
    assert_int_equal(fold_decoder_result(d, &result), FOLD_OK);
    *to = '\0';
    for (size_t i = 0; i < result.words_count; i++)
        strcat(strcat(to, i ? " " : ""), result.words[i].text);
}

/* ---- the reference: every path, every text ------------------------------------------------ */

#define TEXTS 4096
struct reference {
    char text[TEXTS][16];
    double p[TEXTS];
    size_t count;
};

/* Collapses a path as CTC does; a space where no word has begun shows nothing. */
static void collapse(const int *path, size_t T, char *to)
{
    size_t n = 0;
    int last = 0;
    for (size_t t = 0; t < T; last = path[t++]) {
        if (!path[t] || path[t] == last)
            continue;
        if (path[t] == 1 && (n == 0 || to[n - 1] == ' '))
            continue;
        to[n++] = vocab[path[t]][0];
    }
    to[n] = '\0';
}

static double text_score(const char *text, const struct fold_decoder_options *o)
{
    double score = 0;
    struct lm_state state = lm_start(lm);
    while (*text) {
        size_t length = strcspn(text, " ");
        uint32_t node = 0;
        for (size_t i = 0; i < length && node != LM_NONE; i++)
            node = lm_child(lm, node, (uint8_t)(strchr(lm->h.alphabet, text[i]) - lm->h.alphabet));
        const uint32_t word = node == LM_NONE ? LM_NONE : lm_node_word(lm, node);
        score += (double)o->word_bonus;
        if (word != LM_NONE) {
            score += (double)(o->lm_weight * lm_score(lm, state, word, &state));
        } else {
            score += (double)o->unknown_score - 2.0 * (double)length;
            state = (struct lm_state){lm_unknown(lm), LM_NONE};
        }
        text += length + (text[length] == ' ');
    }
    return score;
}

static void enumerate(struct reference *ref, const float *logp, size_t T)
{
    size_t paths = 1;
    ref->count = 0;
    for (size_t t = 0; t < T; t++)
        paths *= V;
    for (size_t code = 0; code < paths; code++) {
        int path[8];
        double p = 0;
        char text[16];
        size_t rest = code, i;
        for (size_t t = 0; t < T; t++, rest /= V) {
            path[t] = (int)(rest % V);
            p += (double)logp[t * V + (size_t)path[t]];
        }
        collapse(path, T, text);
        for (i = 0; i < ref->count && strcmp(ref->text[i], text) != 0; i++)
            ;
        if (i == ref->count) {
            strcpy(ref->text[ref->count], text);
            ref->p[ref->count++] = 0;
        }
        ref->p[i] += exp(p);
    }
}

static void the_beam_finds_what_exhaustive_search_finds(void **state)
{
    static struct reference ref;
    const struct fold_decoder_options options = {
        .beam = 2000, .lm_weight = 0.7f, .word_bonus = 0.5f, .unknown_score = -3.0f};
    struct fold_decoder *d = open_decoder(lm, &options);
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++) {
        float logp[6 * V];
        char found[64], best[16] = "";
        double top = -INFINITY;
        random_frames(logp, 6, seed);
        enumerate(&ref, logp, 6);
        for (size_t i = 0; i < ref.count; i++) {
            const double score = log(ref.p[i]) + text_score(ref.text[i], &options);
            if (score > top) {
                top = score;
                strcpy(best, ref.text[i]);
            }
        }
        if (*best && best[strlen(best) - 1] == ' ')
            best[strlen(best) - 1] = '\0';
        fold_decoder_reset(d);
        assert_int_equal(fold_decoder_push(d, logp, 6), FOLD_OK);
        text_of(d, found);
        assert_string_equal(found, best);
    }
    fold_decoder_close(d);
}

static void any_chunking_gives_the_same_words(void **state)
{
    enum { T = 900 };
    static float logp[T * V];
    static char whole[4096], pieces[4096];
    random_frames(logp, T, 5);
    (void)state;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        struct fold_decoder *d = open_decoder(with_lm ? lm : NULL, NULL);
        assert_int_equal(fold_decoder_push(d, logp, T), FOLD_OK);
        text_of(d, whole);
        fold_decoder_reset(d);
        for (size_t t = 0, n = 1; t < T; t += n, n = n % 37 + 1) {
            n = n < T - t ? n : T - t;
            assert_int_equal(fold_decoder_push(d, logp + t * V, n), FOLD_OK);
            if (t % 3 == 0)
                text_of(d, pieces); /* looking changes nothing */
        }
        text_of(d, pieces);
        assert_string_equal(whole, pieces);
        fold_decoder_close(d);
    }
}

/* One frame with nearly all probability on id. */
static void peak(float *logp, int id)
{
    for (int i = 0; i < V; i++)
        logp[i] = i == id ? logf(0.9997f) : logf(0.0001f);
}

static void a_blank_between_repeats_keeps_both(void **state)
{
    const int ids[] = {3, 2, 0, 2, 2, 0};
    float logp[6 * V];
    char text[64];
    for (int t = 0; t < 6; t++)
        peak(logp + t * V, ids[t]);
    (void)state;
    struct fold_decoder *d = open_decoder(NULL, NULL);
    fold_decoder_push(d, logp, 6);
    text_of(d, text);
    assert_string_equal(text, "BAA");
    fold_decoder_close(d);
}

static void a_piece_without_a_text_is_never_written(void **state)
{
    static const char *const checkpoint[V] = {"<pad>", " ", "", "B"}; /* "": <s> and the like */
    const int ids[] = {2, 3, 2, 3, 0, 2};
    float logp[6 * V];
    char text[64];
    for (int t = 0; t < 6; t++)
        peak(logp + t * V, ids[t]);
    (void)state;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        struct fold_decoder *d;
        assert_int_equal(ctc_decoder_open_vocab(&d, checkpoint, V, with_lm ? lm : NULL, NULL),
                         FOLD_OK);
        fold_decoder_push(d, logp, 6);
        text_of(d, text);
        assert_string_equal(text,
                            with_lm ? "B" : "BB"); /* a search tells repeats by blanks alone */
        fold_decoder_close(d);
    }
}

static void pieces_may_be_several_letters(void **state)
{
    enum { T = 400 };
    static const char *const phones[V] = {"<pad>", " ", "t\xca\x83", "0123456789abcdef"};
    static float logp[T * V];
    struct fold_result r;
    struct fold_decoder *d;
    (void)state;
    for (int t = 0; t < T; t++)
        peak(logp + t * V, t % 2 ? 0 : t == 2 ? 1 : t == 0 ? 2 : 3);
    assert_int_equal(ctc_decoder_open_vocab(&d, phones, V, NULL, NULL), FOLD_OK);
    fold_decoder_push(d, logp, T);
    assert_int_equal(fold_decoder_result(d, &r), FOLD_OK);
    assert_int_equal(r.words_count, 2);
    assert_string_equal(r.words[0].text, phones[2]);
    assert_int_equal(strlen(r.words[1].text), (T / 2 - 2) * strlen(phones[3]));
    fold_decoder_close(d);
}

static void small_letters_are_found_in_a_language_model_of_capitals(void **state)
{
    static const char *const small[V] = {"<pad>", " ", "a", "b"};
    const int ids[] = {0, 2, 0, 3, 0, 1};
    float logp[6 * V];
    char found[2][64];
    for (int t = 0; t < 6; t++)
        peak(logp + t * V, ids[t]);
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fold_result r;
        struct fold_decoder *d;
        assert_int_equal(ctc_decoder_open_vocab(&d, i ? small : vocab, V, lm, NULL), FOLD_OK);
        fold_decoder_push(d, logp, 6);
        text_of(d, found[i]);
        assert_int_equal(fold_decoder_result(d, &r), FOLD_OK);
        sprintf(found[i] + strlen(found[i]), " %.4f", (double)r.score);
        fold_decoder_close(d);
    }
    assert_memory_equal(found[0], "AB ", 3);
    assert_memory_equal(found[1], "ab ", 3);
    assert_string_equal(found[0] + 2, found[1] + 2);
}

static void a_vocabulary_that_a_language_model_cannot_search_is_refused(void **state)
{
    static const char *const joined[V] = {"<pad>", "A", "B", "C"};
    static const char *const foreign[V] = {"<pad>", " ", "\xc3\x84", "\xc3\x96"};
    const char *many[65];
    struct fold_decoder *d;
    (void)state;
    for (int i = 0; i < 65; i++)
        many[i] = i == 1 ? " " : "A";
    assert_int_equal(ctc_decoder_open_vocab(&d, joined, V, lm, NULL), FOLD_ERR_ARGUMENT);
    assert_int_equal(ctc_decoder_open_vocab(&d, foreign, V, lm, NULL), FOLD_ERR_ARGUMENT);
    assert_int_equal(ctc_decoder_open_vocab(&d, many, 65, lm, NULL), FOLD_ERR_ARGUMENT);
    assert_int_equal(ctc_decoder_open_vocab(&d, many, 65, NULL, NULL), FOLD_OK);
    fold_decoder_close(d);
}

static void words_have_the_frames_of_their_letters(void **state)
{
    const int ids[] = {0, 0, 2, 2, 3, 0, 1, 0, 3, 0};
    float logp[10 * V];
    struct fold_result r;
    for (int t = 0; t < 10; t++)
        peak(logp + t * V, ids[t]);
    (void)state;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        struct fold_decoder *d = open_decoder(with_lm ? lm : NULL, NULL);
        fold_decoder_push(d, logp, 10);
        assert_int_equal(fold_decoder_result(d, &r), FOLD_OK);
        assert_int_equal(r.words_count, 2);
        assert_string_equal(r.words[0].text, "AB");
        assert_int_equal(r.words[0].start_frame, 2);
        assert_int_equal(r.words[0].end_frame, 5);
        assert_int_equal(r.words[1].start_frame, 8);
        assert_int_equal(r.words[1].end_frame, 9);
        assert_true(r.words[0].confidence > 0.9f && r.words[0].confidence <= 1.0f);
        assert_true(r.blank_share > 0.4f && r.blank_share < 0.6f);
        fold_decoder_close(d);
    }
}

static void unknown_words_are_spelled_where_the_sound_is_clear(void **state)
{
    const int ids[] = {2, 0, 2, 0, 2, 0, 3, 0};
    float logp[8 * V];
    char text[64];
    for (int t = 0; t < 8; t++) {
        peak(logp + t * V, ids[t]);
        for (int i = 0; i < V; i++)
            if (i != ids[t])
                logp[t * V + i] = -30;
    }
    (void)state;
    struct fold_decoder *d = open_decoder(lm, NULL);
    fold_decoder_push(d, logp, 8);
    text_of(d, text);
    assert_string_equal(text, "AAAB");
    fold_decoder_close(d);
}

static void a_hotword_tips_the_balance_and_an_unfinished_one_does_not(void **state)
{
    float logp[4 * V];
    char text[64];
    const struct fold_hotword hot = {"aab", 9};
    struct fold_decoder_options options = fold_decoder_defaults();
    options.hotwords = &hot;
    options.hotwords_count = 1;
    peak(logp, 2);
    peak(logp + V, 0);
    peak(logp + 3 * V, 3);
    for (int i = 0; i < V; i++) /* between A and B: a blank, or perhaps another A */
        logp[2 * V + i] = logf(i == 2 ? 0.3f : i == 0 ? 0.6998f : 0.0001f);
    (void)state;
    struct fold_decoder *plain = open_decoder(lm, NULL), *boosted = open_decoder(lm, &options);
    fold_decoder_push(plain, logp, 4);
    text_of(plain, text);
    assert_string_equal(text, "AB");
    options.unknown_score = -6;
    fold_decoder_close(boosted);
    boosted = open_decoder(lm, &options);
    fold_decoder_push(boosted, logp, 4);
    text_of(boosted, text);
    assert_string_equal(text, "AAB");
    fold_decoder_reset(boosted);
    peak(logp + 3 * V, 0); /* the B never comes: the credit goes back */
    fold_decoder_push(boosted, logp, 4);
    text_of(boosted, text);
    assert_string_equal(text, "A");
    fold_decoder_close(plain);
    fold_decoder_close(boosted);
}

static void impossible_and_broken_frames_do_no_harm(void **state)
{
    float logp[3 * V];
    char text[64];
    (void)state;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        struct fold_decoder *d = open_decoder(with_lm ? lm : NULL, NULL);
        assert_int_equal(fold_decoder_push(d, logp, 0), FOLD_OK);
        text_of(d, text);
        assert_string_equal(text, "");
        for (int i = 0; i < 3 * V; i++)
            logp[i] = i < V ? -INFINITY : i < 2 * V ? NAN : INFINITY;
        assert_int_equal(fold_decoder_push(d, logp, 3), FOLD_OK);
        text_of(d, text);
        fold_decoder_reset(d);
        peak(logp, 2);
        assert_int_equal(fold_decoder_push(d, logp, 1), FOLD_OK);
        text_of(d, text);
        assert_string_equal(text, "A");
        fold_decoder_close(d);
    }
}

static void stable_words_never_change(void **state)
{
    enum { T = 1500 };
    static float logp[T * V];
    static char settled[4096], text[4096];
    size_t most = 0;
    (void)state;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        struct fold_decoder *d = open_decoder(with_lm ? lm : NULL, NULL);
        struct fold_result r;
        random_frames(logp, T, 9);
        for (size_t t = 0; t < T; t += 97) /* words that nobody doubts */
            for (int k = 0; k < 6 && t + 6 < T; k++)
                peak(logp + (t + (size_t)k) * V, (int[]){0, 2, 0, 3, 0, 1}[k]);
        *settled = '\0';
        for (size_t t = 0; t < T; t++) {
            assert_int_equal(fold_decoder_push(d, logp + t * V, 1), FOLD_OK);
            assert_int_equal(fold_decoder_result(d, &r), FOLD_OK);
            assert_true(r.stable_words <= r.words_count);
            *text = '\0';
            for (size_t i = 0; i < r.stable_words; i++)
                sprintf(text + strlen(text), "%s@%u-%u ", r.words[i].text, r.words[i].start_frame,
                        r.words[i].end_frame);
            if (strncmp(text, settled, strlen(settled)) != 0)
                fail_msg("at frame %zu: \"%s\" had been settled as \"%s\"", t, text, settled);
            strcpy(settled, text);
            most = r.stable_words > most ? r.stable_words : most;
        }
        assert_true(most > 10);
        fold_decoder_close(d);
    }
}

static void a_word_that_rivals_do_not_have_is_trusted_less(void **state)
{
    const int ids[] = {2, 0, 3, 0, 1, 0, 3, 0};
    float logp[8 * V];
    struct fold_result r;
    (void)state;
    for (int t = 0; t < 8; t++)
        peak(logp + t * V, ids[t]);
    for (int i = 0; i < V; i++) /* the last word: B, or just as well A */
        logp[6 * V + i] = logf(i >= 2 ? 0.4999f : 0.0001f);
    struct fold_decoder *d = open_decoder(lm, NULL);
    assert_int_equal(fold_decoder_push(d, logp, 8), FOLD_OK);
    assert_int_equal(fold_decoder_result(d, &r), FOLD_OK);
    assert_int_equal(r.words_count, 2);
    assert_true(r.words[0].confidence > 0.9f && r.words[0].confidence <= 1);
    assert_true(r.words[1].confidence > 0.2f && r.words[1].confidence < 0.8f);
    fold_decoder_close(d);
}

static void alternatives_are_different_texts_in_order(void **state)
{
    float logp[12 * V];
    char texts[FOLD_ALTERNATIVES][64];
    struct fold_result r;
    (void)state;
    random_frames(logp, 12, 3);
    struct fold_decoder *d = open_decoder(lm, NULL);
    assert_int_equal(fold_decoder_push(d, logp, 12), FOLD_OK);
    float before = INFINITY;
    uint32_t n = 0;
    while (fold_decoder_alternative(d, n, &r) == FOLD_OK) {
        assert_true(r.score <= before);
        before = r.score;
        *texts[n] = '\0';
        for (size_t i = 0; i < r.words_count; i++)
            strcat(strcat(texts[n], i ? " " : ""), r.words[i].text);
        for (uint32_t k = 0; k < n; k++)
            assert_string_not_equal(texts[n], texts[k]);
        n++;
    }
    assert_int_equal(n, FOLD_ALTERNATIVES);
    char best[64];
    text_of(d, best);
    assert_string_equal(best, texts[0]);
    fold_decoder_reset(d);
    assert_int_equal(fold_decoder_alternative(d, 0, &r), FOLD_OK);
    assert_int_equal(r.words_count, 0);
    assert_int_equal(fold_decoder_alternative(d, 1, &r), FOLD_ERR_ARGUMENT);
    fold_decoder_close(d);
    d = open_decoder(NULL, NULL);
    assert_int_equal(fold_decoder_alternative(d, 1, &r), FOLD_ERR_ARGUMENT);
    fold_decoder_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_beam_finds_what_exhaustive_search_finds),
        cmocka_unit_test(any_chunking_gives_the_same_words),
        cmocka_unit_test(a_blank_between_repeats_keeps_both),
        cmocka_unit_test(a_piece_without_a_text_is_never_written),
        cmocka_unit_test(pieces_may_be_several_letters),
        cmocka_unit_test(small_letters_are_found_in_a_language_model_of_capitals),
        cmocka_unit_test(a_vocabulary_that_a_language_model_cannot_search_is_refused),
        cmocka_unit_test(words_have_the_frames_of_their_letters),
        cmocka_unit_test(unknown_words_are_spelled_where_the_sound_is_clear),
        cmocka_unit_test(a_hotword_tips_the_balance_and_an_unfinished_one_does_not),
        cmocka_unit_test(stable_words_never_change),
        cmocka_unit_test(a_word_that_rivals_do_not_have_is_trusted_less),
        cmocka_unit_test(alternatives_are_different_texts_in_order),
        cmocka_unit_test(impossible_and_broken_frames_do_no_harm),
    };
    return cmocka_run_group_tests(tests, open_lm, close_lm);
}
