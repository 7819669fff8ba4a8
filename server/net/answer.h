/* answer.h - answers on a socket that no library has: small, final, in JSON. */
#ifndef ANSWER_H
#define ANSWER_H

/* Answers and closes. id: for x-request-id; body: JSON, NULL when there was no memory for it;
 * extra: further header lines, each with its line end, or "". Waits at most a second for a client
 * that does not read. */
void answer_send(int fd, int status, const char *id, const char *body, const char *extra);
/* The same with an error of no dialect's own (refusal.h), for when none is known yet. */
void answer_refuse(int fd, int status, const char *message, const char *extra);
/* In the dialect that the target of a request is of. */
void answer_target(int fd, const char *target, int status, const char *message, const char *extra);

#endif
