/* clips.h - the real recordings of tests/data, for tests. */
#ifndef CLIPS_H
#define CLIPS_H

#include <stddef.h>

#define CLIPS_MOST 32

struct clip {
    char file[64];  /* name in tests/data */
    char text[400]; /* upper case */
    float *pcm;     /* [count] at 16 kHz */
    size_t count;
};

/* Reads all clips of clips.tsv; fails the test if one cannot be read. Returns how many. */
size_t clips_open(struct clip clips[CLIPS_MOST]);
void clips_close(struct clip *clips, size_t count);

#endif
