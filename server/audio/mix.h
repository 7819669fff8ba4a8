/* mix.h - frames of any number of channels to the one that is heard.
 *
 * The mean of all channels, unless they cancel each other (a cable with one wire swapped): then the
 * loudest. Floats that were scaled as integers are brought back to [-1, 1]. What is given depends
 * on the frames only, not on how they were cut. */
#ifndef MIX_H
#define MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIX_MAX_CHANNELS 32

/* Plain data. */
struct mix {
    uint32_t channels, channel;
    double energies[MIX_MAX_CHANNELS], energy; /* of the channels and their mean, fading */
    uint32_t filled;                           /* frames of the unfinished stretch */
    double sums[MIX_MAX_CHANNELS], sum;        /* of it */
    uint32_t alone; /* channel that is heard alone, from 1; 0: the mean */
    float scale, peak;
    uint32_t integers; /* samples beyond 1 that are */
    bool fractions;    /* some beyond 1 that are none */
};

/* channels 1..MIX_MAX_CHANNELS; channel: the one wanted, from 1 to channels; 0: all. */
void mix_init(struct mix *mix, uint32_t channels, uint32_t channel);

/* frames [count, channels] to mono [count] in [-1, 1]; NaN and Inf become 0. */
void mix_push(struct mix *mix, const float *frames, size_t count, float *mono);

/* Something that the client should know? Then text is set: samples out of range. */
bool mix_note(const struct mix *mix, char *text, size_t room);

#endif
