/* wav.h - how much sound a WAV header promises; the decoding itself is libsndfile's. */
#ifndef WAV_H
#define WAV_H

#include <stdint.h>

enum wav_kind {
    WAV_DECLARED, /* the header states how many bytes of sound follow */
    WAV_OPEN,     /* written by a recorder that could not know: 0 or a very large number */
    WAV_NO_DATA,  /* the file ends before the sound begins */
};

struct wav_length {
    enum wav_kind kind;
    int64_t missing_bytes; /* WAV_DECLARED: what the file lacks of it */
    int64_t size_at; /* offset of the size (4 bytes) of the "data" chunk, unless WAV_NO_DATA */
};

/* Walks the chunks of a RIFF/RIFX/RF64 file of file_bytes up to "data". Reads with pread; the
 * offset of fd does not move. */
struct wav_length wav_length(int fd, int64_t file_bytes);

#endif
