/* A random seed says nothing that makes sense, but it says the same of the same. */
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "test.h"

#define RATE    16000
#define SECONDS 50

static struct fold_model *model;
static float *pcm;

static int open_all(void **state)
{
    struct fold_note note;
    pcm = malloc((size_t)SECONDS * RATE * sizeof *pcm);
    unsigned seed = 1;
    for (size_t i = 0; pcm && i < (size_t)SECONDS * RATE; i++) {
        seed = seed * 1664525u + 1013904223u;
        pcm[i] = (i / 5000 % 4 ? 0.2f : 0.001f) * ((float)(seed >> 8) / 8388608.0f - 1);
    }
    return pcm && fold_model_open(&model, getenv("FOLDSCRIBE_TEST_DECODER_MODEL"), &note) == FOLD_OK
               ? 0
               : -1;
}

static int close_all(void **state)
{
    fold_model_close(model);
    free(pcm);
    return 0;
}

static void another_rate_is_refused_and_so_is_a_depth_that_is_none(void **state)
{
    struct fold_recognizer *r;
    struct fold_recognition said;
    const struct fold_recognizer_options deep = {.depth = 99};

    assert_int_equal(fold_recognizer_open(&r, model, &deep), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_recognizer_open(&r, model, NULL), FOLD_OK);
    assert_int_equal(fold_recognize(r, pcm, RATE, 8000, &said), FOLD_ERR_RATE);
    assert_int_equal(fold_recognize(r, pcm, RATE, 44100, &said), FOLD_ERR_RATE);
    assert_non_null(strstr(fold_err_text(FOLD_ERR_RATE), "16000"));
    fold_recognizer_close(r);
    fold_recognizer_close(NULL);
}

static void any_length_gives_words_in_order_whose_texts_are_the_text(void **state)
{
    static const size_t lengths[] = {0, 1, 100, RATE / 10, 3 * RATE, 20 * RATE + 1, SECONDS * RATE};
    struct fold_recognizer *r;
    struct fold_recognition said;

    assert_int_equal(fold_recognizer_open(&r, model, NULL), FOLD_OK);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(fold_recognize(r, pcm, lengths[i], RATE, &said), FOLD_OK);
        size_t at = 0;
        for (size_t w = 0; w < said.words_count; w++) {
            const struct fold_spoken *word = &said.words[w];
            assert_true(word->start_sample <= word->end_sample && word->end_sample <= lengths[i]);
            assert_true(!w || word[-1].start_sample <= word->start_sample);
            assert_memory_equal(said.text + at, word->text, strlen(word->text));
            at += strlen(word->text);
            assert_int_equal(said.text[at], w + 1 < said.words_count ? ' ' : '\0');
            at++;
        }
        assert_int_equal(strlen(said.text), at ? at - 1 : 0);
    }
    fold_recognizer_close(r);
}

static void the_same_sound_is_the_same_text_again(void **state)
{
    struct fold_recognizer *r;
    struct fold_recognition said;

    assert_int_equal(fold_recognizer_open(&r, model, NULL), FOLD_OK);
    assert_int_equal(fold_recognize(r, pcm, SECONDS * RATE, RATE, &said), FOLD_OK);
    char *first = strdup(said.text);
    assert_int_equal(fold_recognize(r, pcm, SECONDS * RATE, RATE, &said), FOLD_OK);
    assert_string_equal(first, said.text);
    free(first);
    fold_recognizer_close(r);
}

struct watched {
    size_t calls, heard;
};

static bool twice(void *user, size_t heard_samples, size_t all_samples)
{
    struct watched *w = user;
    assert_true(heard_samples > w->heard && heard_samples <= all_samples);
    w->heard = heard_samples;
    return ++w->calls < 2;
}

static void who_watches_may_stop_it(void **state)
{
    struct watched watched = {0};
    const struct fold_recognizer_options options = {
        .depth = 1, .progress = twice, .user = &watched};
    struct fold_recognizer *r;
    struct fold_recognition said;

    assert_int_equal(fold_recognizer_open(&r, model, &options), FOLD_OK);
    assert_int_equal(fold_recognize(r, pcm, SECONDS * RATE, RATE, &said), FOLD_ERR_STOPPED);
    assert_int_equal(watched.calls, 2);
    fold_recognizer_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_rate_is_refused_and_so_is_a_depth_that_is_none),
        cmocka_unit_test(any_length_gives_words_in_order_whose_texts_are_the_text),
        cmocka_unit_test(the_same_sound_is_the_same_text_again),
        cmocka_unit_test(who_watches_may_stop_it),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
