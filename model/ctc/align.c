/* align.c - states are blank, symbol, blank, symbol .. blank; a path stays, goes on by one, or by
 * two past a blank between symbols that differ. */
#include "align.h"

#include <math.h>
#include <string.h>

static size_t states_of(size_t symbols)
{
    return 2 * symbols + 1;
}

void align_allocate(struct align *a, size_t most_frames, struct arena *at)
{
    const size_t states = states_of(most_frames);
    a->most_frames = most_frames;
    a->back = arena_take(at, most_frames * ((states + 3) / 4));
    a->before = arena_take(at, states * sizeof(float));
    a->now = arena_take(at, states * sizeof(float));
    a->says = arena_take(at, states * sizeof(float));
    a->times = arena_take(at, most_frames * sizeof *a->times);
}

static bool fits(size_t T, const uint32_t *symbols, size_t count)
{
    size_t least = count;
    for (size_t i = 1; i < count; i++)
        least += symbols[i] == symbols[i - 1];
    return count && least <= T;
}

/* says [states]: what a frame gives to each. */
static void look_at(struct align *a, const float *logp, size_t V, const uint32_t *symbols,
                    size_t count)
{
    float best = logp[0];
    for (size_t v = 1; v < V; v++)
        best = logp[v] > best ? logp[v] : best;
    a->says[0] = logp[0];
    for (size_t i = 0; i < count; i++) {
        a->says[2 * i + 1] = symbols[i] == ALIGN_ANY ? best : logp[symbols[i]];
        a->says[2 * i + 2] = logp[0];
    }
}

/* One frame: now from before, and by how many states each came. */
static void step(struct align *a, uint8_t *back, const uint32_t *symbols, size_t states)
{
    memset(back, 0, (states + 3) / 4);
    for (size_t s = 0; s < states; s++) {
        float most = a->before[s];
        unsigned by = 0;
        if (s >= 1 && a->before[s - 1] > most) {
            most = a->before[s - 1];
            by = 1;
        }
        if (s >= 3 && s % 2 && symbols[s / 2] != symbols[s / 2 - 1] && a->before[s - 2] > most) {
            most = a->before[s - 2];
            by = 2;
        }
        a->now[s] = most + a->says[s];
        back[s / 4] |= (uint8_t)(by << (s % 4 * 2));
    }
}

bool align_run(struct align *a, const float *logp, size_t T, size_t V, const uint32_t *symbols,
               size_t count, float *ret_logp)
{
    const size_t states = states_of(count), row = (states + 3) / 4;
    if (T > a->most_frames || !fits(T, symbols, count))
        return false;
    for (size_t s = 0; s < states; s++)
        a->before[s] = s ? -INFINITY : 0;
    /* The first frame: as if a blank had been before it. */
    for (size_t t = 0; t < T; t++) {
        look_at(a, logp + t * V, V, symbols, count);
        step(a, a->back + t * row, symbols, states);
        float *swap = a->before;
        a->before = a->now;
        a->now = swap;
    }
    size_t s = a->before[states - 2] > a->before[states - 1] ? states - 2 : states - 1;
    if (!isfinite(a->before[s]))
        return false;
    *ret_logp = a->before[s];
    for (size_t i = 0; i < count; i++)
        a->times[i] = (struct align_times){UINT32_MAX, 0};
    for (size_t t = T; t-- > 0;) {
        if (s % 2) {
            struct align_times *times = &a->times[s / 2];
            times->first = (uint32_t)t;
            times->last = times->last > t ? times->last : (uint32_t)t;
        }
        s -= a->back[t * row + s / 4] >> (s % 4 * 2) & 3;
    }
    return true;
}
