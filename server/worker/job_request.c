/* job_request.c - see job_request.h. */
#include "job_request.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOST_BYTES ((size_t)256 << 20) /* of an answer */

struct collected {
    char *bytes;
    size_t count, room;
};

static size_t collect(char *bytes, size_t size, size_t count, void *user)
{
    struct collected *c = user;
    const size_t more = size * count;
    if (c->count + more + 1 > c->room) {
        const size_t room = 2 * (c->count + more) + 4096;
        char *grown = room > MOST_BYTES ? NULL : realloc(c->bytes, room);
        if (!grown)
            return 0;
        c->bytes = grown;
        c->room = room;
    }
    memcpy(c->bytes + c->count, bytes, more);
    c->count += more;
    c->bytes[c->count] = '\0';
    return more;
}

static int progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct request_options *o = user;
    (void)a, (void)b, (void)c, (void)d;
    return !o->alive(o->user);
}

/* The words of a daemon's refusal. */
static void read_refusal(struct answer *answer)
{
    json_t *body = answer->body ? json_loads(answer->body, 0, NULL) : NULL;
    const char *words = json_string_value(json_object_get(body, "err_msg"));
    snprintf(answer->problem, sizeof answer->problem, "%ld: %s", answer->status,
             words ? words : "no reason given");
    json_decref(body);
}

static struct curl_slist *headers_for(const char *key, bool is_url)
{
    char line[512];
    struct curl_slist *list = curl_slist_append(
        NULL, is_url ? "Content-Type: application/json" : "Content-Type: application/octet-stream");
    list = curl_slist_append(list, "Expect:");
    snprintf(line, sizeof line, "Authorization: Token %s", key);
    return *key ? curl_slist_append(list, line) : list;
}

static void perform(CURL *curl, const struct request_options *o, const char *query,
                    struct answer *answer)
{
    char where[4096], why[CURL_ERROR_SIZE] = "";
    struct collected body = {0};
    curl_off_t after = 0;
    snprintf(where, sizeof where, "%s/v1/listen%s%s", o->server, *query ? "?" : "", query);
    curl_easy_setopt(curl, CURLOPT_URL, where);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 5L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, o->patience_s);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, o);
    const CURLcode code = curl_easy_perform(curl);
    answer->body = body.bytes;
    answer->bytes = body.count;
    if (code != CURLE_OK) {
        snprintf(answer->problem, sizeof answer->problem, "%s",
                 *why ? why : curl_easy_strerror(code));
        return;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after);
    answer->retry_after_s = (long)after;
    if (answer->status / 100 != 2)
        read_refusal(answer);
}

void request_send(const struct request_options *o, const char *path, const char *url,
                  const char *query, struct answer *ret_answer)
{
    *ret_answer = (struct answer){0};
    FILE *file = path ? fopen(path, "rb") : NULL;
    struct stat status = {0};
    if (path && (!file || fstat(fileno(file), &status) != 0)) {
        snprintf(ret_answer->problem, sizeof ret_answer->problem, "%s", strerror(errno));
        ret_answer->status = 404;
        if (file)
            fclose(file);
        return;
    }
    json_t *wanted = path ? NULL : json_pack("{s:s}", "url", url);
    char *text = wanted ? json_dumps(wanted, JSON_COMPACT) : NULL;
    struct curl_slist *headers = headers_for(o->key, !path);
    CURL *curl = curl_easy_init();
    snprintf(ret_answer->problem, sizeof ret_answer->problem, "out of memory");
    if (curl && headers && (path || text)) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        if (path) {
            curl_easy_setopt(curl, CURLOPT_READDATA, file);
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)status.st_size);
        } else {
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
        }
        ret_answer->problem[0] = '\0';
        perform(curl, o, query, ret_answer);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    free(text);
    json_decref(wanted);
    if (file)
        fclose(file);
}
