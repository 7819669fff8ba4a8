/* seedfile.c - parse and check a safetensors seed. Nothing in the file is believed: a header
 * length, an offset or a shape may be anything. */
#include "seedfile.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "err.h"
#include "mapping.h"

#define HEADER_MAX (4u << 20)

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [SEEDFILE_F32] = {"F32", 4}, [SEEDFILE_F16] = {"F16", 2}, [SEEDFILE_BF16] = {"BF16", 2},
    [SEEDFILE_I8] = {"I8", 1},   [SEEDFILE_U8] = {"U8", 1},   [SEEDFILE_I32] = {"I32", 4},
};

static bool digest(const void *bytes, size_t count, char hex[65])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(bytes, count, sum, &length, EVP_sha256(), NULL) != 1 || length != 32)
        return false;
    for (unsigned i = 0; i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[sum[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[sum[i] & 15];
    }
    hex[64] = '\0';
    return true;
}

static int parse_tensor(struct seedfile_tensor *t, const char *name, json_t *entry,
                        const unsigned char *data, size_t data_bytes, struct fold_note *note)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    json_t *shape = json_object_get(entry, "shape");
    json_t *offsets = json_object_get(entry, "data_offsets");
    *t = (struct seedfile_tensor){.name = name, .count = 1};
    size_t kind = 0;
    while (dtype && kind < sizeof dtypes / sizeof *dtypes && strcmp(dtypes[kind].name, dtype) != 0)
        kind++;
    if (!dtype || kind == sizeof dtypes / sizeof *dtypes)
        return err_note(FOLD_ERR_FORMAT, note,
                        "tensor \"%.80s\" has dtype %.20s, not F32, F16, BF16, I8, U8 or I32", name,
                        dtype ? dtype : "(none)");
    t->dtype = (enum seedfile_dtype)kind;
    if (!json_is_array(shape) || json_array_size(shape) < 1 ||
        json_array_size(shape) > SEEDFILE_DIMS)
        return err_note(FOLD_ERR_FORMAT, note, "tensor \"%.80s\" does not have 1 to %d dimensions",
                        name, SEEDFILE_DIMS);
    t->dims = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < t->dims; i++) {
        json_t *value = json_array_get(shape, i);
        json_int_t n = json_integer_value(value);
        if (!json_is_integer(value) || n < 1 || n > INT32_MAX || t->count > data_bytes / (size_t)n)
            return err_note(FOLD_ERR_FORMAT, note, "tensor \"%.80s\" has an impossible shape",
                            name);
        t->shape[i] = (uint32_t)n;
        t->count *= (size_t)n;
    }
    json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    json_int_t end = json_integer_value(json_array_get(offsets, 1));
    if (json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)) || begin < 0 || end < begin ||
        (uint64_t)end > data_bytes || (size_t)(end - begin) != t->count * dtypes[kind].bytes)
        return err_note(FOLD_ERR_FORMAT, note,
                        "tensor \"%.80s\" has offsets that do not fit its shape or the file", name);
    if ((size_t)begin % dtypes[kind].bytes)
        return err_note(FOLD_ERR_FORMAT, note, "tensor \"%.80s\" is not aligned", name);
    t->data = data + begin;
    return FOLD_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct seedfile_tensor *)a)->name,
                  ((const struct seedfile_tensor *)b)->name);
}

static int by_data(const void *a, const void *b)
{
    const unsigned char *x = (*(struct seedfile_tensor *const *)a)->data;
    const unsigned char *y = (*(struct seedfile_tensor *const *)b)->data;
    return x < y ? -1 : x > y;
}

/* The data section must be covered by the tensors exactly: no overlap, no gap, no tail. */
static int check_cover(const struct seedfile *file, const unsigned char *data, size_t data_bytes,
                       struct fold_note *note)
{
    struct seedfile_tensor **order = malloc(file->tensors_count * sizeof *order);
    if (!order)
        return FOLD_ERR_MEMORY;
    for (size_t i = 0; i < file->tensors_count; i++)
        order[i] = &file->tensors[i];
    qsort(order, file->tensors_count, sizeof *order, by_data);
    const unsigned char *at = data;
    int err = FOLD_OK;
    for (size_t i = 0; i < file->tensors_count && !err; i++) {
        if (order[i]->data != at)
            err = err_note(FOLD_ERR_FORMAT, note,
                           "tensor \"%.80s\" overlaps another or leaves a gap", order[i]->name);
        at =
            (const unsigned char *)order[i]->data + order[i]->count * dtypes[order[i]->dtype].bytes;
    }
    if (!err && at != data + data_bytes)
        err = err_note(FOLD_ERR_FORMAT, note, "%zu bytes follow the last tensor",
                       (size_t)(data + data_bytes - at));
    free(order);
    return err;
}

static int check_metadata(struct seedfile *file, const unsigned char *data, size_t data_bytes,
                          struct fold_note *note)
{
    json_t *meta = json_object_get(file->header, "__metadata__");
    const char *format = json_string_value(json_object_get(meta, "format"));
    const char *version = json_string_value(json_object_get(meta, "version"));
    const char *config = json_string_value(json_object_get(meta, "config"));
    const char *sha256 = json_string_value(json_object_get(meta, "sha256"));
    if (!format || strcmp(format, "foldscribe-seed") != 0)
        return err_note(FOLD_ERR_FORMAT, note, "a safetensors file, but not a foldscribe seed");
    if (!version || strcmp(version, SEEDFILE_VERSION) != 0)
        return err_note(FOLD_ERR_FORMAT, note,
                        "format version %.20s; this program reads version %s",
                        version ? version : "(none)", SEEDFILE_VERSION);
    json_error_t error;
    file->config = config ? json_loads(config, JSON_REJECT_DUPLICATES, &error) : NULL;
    if (!json_is_object(file->config))
        return err_note(FOLD_ERR_FORMAT, note,
                        "the configuration in __metadata__ is not a JSON object");
    char hex[65];
    if (!digest(data, data_bytes, hex) || !digest(file->map, file->bytes, file->sha256))
        return err_note(FOLD_ERR_MEMORY, note, "SHA-256 could not be computed");
    if (!sha256 || strcmp(sha256, hex) != 0)
        return err_note(FOLD_ERR_FORMAT, note,
                        "the content hash does not match: the file is damaged");
    return FOLD_OK;
}

static int parse(struct seedfile *file, struct fold_note *note)
{
    if (file->bytes < 10)
        return err_note(FOLD_ERR_FORMAT, note, "only %zu bytes: not a safetensors file",
                        file->bytes);
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | file->map[i];
    if (length > HEADER_MAX || file->map[8] != '{')
        return err_note(FOLD_ERR_FORMAT, note, "not a safetensors file");
    if (length > file->bytes - 8)
        return err_note(FOLD_ERR_FORMAT, note,
                        "cut short: the header alone is %llu bytes, the file %zu",
                        (unsigned long long)length, file->bytes);
    if ((8 + length) % SEEDFILE_ALIGN)
        return err_note(FOLD_ERR_FORMAT, note, "the data section is not aligned to %d bytes",
                        SEEDFILE_ALIGN);
    json_error_t error;
    file->header =
        json_loadb((const char *)file->map + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(file->header))
        return err_note(FOLD_ERR_FORMAT, note, "the header is not a JSON object: %.120s",
                        error.text);

    const unsigned char *data = file->map + 8 + length;
    size_t data_bytes = file->bytes - 8 - (size_t)length;
    file->tensors = calloc(json_object_size(file->header) + 1, sizeof *file->tensors);
    if (!file->tensors)
        return FOLD_ERR_MEMORY;
    const char *name;
    json_t *entry;
    json_object_foreach (file->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        int err =
            parse_tensor(&file->tensors[file->tensors_count], name, entry, data, data_bytes, note);
        if (err)
            return err;
        file->tensors_count++;
    }
    qsort(file->tensors, file->tensors_count, sizeof *file->tensors, by_name);
    int err = check_cover(file, data, data_bytes, note);
    return err ? err : check_metadata(file, data, data_bytes, note);
}

static void release_json(struct seedfile *file)
{
    json_decref(file->header);
    json_decref(file->config);
    free(file->tensors);
    file->header = file->config = NULL;
    file->tensors = NULL;
}

int seedfile_parse(struct seedfile *file, const void *bytes, size_t count, struct fold_note *note)
{
    *file = (struct seedfile){.map = bytes, .bytes = count};
    int err = parse(file, note);
    if (err)
        release_json(file);
    return err;
}

int seedfile_open(struct seedfile *file, const char *path, struct fold_note *note)
{
    const unsigned char *map;
    size_t bytes;
    int err = mapping_open(&map, &bytes, path, note);
    if (err)
        return err;
    err = seedfile_parse(file, map, bytes, note);
    if (err)
        mapping_close(map, bytes);
    else
        file->mapped = true;
    return err;
}

void seedfile_close(struct seedfile *file)
{
    release_json(file);
    if (file->mapped)
        mapping_close(file->map, file->bytes);
    file->mapped = false;
}

/* Gives back the whole pages between two addresses. */
static void give_back(const unsigned char *from, const unsigned char *to)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)from + page - 1) / page * page,
                    end = (uintptr_t)to / page * page;
    if (end > first)
        madvise((void *)first, end - first, MADV_DONTNEED); /* it is anonymous: gone, not reread */
}

void seedfile_forget(struct seedfile *file)
{
    if (!file->mapped)
        return;
    struct seedfile_tensor **order = malloc((file->tensors_count + 1) * sizeof *order);
    const unsigned char *from = file->map; /* what is not kept since here */
    if (!order)
        return; /* it stays */
    for (size_t i = 0; i < file->tensors_count; i++)
        order[i] = &file->tensors[i];
    qsort(order, file->tensors_count, sizeof *order, by_data);
    for (size_t i = 0; i < file->tensors_count; i++) {
        if (!order[i]->kept)
            continue;
        give_back(from, order[i]->data);
        from =
            (const unsigned char *)order[i]->data + order[i]->count * dtypes[order[i]->dtype].bytes;
    }
    give_back(from, file->map + file->bytes);
    free(order);
}

struct seedfile_tensor *seedfile_find(struct seedfile *file, const char *name)
{
    struct seedfile_tensor key = {.name = name};
    struct seedfile_tensor *t =
        bsearch(&key, file->tensors, file->tensors_count, sizeof key, by_name);
    if (t)
        t->used = true;
    return t;
}
