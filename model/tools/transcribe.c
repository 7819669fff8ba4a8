/* transcribe - the smallest complete program:  transcribe MODEL [LM [DEPTH]] < speech.s16
 *
 * Standard input is 16 kHz mono signed 16-bit little-endian; a 44-byte WAV header does no harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "transcribe: %s\n", what);
    exit(1);
}

static float *read_pcm(size_t *ret_samples)
{
    size_t samples = 0, room = 1 << 16;
    float *pcm = malloc(room * sizeof *pcm);
    unsigned char s[2];
    while (pcm && fread(s, 2, 1, stdin) == 1) {
        if (samples == room) {
            float *grown = realloc(pcm, (room *= 2) * sizeof *pcm);
            if (!grown)
                die("out of memory");
            pcm = grown;
        }
        pcm[samples++] = (float)(int16_t)(s[0] | s[1] << 8) / 32768.0f;
    }
    *ret_samples = samples;
    return pcm;
}

int main(int argc, char **argv)
{
    fold_cpu_prepare(argv);
    struct fold_note note;
    struct fold_model *model;
    struct fold_lm *lm = NULL;
    struct fold_run *run;
    struct fold_decoder *decoder;
    struct fold_result result;
    if (argc < 2 || argc > 4)
        die("usage: transcribe MODEL [LM [DEPTH]] < speech.s16");
    if (fold_model_open(&model, argv[1], &note) || (argc > 2 && fold_lm_open(&lm, argv[2], &note)))
        die(note.text);
    const struct fold_info *info = fold_model_info(model);
    const unsigned long depth = argc > 3 ? strtoul(argv[3], NULL, 10) : info->unfolds;
    if (depth < 1 || depth > info->unfolds)
        die("DEPTH is not one of the model's");
    size_t samples;
    float *pcm = read_pcm(&samples);
    if (!pcm ||
        fold_run_open(&run, model, samples > info->min_samples ? samples : info->min_samples))
        die("out of memory, or too long");
    if (fold_run_begin(run, pcm, samples))
        die("too short: not one frame");
    for (unsigned long r = 0; r < depth; r++)
        fold_run_unfold(run);
    const size_t T = fold_run_frames(run);
    float *logp = malloc(T * info->vocab_size * sizeof *logp);
    if (!logp || fold_run_exit(run, logp) || fold_decoder_open(&decoder, model, lm, NULL) ||
        fold_decoder_push(decoder, logp, T) || fold_decoder_result(decoder, &result))
        die("out of memory");
    for (size_t i = 0; i < result.words_count; i++)
        printf("%s%s", i ? " " : "", result.words[i].text);
    putchar('\n');
    fold_decoder_close(decoder);
    free(logp);
    free(pcm);
    fold_run_close(run);
    fold_lm_close(lm);
    fold_model_close(model);
}
