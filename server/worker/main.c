/* main.c - foldscribe-worker. */
#include <curl/curl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job_worker.h"
#include "log.h"
#include "version.h"

#define THREADS_MOST 256

static const char usage[] =
    "foldscribe-worker: recordings of a Redis stream to a foldscribed, answers back\n"
    "\n"
    "  --redis HOST:PORT    or a path of its socket          (127.0.0.1:6379)\n"
    "  --stream NAME        the queue                        (foldscribe)\n"
    "  --group NAME         the consumer group               (foldscribe)\n"
    "  --server URL         the daemon or its balancer       (http://127.0.0.1:8080)\n"
    "  --folder FOLDER      where jobs' files lie            (none: jobs name URLs only)\n"
    "  --jobs N             at once, 1 to 256                (4)\n"
    "  --lease-s N          after which a job whose worker is gone is another's, 1 to 86400   "
    "(60)\n"
    "  --tries N            after which a job is set aside, 1 to 100                          (3)\n"
    "  --patience-s N       for one answer of a daemon, which may hang, 1 to 86400            "
    "(3600)\n"
    "  --keep-s N           how long answers are kept, 1 to 31536000                          "
    "(604800)\n"
    "  --status             prints how many jobs wait, are in hand, done and set aside\n"
    "\n"
    "FOLDSCRIBE_API_KEY and FOLDSCRIBE_REDIS_PASSWORD in the environment are what they say.\n"
    "SIGTERM: what is in hand is finished. A job:\n"
    "  redis-cli XADD foldscribe '*' id talk-1 file talks/1.m4a query model=foldscribe\n"
    "  redis-cli GET foldscribe:answer:talk-1\n";

struct settings {
    struct worker_options worker;
    uint32_t jobs, lease_s;
    bool status;
};

static bool number(const char *name, const char *text, uint32_t least, uint32_t most,
                   uint32_t *ret_n)
{
    char *end;
    const long n = strtol(text, &end, 10);
    if (end == text || *end || n < (long)least || n > (long)most) {
        fprintf(stderr, "foldscribe-worker: --%s %s: expected a whole number from %u to %u\n", name,
                text, least, most);
        return false;
    }
    *ret_n = (uint32_t)n;
    return true;
}

/* -1: go on; else the exit status. */
static int read_settings(struct settings *s, int argc, char **argv)
{
    enum {
        REDIS,
        STREAM,
        GROUP,
        SERVER,
        FOLDER,
        JOBS,
        LEASE,
        TRIES,
        PATIENCE,
        KEEP,
        STATUS,
        HELP,
        VERSION
    };
    static const struct option known[] = {
        {"redis", 1, NULL, REDIS},         {"stream", 1, NULL, STREAM}, {"group", 1, NULL, GROUP},
        {"server", 1, NULL, SERVER},       {"folder", 1, NULL, FOLDER}, {"jobs", 1, NULL, JOBS},
        {"lease-s", 1, NULL, LEASE},       {"tries", 1, NULL, TRIES},   {"keep-s", 1, NULL, KEEP},
        {"patience-s", 1, NULL, PATIENCE}, {"status", 0, NULL, STATUS}, {"help", 0, NULL, HELP},
        {"version", 0, NULL, VERSION},     {NULL, 0, NULL, 0}};
    struct queue_options *q = &s->worker.queue;
    for (int got; (got = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        bool good = true;
        switch (got) {
        case REDIS:
            q->host = optarg;
            break;
        case STREAM:
            q->name = optarg;
            break;
        case GROUP:
            q->group = optarg;
            break;
        case SERVER:
            s->worker.server = optarg;
            break;
        case FOLDER:
            s->worker.folder = optarg;
            break;
        case JOBS:
            good = number("jobs", optarg, 1, THREADS_MOST, &s->jobs);
            break;
        case LEASE:
            good = number("lease-s", optarg, 1, 86400, &s->lease_s);
            break;
        case TRIES:
            good = number("tries", optarg, 1, 100, &q->tries);
            break;
        case PATIENCE:
            good = number("patience-s", optarg, 1, 86400, &s->worker.patience_s);
            break;
        case KEEP:
            good = number("keep-s", optarg, 1, 31536000, &q->keep_s);
            break;
        case STATUS:
            s->status = true;
            break;
        case VERSION:
            puts("foldscribe-worker " FOLDSCRIBE_VERSION);
            return 0;
        case 'h':
        case HELP:
            fputs(usage, stdout);
            return 0;
        default:
            return 2;
        }
        if (!good)
            return 2;
    }
    if (optind < argc) {
        fprintf(stderr, "foldscribe-worker: %s: only options are expected\n", argv[optind]);
        return 2;
    }
    if (strncmp(s->worker.server, "http://", 7) != 0 &&
        strncmp(s->worker.server, "https://", 8) != 0) {
        fprintf(stderr, "foldscribe-worker: --server %s: must begin with http:// or https://\n",
                s->worker.server);
        return 2;
    }
    if (*s->worker.folder && access(s->worker.folder, R_OK | X_OK) != 0) {
        fprintf(stderr, "foldscribe-worker: --folder %s: ", s->worker.folder);
        perror("");
        return 2;
    }
    if (strlen(q->name) > 200) {
        fputs("foldscribe-worker: --stream: longer than 200 bytes\n", stderr);
        return 2;
    }
    q->lease_ms = 1000 * s->lease_s;
    return -1;
}

static int show_status(const struct queue_options *options)
{
    struct queue *queue = queue_open(options);
    char *text = queue ? queue_status(queue) : NULL;
    if (text)
        puts(text);
    else
        fprintf(stderr, "foldscribe-worker: --redis %s: %s\n", options->host,
                queue ? queue_problem(queue) : "out of memory");
    const int code = text ? 0 : 1;
    free(text);
    queue_close(queue);
    return code;
}

static void *thread(void *user)
{
    worker_run(user);
    return NULL;
}

int main(int argc, char **argv)
{
    static atomic_bool stopping;
    const char *key = getenv("FOLDSCRIBE_API_KEY"), *password = getenv("FOLDSCRIBE_REDIS_PASSWORD");
    char host[256] = "worker", consumer[300];
    pthread_t threads[THREADS_MOST];
    uint32_t count = 0;
    sigset_t signals;
    struct settings s = {.worker = {.queue = {.host = "127.0.0.1:6379",
                                              .password = password ? password : "",
                                              .name = "foldscribe",
                                              .group = "foldscribe",
                                              .consumer = consumer,
                                              .keep_s = 604800,
                                              .tries = 3},
                                    .server = "http://127.0.0.1:8080",
                                    .key = key ? key : "",
                                    .folder = "",
                                    .patience_s = 3600,
                                    .stopping = &stopping},
                         .jobs = 4,
                         .lease_s = 60};
    const int code = read_settings(&s, argc, argv);
    if (code >= 0)
        return code;
    gethostname(host, sizeof host - 1);
    snprintf(consumer, sizeof consumer, "%s-%d", host, (int)getpid());
    if (s.status)
        return show_status(&s.worker.queue);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    log_info("foldscribe-worker", log_text("version", FOLDSCRIBE_VERSION),
             log_text("consumer", consumer), log_text("stream", s.worker.queue.name),
             log_count("jobs", s.jobs));
    while (count < s.jobs && pthread_create(&threads[count], NULL, thread, &s.worker) == 0)
        count++;
    if (count < s.jobs)
        log_warning("fewer jobs at once: no more threads", log_count("jobs", count));
    int got;
    if (count > 0)
        sigwait(&signals, &got);
    atomic_store(&stopping, true);
    log_info("finishing what is in hand", log_none());
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    curl_global_cleanup();
    log_info("stopped", log_none());
    return count > 0 ? 0 : 1;
}
