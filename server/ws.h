/* ws.h - live streams over WebSocket, on libwebsockets: one service thread, no compute on it. */
#ifndef WS_H
#define WS_H

#include "engine.h"
#include "head.h"

struct ws;

struct ws_options {
    struct engine *engine;
    const struct fold_info *info;
    uint32_t idle_ms; /* without a message: the stream ends with 1011 NET-0001 */
};

/* 0 or -1. Starts the service thread. options is copied; what it points to outlives ws. */
int ws_open(struct ws **ret_ws, const struct ws_options *options);

/* Takes a socket whose sound upgrade request (head) is still unread; any thread. Answers with an
 * HTTP error where path or query is wrong. */
void ws_adopt(struct ws *ws, int fd, const struct head *head);

unsigned ws_streams(struct ws *ws);
/* Ends every stream with close code 1001; they go within moments. */
void ws_go_away(struct ws *ws);
void ws_close(struct ws *ws);

#endif
