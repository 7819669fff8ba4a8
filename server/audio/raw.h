/* raw.h - headerless PCM, cut anywhere, into float frames.
 *
 * A network hands over bytes without regard to samples. A raw decoder keeps the bytes of an
 * unfinished frame (one sample of every channel) until the rest comes, so that any cutting of
 * the same bytes gives the same samples.
 */
#ifndef RAW_H
#define RAW_H

#include <stddef.h>
#include <stdint.h>

/* Little-endian where there is more than one byte. */
enum raw_encoding {
    RAW_LINEAR16,
    RAW_LINEAR32,
    RAW_FLOAT32,
    RAW_MULAW,
    RAW_ALAW,
    RAW_UNSIGNED8, /* from here on in WAV files only */
    RAW_LINEAR24,
    RAW_FLOAT64,
};

#define RAW_MAX_CHANNELS 32

struct raw {
    enum raw_encoding encoding;
    uint32_t channels;
    uint32_t kept_bytes; /* of an unfinished frame */
    uint8_t kept[RAW_MAX_CHANNELS * 8];
};

/* channels 1..RAW_MAX_CHANNELS, interleaved; anything else gives -1. */
int raw_init(struct raw *raw, enum raw_encoding encoding, uint32_t channels);

/* Bytes of one sample of every channel. */
size_t raw_frame_bytes(const struct raw *raw);

/* Most frames that raw_push can give for so many bytes. */
size_t raw_max_frames(const struct raw *raw, size_t bytes);

/* Reads all bytes [count], writes [frames, channels] (room for raw_max_frames): integers in [-1,
 * 1], floats as they are. Returns frames written. */
size_t raw_push(struct raw *raw, const uint8_t *bytes, size_t count, float *frames);

#endif
