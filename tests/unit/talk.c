#include "talk.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "test.h"

#define STEP_SAMPLES 1600

struct session_host talk_host;

static const struct log_format quiet = {.least = LOG_ERROR};
static struct event woken;
static char keys_path[] = "/tmp/test_talk_XXXXXX";

static void wake(void *user)
{
    event_raise(user);
}

int talk_setup(void **state)
{
    char problem[256];

    if (hearing_setup(state) != 0)
        return -1;
    log_use(&quiet);
    event_init(&woken);
    static struct catalog catalog;
    const struct fold_info *info = fold_model_info(hearing_model);
    struct field_error wrong;
    assert_int_equal(catalog_open(&catalog, info->name, info->unfolds, 0, "", &wrong), 0);
    talk_host = (struct session_host){.catalog = &catalog,
                                      .engine = hearing_engine(2, 4, 2),
                                      .info = fold_model_info(hearing_model),
                                      .metrics = metrics_open(),
                                      .model_id = "model-1",
                                      .idle_ms = 10000,
                                      .quiet_ms = 20000,
                                      .wake = wake,
                                      .user = &woken};
    assert_int_equal(keys_open(&talk_host.keys, "", 3, problem, sizeof problem), 0);
    assert_int_equal(secrets_open(&talk_host.secrets), 0);
    return 0;
}

int talk_teardown(void **state)
{
    engine_close(talk_host.engine);
    keys_close(talk_host.keys);
    secrets_close(talk_host.secrets);
    metrics_close(talk_host.metrics);
    event_finish(&woken);
    return hearing_teardown(state);
}

void talk_use_keys(const char *json)
{
    char problem[256] = "";

    keys_close(talk_host.keys);
    strcpy(keys_path, json ? "/tmp/test_talk_XXXXXX" : "");
    if (json) {
        const int fd = mkstemp(keys_path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, json, strlen(json)), strlen(json));
        close(fd);
    }
    assert_int_equal(keys_open(&talk_host.keys, keys_path, 3, problem, sizeof problem), 0);
    if (json)
        unlink(keys_path);
}

void talk_open(struct talk *talk, const char *target, const char *authorization,
               const char *protocols)
{
    static struct head head;

    *talk = (struct talk){.session = NULL};
    head = (struct head){.status = 0};
    snprintf(head.target, sizeof head.target, "%s", target);
    snprintf(head.authorization, sizeof head.authorization, "%s", authorization);
    snprintf(head.protocol, sizeof head.protocol, "%s", protocols);
    talk->session = session_open(&talk_host, &head, "id-1", &talk->refusal);
}

void talk_close(struct talk *talk)
{
    talk->session->kind->close(talk->session);
    talk->session = NULL;
}

void talk_is_refused(struct talk *talk, int status, const char *text)
{
    assert_null(talk->session);
    assert_int_equal(talk->refusal.status, status);
    assert_non_null(talk->refusal.body);
    if (!strstr(talk->refusal.body, text))
        fail_msg("%s is not in %s", text, talk->refusal.body);
    free(talk->refusal.body);
}

void talk_say(struct talk *talk, const char *text)
{
    talk->session->kind->text(talk->session, text, strlen(text));
}

void talk_send(struct talk *talk, const void *bytes, size_t count)
{
    talk->session->kind->binary(talk->session, bytes, count, true);
}

size_t talk_send_speech(struct talk *talk, size_t count)
{
    const struct sound sound = hearing_join(0, count, 1000);

    for (size_t at = 0; at < sound.count; at += STEP_SAMPLES) {
        const size_t left = sound.count - at;
        talk_send(talk, sound.pcm + at, 2 * (left < STEP_SAMPLES ? left : STEP_SAMPLES));
    }
    free(sound.pcm);
    return sound.count;
}

json_t *talk_next(struct talk *talk)
{
    for (;;) {
        const int before = event_count(&woken);
        const char *reason = NULL;
        char *text = outbox_pop(&talk->session->outbox, &talk->close_code, &reason);
        if (text) {
            json_error_t error;
            json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
            if (!json)
                fail_msg("%s: %s", error.text, text);
            free(text);
            return json;
        }
        if (talk->close_code) {
            snprintf(talk->close_reason, sizeof talk->close_reason, "%s", reason);
            return NULL;
        }
        event_wait(&woken, before + 1);
    }
}

json_t *talk_until(struct talk *talk, const char *type)
{
    for (;;) {
        json_t *json = talk_next(talk);
        if (!json)
            fail_msg("it ended with %d %s before %s came", talk->close_code, talk->close_reason,
                     type);
        const char *has = json_string_value(json_object_get(json, "type"));
        if (has && strcmp(has, type) == 0)
            return json;
        json_decref(json);
    }
}

void talk_wait_ready(struct talk *talk)
{
    for (;;) {
        const int before = event_count(&woken);
        if (!atomic_load(&talk->session->full))
            return;
        event_wait(&woken, before + 1);
    }
}

void talk_ends(struct talk *talk, int code)
{
    for (json_t *json; (json = talk_next(talk));)
        json_decref(json);
    assert_int_equal(talk->close_code, code);
}

json_t *talk_at(const json_t *json, const char *path)
{
    char name[64];
    const char *whole = path;

    while (json && *path) {
        const size_t length = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(name))
                                   : json_object_get(json, name);
        path += length + (path[length] == '.');
    }
    if (!json)
        fail_msg("there is no %s", whole);
    return (json_t *)(uintptr_t)json;
}

const char *talk_text(const json_t *json, const char *name)
{
    const json_t *value = talk_at(json, name);

    assert_true(json_is_string(value));
    return json_string_value(value);
}

double talk_number(const json_t *json, const char *name)
{
    const json_t *value = talk_at(json, name);

    assert_true(json_is_number(value));
    return json_number_value(value);
}
