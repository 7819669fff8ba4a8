/* arrivals.h - when bytes of a stream came, so that it can be said how late their text is. */
#ifndef ARRIVALS_H
#define ARRIVALS_H

#include <stddef.h>
#include <stdint.h>

#define ARRIVALS_MOST 64

/* Zero bytes are a valid, empty one. Not locked. */
struct arrivals {
    struct {
        uint64_t end_bytes; /* since the stream's start */
        double at_ms;
    } list[ARRIVALS_MOST];
    size_t count;
};

/* Bytes up to end_bytes are there now. When too many arrivals wait the last one stands for those
 * that follow: latency is then overstated, never understated. */
void arrivals_push(struct arrivals *arrivals, uint64_t end_bytes, double now_ms);

/* Bytes up to end_bytes, at least one new one, were taken: when the last of them had come. */
double arrivals_take(struct arrivals *arrivals, uint64_t end_bytes);

/* When the first byte came that is not taken yet; otherwise_ms if all are. */
double arrivals_oldest_ms(const struct arrivals *arrivals, double otherwise_ms);

#endif
