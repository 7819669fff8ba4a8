#include "keys.h"

#include <math.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hex.h"
#include "keyfile.h"
#include "log.h"

#define LOOK_MS 1000 /* between two looks at the file's time */

/* What a key has used. */
struct meter {
    uint32_t streams;
    double tokens, at_ms; /* requests that are left at that time */
    bool met;
};

struct keys {
    char *path; /* NULL: none */
    uint32_t unfolds;
    pthread_mutex_t lock;
    struct keyfile file;      /* {lock} */
    struct meter *meters;     /* {lock} [file.keys_count] */
    struct timespec modified; /* {lock} of the file that was read or refused last */
    off_t bytes;              /* {lock} */
    bool missing;             /* {lock} and that was said */
    double looked_ms;         /* {lock} */
};

/* ---- the file ------------------------------------------------------------------------------- */

static char *read_text(const char *path, size_t *ret_length, struct keyfile_note *note)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(KEYFILE_BYTES) : NULL;
    if (!text) {
        snprintf(note->text, sizeof note->text, "the file cannot be read");
        if (file)
            fclose(file);
        return NULL;
    }
    *ret_length = fread(text, 1, KEYFILE_BYTES, file);
    const bool whole = !ferror(file) && *ret_length < KEYFILE_BYTES;
    fclose(file);
    if (!whole) {
        snprintf(note->text, sizeof note->text, "the file cannot be read, or is larger than %u MiB",
                 KEYFILE_BYTES >> 20);
        free(text);
        return NULL;
    }
    return text;
}

/* {lock} Exchanges the file; keys that stay keep their meters. */
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
    for (size_t i = 0; i < keys->file.keys_count; i++) {
        const struct keyfile_key *same = keyfile_find(&file, keys->file.keys[i].sha256);
        if (same)
            meters[same - file.keys] = keys->meters[i];
    }
    keyfile_finish(&keys->file);
    free(keys->meters);
    keys->file = file;
    keys->meters = meters;
    return 0;
}

/* {lock} */
static bool reload(struct keys *keys)
{
    struct keyfile_note note;

    if (load(keys, &note) < 0) {
        log_warning("keys file refused", "path=%s problem=\"%s\" kept=%zu", keys->path, note.text,
                    keys->file.keys_count);
        return false;
    }
    log_info("keys file read", "path=%s tiers=%zu keys=%zu", keys->path, keys->file.tiers_count,
             keys->file.keys_count);
    return true;
}

/* {lock} Whether the file is not the one that was looked at last. */
static bool has_changed(struct keys *keys)
{
    struct stat st;

    if (stat(keys->path, &st) != 0) {
        if (!keys->missing)
            log_warning("keys file vanished", "path=%s kept=%zu", keys->path,
                        keys->file.keys_count);
        keys->missing = true;
        return false;
    }
    const bool same = !keys->missing && st.st_size == keys->bytes &&
                      st.st_mtim.tv_sec == keys->modified.tv_sec &&
                      st.st_mtim.tv_nsec == keys->modified.tv_nsec;
    keys->missing = false;
    keys->bytes = st.st_size;
    keys->modified = st.st_mtim;
    return !same;
}

int keys_open(struct keys **ret_keys, const char *path, uint32_t unfolds, char *ret_problem,
              size_t room)
{
    struct keys *keys = calloc(1, sizeof *keys);
    struct keyfile_note note = {"out of memory"};

    if (keys && *path)
        keys->path = strdup(path);
    if (!keys || (*path && !keys->path) || pthread_mutex_init(&keys->lock, NULL) != 0) {
        if (keys)
            free(keys->path);
        free(keys);
        snprintf(ret_problem, room, "%s", note.text);
        return -1;
    }
    keys->unfolds = unfolds;
    keys->looked_ms = -INFINITY;
    if (keys->path) {
        has_changed(keys); /* notes which file this is, before it is read */
        if (load(keys, &note) < 0) {
            snprintf(ret_problem, room, "%s", note.text);
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
    pthread_mutex_lock(&keys->lock);
    has_changed(keys);
    const bool taken = reload(keys);
    pthread_mutex_unlock(&keys->lock);
    return taken;
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
    if (is_stream && own->streams && meter->streams >= own->streams) {
        *refusal = (struct keys_refusal){.status = 429};
        snprintf(refusal->message, sizeof refusal->message,
                 "this key's tier '%s' allows %u live streams at once", own->name, own->streams);
        return false;
    }
    meter->streams += is_stream;
    grant->is_stream = is_stream;
    return true;
}

bool keys_admit(struct keys *keys, const char *key, const char *tier, bool is_stream, double now_ms,
                struct keys_grant *ret_grant, struct keys_refusal *ret_refusal)
{
    struct keys_grant grant;

    pthread_mutex_lock(&keys->lock);
    if (keys->path && now_ms - keys->looked_ms >= LOOK_MS) {
        keys->looked_ms = now_ms;
        if (has_changed(keys))
            reload(keys);
    }
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
    const struct keyfile_key *found = NULL;
    struct keys_grant grant;

    pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < keys->file.keys_count && !found; i++)
        if (number_of(keys->file.keys[i].sha256) == owner)
            found = &keys->file.keys[i];
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

void keys_release(struct keys *keys, struct keys_grant *grant)
{
    if (!grant->is_stream)
        return;
    grant->is_stream = false;
    pthread_mutex_lock(&keys->lock);
    /* By number: the file may have been read again meanwhile, and the key may be gone. */
    for (size_t i = 0; i < keys->file.keys_count; i++)
        if (number_of(keys->file.keys[i].sha256) == grant->key && keys->meters[i].streams) {
            keys->meters[i].streams--;
            break;
        }
    pthread_mutex_unlock(&keys->lock);
}
