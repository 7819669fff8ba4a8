#include "writing.h"

#include <math.h>
#include <string.h>

#include "aed_decoder.h"
#include "weights.h"

const char *writing_variable;
struct fold_model *model;
struct fold_run *run;
struct fold_aed *writer;
float *logp;
size_t T, V;

float pcm[SAMPLES];

int writing_open(void **state)
{
    struct fold_note note = {{0}};
    (void)state;
    if (fold_model_open_as(&model, getenv(writing_variable), FOLD_INT8, &note))
        fail_msg("%s", note.text);
    V = model->info.vocab_size;
    logp = malloc(fold_frames(model, SAMPLES) * V * sizeof *logp);
    assert_non_null(logp);
    assert_int_equal(fold_run_open(&run, model, SAMPLES), FOLD_OK);
    assert_int_equal(fold_aed_open(&writer, model, SAMPLES), FOLD_OK);
    return 0;
}

int writing_close(void **state)
{
    (void)state;
    fold_aed_close(writer);
    fold_run_close(run);
    fold_model_close(model);
    free(logp);
    return 0;
}

void hear(unsigned seed, size_t samples)
{
    srand(seed);
    const float pitch = 0.02f + 0.01f * (float)(seed % 7);
    for (size_t i = 0; i < samples; i++)
        pcm[i] = 0.3f * sinf((float)i * pitch) * sinf((float)i * 0.0007f * (float)(seed + 1)) +
                 0.1f * ((float)rand() / (float)RAND_MAX - 0.5f);
    assert_int_equal(fold_run_begin(run, pcm, samples), FOLD_OK);
    assert_int_equal(fold_run_unfold(run), FOLD_OK);
    assert_int_equal(fold_run_exit(run, logp), FOLD_OK);
    T = fold_run_frames(run);
}

/* Every frame hears blank, or, with letters, so many letters evenly. */
void pretend(size_t letters)
{
    for (size_t t = 0; t < T; t++)
        for (size_t v = 0; v < V; v++)
            logp[t * V + v] = -12;
    for (size_t t = 0; t < T; t++)
        logp[t * V] = -0.001f;
    for (size_t i = 0; i < letters; i++) {
        float *frame = logp + i * T / letters * V;
        frame[0] = -12;
        frame[3 + i % 20] = -0.001f;
    }
}

struct result write_down(const char *draft)
{
    struct result r;
    assert_int_equal(fold_aed_write(writer, run, logp, draft, &r.written), FOLD_OK);
    const uint32_t *pieces = aed_decoder_pieces(writer, &r.count);
    assert_true(r.count <= sizeof r.pieces / sizeof *r.pieces);
    assert_int_equal(r.count, r.written.pieces);
    memcpy(r.pieces, pieces, r.count * sizeof *pieces);
    return r;
}

/* The text of pieces, as a draft. */
const char *text_of(const struct result *r)
{
    static char text[8192];
    size_t at = 0;
    for (size_t i = 0; i < r->count; i++) {
        size_t bytes;
        const char *piece = bpe_text(&model->decoder.pieces, r->pieces[i], &bytes);
        for (size_t j = 0; j < bytes; j++)
            if (memcmp(piece + j, BPE_MARK, bytes - j < 3 ? bytes - j : 3) == 0 && bytes - j >= 3) {
                text[at++] = ' ';
                j += 2;
            } else {
                text[at++] = piece[j];
            }
    }
    text[at] = '\0';
    return text;
}

void assert_same(const struct result *got, const struct result *want)
{
    assert_int_equal(got->count, want->count);
    assert_memory_equal(got->pieces, want->pieces, want->count * sizeof *want->pieces);
    assert_int_equal(got->written.doubt, want->written.doubt);
}

/* Frames say the letters of text, one each; *ret_letters of them, up to the frame returned. */
size_t pretend_to_hear(const char *text, size_t *ret_letters)
{
    uint32_t last = 0;
    size_t letters = 0, at = 0;
    pretend(0);
    for (const char *c = text; *c; c++) {
        const char upper = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        const uint32_t label = upper >= 'A' && upper <= 'Z' ? 3 + (uint32_t)(upper - 'A')
                               : *c == ' ' && c > text      ? 1
                                                            : 0;
        at += label && label == last ? 2 : 1; /* a blank between */
        assert_true(at < T);
        if (label) {
            logp[at * V] = -12;
            logp[at * V + label] = -0.001f;
            letters += label > 2;
            last = label;
        }
    }
    *ret_letters = letters;
    return at;
}

float *end_scale(void)
{
    return (float *)model->decoder.embed.q->scale + BPE_END;
}

float sum_of(const struct fold_written *written)
{
    return written->mean_logp * (float)(written->pieces + 1);
}

/* Writes behind a prefix; what is written includes it. */
struct result write_behind(const char *prefix, const char *draft)
{
    struct fold_writing writing = {
        .aed = writer, .run = run, .logp = logp, .draft = draft, .prefix = prefix};
    struct result r;
    assert_int_equal(fold_batch_write(&writing, 1), FOLD_OK);
    r.written = writing.written;
    const uint32_t *pieces = aed_decoder_pieces(writer, &r.count);
    assert_true(r.count <= sizeof r.pieces / sizeof *r.pieces);
    memcpy(r.pieces, pieces, r.count * sizeof *pieces);
    return r;
}
