/* ws.h - WebSocket: one service thread that moves messages between sockets and sessions. */
#ifndef WS_H
#define WS_H

#include "engine.h"
#include "head.h"
#include "keys.h"

struct catalog;
struct metrics;
struct secrets;
struct ws;

struct ws_options {
    struct engine *engine;
    const struct fold_info *info;
    const struct catalog *catalog; /* the names that it answers to */
    struct keys *keys;
    struct secrets *secrets;
    struct metrics *metrics;
    uint32_t idle_ms;    /* no message for so long ends a stream of Deepgram's dialect */
    uint32_t quiet_ms;   /* ... of the other dialects */
    uint32_t longest_ms; /* no stream is longer */
    uint32_t max_connections;
};

/* 0 or -1. Starts libwebsockets' service thread. options is copied. */
int ws_open(struct ws **ret_ws, const struct ws_options *options);
/* The subprotocol that is agreed on: the first that the client offers, if it is known; NULL: none.
 */
const char *ws_protocol(const struct head *head);
/* Takes a connected socket whose upgrade request is head; any thread. */
void ws_adopt(struct ws *ws, int fd, const struct head *head);
/* Streams open. */
unsigned ws_streams(struct ws *ws);
/* Takes no more sound: each stream closes with 1001 when what it was sent is heard and told. */
void ws_finish(struct ws *ws);
/* Closes all streams with 1001, whatever is still to be heard. */
void ws_go_away(struct ws *ws);
void ws_close(struct ws *ws);

#endif
