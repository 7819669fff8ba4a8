/* embed - transcribes a WAV file with nothing but libfold:
 *     cc embed.c -o embed $(pkg-config --cflags --libs libfold)
 *     ./embed SEED.safetensors LM.flm SPEECH.wav      16-bit mono, 16 kHz */
#include <fold.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "embed: %s: %s\n", what, why);
    return 1;
}

int main(int argc, char **argv)
{
    struct fold_note note;
    struct fold_model *model;
    struct fold_lm *lm;
    struct fold_recognizer *recognizer;
    struct fold_recognition said;
    unsigned char head[44], s[2];
    size_t count = 0, room = 16000;
    float *pcm = malloc(room * sizeof *pcm);
    FILE *file = argc == 4 ? fopen(argv[3], "rb") : NULL;
    if (!file || fread(head, 44, 1, file) != 1 || memcmp(head, "RIFF", 4) || head[22] != 1)
        return fail("usage", "embed SEED LM SPEECH.wav (16-bit mono)");
    for (; pcm && fread(s, 2, 1, file) == 1;
         pcm[count++] = (float)(short)(s[0] | s[1] << 8) / 32768)
        if (count == room)
            pcm = realloc(pcm, (room *= 2) * sizeof *pcm);
    if (!pcm)
        return fail(argv[3], "out of memory");
    if (fold_model_open(&model, argv[1], &note) || fold_lm_open(&lm, argv[2], &note))
        return fail("cannot open", note.text);
    const struct fold_recognizer_options options = {.lm = lm};
    int err = fold_recognizer_open(&recognizer, model, &options);
    if (!err)
        err = fold_recognize(recognizer, pcm, count, head[24] | head[25] << 8, &said);
    if (err)
        return fail(argv[3], fold_err_text(err));
    puts(said.text);
    fold_recognizer_close(recognizer);
    fold_lm_close(lm);
    fold_model_close(model);
    return 0;
}
