/* daemon.c - start: model, engine, HTTP, WebSocket, router. End: the other way round, after a
 * drain:
 *
 *   SIGTERM -> /readyz says 503, everything else goes on (the balancer notices) for drain-grace-ms,
 *              busy or not: the balancer does not know either
 *   SIGINT  -> no such grace: somebody at a terminal waits
 *   both    -> the listener closes, work in hand is finished, for drain-s at most by the clock
 *           -> so long before that as hearing it takes: streams take no more sound, what came is
 *              heard, told and made final, then 1001
 *           -> so long before that as what is decoded takes, if more came than can be heard: that
 *              becomes final, and the 1001 says that it was cut
 *           -> at the deadline, or two seconds behind it where a busy machine is late with those
 *              finals, what is left: 1001 for streams, 503 for uploads
 *   another signal goes on to the next step */
#include "daemon.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "calibrate.h"
#include "capacity.h"
#include "catalog.h"
#include "clock.h"
#include "engine.h"
#include "http.h"
#include "keys.h"
#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "origins.h"
#include "relay.h"
#include "router.h"
#include "secrets.h"
#include "spool.h"
#include "version.h"
#include "ws.h"

#define CALIBRATE_MS   1500
#define LAST_RESORT_MS 10000 /* behind the drain's deadline */
#define UNREAD_MS      20000 /* an answer that nobody reads */
#define FINISH_MS      500   /* before the deadline, beside what is to be heard */
#define CUT_MS         200
#define OVERTIME_MS    2000 /* behind the deadline, for finals that a busy machine has in hand */
#define FAREWELL_MS    1000 /* for the last words to leave */

struct parts {
    struct log_format log;
    struct fold_model *model;
    struct fold_lm *lm;
    struct fold_punctuation *punctuation; /* NULL: plain text */
    struct catalog catalog;
    struct cost cost;
    bool cost_known; /* from the cache */
    struct keys *keys;
    struct secrets *secrets;
    struct metrics *metrics;
    struct engine *engine;
    struct fetch *fetch, *callbacks; /* NULL: off */
    struct http *http;
    struct ws *ws;
    struct relay *relay;
    struct router *router;
    struct agent *agent; /* NULL: nobody asks */
    struct origins origins;
    double deadline_ms; /* of the drain */
    atomic_bool ready;
};

static void take_client(void *user, int fd)
{
    relay_adopt(((struct parts *)user)->relay, fd);
}

static bool open_http(void *user, int fd, const struct sockaddr *address, socklen_t length)
{
    return http_adopt(((struct parts *)user)->http, fd, address, length);
}

static void note_answer(void *user, int fd)
{
    relay_answered(((struct parts *)user)->relay, fd);
}

static void give_up(void *user, int fd, int status, const char *problem)
{
    relay_give_up(((struct parts *)user)->relay, fd, status, problem);
}

static const char *forbid(void *user, const struct head *head)
{
    return origins_forbid(&((struct parts *)user)->origins, head);
}

static void take_upgrade(void *user, int fd, const struct head *head)
{
    ws_adopt(((struct parts *)user)->ws, fd, head);
}

static double headroom(void *user)
{
    struct admission_report report;
    engine_report(((struct parts *)user)->engine, &report);
    return capacity_headroom(&report);
}

static bool is_ready(void *user)
{
    return atomic_load(&((struct parts *)user)->ready);
}

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "foldscribed: %s%s%s\n", what, *why ? ": " : "", why);
    return -1;
}

static void start_log(struct parts *p, const struct options *o)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        {"error", LOG_ERROR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};
    size_t level = 0;
    while (level < 3 && strcmp(levels[level].name, o->log_level) != 0)
        level++;
    p->log = log_format(levels[level].level, strcmp(o->log_format, "json") == 0);
    log_use(&p->log);
}

static int load(struct parts *p, const struct options *o)
{
    struct fold_note note = {{0}};
    char what[OPTIONS_TEXT + 32];
    if (!*o->model)
        return complain("--model is required: a .safetensors seed file",
                        "as a flag, as FOLDSCRIBE_MODEL or in the file of --config");
    static const char *const precisions[] = {
        [FOLD_FASTEST] = "fastest", [FOLD_INT8] = "int8", [FOLD_FP32] = "fp32"};
    int precision = FOLD_FP32; /* choices are one of theirs: options.def */
    while (precision > 0 && strcmp(precisions[precision], o->precision) != 0)
        precision--;
    snprintf(what, sizeof what, "--model %s", o->model);
    if (fold_model_open_as(&p->model, o->model, (enum fold_precision)precision, &note) != FOLD_OK)
        return complain(what, note.text);
    snprintf(what, sizeof what, "--lm %s", o->lm);
    if (*o->lm && fold_lm_open(&p->lm, o->lm, &note) != FOLD_OK)
        return complain(what, note.text);
    if (p->lm && fold_lm_fits(p->lm, p->model, &note) != FOLD_OK)
        return complain(what, note.text);
    const bool plain = strcmp(o->text, "plain") == 0;
    snprintf(what, sizeof what, "--prose %s", o->prose);
    if (*o->prose && !plain && fold_punctuation_open(&p->punctuation, o->prose, &note) != FOLD_OK)
        return complain(what, note.text);
    return 0;
}

/* The names that the model answers to. */
static int name_models(struct parts *p, const struct options *o)
{
    const struct fold_info *info = fold_model_info(p->model);
    struct field_error wrong;
    if (catalog_open(&p->catalog, info->name, info->unfolds, clock_unix_s(), o->alias, &wrong) == 0)
        return 0;
    return complain("--alias", wrong.message);
}

/* Uploads need it; what hinders is better said now than with every upload. */
static int try_spool(const char *folder)
{
    char what[OPTIONS_TEXT + 32];
    const int fd = spool_try(folder);
    if (fd < 0) {
        snprintf(what, sizeof what, "--spool %s", folder);
        return complain(what, strerror(errno));
    }
    close(fd);
    return 0;
}

static int read_keys(struct parts *p, const struct options *o)
{
    char problem[300], what[OPTIONS_TEXT + 32];
    snprintf(what, sizeof what, "--keys %s", o->keys);
    if (keys_open(&p->keys, o->keys, fold_model_info(p->model)->unfolds, problem, sizeof problem) !=
        0)
        return complain(what, problem);
    if (secrets_open(&p->secrets) != 0 || !(p->metrics = metrics_open()))
        return complain("the server cannot start", "out of memory");
    return 0;
}

/* What segments cost here: from the cache, or measured now. */
static int calibrate(struct parts *p)
{
    const struct fold_info *info = fold_model_info(p->model);
    char path[512];
    const bool kept = calibrate_path(path, sizeof path, info, p->lm);
    const bool known = kept && calibrate_load(&p->cost, path, info->unfolds);
    if (!known && calibrate_measure(&p->cost, p->model, p->lm, CALIBRATE_MS) != 0)
        return complain("costs cannot be measured", "out of memory");
    if (!known && kept && !calibrate_save(&p->cost, path))
        log_warning("costs cannot be kept: they are measured at every start",
                    log_text("path", path), log_text("error", strerror(errno)));
    p->cost_known = known;
    return 0;
}

static int start_fetch(struct parts *p, const struct options *o)
{
    struct fetch_options fetch = {.max_bytes = (uint64_t)o->max_upload_mb * 1000000,
                                  .most = o->max_batch};
    char wrong[64], what[128];
    if (address_list_parse(&fetch.allowed, o->fetch, wrong, sizeof wrong) != 0) {
        snprintf(what, sizeof what, "--fetch %s", wrong);
        return complain(what, "must be public, an address, or a block like 10.0.0.0/8");
    }
    if (!fetch.allowed.is_public && !fetch.allowed.count)
        return 0;
    return fetch_open(&p->fetch, &fetch) == 0 && fetch_open(&p->callbacks, &fetch) == 0
               ? 0
               : complain("libcurl cannot start", "");
}

/* Where foldscribe-decode is; NULL: it is not wanted, or not there, which is said. */
static const char *find_decoder(char *path, size_t room, const struct options *o)
{
    if (strcmp(o->decode_helper, "none") == 0)
        return NULL;
    snprintf(path, room, "%s", o->decode_helper);
    const ssize_t length = *path ? 0 : readlink("/proc/self/exe", path, room - 1);
    if (length > 0) {
        path[length] = '\0';
        char *name = strrchr(path, '/');
        snprintf(name + 1, room - (size_t)(name + 1 - path), "foldscribe-decode");
    }
    if (access(path, X_OK) == 0)
        return path;
    if (!*o->decode_helper && access(FOLDSCRIBE_LIBEXEC "/foldscribe-decode", X_OK) == 0) {
        snprintf(path, room, "%s", FOLDSCRIBE_LIBEXEC "/foldscribe-decode");
        return path;
    }
    log_warning("mp4, m4a, aac and many more cannot be read: there is no decoder",
                log_text("path", path));
    return NULL;
}

/* A quota may leave too little for even one stream: better said now than heard late. */
static void say_capacity(struct parts *p)
{
    struct admission_report report;
    engine_report(p->engine, &report);
    const double least = capacity_least_cpus(&report);
    log_info("capacity", log_count("workers", report.workers), log_real("cpus", report.cpus, 2),
             log_count("live_streams", capacity_streams(&report, report.unfolds, true)),
             log_count("live_streams_shallow", capacity_streams(&report, 1, true)));
    if (least > report.cpus)
        log_warning("too little CPU for one live stream, even at depth 1",
                    log_real("cpus", report.cpus, 3), log_real("needed", least, 3));
    if (report.workers > ceil(report.cpus))
        log_warning("more workers than CPUs, which takes memory and gains nothing",
                    log_count("workers", report.workers), log_real("cpus", report.cpus, 2));
}

static int start(struct parts *p, const struct options *o)
{
    const struct fold_info *info = fold_model_info(p->model);
    static const char *const ways[] = {[ENGINE_PARTIALS_AUTO] = "auto",
                                       [ENGINE_PARTIALS_WINDOWS] = "windows",
                                       [ENGINE_PARTIALS_STREAMS] = "streams"};
    int partials = ENGINE_PARTIALS_STREAMS;
    while (partials > 0 && strcmp(ways[partials], o->partials) != 0)
        partials--;
    if (partials == ENGINE_PARTIALS_STREAMS && !info->chunk_frames)
        return complain("--partials streams",
                        "this seed was not taught to hear streams; auto or windows");
    char decoder[OPTIONS_TEXT];
    const struct engine_options engine = {.model = p->model,
                                          .lm = p->lm,
                                          .punctuation = p->punctuation,
                                          .plain = strcmp(o->text, "plain") == 0,
                                          .workers = o->workers,
                                          .max_live = o->max_live,
                                          .max_batch = o->max_batch,
                                          .max_segment_ms = o->max_segment_ms,
                                          .max_audio_ms = (uint64_t)o->max_audio_s * 1000,
                                          .spool = o->spool,
                                          .backlog_bytes = (uint64_t)o->backlog_mb * 1000000,
                                          .partials = (enum engine_partials)partials,
                                          .adaptive = strcmp(o->depth_policy, "fixed") != 0,
                                          .cost = &p->cost,
                                          .decode_helper = find_decoder(decoder, sizeof decoder, o),
                                          .decode_stall_ms = o->decode_stall_ms};
    if (name_models(p, o) != 0 || read_keys(p, o) != 0 || try_spool(o->spool) != 0 ||
        calibrate(p) != 0)
        return -1;
    if (engine_open(&p->engine, &engine) != 0)
        return complain("the engine cannot start", "out of memory or threads");
    if (start_fetch(p, o) != 0)
        return -1;
    const struct http_options http = {.engine = p->engine,
                                      .keys = p->keys,
                                      .secrets = p->secrets,
                                      .metrics = p->metrics,
                                      .info = info,
                                      .catalog = &p->catalog,
                                      .spool = o->spool,
                                      .fetch = p->fetch,
                                      .callbacks = p->callbacks,
                                      .max_upload_bytes = (uint64_t)o->max_upload_mb * 1000000,
                                      .max_connections = o->max_connections,
                                      .public_pages = o->public_pages,
                                      .origins = &p->origins,
                                      .ready = &p->ready,
                                      .answered = note_answer,
                                      .gave_up = give_up,
                                      .user = p};
    char wrong[80], what[160];
    if (origins_open(&p->origins, o->origins, keys_are_required(p->keys), wrong, sizeof wrong) !=
        0) {
        snprintf(what, sizeof what, "--origins %s", wrong);
        return complain(what,
                        "must be *, an origin like https://app.example.com, or a name of ours");
    }
    if (http_open(&p->http, &http) != 0)
        return complain("libmicrohttpd cannot start", "");
    const struct ws_options ws = {.engine = p->engine,
                                  .keys = p->keys,
                                  .secrets = p->secrets,
                                  .metrics = p->metrics,
                                  .info = info,
                                  .catalog = &p->catalog,
                                  .idle_ms = o->idle_s * 1000,
                                  .quiet_ms = o->quiet_s * 1000,
                                  .longest_ms = o->longest_s * 1000,
                                  .max_connections = o->max_connections};
    if (ws_open(&p->ws, &ws) != 0)
        return complain("libwebsockets cannot start", "");
    const struct relay_options relay = {.max_connections = o->max_connections,
                                        .unread_ms = UNREAD_MS,
                                        .forbid = forbid,
                                        .open = open_http,
                                        .upgrade = take_upgrade,
                                        .user = p};
    if (relay_open(&p->relay, &relay) != 0)
        return complain("no thread for the relay", "");
    const struct router_options router = {
        .listen = o->listen, .max_connections = o->max_connections, .take = take_client, .user = p};
    char problem[400];
    if (router_open(&p->router, &router, problem, sizeof problem) != 0)
        return complain(problem, "");
    if (!keys_are_required(p->keys) && !o->open && !router_is_local(p->router)) {
        snprintf(problem, sizeof problem, "--listen %.200s", o->listen);
        return complain(problem,
                        "other machines can reach this and nobody would need a key: name a file "
                        "with --keys, or serve everybody with --open 1");
    }
    const struct agent_options agent = {
        .listen = o->agent, .headroom = headroom, .ready = is_ready, .user = p};
    if (*o->agent && agent_open(&p->agent, &agent, problem, sizeof problem) != 0)
        return complain(problem, "");
    if (router_start(p->router) != 0)
        return complain("no thread for the router", "");
    char sha256[13]; /* enough to tell two seeds apart */
    snprintf(sha256, sizeof sha256, "%.12s", info->sha256);
    log_info("foldscribed", log_text("version", FOLDSCRIBE_VERSION), log_text("model", info->name),
             log_text("sha256", sha256),
             log_real("parameters_m", (double)info->parameters / 1e6, 1),
             log_count("depths", info->unfolds),
             log_text("precision", info->precision == FOLD_INT8 ? "int8" : "fp32"),
             log_text("kernels", fold_cpu_level()), log_text("blas", fold_cpu_kernel()),
             log_text("lm", p->lm ? "yes" : "no"),
             log_text("text", p->punctuation ? "readable" : "plain"), log_text("listen", o->listen),
             log_count("port", router_port(p->router)));
    log_info("costs", log_text("from", p->cost_known ? "cache" : "measured"),
             log_real("x1_ms_per_s", cost_ms(&p->cost, 1, 10000) / 10, 1),
             log_real("deepest_ms_per_s", cost_ms(&p->cost, info->unfolds, 10000) / 10, 1),
             log_text("keys", keys_are_required(p->keys) ? "required" : "none"));
    say_capacity(p);
    return 0;
}

/* Whoever started this and waits, ./serve for one, is told where it listens. */
static void tell_ready(const struct parts *p, uint32_t fd)
{
    if (notify_send("READY=1") != 0)
        log_warning("the service manager does not hear that it is ready",
                    log_text("error", strerror(errno)));
    if (!fd)
        return;
    if (dprintf((int)fd, "%s\n", router_address(p->router)) < 0)
        log_warning("nobody hears that it is ready", log_count("fd", fd),
                    log_text("error", strerror(errno)));
    else
        close((int)fd);
}

/* Until the clock says so, or it is over; a signal ends the wait as well. */
static void wait_until(double until_ms, const sigset_t *signals,
                       bool (*over)(struct parts *, double now_ms), struct parts *p)
{
    const struct timespec step = {0, 20000000};
    for (double now_ms = clock_now_ms(); now_ms < until_ms && !(over && over(p, now_ms));
         now_ms = clock_now_ms()) {
        const int got = sigtimedwait(signals, NULL, &step);
        if (got > 0 && got != SIGHUP)
            return;
    }
}

/* In the order in which a connection moves on, so that none slips by between two questions. */
static bool is_idle(struct parts *p, double now_ms)
{
    return router_is_done(p->router) && ws_streams(p->ws) == 0 && relay_busy(p->relay) == 0 &&
           http_busy(p->http) == 0 && engine_is_idle(p->engine);
}

/* Is it time to hear out what live streams were sent? */
static bool must_finish(struct parts *p, double now_ms)
{
    return is_idle(p, now_ms) ||
           now_ms + FINISH_MS + engine_ahead_ms(p->engine, false) >= p->deadline_ms;
}

/* Is it time to make do with what is decoded of it? */
static bool must_cut(struct parts *p, double now_ms)
{
    return ws_streams(p->ws) == 0 ||
           now_ms + CUT_MS + engine_ahead_ms(p->engine, true) >= p->deadline_ms;
}

static bool has_said_all(struct parts *p, double now_ms)
{
    return ws_streams(p->ws) == 0 && relay_busy(p->relay) == 0;
}

static bool has_told_all(struct parts *p, double now_ms)
{
    return ws_streams(p->ws) == 0;
}

/* Ends the process though something does not end: a worker, a library, a disk. */
static void *end_in_any_case(void *user)
{
    clock_sleep_ms(*(const unsigned *)user);
    log_error("not stopped in time", log_count("ms", *(const unsigned *)user));
    _exit(1);
}

static void drain(struct parts *p, const struct options *o, const sigset_t *signals, bool grace)
{
    static unsigned most_ms;
    pthread_t last_resort;
    const double grace_ms = grace ? o->drain_grace_ms : 0, begun_ms = clock_now_ms();
    most_ms = (unsigned)grace_ms + o->drain_s * 1000 + LAST_RESORT_MS;
    if (pthread_create(&last_resort, NULL, end_in_any_case, &most_ms) == 0)
        pthread_detach(last_resort);
    atomic_store(&p->ready, false);
    notify_send("STOPPING=1");
    log_info("draining", log_count("streams", ws_streams(p->ws)),
             log_count("uploads", http_busy(p->http)));
    wait_until(begun_ms + grace_ms, signals, NULL, p);
    router_stop_listening(p->router);
    p->deadline_ms = clock_now_ms() + o->drain_s * 1000.0;
    wait_until(p->deadline_ms, signals, must_finish, p);
    const unsigned streams = ws_streams(p->ws);
    if (streams)
        log_info("hearing out", log_count("streams", streams),
                 log_real("ahead_s", engine_ahead_ms(p->engine, false) / 1e3, 2),
                 log_real("left_s", (p->deadline_ms - clock_now_ms()) / 1e3, 2));
    engine_finish(p->engine);
    ws_finish(p->ws);
    wait_until(p->deadline_ms, signals, must_cut, p);
    engine_cut(p->engine);
    wait_until(p->deadline_ms + OVERTIME_MS, signals, has_told_all, p);
    wait_until(p->deadline_ms, signals, is_idle, p); /* uploads, which have none to hear out */
    if (ws_streams(p->ws))
        log_warning("streams are cut off", log_count("streams", ws_streams(p->ws)));
    router_close(p->router);
    p->router = NULL;
    engine_drain(p->engine);
    ws_go_away(p->ws);
    wait_until(clock_now_ms() + FAREWELL_MS, signals, has_said_all, p);
}

/* Whatever of it was built. */
static void take_down(struct parts *p)
{
    agent_close(p->agent);
    router_close(p->router);
    ws_close(p->ws);
    if (p->fetch)
        fetch_stop(p->fetch); /* it starts work in the engine */
    if (p->callbacks)
        fetch_stop(p->callbacks);
    if (p->engine)
        engine_close(p->engine);
    http_close(p->http); /* it tells the relay what it has answered */
    relay_close(p->relay);
    fetch_close(p->callbacks);
    fetch_close(p->fetch);
    keys_close(p->keys);
    secrets_close(p->secrets);
    metrics_close(p->metrics);
    fold_punctuation_close(p->punctuation);
    fold_lm_close(p->lm);
    fold_model_close(p->model);
}

int daemon_run(const struct options *options)
{
    struct parts p = {.ready = true};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may grow no more is an error of whoever writes it */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    /* Each thread's own arena of malloc takes 64 MiB of address space, used or not. */
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
        mallopt(M_ARENA_MAX, 1);
    int code = 1;
    start_log(&p, options);
    if (load(&p, options) == 0 && start(&p, options) == 0) {
        tell_ready(&p, options->ready_fd);
        int got = SIGTERM;
        while (sigwait(&signals, &got) == 0 && got == SIGHUP)
            keys_reload(p.keys);
        drain(&p, options, &signals, got == SIGTERM);
        code = 0;
    }
    take_down(&p);
    if (code == 0)
        log_info("stopped", log_none());
    log_use(NULL);
    return code;
}
