/* wavstart.h - the head of a WAV file that arrives bit by bit. */
#ifndef WAVSTART_H
#define WAVSTART_H

#include <stddef.h>
#include <stdint.h>

#include "raw.h"
#include "recording.h"

struct wavstart {
    enum raw_encoding encoding;
    uint32_t rate_hz, channels;
    size_t head_bytes;   /* the sound begins here */
    uint64_t data_bytes; /* of sound; UINT64_MAX: until the stream ends */
};

/* bytes [count]: the beginning of the file. 1: *ret_wav. 0: more bytes are needed. Negative: a
 * recording_error, with a note. */
int wavstart_read(struct wavstart *ret_wav, const uint8_t *bytes, size_t count,
                  struct recording_note *note);

#endif
