/* engine_end.h - how a job or a live stream ended, and how every wire says so. */
#ifndef ENGINE_END_H
#define ENGINE_END_H

/* How a job ended. Rows: name, HTTP status, WebSocket close code, OpenAI error type, text. */
#define ENGINE_ENDS(X)                                                                             \
    X(ENGINE_OK, 200, 1000, "", "")                                                                \
    X(ENGINE_BUSY, 429, 1013, "rate_limit_error", "too many jobs are waiting")                     \
    X(ENGINE_DRAINING, 503, 1001, "server_error", "the server is shutting down")                   \
    X(ENGINE_CUT, 503, 1001, "server_error",                                                       \
      "the server is shutting down: it was heard up to here")                                      \
    X(ENGINE_NOT_AUDIO, 400, 1008, "invalid_request_error", "the file is not audio we know")       \
    X(ENGINE_EMPTY, 400, 1008, "invalid_request_error", "the file is empty")                       \
    X(ENGINE_TRUNCATED, 400, 1008, "invalid_request_error", "the audio file is cut short")         \
    X(ENGINE_TOO_LONG, 413, 1009, "invalid_request_error", "the recording is too long")            \
    X(ENGINE_NO_ROOM, 503, 1013, "server_error",                                                   \
      "the server has no room for audio that waits: it was heard up to here")                      \
    X(ENGINE_CANCELLED, 499, 1000, "", "cancelled")                                                \
    X(ENGINE_FAILED, 500, 1011, "server_error", "internal error")

enum engine_end {
#define X(name, http, close, type, text) name,
    ENGINE_ENDS(X)
#undef X
};
int engine_end_http(enum engine_end end);
int engine_end_close(enum engine_end end);
const char *engine_end_type(enum engine_end end);
const char *engine_end_text(enum engine_end end);

#endif
