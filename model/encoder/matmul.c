/* matmul.c - int8 by the kernels of this CPU, fp32 by OpenBLAS.
 *
 * BLAS does not allow rows that overlap (ldx < in), but a sum over columns may be cut anywhere:
 * where rows overlap, ldx columns at a time are multiplied and accumulated. A convolution of 7
 * frames every 3 is three products of widths 3, 3 and 1 frames. */
#include "matmul.h"

#include <cblas.h>
#include <string.h>

#include "kernels.h"

void matmul_float(float *y, size_t ldy, const float *x, size_t ldx, size_t T,
                  const struct model_linear *lin)
{
    const size_t step = ldx < lin->in ? ldx : lin->in;
    for (size_t t = 0; lin->b && t < T; t++)
        memcpy(y + t * ldy, lin->b, lin->out * sizeof *y);
    for (size_t k = 0; k < lin->in; k += step) {
        const size_t width = lin->in - k < step ? lin->in - k : step;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)T, (blasint)lin->out,
                    (blasint)width, 1.0f, x + k, (blasint)ldx, lin->w + k, (blasint)lin->in,
                    k || lin->b ? 1.0f : 0.0f, y, (blasint)ldy);
    }
}

void matmul_allocate(struct matmul_rows *rows, const struct fold_model *m, size_t T, size_t n,
                     struct arena *at)
{
    const bool int8 = m->info.precision == FOLD_INT8;
    rows->q.stride = 0;
    rows->q.q = arena_take(at, int8 ? T * quant_stride(n) : 0);
    rows->q.scale = arena_take(at, int8 ? T * sizeof *rows->q.scale : 0);
    rows->q.zero = arena_take(at, int8 ? T * sizeof *rows->q.zero : 0);
}

void matmul_take(struct matmul_rows *rows, const struct fold_model *model, const float *x,
                 size_t ldx, size_t T, size_t n)
{
    rows->f = x;
    rows->ld = ldx;
    rows->T = T;
    if (model->info.precision == FOLD_INT8)
        model->kernels->quantise(&rows->q, x, ldx, T, n);
}

struct matmul_rows matmul_some(const struct matmul_rows *rows, size_t first, size_t count)
{
    struct matmul_rows some = *rows;
    some.f += first * rows->ld;
    some.T = count;
    some.q.q += first * rows->q.stride;
    some.q.scale += first;
    some.q.zero += first;
    return some;
}

/* What a product in bytes reads and writes, for ThreadSanitizer, which does not watch gemm.c. */
#if defined(__has_feature)
#define IS_WATCHED __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define IS_WATCHED 1
#else
#define IS_WATCHED 0
#endif
#if IS_WATCHED
void __tsan_read_range(const void *from, size_t bytes);
void __tsan_write_range(void *to, size_t bytes);

static void tell(float *y, size_t ldy, const struct matmul_rows *rows,
                 const struct quant_weights *w)
{
    const size_t padded = quant_padded(w->out);
    __tsan_read_range(rows->q.q, rows->T * rows->q.stride);
    __tsan_read_range(rows->q.scale, rows->T * sizeof *rows->q.scale);
    __tsan_read_range(rows->q.zero, rows->T * sizeof *rows->q.zero);
    __tsan_read_range(w->w, quant_packed_bytes(w->out, w->in));
    __tsan_read_range(w->scale, padded * sizeof *w->scale);
    __tsan_read_range(w->sums, padded * sizeof *w->sums);
    __tsan_read_range(w->bias, padded * sizeof *w->bias);
    for (size_t t = 0; t < rows->T; t++)
        __tsan_write_range(y + t * ldy, w->out * sizeof *y);
}
#else
static inline void tell(float *y, size_t ldy, const struct matmul_rows *rows,
                        const struct quant_weights *w)
{
    (void)y, (void)ldy, (void)rows, (void)w;
}
#endif

void matmul(float *y, size_t ldy, const struct matmul_rows *rows, const struct model_linear *lin,
            const struct fold_model *model)
{
    if (lin->q) {
        tell(y, ldy, rows, lin->q);
        model->kernels->gemm(y, ldy, &rows->q, rows->T, lin->q);
    } else {
        matmul_float(y, ldy, rows->f, rows->ld, rows->T, lin);
    }
}
