/* origins.h - which pages a browser may show this server to. Pure but for origins_open.
 *
 * A browser lets any page open sockets to this machine, and says in Origin which page it was. And a
 * page may have its own name lead to this machine (DNS rebinding): then Origin is nobody's, and
 * Host is that name. Programs send no Origin, and a Host that they were given. */
#ifndef ORIGINS_H
#define ORIGINS_H

#include <stdbool.h>
#include <stddef.h>

#include "head.h"

#define ORIGINS_MOST 32

struct origins {
    bool are_all; /* no page is turned away */
    size_t count;
    char list[ORIGINS_MOST][HEAD_AUTHORITY]; /* [count] origins and names, in lower case */
    char own_name[HEAD_AUTHORITY];           /* of this machine */
};

/* text: commas between; "": pages of this machine, and our own, or every page where keys are
 * required. 0, or -1 with the part that is wrong in ret_wrong [room]. */
int origins_open(struct origins *origins, const char *text, bool keys_are_required, char *ret_wrong,
                 size_t room);
/* NULL, or why a request with that head is refused; static. */
const char *origins_forbid(const struct origins *origins, const struct head *head);
/* What Access-Control-Allow-Origin says to a page of that origin, whose request was not refused:
 * "*", origin, or NULL where there is no page. */
const char *origins_allow(const struct origins *origins, const char *origin);

#endif
