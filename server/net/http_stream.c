/* http_stream.c - see http_stream.h. */
#include "http_stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 4096

struct http_stream {
    pthread_mutex_t lock;
    int holders;                       /* {lock} */
    struct MHD_Connection *connection; /* {lock} NULL: gone */
    bool suspended;                    /* {lock} */
    char *text;                        /* {lock} [count] not sent yet */
    size_t count, room;                /* {lock} */
    bool over;                         /* {lock} */
    int refusal;                       /* {lock} status; 0: none */
    char *refusal_body;                /* {lock} */
    void *context;
};

struct http_stream *http_stream_open(struct MHD_Connection *connection, void *context)
{
    struct http_stream *s = calloc(1, sizeof *s);
    if (!s || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        free(context);
        return NULL;
    }
    s->context = context;
    s->holders = 2;
    s->connection = connection;
    s->suspended = true;
    return s;
}

void http_stream_release(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    const int left = --s->holders;
    pthread_mutex_unlock(&s->lock);
    if (left)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->context);
    free(s->refusal_body);
    free(s->text);
    free(s);
}

/* {lock} */
static void resume(struct http_stream *s)
{
    if (s->connection && s->suspended) {
        s->suspended = false;
        MHD_resume_connection(s->connection);
    }
}

void http_stream_write(struct http_stream *s, char *text)
{
    const size_t length = text ? strlen(text) : 0;
    pthread_mutex_lock(&s->lock);
    if (s->count + length > s->room) {
        const size_t room = 2 * (s->count + length);
        char *grown = realloc(s->text, room);
        if (grown) {
            s->text = grown;
            s->room = room;
        }
    }
    if (!text || s->count + length > s->room) {
        s->over = true; /* out of memory: what was sent stays a beginning */
    } else if (length && !s->over) {
        memcpy(s->text + s->count, text, length);
        s->count += length;
    }
    resume(s);
    pthread_mutex_unlock(&s->lock);
    free(text);
}

void http_stream_end(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->over = true;
    resume(s);
    pthread_mutex_unlock(&s->lock);
}

void *http_stream_context(struct http_stream *s)
{
    return s->context;
}

void http_stream_refuse(struct http_stream *s, int status, char *body)
{
    pthread_mutex_lock(&s->lock);
    s->refusal = status;
    s->refusal_body = body;
    s->over = true;
    resume(s);
    pthread_mutex_unlock(&s->lock);
}

bool http_stream_is_refused(struct http_stream *s, int *ret_status, char **ret_body)
{
    pthread_mutex_lock(&s->lock);
    const bool refused = s->refusal != 0;
    if (refused) {
        *ret_status = s->refusal;
        *ret_body = s->refusal_body;
        s->refusal_body = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    return refused;
}

void http_stream_abandon(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->connection = NULL;
    pthread_mutex_unlock(&s->lock);
}

/* libmicrohttpd wants more. */
static ssize_t read_on(void *user, uint64_t position, char *to, size_t most)
{
    struct http_stream *s = user;
    (void)position;
    pthread_mutex_lock(&s->lock);
    ssize_t given = (ssize_t)(s->count < most ? s->count : most);
    if (given) {
        memcpy(to, s->text, (size_t)given);
        s->count -= (size_t)given;
        memmove(s->text, s->text + given, s->count);
    } else if (s->over) {
        given = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        MHD_suspend_connection(s->connection);
        s->suspended = true;
    }
    pthread_mutex_unlock(&s->lock);
    return given;
}

enum MHD_Result http_stream_answer(struct http_stream *s, struct http_request *r, const char *type)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_on, s, NULL);
    if (!response)
        return MHD_NO;
    r->status = 200;
    r->is_answered = true;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-cache");
    http_request_add_common(response, r);
    metrics_request(r->http->options.metrics, r->route, r->status);
    const enum MHD_Result result = MHD_queue_response(r->connection, 200, response);
    MHD_destroy_response(response);
    return result;
}
