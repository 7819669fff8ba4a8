/* job_request.h - one recording to a daemon, by POST /v1/listen. */
#ifndef JOB_REQUEST_H
#define JOB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct request_options {
    const char *server; /* http://127.0.0.1:8080 */
    const char *key;    /* empty: none */
    long patience_s;    /* after which an answer is not waited for any more */
    /* Called once a second or more often while it runs; false: it is to be given up. */
    bool (*alive)(void *user);
    void *user;
};

struct answer {
    long status; /* of HTTP; 0: there was none, and problem says why */
    long retry_after_s;
    char problem[300]; /* also what an error's body says */
    char *body;        /* to be freed; zero at its end */
    size_t bytes;
};

/* path: a file to send; NULL: the daemon fetches url. Blocks; any thread. */
void request_send(const struct request_options *options, const char *path, const char *url,
                  const char *query, struct answer *ret_answer);

#endif
