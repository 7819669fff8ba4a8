/* writing.h - an attention decoder of random weights at work on sounds that are none, for tests. */
#ifndef WRITING_H
#define WRITING_H

#include <stddef.h>
#include <stdint.h>

#include "fold.h"
#include "test.h"

#define SAMPLES 48000
/* Random weights seldom come to an end. With END's logits INCLINED times what they are they do, for
 * some of so many sounds; for which depends on the CPU's rounding. */
#define SOUNDS   300
#define INCLINED 1.4f

extern const char *writing_variable; /* the environment's name for the model under test */
extern struct fold_model *model;
extern struct fold_run *run;
extern struct fold_aed *writer;
extern float pcm[SAMPLES];
extern float *logp; /* [T, V] of what run heard */
extern size_t T, V;

struct result {
    struct fold_written written;
    uint32_t pieces[400];
    size_t count;
};

int writing_open(void **state);
int writing_close(void **state);

/* Makes a sound and unfolds it once. */
void hear(unsigned seed, size_t samples);
/* Every frame hears blank, or, with letters, so many letters evenly. */
void pretend(size_t letters);
/* Frames say the letters of text, one each; *ret_letters of them, up to the frame returned. */
size_t pretend_to_hear(const char *text, size_t *ret_letters);

struct result write_down(const char *draft);
/* Behind a prefix; what is written includes it. */
struct result write_behind(const char *prefix, const char *draft);
/* The text of pieces, as a draft. */
const char *text_of(const struct result *r);
void assert_same(const struct result *got, const struct result *want);
float sum_of(const struct fold_written *written);
/* Of the model. */
float *end_scale(void);

#endif
