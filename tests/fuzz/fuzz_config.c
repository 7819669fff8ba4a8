/* A seed whose configuration was changed: the first byte chooses one of the small models beside
 * FOLDSCRIBE_TEST_MODEL, the rest is JSON whose values replace those of its configuration,
 * "frontend" value by value. It is refused with a note, or opened; then what it says of some sound
 * are log-probabilities. */
#include <jansson.h>
#include <libgen.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fold.h"
#include "pace.h"

#define SAMPLES 4000
#define ALIGN   64

const struct pace pace_limit = {2.0, 0.01};

static const char *const names[] = {"base", "large", "mel", "paths"};

static void need(bool holds)
{
    if (!holds)
        abort();
}

/* A small model's bytes, and its header. */
struct small {
    unsigned char *bytes;
    size_t count, data; /* where tensors begin */
    json_t *header;
};

static struct small read_small(const char *name)
{
    char path[512], folder[400];
    struct small s = {0};
    need(snprintf(folder, sizeof folder, "%s", getenv("FOLDSCRIBE_TEST_MODEL")) <
         (int)sizeof folder);
    snprintf(path, sizeof path, "%s/tiny-%s.safetensors", dirname(folder), name);
    FILE *f = fopen(path, "rb");
    need(f && fseek(f, 0, SEEK_END) == 0);
    s.count = (size_t)ftell(f);
    rewind(f);
    s.bytes = malloc(s.count);
    need(s.bytes && fread(s.bytes, 1, s.count, f) == s.count);
    fclose(f);
    uint64_t length;
    memcpy(&length, s.bytes, sizeof length);
    s.data = sizeof length + length;
    s.header = json_loadb((const char *)s.bytes + sizeof length, length, 0, NULL);
    need(s.header);
    return s;
}

/* The configuration with what changes says. */
static char *changed(const struct small *s, json_t *changes)
{
    json_t *meta = json_object_get(s->header, "__metadata__");
    json_t *config = json_loads(json_string_value(json_object_get(meta, "config")), 0, NULL);
    json_t *front = json_object_get(changes, "frontend"),
           *mine = json_object_get(config, "frontend");
    need(config);
    if (json_is_object(front) && json_is_object(mine))
        json_object_update_missing(front, mine);
    json_object_update(config, changes);
    char *text = json_dumps(config, JSON_COMPACT);
    json_decref(config);
    return text;
}

/* The model with another configuration, in a file; the content hash does not cover the header. */
static void write_model(const struct small *s, const char *config, int fd)
{
    json_t *header = json_deep_copy(s->header);
    json_object_set_new(json_object_get(header, "__metadata__"), "config", json_string(config));
    char *text = json_dumps(header, JSON_COMPACT);
    need(header && text);
    const size_t length = strlen(text), padded = (8 + length + ALIGN - 1) / ALIGN * ALIGN - 8;
    const uint64_t said = padded;
    char spaces[ALIGN];
    memset(spaces, ' ', sizeof spaces);
    need(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    need(write(fd, &said, sizeof said) == sizeof said);
    need(write(fd, text, length) == (ssize_t)length);
    need(write(fd, spaces, padded - length) == (ssize_t)(padded - length));
    need(write(fd, s->bytes + s->data, s->count - s->data) == (ssize_t)(s->count - s->data));
    free(text);
    json_decref(header);
}

static void run(const struct fold_model *model)
{
    const struct fold_info *info = fold_model_info(model);
    const size_t samples = info->min_samples > SAMPLES ? info->min_samples : SAMPLES;
    const size_t T = fold_frames(model, samples), count = T * info->vocab_size;
    float *pcm = malloc(samples * sizeof *pcm), *logp = malloc(count * sizeof *logp);
    struct fold_run *run;
    need(pcm && logp && T >= 1 && fold_run_open(&run, model, samples) == FOLD_OK);
    for (size_t i = 0; i < samples; i++)
        pcm[i] = 0.3f * sinf((float)i * 0.05f);
    need(fold_run_begin(run, pcm, samples) == FOLD_OK);
    for (uint32_t r = 0; r < info->unfolds; r++) {
        need(fold_run_unfold(run) == FOLD_OK && fold_run_exit(run, logp) == FOLD_OK);
        for (size_t i = 0; i < count; i++)
            need(isfinite(logp[i]) && logp[i] <= 1e-5f);
    }
    fold_run_close(run);
    free(pcm);
    free(logp);
}

void pace_input(const uint8_t *bytes, size_t count)
{
    static struct small all[sizeof names / sizeof *names];
    static char path[] = "/tmp/foldscribe-fuzz-XXXXXX";
    static int fd = -1;
    if (fd < 0) {
        need((fd = mkstemp(path)) >= 0);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            all[i] = read_small(names[i]);
    }
    if (!count)
        return;
    const struct small *small = &all[bytes[0] % (sizeof names / sizeof *names)];
    json_t *changes = json_loadb((const char *)bytes + 1, count - 1, 0, NULL);
    if (!json_is_object(changes)) {
        json_decref(changes);
        return;
    }
    char *config = changed(small, changes);
    struct fold_note note = {{0}};
    struct fold_model *model;
    write_model(small, config, fd);
    const int error = fold_model_open_as(&model, path, count % 2 ? FOLD_FP32 : FOLD_INT8, &note);
    need(!error || note.text[0]);
    if (!error) {
        run(model);
        fold_model_close(model);
    }
    free(config);
    json_decref(changes);
}
