#include "logprobs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LEAST 1e-6

void logprobs_add(json_t *list, const struct result_word *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct result_word *w = &words[i];
        const double p = (double)w->confidence > LEAST ? (double)w->confidence : LEAST;
        char *token = NULL;
        if (asprintf(&token, "%s%s", json_array_size(list) ? " " : "", w->text) < 0)
            return;
        json_t *bytes = json_array();
        for (const char *c = token; *c; c++)
            json_array_append_new(bytes, json_integer((unsigned char)*c));
        json_array_append_new(list, json_pack("{s:s, s:f, s:o}", "token", token, "logprob",
                                              round(log(p) * 1e4) / 1e4, "bytes", bytes));
        free(token);
    }
}
