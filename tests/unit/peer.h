/* peer.h - a client's end of a socket: what tests say to the server and read from it. A read that
 * lasts longer than a minute fails the test. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>

enum peer_opcode { PEER_MORE, PEER_TEXT, PEER_BINARY, PEER_CLOSE = 8, PEER_PING, PEER_PONG };

/* A connected pair: ours blocks, theirs does not. */
void peer_pair(int *ret_ours, int *ret_theirs);
/* A connection to this port of 127.0.0.1. */
int peer_connect(unsigned port);

/* A socket that did not block waits from now on, for a minute at most. */
void peer_wait(int fd);

void peer_write(int fd, const void *bytes, size_t count);
void peer_say(int fd, const char *text);
/* Exactly so many bytes, and a zero behind them. */
void peer_read(int fd, char *ret_text, size_t count);
/* A head, up to the empty line that ends it; a zero behind it. Returns its length. */
size_t peer_read_head(int fd, char *ret_text, size_t room);
/* A whole answer: head and a body of its Content-Length. Returns the status. */
int peer_read_answer(int fd, char *ret_head, size_t head_room, char *ret_body, size_t body_room);
/* The other side has hung up, and nothing was left to read. */
bool peer_is_over(int fd);
/* There is nothing to be read now. */
bool peer_is_quiet(int fd);

/* A WebSocket's masked frame; is_last: of its message. */
void peer_send_frame(int fd, enum peer_opcode opcode, bool is_last, const void *bytes,
                     size_t count);
/* The next frame of the server: unmasked, whole; a zero behind its payload. */
enum peer_opcode peer_read_frame(int fd, char *ret_bytes, size_t room, size_t *ret_count);

#endif
