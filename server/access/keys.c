#include "keys.h"

#include <fcntl.h>
#include <math.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "hex.h"
#include "keyfile.h"
#include "log.h"

#define LOOK_MS 1000 /* between two looks at the file */

/* What a key has used. */
struct meter {
    uint32_t streams;
    double tokens, at_ms; /* requests that are left at that time */
    bool met;
};

/* Which file it was that was read, or refused. */
struct version {
    struct timespec modified;
    off_t bytes;
    ino_t inode;
    bool missing; /* and that was said */
};

struct keys {
    char *path; /* NULL: none */
    uint32_t unfolds;
    pthread_mutex_t reading; /* one reader at a time; taken before the other */
    struct version version;  /* {reading} */
    pthread_t thread;        /* looks at the file */
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;               /* {lock} */
    struct keyfile file;         /* {lock} */
    struct meter *meters;        /* {lock} [file.keys_count] */
    void (*changed)(void *user); /* {lock} NULL: nobody wants to know */
    void *user;                  /* {lock} */
};

/* ---- the file ------------------------------------------------------------------------------- */

/* Only of a regular file: a pipe would be waited for. */
static char *read_text(const char *path, size_t *ret_length, struct keyfile_note *note)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *text = NULL;
    size_t length = 0;
    ssize_t got = 1;

    snprintf(note->text, sizeof note->text, "the file cannot be read, or is larger than %u MiB",
             KEYFILE_BYTES >> 20);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < (off_t)KEYFILE_BYTES)
        text = malloc(KEYFILE_BYTES);
    while (text && got > 0 && length < KEYFILE_BYTES) {
        got = read(fd, text + length, KEYFILE_BYTES - length);
        length += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        close(fd);
    if (text && got == 0) {
        *ret_length = length;
        return text;
    }
    free(text);
    return NULL;
}

/* {reading} Exchanges the file; keys that stay keep their meters. Both lists are in order, so they
 * are gone through once, and nobody waits for long. */
static int load(struct keys *keys, struct keyfile_note *note)
{
    struct keyfile file;
    size_t length;
    char *text = read_text(keys->path, &length, note);
    if (!text)
        return -1;
    const int result = keyfile_parse(&file, text, length, keys->unfolds, note);
    free(text);
    if (result < 0)
        return -1;
    struct meter *meters = calloc(file.keys_count + 1, sizeof *meters);
    if (!meters) {
        keyfile_finish(&file);
        snprintf(note->text, sizeof note->text, "out of memory");
        return -1;
    }
    pthread_mutex_lock(&keys->lock);
    struct keyfile old = keys->file;
    struct meter *old_meters = keys->meters;
    for (size_t i = 0, k = 0; i < old.keys_count && k < file.keys_count;) {
        const int order =
            memcmp(old.keys[i].sha256, file.keys[k].sha256, sizeof file.keys[k].sha256);
        if (order == 0)
            meters[k] = old_meters[i];
        i += order <= 0;
        k += order >= 0;
    }
    keys->file = file;
    keys->meters = meters;
    void (*changed)(void *user) = keys->changed;
    void *user = keys->user;
    pthread_mutex_unlock(&keys->lock);
    keyfile_finish(&old);
    free(old_meters);
    if (changed)
        changed(user);
    return 0;
}

/* {reading} */
static bool reload(struct keys *keys)
{
    struct keyfile_note note;

    if (load(keys, &note) < 0) {
        log_warning("keys file refused", log_text("path", keys->path),
                    log_text("problem", note.text), log_count("kept", keys->file.keys_count));
        return false;
    }
    log_info("keys file read", log_text("path", keys->path),
             log_count("tiers", keys->file.tiers_count), log_count("keys", keys->file.keys_count));
    return true;
}

/* {reading} Whether the file is not the one that was looked at last. */
static bool has_changed(struct keys *keys)
{
    struct version *v = &keys->version;
    struct stat st;

    if (stat(keys->path, &st) != 0) {
        if (!v->missing)
            log_warning("keys file vanished", log_text("path", keys->path),
                        log_count("kept", keys->file.keys_count));
        v->missing = true;
        return false;
    }
    const bool same = !v->missing && st.st_size == v->bytes && st.st_ino == v->inode &&
                      st.st_mtim.tv_sec == v->modified.tv_sec &&
                      st.st_mtim.tv_nsec == v->modified.tv_nsec;
    *v = (struct version){st.st_mtim, st.st_size, st.st_ino, false};
    return !same;
}

/* Looks at the file once a second, so that nobody who asks has to wait for it. */
static void *look(void *user)
{
    struct keys *keys = user;

    pthread_mutex_lock(&keys->lock);
    while (!keys->stopping) {
        clock_cond_wait(&keys->stop, &keys->lock, clock_now_ms() + LOOK_MS);
        pthread_mutex_unlock(&keys->lock);
        pthread_mutex_lock(&keys->reading);
        if (has_changed(keys))
            reload(keys);
        pthread_mutex_unlock(&keys->reading);
        pthread_mutex_lock(&keys->lock);
    }
    pthread_mutex_unlock(&keys->lock);
    return NULL;
}

/* 0, or -1 with none of them left. */
static int init_locks(struct keys *keys)
{
    if (pthread_mutex_init(&keys->lock, NULL) != 0)
        return -1;
    if (pthread_mutex_init(&keys->reading, NULL) == 0) {
        if (clock_cond_init(&keys->stop) == 0)
            return 0;
        pthread_mutex_destroy(&keys->reading);
    }
    pthread_mutex_destroy(&keys->lock);
    return -1;
}

int keys_open(struct keys **ret_keys, const char *path, uint32_t unfolds, char *ret_problem,
              size_t room)
{
    struct keys *keys = calloc(1, sizeof *keys);
    struct keyfile_note note = {"out of memory"};

    if (!keys || init_locks(keys) != 0) {
        free(keys);
        snprintf(ret_problem, room, "%s", note.text);
        return -1;
    }
    keys->unfolds = unfolds;
    if (*path && !(keys->path = strdup(path))) {
        snprintf(ret_problem, room, "%s", note.text);
        keys_close(keys);
        return -1;
    }
    if (keys->path) {
        has_changed(keys); /* notes which file this is, before it is read */
        if (load(keys, &note) < 0) {
            snprintf(ret_problem, room, "%s", note.text);
            keys_close(keys);
            return -1;
        }
        keys->started = pthread_create(&keys->thread, NULL, look, keys) == 0;
        if (!keys->started) {
            snprintf(ret_problem, room, "no thread to look at it");
            keys_close(keys);
            return -1;
        }
    } else {
        keys->file.tiers[0] = tier_default(unfolds);
        keys->file.tiers_count = 1;
    }
    *ret_keys = keys;
    return 0;
}

void keys_close(struct keys *keys)
{
    if (!keys)
        return;
    if (keys->started) {
        pthread_mutex_lock(&keys->lock);
        keys->stopping = true;
        pthread_cond_signal(&keys->stop);
        pthread_mutex_unlock(&keys->lock);
        pthread_join(keys->thread, NULL);
    }
    pthread_cond_destroy(&keys->stop);
    pthread_mutex_destroy(&keys->reading);
    keyfile_finish(&keys->file);
    free(keys->meters);
    free(keys->path);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

bool keys_are_required(const struct keys *keys)
{
    return keys->path != NULL;
}

bool keys_reload(struct keys *keys)
{
    if (!keys->path)
        return false;
    pthread_mutex_lock(&keys->reading);
    has_changed(keys);
    const bool taken = reload(keys);
    pthread_mutex_unlock(&keys->reading);
    return taken;
}

void keys_on_change(struct keys *keys, void (*changed)(void *user), void *user)
{
    pthread_mutex_lock(&keys->reading); /* a call in progress ends first */
    pthread_mutex_lock(&keys->lock);
    keys->changed = changed;
    keys->user = user;
    pthread_mutex_unlock(&keys->lock);
    pthread_mutex_unlock(&keys->reading);
}

/* ---- coming in ------------------------------------------------------------------------------- */

/* {lock} */
static bool choose_tier(struct keys *keys, struct tier *tier, const char *name,
                        struct keys_refusal *refusal)
{
    char allowed[120] = "";
    const uint32_t priority = tier->priority;

    if (!name || !*name || strcmp(name, tier->name) == 0)
        return true;
    for (size_t i = 0; i < keys->file.tiers_count; i++) {
        const struct tier *other = &keys->file.tiers[i];
        const size_t used = strlen(allowed);
        if (strcmp(other->name, name) == 0 && other->priority < priority) {
            *tier = *other;
            return true;
        }
        if (strcmp(other->name, tier->name) == 0 || other->priority < priority)
            snprintf(allowed + used, sizeof allowed - used, "%s%s", used ? ", " : "", other->name);
    }
    *refusal = (struct keys_refusal){.status = 400};
    snprintf(refusal->message, sizeof refusal->message,
             "tier '%.32s' is not one that this key may have: it may have %s", name, allowed);
    return false;
}

/* {lock} One request of a minute's. */
static bool may_ask(struct meter *meter, const struct tier *tier, double now_ms,
                    struct keys_refusal *refusal)
{
    const double most = tier->requests_per_minute, each_ms = 60000 / fmax(most, 1);

    if (!tier->requests_per_minute)
        return true;
    if (!meter->met)
        *meter = (struct meter){meter->streams, most, now_ms, true};
    meter->tokens = fmin(most, meter->tokens + fmax(now_ms - meter->at_ms, 0) / each_ms);
    meter->at_ms = now_ms;
    if (meter->tokens >= 1) {
        meter->tokens--;
        return true;
    }
    *refusal = (struct keys_refusal){
        .status = 429, .retry_s = (uint32_t)ceil((1 - meter->tokens) * each_ms / 1e3)};
    snprintf(refusal->message, sizeof refusal->message,
             "this key's tier '%s' allows %u requests a minute", tier->name,
             tier->requests_per_minute);
    return false;
}

void keys_hash(const char *key, char ret_text[KEYS_HASH])
{
    uint8_t hash[32];

    SHA256((const uint8_t *)key, strlen(key), hash);
    hex_write(ret_text, hash, sizeof hash);
}

/* {lock} */
static const struct keyfile_key *find(struct keys *keys, const char *key,
                                      struct keys_refusal *refusal)
{
    uint8_t hash[32];

    *refusal = (struct keys_refusal){.status = 401};
    if (!key || !*key) {
        snprintf(refusal->message, sizeof refusal->message,
                 "an API key is required: none was sent");
        return NULL;
    }
    SHA256((const uint8_t *)key, strlen(key), hash);
    const struct keyfile_key *found = keyfile_find(&keys->file, hash);
    if (!found)
        snprintf(refusal->message, sizeof refusal->message, "the API key is not known here");
    return found;
}

static uint64_t number_of(const uint8_t sha256[32])
{
    uint64_t number;

    memcpy(&number, sha256, sizeof number);
    return number;
}

/* {lock} Of that number, or NULL: numbers begin the hashes, by which keys are in order. */
static const struct keyfile_key *find_number(const struct keys *keys, uint64_t number)
{
    size_t low = 0, high = keys->file.keys_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = memcmp(keys->file.keys[middle].sha256, &number, sizeof number);
        if (order == 0)
            return &keys->file.keys[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* {lock} So many streams more. */
static bool may_stream(struct meter *meter, const struct tier *own, uint32_t count,
                       struct keys_refusal *refusal)
{
    if (!own->streams || meter->streams + count <= own->streams) {
        meter->streams += count;
        return true;
    }
    *refusal = (struct keys_refusal){.status = 429};
    snprintf(refusal->message, sizeof refusal->message,
             "this key's tier '%s' allows %u live streams at once, and each channel is one",
             own->name, own->streams);
    return false;
}

/* {lock} */
static bool admit(struct keys *keys, const struct keyfile_key *found, const char *tier,
                  bool is_stream, double now_ms, struct keys_grant *grant,
                  struct keys_refusal *refusal)
{
    *grant = (struct keys_grant){.tier = keys->file.tiers[0]};
    if (!keys->path)
        return choose_tier(keys, &grant->tier, tier, refusal);
    if (!found)
        return false;
    struct meter *meter = &keys->meters[found - keys->file.keys];
    const struct tier *own = &keys->file.tiers[found->tier];
    grant->tier = *own;
    grant->key = number_of(found->sha256);
    if (!choose_tier(keys, &grant->tier, tier, refusal) || !may_ask(meter, own, now_ms, refusal))
        return false;
    if (is_stream && !may_stream(meter, own, 1, refusal))
        return false;
    grant->streams = is_stream;
    return true;
}

bool keys_admit(struct keys *keys, const char *key, const char *tier, bool is_stream, double now_ms,
                struct keys_grant *ret_grant, struct keys_refusal *ret_refusal)
{
    struct keys_grant grant;

    pthread_mutex_lock(&keys->lock);
    const bool in = admit(keys, keys->path ? find(keys, key, ret_refusal) : NULL, tier, is_stream,
                          now_ms, &grant, ret_refusal);
    pthread_mutex_unlock(&keys->lock);
    if (in)
        *ret_grant = grant;
    return in;
}

bool keys_admit_owner(struct keys *keys, uint64_t owner, const char *tier, double now_ms,
                      struct keys_grant *ret_grant, struct keys_refusal *ret_refusal)
{
    struct keys_grant grant;

    pthread_mutex_lock(&keys->lock);
    const struct keyfile_key *found = find_number(keys, owner);
    *ret_refusal =
        (struct keys_refusal){.status = 401, .message = "the key that asked for it is gone"};
    const bool in = admit(keys, found, tier, true, now_ms, &grant, ret_refusal);
    pthread_mutex_unlock(&keys->lock);
    if (in)
        *ret_grant = grant;
    return in;
}

bool keys_exchange(struct keys *keys, struct keys_grant *grant, const char *tier,
                   struct keys_refusal *ret_refusal)
{
    pthread_mutex_lock(&keys->lock);
    const bool done = choose_tier(keys, &grant->tier, tier, ret_refusal);
    pthread_mutex_unlock(&keys->lock);
    return done;
}

bool keys_know(struct keys *keys, const char *key, struct keys_refusal *ret_refusal)
{
    pthread_mutex_lock(&keys->lock);
    const bool known = !keys->path || find(keys, key, ret_refusal);
    pthread_mutex_unlock(&keys->lock);
    return known;
}

bool keys_hold(struct keys *keys, const struct keys_grant *grant)
{
    pthread_mutex_lock(&keys->lock);
    const bool holds = !keys->path || find_number(keys, grant->key);
    pthread_mutex_unlock(&keys->lock);
    return holds;
}

bool keys_add_streams(struct keys *keys, struct keys_grant *grant, uint32_t count,
                      struct keys_refusal *ret_refusal)
{
    bool in = true;

    if (!keys->path || !grant->streams)
        return true;
    pthread_mutex_lock(&keys->lock);
    /* By number: the file may have been read again meanwhile, and the key may be gone. */
    const struct keyfile_key *found = find_number(keys, grant->key);
    if (found)
        in = may_stream(&keys->meters[found - keys->file.keys], &keys->file.tiers[found->tier],
                        count, ret_refusal);
    pthread_mutex_unlock(&keys->lock);
    grant->streams += in ? count : 0;
    return in;
}

void keys_release(struct keys *keys, struct keys_grant *grant)
{
    const uint32_t streams = grant->streams;

    if (!streams)
        return;
    grant->streams = 0;
    pthread_mutex_lock(&keys->lock);
    const struct keyfile_key *found = find_number(keys, grant->key);
    if (found) {
        struct meter *meter = &keys->meters[found - keys->file.keys];
        meter->streams -= streams < meter->streams ? streams : meter->streams;
    }
    pthread_mutex_unlock(&keys->lock);
}
