/* replay.c - main() for fuzz targets without libFuzzer: runs every file of the corpus folders
 * given, so that each finding stays a test. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        return -1;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size > 0 ? (size_t)size : 1);
    const size_t count = size > 0 && bytes ? fread(bytes, 1, (size_t)size, file) : 0;
    fclose(file);
    if (bytes)
        LLVMFuzzerTestOneInput(bytes, count);
    free(bytes);
    return bytes && (long)count == size ? 0 : -1;
}

int main(int argc, char **argv)
{
    char path[4096];
    size_t files = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            if (replay(path) < 0) {
                perror(path);
                closedir(folder);
                return 1;
            }
            files++;
        }
        closedir(folder);
    }
    printf("%zu inputs replayed\n", files);
    return files ? 0 : 1;
}
