/* raw.h - headerless PCM, cut anywhere, into mono float.
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
enum raw_encoding { RAW_LINEAR16, RAW_LINEAR32, RAW_FLOAT32, RAW_MULAW, RAW_ALAW };

#define RAW_MAX_CHANNELS 8

struct raw {
    enum raw_encoding encoding;
    uint32_t channels;
    uint32_t channel;    /* the one wanted, from 1; 0: the mean of all */
    uint32_t kept_bytes; /* of an unfinished frame */
    uint8_t kept[RAW_MAX_CHANNELS * 4];
};

/* channels 1..RAW_MAX_CHANNELS, interleaved; anything else gives -1. */
int raw_init(struct raw *raw, enum raw_encoding encoding, uint32_t channels);

/* Bytes of one sample of every channel. */
size_t raw_frame_bytes(const struct raw *raw);

/* Most samples that raw_push can give for so many bytes. */
size_t raw_max_samples(const struct raw *raw, size_t bytes);

/* Reads all bytes [count], writes the channel wanted, in [-1, 1], to mono (room for
 * raw_max_samples). NaN and Inf become 0. Returns samples written. */
size_t raw_push(struct raw *raw, const uint8_t *bytes, size_t count, float *mono);

/* frames [count, channels] to mono [count]: the channel wanted (from 1), or the mean (0); NaN and
 * Inf as 0, clipped to [-1, 1]. mono may be the same memory. */
void raw_mix(const float *frames, size_t count, uint32_t channels, uint32_t channel, float *mono);

#endif
