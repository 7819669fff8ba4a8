/* fetch.c - see fetch.h. The only file that knows libcurl. Proxies of the environment are not used:
 * the address that is judged would be the proxy's. */
#include "fetch.h"

#include <curl/curl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "version.h"

#define CONNECT_S        10L
#define TOTAL_S          900L /* of a recording */
#define CALLBACK_S       30L  /* of one try */
#define STALL_S          15L
#define STALL_BYTES      4000L /* a second: half of what a telephone's sound takes */
#define REDIRECTS        5L
#define RETRY_MS         1000  /* before the second try; then three times as long */
#define LONGEST_SLEEP_MS 60000 /* whoever has something new wakes the thread */

/* Something to be fetched, or a callback to be delivered. */
struct job {
    struct job *next; /* {fetch->lock} */
    struct fetch *fetch;
    CURL *easy; /* NULL: it waits */
    char *url;
    struct fetch_sink sink;
    uint64_t owner; /* whose it is: of a key, or, where none was needed, of a host */
    atomic_bool cancelled;
    bool address_refused, is_too_large;
    uint64_t bytes;
    /* Of a callback: */
    char *body; /* NULL: something is fetched */
    bool put;
    struct curl_slist *headers;
    uint32_t tries;
    double due_ms; /* of the next */
};

struct fetch {
    struct fetch_options options;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    /* {lock} The newest first. Others add to those that wait; else the thread alone changes them.
     */
    struct job *waiting, *running;
    bool stopped; /* {lock} */
};

/* ---- from libcurl --------------------------------------------------------------------------- */

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct job *job = user;
    (void)purpose;
    if (!address_is_allowed(&job->fetch->options.allowed, &address->addr)) {
        job->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t write_piece(char *bytes, size_t size, size_t count, void *user)
{
    struct job *job = user;
    const size_t total = size * count;
    if (job->body)
        return atomic_load(&job->cancelled) ? 0 : total; /* whatever is answered */
    job->bytes += total;
    job->is_too_large = job->bytes > job->fetch->options.max_bytes;
    if (job->is_too_large || atomic_load(&job->cancelled))
        return 0;
    return job->sink.take(job->sink.user, bytes, total) ? total : 0;
}

/* ---- the thread ----------------------------------------------------------------------------- */

static bool set_up_callback(struct job *job)
{
    CURL *e = job->easy;
    return curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FAILONERROR, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT, CALLBACK_S) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDS, job->body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(job->body)) ==
               CURLE_OK &&
           (!job->put || curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "PUT") == CURLE_OK);
}

static bool set_up(struct job *job)
{
    CURL *e = job->easy = curl_easy_init();
    const curl_off_t most = (curl_off_t)job->fetch->options.max_bytes;
    return e && curl_easy_setopt(e, CURLOPT_URL, job->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_MAXREDIRS, REDIRECTS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT, TOTAL_S) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, STALL_S) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, most) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "foldscribe/" FOLDSCRIBE_VERSION) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, job) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, write_piece) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, job) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PRIVATE, job) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTPHEADER, job->headers) == CURLE_OK &&
           (!job->body || set_up_callback(job)) &&
           curl_multi_add_handle(job->fetch->multi, e) == CURLM_OK;
}

static void hang_up(struct job *job)
{
    if (!job->easy)
        return;
    curl_multi_remove_handle(job->fetch->multi, job->easy);
    curl_easy_cleanup(job->easy);
    job->easy = NULL;
}

static void free_job(struct job *job)
{
    curl_slist_free_all(job->headers);
    free(job->body);
    free(job->url);
    free(job);
}

/* {lock} */
static void take_out(struct job **list, const struct job *job)
{
    for (; *list; list = &(*list)->next)
        if (*list == job) {
            *list = job->next;
            return;
        }
}

/* {lock} */
static void put_in(struct job **list, struct job *job)
{
    job->next = *list;
    *list = job;
}

/* Takes it out of its list, says how it went, and frees it. */
static void finish(struct job *job, int status, const char *problem)
{
    struct fetch *f = job->fetch;
    pthread_mutex_lock(&f->lock);
    take_out(&f->waiting, job);
    take_out(&f->running, job);
    pthread_mutex_unlock(&f->lock);
    job->sink.done(job->sink.user, status, problem);
    hang_up(job);
    free_job(job);
}

/* Puts a callback off that may do better later. */
static bool try_again(struct job *job, CURLcode code, long answered)
{
    struct fetch *f = job->fetch;
    const bool is_passing = code != CURLE_OK
                                ? !job->address_refused
                                : answered == 408 || answered == 429 || answered >= 500;
    if (!job->body || !is_passing || atomic_load(&job->cancelled) || ++job->tries >= FETCH_TRIES)
        return false;
    double wait_ms = f->options.retry_ms ? f->options.retry_ms : RETRY_MS;
    for (uint32_t i = 1; i < job->tries; i++)
        wait_ms *= 3;
    hang_up(job);
    pthread_mutex_lock(&f->lock);
    take_out(&f->running, job);
    job->due_ms = clock_now_ms() + wait_ms;
    put_in(&f->waiting, job);
    pthread_mutex_unlock(&f->lock);
    return true;
}

/* libcurl has done with it. */
static void conclude(struct job *job, CURLcode code)
{
    char problem[160];
    long answered = 0;
    int status = 400;
    curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &answered);
    if (try_again(job, code, answered))
        return;
    if (code == CURLE_OK && (answered == 200 || (job->body && answered / 100 == 2))) {
        finish(job, 200, "");
        return;
    }
    if (job->is_too_large || code == CURLE_FILESIZE_EXCEEDED) {
        status = 413;
        snprintf(problem, sizeof problem, "what the url leads to is larger than %llu MB",
                 (unsigned long long)(job->fetch->options.max_bytes / 1000000));
    } else if (atomic_load(&job->cancelled)) {
        status = 499;
        problem[0] = '\0';
    } else if (code == CURLE_OK || code == CURLE_HTTP_RETURNED_ERROR) {
        snprintf(problem, sizeof problem, "the url answered %ld", answered);
    } else if (job->address_refused) {
        snprintf(problem, sizeof problem,
                 "the url leads to an address that this server does not fetch from");
    } else {
        snprintf(problem, sizeof problem, "the url cannot be fetched: %s",
                 curl_easy_strerror(code));
    }
    finish(job, status, problem);
}

/* {lock} Running jobs of an owner; NULL: of all. There are options.most of them at most. */
static uint32_t count_running(const struct fetch *f, const uint64_t *owner)
{
    uint32_t count = 0;
    for (const struct job *job = f->running; job; job = job->next)
        count += !owner || job->owner == *owner;
    return count;
}

/* {lock} The one to begin: of the owner who has fewest running, the oldest. Nobody has more than
 * three quarters of them, so whoever's servers are slow leaves some for the others. */
static struct job *choose(struct fetch *f, double now_ms)
{
    const uint32_t most = f->options.most, three_quarters = (most * 3 + 3) / 4;
    uint32_t fewest = most == 1 ? 1 : three_quarters < most ? three_quarters : most - 1;
    struct job *chosen = NULL;
    if (count_running(f, NULL) >= most)
        return NULL;
    for (struct job *job = f->waiting; job; job = job->next) {
        if (job->due_ms > now_ms)
            continue;
        const uint32_t running = count_running(f, &job->owner);
        if (running > fewest || (!chosen && running == fewest))
            continue;
        fewest = running;
        chosen = job;
    }
    return chosen;
}

/* {lock} One that is to end now: cancelled, or any when all are. */
static struct job *find_ending(struct job *list, bool all)
{
    while (list && !all && !atomic_load(&list->cancelled))
        list = list->next;
    return list;
}

/* Ends and begins whatever is to. Returns whether fetch_stop was called: then none is left. */
static bool look_at_jobs(struct fetch *f)
{
    for (;;) {
        pthread_mutex_lock(&f->lock);
        const bool stopped = f->stopped;
        struct job *ending = find_ending(f->waiting, stopped);
        if (!ending)
            ending = find_ending(f->running, stopped);
        struct job *beginning = ending ? NULL : choose(f, clock_now_ms());
        if (beginning) {
            take_out(&f->waiting, beginning);
            put_in(&f->running, beginning);
        }
        pthread_mutex_unlock(&f->lock);
        if (ending && stopped)
            finish(ending, 503, "the server is shutting down");
        else if (ending)
            finish(ending, 499, "");
        else if (!beginning)
            return stopped;
        else if (!set_up(beginning))
            finish(beginning, 503, "out of memory");
    }
}

/* Concludes what libcurl has done with. Returns whether there was any. */
static bool look_at_ends(struct fetch *f)
{
    bool any = false;
    int left;
    for (CURLMsg *said; (said = curl_multi_info_read(f->multi, &left));) {
        struct job *job;
        const CURLcode code = said->data.result;
        if (said->msg == CURLMSG_DONE &&
            curl_easy_getinfo(said->easy_handle, CURLINFO_PRIVATE, &job) == CURLE_OK) {
            conclude(job, code);
            any = true;
        }
    }
    return any;
}

/* How long nobody but libcurl, or who wakes the thread, has anything for it to do. */
static int sleep_ms(struct fetch *f)
{
    const double now_ms = clock_now_ms();
    double most_ms = LONGEST_SLEEP_MS;
    pthread_mutex_lock(&f->lock);
    for (const struct job *job = f->waiting; job; job = job->next)
        if (job->due_ms > now_ms && job->due_ms - now_ms < most_ms)
            most_ms = job->due_ms - now_ms;
    pthread_mutex_unlock(&f->lock);
    return 1 + (int)most_ms;
}

static void *run(void *user)
{
    struct fetch *f = user;
    int running;
    while (!look_at_jobs(f)) {
        curl_multi_perform(f->multi, &running);
        if (!look_at_ends(f)) /* else another may begin */
            curl_multi_poll(f->multi, NULL, 0, sleep_ms(f), NULL);
    }
    return NULL;
}

/* ---- for everybody -------------------------------------------------------------------------- */

int fetch_open(struct fetch **ret_fetch, const struct fetch_options *options)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (!f || pthread_mutex_init(&f->lock, NULL) != 0) {
        free(f);
        return -1;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        pthread_mutex_destroy(&f->lock);
        free(f);
        return -1;
    }
    f->options = *options;
    f->multi = curl_multi_init();
    if (!f->multi || pthread_create(&f->thread, NULL, run, f) != 0) {
        fetch_close(f);
        return -1;
    }
    *ret_fetch = f;
    return 0;
}

void fetch_stop(struct fetch *f)
{
    pthread_mutex_lock(&f->lock);
    f->stopped = true;
    pthread_mutex_unlock(&f->lock);
    curl_multi_wakeup(f->multi);
    pthread_join(f->thread, NULL);
}

void fetch_close(struct fetch *f)
{
    if (!f)
        return;
    if (f->multi)
        curl_multi_cleanup(f->multi);
    curl_global_cleanup();
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* Takes the job, whatever comes of it. */
static int enlist(struct fetch *f, struct job *job)
{
    pthread_mutex_lock(&f->lock);
    const bool stopped = f->stopped;
    if (!stopped)
        put_in(&f->waiting, job);
    pthread_mutex_unlock(&f->lock);
    if (stopped) {
        free_job(job);
        return -1;
    }
    curl_multi_wakeup(f->multi);
    return 0;
}

/* key, or where that is 0 a number of the url's host, so that one slow server is one of many. */
static uint64_t owner_of(uint64_t key, const char *url)
{
    const char *host = strstr(url, "://");
    uint64_t hash = 14695981039346656037u;
    if (key)
        return key;
    host = host ? host + 3 : url;
    for (size_t i = 0; host[i] && !strchr("/?#", host[i]); i++)
        hash = (hash ^ (unsigned char)host[i]) * 1099511628211u;
    return hash;
}

static bool add_header(struct job *job, const char *name, const char *value)
{
    char line[160];
    snprintf(line, sizeof line, "%s:%s%s", name, *value ? " " : "", value);
    struct curl_slist *longer = curl_slist_append(job->headers, line);
    job->headers = longer ? longer : job->headers;
    return longer;
}

int fetch_start(struct fetch *f, const char *url, uint64_t key, const char *trace,
                const struct fetch_sink *sink)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return -1;
    *job = (struct job){.fetch = f, .url = strdup(url), .sink = *sink, .owner = owner_of(key, url)};
    if (job->url && (!trace || add_header(job, "traceparent", trace)))
        return enlist(f, job);
    free_job(job);
    return -1;
}

int fetch_call_back(struct fetch *f, const struct fetch_callback *callback,
                    const struct fetch_sink *sink)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        free(callback->body);
        return -1;
    }
    *job = (struct job){.fetch = f,
                        .url = strdup(callback->url),
                        .sink = *sink,
                        .owner = owner_of(callback->key, callback->url),
                        .body = callback->body,
                        .put = callback->put};
    /* Without "Expect:" libcurl asks before it sends much, and some servers never answer that. */
    if (job->url && job->body && add_header(job, "Content-Type", "application/json") &&
        add_header(job, "Expect", "") && add_header(job, "dg-request-id", callback->id) &&
        (!callback->trace || add_header(job, "traceparent", callback->trace)))
        return enlist(f, job);
    free_job(job);
    return -1;
}

bool fetch_may_lead(const struct fetch *f, const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    bool may = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
               curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
               curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
               (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    if (may) {
        /* IPv6 addresses stand in brackets. */
        const size_t length = strlen(host);
        if (*host == '[' && length > 2) {
            host[length - 1] = '\0';
            may = getaddrinfo(host + 1, NULL, &hints, &found) == 0;
        } else if (getaddrinfo(host, NULL, &hints, &found) != 0) {
            found = NULL; /* a name */
        }
    }
    if (may && found)
        may = address_is_allowed(&f->options.allowed, found->ai_addr);
    if (found)
        freeaddrinfo(found);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(parts);
    return may;
}

void fetch_cancel(struct fetch *f, const void *user)
{
    pthread_mutex_lock(&f->lock);
    struct job *const lists[] = {f->waiting, f->running};
    for (size_t i = 0; i < 2; i++)
        for (struct job *job = lists[i]; job; job = job->next)
            if (job->sink.user == user)
                atomic_store(&job->cancelled, true);
    pthread_mutex_unlock(&f->lock);
    curl_multi_wakeup(f->multi);
}
