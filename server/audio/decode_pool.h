/* decode_pool.h - the processes that decode what is not decoded in this one: started, watched,
 * ended.
 *
 * One foldscribe-decode (server/decode/) is started at the first need and forks for every recording
 * or stream. A thread of the pool talks to it, wakes who waits for sound, and ends what makes no
 * progress. */
#ifndef DECODE_POOL_H
#define DECODE_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct decode_pool;
struct decode_place;

struct decode_pool_options {
    const char *program; /* path of foldscribe-decode; copied */
    uint32_t most;       /* decoders at once; more wait for a place */
    uint32_t stall_ms;   /* without progress that end a decoder */
};

/* 0, or -1 without memory or threads. The program need not be there. */
int decode_pool_open(struct decode_pool **ret_pool, const struct decode_pool_options *options);
/* All places are given back by then. NULL is fine. */
void decode_pool_close(struct decode_pool *pool);

/* Can the program be started? Looks at the file. False for NULL. */
bool decode_pool_is_there(const struct decode_pool *pool);

/* ---- a decoder: one thread at a time, except where it says otherwise ------------------------- */

enum decode_state {
    DECODE_WAITS,   /* for a place, or to be started: there is nothing to read */
    DECODE_RUNS,    /* or has ended by itself, which its socket says */
    DECODE_STALLED, /* ended by the pool: no progress */
    DECODE_BROKEN,  /* could not be started */
};

/* input: a descriptor of the recording that can be sought, which is taken; -1: a stream. NULL
 * without memory or descriptors (input is closed then). */
struct decode_place *decode_pool_place_open(struct decode_pool *pool, int input);
/* Ends the process, if there is one. NULL is fine. */
void decode_pool_place_close(struct decode_place *place);

enum decode_state decode_pool_place_state(struct decode_place *place);
/* A stream socket that does not block: what the decoder writes; and, of a stream, what it reads. */
int decode_pool_place_socket(const struct decode_place *place);

/* Calls ready(user) once when there is something to read (or, with `write`, room to write), when
 * the state changes, or from decode_pool_wake. The call comes from the pool's thread or the
 * waker's, with the pool's lock held: it may take locks, but not call the pool. */
void decode_pool_place_await(struct decode_place *place, bool write, void (*ready)(void *user),
                             void *user);
/* Any thread: calls ready() of the decoder that was awaited with that user now. NULL pool is fine.
 */
void decode_pool_wake(struct decode_pool *pool, const void *user);

/* Decoders that run. */
uint32_t decode_pool_running(struct decode_pool *pool);

#endif
