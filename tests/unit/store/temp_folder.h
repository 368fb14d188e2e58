/*
 * A folder of its own for each case: folder_begin() first, folder_end() last.
 * file_at("a") is the path of "a" in it, valid until the third call after.
 */
#ifndef KEEPONE_TESTS_UNIT_STORE_TEMP_FOLDER_H
#define KEEPONE_TESTS_UNIT_STORE_TEMP_FOLDER_H

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keepone/base/file.h"
#include "support/test.h"

static char temp_folder[256];

static inline void
folder_begin(void)
{
    const char *base = getenv("TMPDIR");

    (void) snprintf(temp_folder, sizeof temp_folder, "%s/keepone-test-XXXXXX",
                    base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(temp_folder));
}

static inline void
folder_end(void)
{
    struct ko_error err = {0};

    (void) ko_folder_remove(temp_folder, &err);
    CHECK_OK(err);
}

static inline const char *
file_at(const char *name)
{
    static char paths[4][512];
    static unsigned i;
    char *path = paths[i++ % 4];

    (void) snprintf(path, sizeof paths[0], "%s/%s", temp_folder, name);
    return path;
}

static inline void
file_write(const char *name, struct ko_slice content)
{
    FILE *file = fopen(file_at(name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.n, file), content.n);
    assert_int_equal(fclose(file), 0);
}

static inline void
file_read(const char *name, struct ko_buf *out)
{
    struct ko_error err = {0};

    ko_buf_reset(out);
    (void) ko_file_read(file_at(name), UINT64_MAX, out, &err);
    CHECK_OK(err);
}

static inline bool
file_exists(const char *name)
{
    struct ko_error err = {0};
    bool exists;

    (void) ko_file_exists(file_at(name), &exists, &err);
    CHECK_OK(err);
    return exists;
}

/* The names in the folder with a space behind each. */
static inline const char *
folder_names(void)
{
    static char text[1024];
    struct ko_names names = {0};
    struct ko_error err = {0};
    size_t n = 0;

    (void) ko_folder_list(temp_folder, &names, &err);
    CHECK_OK(err);
    text[0] = '\0';
    for (size_t i = 0; i < names.n; i++)
        n += (size_t) snprintf(text + n, sizeof text - n, "%s ", names.names[i].text);
    ko_names_clear(&names);
    return text;
}

/* Files cannot grow beyond n_bytes, as on a full disk; 0 = no limit. */
static inline void
disk_limit(uint64_t n_bytes)
{
    struct rlimit limit = {0};

    (void) signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = n_bytes == 0 ? limit.rlim_max : n_bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
