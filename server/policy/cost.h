/* cost.h - what recognition costs on this machine: ms of one CPU, by depth and length, and how much
 * longer than that it takes by the clock.
 *
 * Plain data and arithmetic; no clock, no lock. calibrate.h fills a table at start; cost_learn
 * keeps it true while segments are recognised.
 */
#ifndef COST_H
#define COST_H

#include <stdbool.h>
#include <stdint.h>

#define COST_DEPTHS 16

/* ms = fixed_ms + ms_per_s * seconds of audio */
struct cost_line {
    double fixed_ms, ms_per_s;
};

/* All zero: nothing is known yet, and the first segments say it. */
struct cost {
    uint32_t unfolds;                         /* R */
    struct cost_line front;                   /* stem and prelude */
    struct cost_line unfold[COST_DEPTHS + 1]; /* [1..R] that pass through the blocks alone */
    struct cost_line tail[COST_DEPTHS + 1];   /* [1..R] exit, decoding and writing */
    /* Shares of that; 0: not known. */
    double again;     /* of a tail, where there is a draft: what was written of the sound before */
    double hear;      /* a stream's chunks: of front and unfolds of a long run over as much sound */
    double read;      /* the tail behind those, which have done the exit */
    double learned_s; /* audio that corrected it so far */
    /* Time by the clock for each ms of CPU; 0: not known. More than 1 where a quota, more workers
     * than CPUs or another program make a worker wait for a CPU. */
    double slowdown;
};

/* What one segment took. */
struct cost_spent {
    uint32_t depth;
    double audio_ms, front_ms, unfold_ms, tail_ms; /* unfold_ms: all passes together */
    bool drafted;
    double slowdown; /* as in cost; 0: not known */
    double new_ms,
        hear_ms; /* what a stream heard, and how long that took; front_ms and unfold_ms are 0 */
};

double cost_front_ms(const struct cost *cost, double audio_ms);
/* All passes up to a depth. */
double cost_unfolds_ms(const struct cost *cost, uint32_t depth, double audio_ms);
double cost_tail_ms(const struct cost *cost, uint32_t depth, double audio_ms);
/* The whole way to words at a depth. */
double cost_ms(const struct cost *cost, uint32_t depth, double audio_ms);

/* At least 1. What is above and below is CPU time; this makes it time by the clock. */
double cost_slowdown(const struct cost *cost);

/* The same where something was written before. */
double cost_drafted_tail_ms(const struct cost *cost, uint32_t depth, double audio_ms);
double cost_drafted_ms(const struct cost *cost, uint32_t depth, double audio_ms);
/* And where a stream hears new_ms of the audio, and has heard the rest before. */
double cost_incremental_ms(const struct cost *cost, uint32_t depth, double audio_ms, double new_ms);

/* What is ahead of one segment by the clock: what each pass should take, and the tail behind it. */
struct cost_ahead {
    double unfold_ms[COST_DEPTHS + 1], tail_ms[COST_DEPTHS + 1]; /* [1..R] */
};
struct cost_ahead cost_ahead(const struct cost *cost, double audio_ms, bool drafted);

/* Moves the table towards what a segment really took. Segments that took no time are ignored. */
void cost_learn(struct cost *cost, const struct cost_spent *spent);

/* Every number finite, none negative, R within bounds: for tables that come from a file. */
bool cost_is_sound(const struct cost *cost);

#endif
