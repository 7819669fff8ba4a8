/* attention.c - int8: attend.c. fp32: here, by OpenBLAS, QUERIES queries and KEYS keys at a time,
 * with the running softmax that attend.c explains. */
#include "attention.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "arena.h"

#define QUERIES 64
#define KEYS    1024

struct scratch {
    float *scores; /* [QUERIES, KEYS] */
    float *y;      /* [QUERIES, width] */
};

static size_t lay_out(struct scratch *s, const struct fold_model *m, size_t T, void *base)
{
    struct arena at = {base, 0};
    s->scores = arena_take(&at, QUERIES * (T < KEYS ? T : KEYS) * sizeof(float));
    s->y = arena_take(&at, QUERIES * (m->info.d / m->info.heads) * sizeof(float));
    return at.used;
}

size_t attention_bytes(const struct fold_model *m, size_t T)
{
    const size_t heads = m->info.heads, width = m->info.d / heads;
    struct scratch s;
    if (m->info.precision != FOLD_INT8)
        return lay_out(&s, m, T, NULL);
    /* Of a stream, a few queries meet all keys that it keeps. */
    const size_t kept = m->info.left_frames + m->info.chunk_frames;
    const size_t over = m->kernels->attend_packed_bytes(T < kept ? T : kept, heads, width) +
                        m->kernels->attend_over_bytes(width);
    const size_t all = m->kernels->attend_bytes(T, width);
    return m->info.chunk_frames && over > all ? over : all;
}

/* One head's rows queries, from qy on, over all keys. */
static void some_queries(const struct fold_model *m, const struct scratch *s, float *qy,
                         const float *k, const float *v, size_t rows, size_t T)
{
    const size_t d = m->info.d, width = d / m->info.heads;
    float top[QUERIES], total[QUERIES] = {0};
    for (size_t i = 0; i < rows; i++)
        top[i] = -INFINITY;
    for (size_t t = 0; t < T; t += KEYS) {
        const size_t n = T - t < KEYS ? T - t : KEYS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)n,
                    (blasint)width, 1.0f / sqrtf((float)width), qy, (blasint)d, k + t * d,
                    (blasint)d, 0.0f, s->scores, (blasint)n);
        for (size_t i = 0; i < rows; i++) {
            float sum;
            const float keep = m->kernels->soften(s->scores + i * n, n, &top[i], &sum);
            total[i] = total[i] * keep + sum;
            for (size_t c = 0; t && c < width; c++)
                s->y[i * width + c] *= keep;
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)width,
                    (blasint)n, 1.0f, s->scores, (blasint)n, v + t * d, (blasint)d, t ? 1.0f : 0.0f,
                    s->y, (blasint)width);
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < width; c++)
            qy[i * d + c] = s->y[i * width + c] / total[i];
}

void attention_run(const struct fold_model *m, float *qy, size_t rows, const float *k,
                   const float *v, size_t T, void *scratch)
{
    const size_t d = m->info.d, heads = m->info.heads, width = d / heads;
    struct scratch s;
    if (m->info.precision == FOLD_INT8 && rows == T) {
        m->kernels->attend(qy, k, v, T, heads, width, scratch);
        return;
    }
    if (m->info.precision == FOLD_INT8) {
        void *rest = (char *)scratch + m->kernels->attend_packed_bytes(T, heads, width);
        m->kernels->attend_pack(scratch, k, v, T, heads, width);
        m->kernels->attend_over(qy, rows, scratch, T, heads, width, rest);
        return;
    }
    lay_out(&s, m, T, scratch);
    for (size_t at = 0; at < d; at += width)
        for (size_t t = 0; t < rows; t += QUERIES)
            some_queries(m, &s, qy + t * d + at, k + at, v + at,
                         rows - t < QUERIES ? rows - t : QUERIES, T);
}
