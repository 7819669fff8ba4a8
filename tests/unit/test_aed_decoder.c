#include "writing.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "aed_decoder.h"
#include "weights.h"

static void no_draft_changes_what_is_written(void **state)
{
    uint32_t fewer = 0, plain = 0;
    (void)state;
    for (unsigned seed = 0; seed < 12; seed++) {
        hear(seed, 8000 + 3000 * seed);
        pretend(60); /* so that nothing is taken for a loop too soon */
        const struct result want = write_down(NULL);
        assert_true(want.count > 0);
        char right[8192], wrong[8192];
        strcpy(right, text_of(&want));
        const struct result drafted = write_down(right);
        assert_same(&drafted, &want);
        assert_true(drafted.written.passes <= want.written.passes);
        plain += want.written.passes;
        fewer += drafted.written.passes;
        for (int round = 0; round < 8; round++) {
            /* Letters changed, words lost, then nonsense altogether. */
            strcpy(wrong, right);
            for (size_t i = 0; wrong[i]; i++)
                if (rand() % (2 + round) == 0)
                    wrong[i] = "the other.one, ing?"[rand() % 19];
            const struct result other = write_down(round == 7 ? "the other one in the" : wrong);
            assert_same(&other, &want);
        }
    }
    assert_true(fewer < plain); /* and the right one makes it faster */
}

/* A writer goes from depth to depth and back; what it wrote at one is a draft for the other. */
static void a_text_is_its_depths_own_whatever_was_written_before(void **state)
{
    size_t differ = 0;
    (void)state;
    for (unsigned seed = 0; seed < 8; seed++) {
        struct result fresh[3], again;
        char draft[8192] = "";
        hear(seed, 9000 + 4000 * seed);
        pretend(60);
        for (uint32_t r = 0; r < model->info.unfolds; r++) {
            struct fold_aed *const mine = writer;
            assert_true(!r || fold_run_unfold(run) == FOLD_OK);
            again = write_down(draft);
            assert_int_equal(fold_aed_open(&writer, model, SAMPLES), FOLD_OK);
            fresh[r] = write_down(NULL);
            fold_aed_close(writer);
            writer = mine;
            assert_same(&again, &fresh[r]);
            assert_true(again.written.mean_logp == fresh[r].written.mean_logp);
            strcpy(draft, text_of(&again));
            differ += r && (fresh[r].count != fresh[0].count ||
                            memcmp(fresh[r].pieces, fresh[0].pieces,
                                   fresh[0].count * sizeof *fresh[0].pieces) != 0);
        }
    }
    assert_true(differ > 0);
}

static bool is_over(const void *user)
{
    return --*(int *)(uintptr_t)user < 0;
}

static void a_writer_stops_between_two_passes_when_its_run_is_told_to(void **state)
{
    int questions = 3;
    (void)state;
    hear(2, SAMPLES);
    pretend(60);
    assert_true(write_down(NULL).written.passes > 3);
    fold_run_set_abort(run, is_over, &questions);
    assert_int_equal(write_down(NULL).written.passes, 3);
    fold_run_set_abort(run, NULL, NULL);
    assert_true(write_down(NULL).written.passes > 3);
}

static void nothing_heard_is_nothing_written(void **state)
{
    (void)state;
    hear(1, SAMPLES);
    pretend(0);
    const struct result r = write_down("the other one");
    assert_int_equal(r.written.doubt, FOLD_DOUBT_SILENCE);
    assert_int_equal(r.written.words_count, 0);
    assert_int_equal(r.written.passes, 0);
}

/* Sound of which the random decoder writes a text that it ends itself, and soon. */
static struct result hear_what_ends(void)
{
    struct result r;
    for (unsigned seed = 0; seed < 1000; seed++) { /* which one ends depends on the CPU */
        hear(seed, 16000 + 700 * (seed % 40));
        pretend(2);
        r = write_down(NULL);
        if (r.written.doubt != FOLD_DOUBT_LOOP && r.count > 2 && strlen(text_of(&r)) + 8 < T / 4)
            return r;
    }
    fail_msg("no text ends");
    return r;
}

static void what_the_frames_say_as_well_is_believed(void **state)
{
    (void)state;
    const struct result ends = hear_what_ends();
    size_t letters;
    const size_t at = pretend_to_hear(text_of(&ends), &letters);
    const struct result r = write_down(NULL);
    assert_int_equal(r.written.doubt, FOLD_DOUBT_NONE);
    assert_int_equal(r.count, ends.count);
    assert_true(r.written.words_count >= 1);
    assert_in_range(r.written.words[r.written.words_count - 1].end_frame, at, at + 1);
    /* Much more is heard: it ended too soon. */
    pretend(T / 2);
    assert_int_equal(write_down(NULL).written.doubt, FOLD_DOUBT_LENGTH);
    /* As much is heard, but not that, and the decoder is far from sure. */
    pretend(letters);
    assert_int_equal(write_down(NULL).written.doubt, FOLD_DOUBT_SOUND);
}

static void it_never_runs_away(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 8; seed++) {
        hear(seed, SAMPLES);
        pretend(1);
        const struct result r = write_down(NULL);
        /* Random weights say neither one letter nor an end at the right place. */
        assert_true(r.written.pieces <= 2 + 6.5 * SAMPLES / 16000);
        if (!r.written.doubt)
            assert_true(r.written.words_count <= 13);
    }
}

static void words_lie_in_order_within_the_frames(void **state)
{
    (void)state;
    size_t seen = 0;
    for (unsigned seed = 0; seed < 30; seed++) {
        hear(seed, SAMPLES);
        for (size_t letters = 4; letters < 64; letters += 12) {
            pretend(letters);
            const struct result r = write_down(NULL);
            uint32_t at = 0;
            for (size_t i = 0; i < r.written.words_count; i++, seen++) {
                const struct fold_word *word = &r.written.words[i];
                assert_true(word->start_frame >= at && word->end_frame >= word->start_frame);
                assert_true(word->end_frame <= T);
                assert_true(word->confidence >= 0 && word->confidence <= 1);
                at = word->end_frame;
            }
        }
    }
    (void)seen;
}

static void a_strong_hotword_is_written_in_any_case_and_then_forgotten(void **state)
{
    const struct fold_hotword hotword = {"ther ing", 400};
    (void)state;
    hear(3, SAMPLES);
    pretend(60);
    const struct result before = write_down(NULL);
    assert_int_equal(fold_aed_hotwords(writer, &hotword, 1), FOLD_OK);
    const struct result with = write_down(NULL);
    char text[8192];
    strcpy(text, text_of(&with));
    for (char *c = text; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    assert_non_null(strstr(text, "ther ing"));
    const struct result again = write_down(text);
    assert_same(&again, &with); /* drafts change nothing with hotwords either */
    assert_int_equal(fold_aed_hotwords(writer, NULL, 0), FOLD_OK);
    const struct result after = write_down(NULL);
    assert_same(&after, &before);
}

/* What is said of words, as one text without case and marks. */
static void say(char *to, const struct fold_written *written)
{
    for (size_t i = 0; i < written->words_count; i++) {
        for (const char *c = written->words[i].text; *c; c++)
            if (isalnum((unsigned char)*c))
                *to++ = (char)tolower((unsigned char)*c);
        *to++ = ' ';
    }
    *to = '\0';
}

/* Writes what run heard, and again with letters that say the same; false when that is in doubt. */
static bool write_what_is_believed(struct result *ret_want)
{
    size_t letters;
    pretend(2);
    *ret_want = write_down(NULL);
    if (ret_want->written.doubt == FOLD_DOUBT_LOOP || ret_want->count <= 2)
        return false;
    pretend_to_hear(text_of(ret_want), &letters);
    *ret_want = write_down(NULL);
    return !ret_want->written.doubt;
}

static void alternatives_say_other_things_in_order(void **state)
{
    char texts[FOLD_AED_ALTERNATIVES][4096];
    size_t others = 0;
    (void)state;
    const float end = *end_scale();
    *end_scale() = INCLINED * end;
    for (unsigned seed = 0; seed < SOUNDS && others < 12; seed++) {
        struct fold_written written;
        struct result want;
        uint32_t count, again;
        float before = 0;
        hear(seed, 16000 + 700 * (seed % 40));
        if (!write_what_is_believed(&want))
            continue;
        assert_int_equal(fold_aed_alternatives(writer, 100, &count), FOLD_OK);
        assert_in_range(count, 1, FOLD_AED_ALTERNATIVES);
        for (uint32_t rank = 0; rank < count; rank++) {
            assert_int_equal(fold_aed_alternative(writer, rank, &written), FOLD_OK);
            assert_int_equal(written.doubt, FOLD_DOUBT_NONE);
            assert_true(written.words_count > 0 && written.mean_logp < 0);
            assert_true(rank < 2 || written.mean_logp <= before);
            before = written.mean_logp;
            say(texts[rank], &written);
            for (uint32_t k = 0; k < rank; k++)
                assert_string_not_equal(texts[k], texts[rank]);
            for (size_t i = 0; i < written.words_count; i++)
                assert_true(written.words[i].end_frame <= T);
            others += rank > 0;
        }
        assert_int_equal(fold_aed_alternative(writer, count, &written), FOLD_ERR_ARGUMENT);
        /* The first is what was written, and asking changes nothing. */
        assert_int_equal(fold_aed_alternative(writer, 0, &written), FOLD_OK);
        assert_int_equal(written.pieces, want.count);
        assert_true(written.mean_logp == want.written.mean_logp);
        assert_memory_equal(aed_decoder_pieces(writer, &want.count), want.pieces,
                            want.count * sizeof *want.pieces);
        assert_int_equal(fold_aed_alternatives(writer, 100, &again), FOLD_OK);
        assert_int_equal(again, count);
        assert_int_equal(fold_aed_alternatives(writer, 2, &again), FOLD_OK);
        assert_in_range(again, 1, 2);
        const struct result same = write_down(NULL);
        assert_same(&same, &want);
    }
    *end_scale() = end;
    assert_true(others > 0);
}

static void a_search_finds_what_is_likelier_whatever_the_draft(void **state)
{
    size_t found = 0, asked = 0;
    (void)state;
    const float end = *end_scale();
    *end_scale() = INCLINED * end;
    for (unsigned seed = 0; seed < SOUNDS; seed++) {
        struct fold_written best = {0}, likelier, other;
        struct result want;
        uint32_t count;
        hear(seed, 12800 + 4400 * (seed % 7));
        if (!write_what_is_believed(&want))
            continue;
        for (uint32_t tries = 0; tries <= 16; tries += 4) {
            assert_int_equal(fold_aed_write(writer, run, logp, NULL, &likelier), FOLD_OK);
            const uint32_t passes = likelier.passes;
            assert_int_equal(fold_aed_rescore(writer, tries, &likelier), FOLD_OK);
            assert_int_equal(likelier.doubt, FOLD_DOUBT_NONE);
            assert_true(likelier.passes >= passes && (tries || likelier.passes == passes));
            assert_true(sum_of(&likelier) >= sum_of(tries ? &best : &want.written));
            best = likelier;
        }
        asked++;
        found += sum_of(&best) > sum_of(&want.written);
        /* The same from another draft, and after alternatives; it is now the first of them. */
        assert_int_equal(fold_aed_write(writer, run, logp, "thy other tide", &other), FOLD_OK);
        assert_int_equal(fold_aed_rescore(writer, 16, &other), FOLD_OK);
        assert_true(other.mean_logp == best.mean_logp && other.pieces == best.pieces);
        assert_int_equal(fold_aed_alternatives(writer, 4, &count), FOLD_OK);
        assert_int_equal(fold_aed_alternative(writer, 0, &other), FOLD_OK);
        assert_true(other.mean_logp == best.mean_logp && other.pieces == best.pieces);
        assert_int_equal(fold_aed_rescore(writer, 0, &other), FOLD_OK);
        assert_true(other.mean_logp == best.mean_logp && other.pieces == best.pieces);
        /* A hotword that counts for next to nothing does not keep it from looking. */
        assert_int_equal(fold_aed_hotwords(writer, &(struct fold_hotword){"there", 1e-6f}, 1),
                         FOLD_OK);
        assert_int_equal(fold_aed_write(writer, run, logp, NULL, &other), FOLD_OK);
        assert_int_equal(fold_aed_rescore(writer, 16, &other), FOLD_OK);
        assert_true(other.mean_logp == best.mean_logp && other.pieces == best.pieces);
        assert_int_equal(fold_aed_hotwords(writer, NULL, 0), FOLD_OK);
    }
    *end_scale() = end;
    assert_true(found > 0 && found < asked);
}

static void what_is_in_doubt_has_no_alternatives(void **state)
{
    struct fold_written written = {0};
    uint32_t count;
    (void)state;
    hear(1, SAMPLES);
    pretend(0);
    assert_int_equal(write_down(NULL).written.doubt, FOLD_DOUBT_SILENCE);
    assert_int_equal(fold_aed_alternatives(writer, 3, &count), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_aed_alternative(writer, 0, &written), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_aed_rescore(writer, 3, &written), FOLD_ERR_ARGUMENT);
}

static void hotwords_without_any_text_are_refused(void **state)
{
    const struct fold_hotword hotwords[] = {{"one", 4}, {"  ", 4}};
    (void)state;
    assert_int_equal(fold_aed_hotwords(writer, hotwords, 2), FOLD_ERR_ARGUMENT);
}

#define TOGETHER 4

/* Four sounds, each at a depth of its own, one of them silent, with a good draft, a bad one or
 * none. */
static void writers_in_step_write_what_each_alone_writes(void **state)
{
    struct fold_aed *writers[TOGETHER];
    struct fold_run *runs[TOGETHER];
    struct fold_writing writings[TOGETHER];
    struct result alone[TOGETHER];
    size_t samples[TOGETHER];
    float *heard[TOGETHER];
    (void)state;
    for (size_t i = 0; i < TOGETHER; i++)
        samples[i] = SAMPLES - 1600 * i;
    assert_int_equal(fold_aed_open_many(writers, model, samples, TOGETHER), FOLD_OK);
    for (unsigned round = 0; round < 6; round++) {
        for (size_t i = 0; i < TOGETHER; i++) {
            struct fold_run *const mine = run;
            assert_int_equal(fold_run_open(&runs[i], model, SAMPLES), FOLD_OK);
            run = runs[i];
            hear(10 * round + (unsigned)i, 9000 + 4000 * i + 700 * round);
            pretend(i == 2 && round % 2 ? 0 : 40);
            for (uint32_t extra = 0; extra < i % model->info.unfolds; extra++)
                assert_int_equal(fold_run_unfold(run), FOLD_OK);
            const char *given = i % 2 ? "There is" : NULL;
            alone[i] = write_behind(given, NULL);
            heard[i] = malloc(T * V * sizeof **heard);
            assert_non_null(heard[i]);
            memcpy(heard[i], logp, T * V * sizeof *logp);
            writings[i] = (struct fold_writing){
                .aed = writers[i], .run = run, .logp = heard[i], .prefix = given};
            if (round % 3)
                writings[i].draft = strdup(round % 3 == 1 ? text_of(&alone[i]) : "thy other tide");
            run = mine;
        }
        assert_int_equal(fold_batch_write(writings, TOGETHER), FOLD_OK);
        for (size_t i = 0; i < TOGETHER; i++) {
            struct result got = {.written = writings[i].written};
            memcpy(got.pieces, aed_decoder_pieces(writers[i], &got.count),
                   alone[i].count * sizeof(uint32_t));
            assert_same(&got, &alone[i]);
            assert_true(got.written.mean_logp == alone[i].written.mean_logp);
            free((char *)writings[i].draft);
            free(heard[i]);
            fold_run_close(runs[i]);
        }
    }
    fold_aed_close_many(writers, TOGETHER);
}

static bool is_told(const void *told)
{
    return told;
}

static void a_writer_that_stops_leaves_the_others_alone(void **state)
{
    const size_t samples[2] = {SAMPLES, SAMPLES};
    struct fold_aed *writers[2];
    struct fold_run *stopped;
    (void)state;
    assert_int_equal(fold_aed_open_many(writers, model, samples, 2), FOLD_OK);
    assert_int_equal(fold_run_open(&stopped, model, SAMPLES), FOLD_OK);
    assert_int_equal(fold_run_begin(stopped, pcm, SAMPLES), FOLD_OK);
    assert_int_equal(fold_run_unfold(stopped), FOLD_OK);
    fold_run_set_abort(stopped, is_told, &samples);
    hear(3, SAMPLES);
    pretend(40);
    const struct result want = write_down(NULL);
    struct fold_writing writings[2] = {
        {.aed = writers[0], .run = stopped, .logp = logp},
        {.aed = writers[1], .run = run, .logp = logp, .brief = true}};
    assert_int_equal(fold_batch_write(writings, 2), FOLD_OK);
    assert_int_equal(writings[0].written.pieces, 0);
    assert_int_equal(writings[0].written.doubt, FOLD_DOUBT_LOOP);
    assert_int_equal(writings[1].written.pieces, want.count);
    assert_int_equal(writings[1].written.passes, want.written.passes);
    assert_int_equal(fold_aed_rescore(writers[1], 1, &writings[1].written), FOLD_ERR_ARGUMENT);
    /* Neither one twice nor those that were opened apart. */
    writings[0].aed = writers[1];
    assert_int_equal(fold_batch_write(writings, 2), FOLD_ERR_ARGUMENT);
    writings[0].aed = writer;
    assert_int_equal(fold_batch_write(writings, 2), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_batch_write(writings, 0), FOLD_ERR_ARGUMENT);
    fold_run_close(stopped);
    fold_aed_close_many(writers, 2);
}

static void the_frames_are_described_as_the_first_pass_does(void **state)
{
    struct fold_decoder *decoder;
    struct fold_result heard;
    struct fold_written written;
    (void)state;
    assert_int_equal(fold_decoder_open(&decoder, model, NULL, NULL), FOLD_OK);
    for (unsigned letters = 0; letters <= 40; letters += 20) {
        hear(letters, 20000);
        if (letters < 40) /* else as the random weights say */
            pretend(letters);
        fold_decoder_reset(decoder);
        assert_int_equal(fold_decoder_push(decoder, logp, T), FOLD_OK);
        assert_int_equal(fold_decoder_result(decoder, &heard), FOLD_OK);
        written = write_down(NULL).written;
        assert_float_equal(written.frame_logp, heard.mean_logp, 1e-5f);
        assert_float_equal(written.blank_share, heard.blank_share, 1e-5f);
        if (written.doubt)
            continue;
        assert_int_equal(fold_aed_rescore(writer, 4, &written), FOLD_OK);
        assert_float_equal(written.frame_logp, heard.mean_logp, 1e-5f);
        assert_float_equal(written.blank_share, heard.blank_share, 1e-5f);
    }
    fold_decoder_close(decoder);
}

static void what_cannot_be_written_is_refused(void **state)
{
    struct fold_aed *none;
    struct fold_run *longer;
    struct fold_written written;
    static float silence[SAMPLES + 16000];
    (void)state;
    assert_int_equal(fold_aed_bytes(model, 65 * 16000), 0);
    assert_int_equal(fold_aed_open(&none, model, 65 * 16000), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_aed_open(&none, model, 10), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_run_open(&longer, model, SAMPLES + 16000), FOLD_OK);
    assert_int_equal(fold_run_begin(longer, silence, SAMPLES + 16000), FOLD_OK);
    assert_int_equal(fold_aed_write(writer, longer, logp, NULL, &written), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_run_unfold(longer), FOLD_OK);
    assert_int_equal(fold_aed_write(writer, longer, logp, NULL, &written), FOLD_ERR_TOO_LONG);
    fold_run_close(longer);
}

static void a_seed_without_an_attention_decoder_has_no_writer(void **state)
{
    struct fold_model *plain;
    struct fold_aed *none;
    (void)state;
    assert_int_equal(fold_model_open(&plain, getenv("FOLDSCRIBE_TEST_MODEL"), NULL), FOLD_OK);
    assert_int_equal(fold_model_info(plain)->pieces, 0);
    assert_int_equal(fold_aed_bytes(plain, SAMPLES), 0);
    assert_int_equal(fold_aed_open(&none, plain, SAMPLES), FOLD_ERR_ARGUMENT);
    fold_model_close(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_draft_changes_what_is_written),
        cmocka_unit_test(a_text_is_its_depths_own_whatever_was_written_before),
        cmocka_unit_test(a_writer_stops_between_two_passes_when_its_run_is_told_to),
        cmocka_unit_test(nothing_heard_is_nothing_written),
        cmocka_unit_test(what_the_frames_say_as_well_is_believed),
        cmocka_unit_test(it_never_runs_away),
        cmocka_unit_test(words_lie_in_order_within_the_frames),
        cmocka_unit_test(a_strong_hotword_is_written_in_any_case_and_then_forgotten),
        cmocka_unit_test(alternatives_say_other_things_in_order),
        cmocka_unit_test(a_search_finds_what_is_likelier_whatever_the_draft),
        cmocka_unit_test(what_is_in_doubt_has_no_alternatives),
        cmocka_unit_test(hotwords_without_any_text_are_refused),
        cmocka_unit_test(writers_in_step_write_what_each_alone_writes),
        cmocka_unit_test(a_writer_that_stops_leaves_the_others_alone),
        cmocka_unit_test(the_frames_are_described_as_the_first_pass_does),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(a_seed_without_an_attention_decoder_has_no_writer),
    };
    writing_variable = "FOLDSCRIBE_TEST_DECODER_MODEL";
    const int failed =
        cmocka_run_group_tests_name("every layer", tests, writing_open, writing_close);
    writing_variable = "FOLDSCRIBE_TEST_PATHS_MODEL";
    return failed + cmocka_run_group_tests_name("paths", tests, writing_open, writing_close);
}
