/* must.h - for programs that make files: what goes wrong ends them, with a line that says what. */
#ifndef MUST_H
#define MUST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static _Noreturn inline void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(1);
}

/* What was allocated. */
static inline void *must(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

#endif
