#include "piece.h"

double piece_cost_ms(const struct piece_cost *cost)
{
    return 1e3 *
           (cost->stem_seconds + cost->unfold_seconds + cost->exit_seconds + cost->decode_seconds +
            cost->write_seconds + cost->others_seconds + cost->hear_seconds);
}

void piece_cost_add(struct piece_cost *cost, double *seconds, struct clock_spent spent,
                    double share)
{
    *seconds += spent.cpu_s * share;
    cost->wall_seconds += spent.wall_s * share;
}

enum piece_end piece_end_of(int error)
{
    return !error ? PIECE_DONE : error == FOLD_ERR_STOPPED ? PIECE_CANCELLED : PIECE_FAILED;
}

bool piece_is_cancelled(const void *cancelled)
{
    return atomic_load((const atomic_bool *)cancelled);
}
