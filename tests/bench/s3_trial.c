/*
 * Operations on a mounted S3, one line of standard input each, for tests and for measuring:
 *
 *     get PATH FILE      the object into a file ("-": thrown away)
 *     put PATH FILE      a file into the object, written as a stream
 *     many PATH N        N objects PATH0, PATH1, ... with their numbers, finished later
 *     abandon PATH FILE  the same as put, and then thrown away
 *     replace PATH TEXT, create PATH TEXT, stat PATH, list PATH, remove PATH, remove_folder PATH
 *     watch PATH         like get, asking is_ready before each read
 *
 * Each prints one line, "ok ..." or "error CODE TEXT | HINT".  Settings come from the environment;
 * KEEPONE_S3_STALL_MS and KEEPONE_S3_THROTTLE_S shorten the limits.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keepone/aws/s3_mount.h"
#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"

enum { PIECE_BYTES = 256 * 1024, LINE_BYTES = 8192 };

static char piece[PIECE_BYTES];

struct trial {
    struct ko_mount mount;
    const char *path;
    const char *argument;
    char answer[LINE_BYTES];
};

static double
cpu_s(void)
{
    struct rusage usage;

    (void) getrusage(RUSAGE_SELF, &usage);
    return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static enum ko_code
copy_out(struct trial *trial, bool asks, struct ko_error *err)
{
    const struct ko_mount *const mount = &trial->mount;
    const uint64_t start_us = ko_clock_us();
    const double start_cpu_s = cpu_s();
    uint64_t n_total = 0;
    uint64_t n_waits = 0;
    void *stream = NULL;
    size_t n = 1;
    int fd = -1;

    if (strcmp(trial->argument, "-") != 0)
        fd = open(trial->argument, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    KO_TRY(mount->ops->open_read(mount->self, trial->path, &stream, err));
    while (n > 0) {
        for (; asks && !mount->ops->is_ready(stream); n_waits++)
            mount->ops->wait_read(stream, 1000);
        KO_TRY(mount->ops->read_some(stream, piece, sizeof piece, &n, err));
        n_total += n;
        if (fd >= 0)
            KO_TRY(ko_write_all(fd, (struct ko_slice){piece, n}, trial->argument, err));
    }
    (void) snprintf(trial->answer, sizeof trial->answer,
                    "%llu bytes, %.3f s, cpu %.3f s, peak %llu, waits %llu",
                    (unsigned long long) n_total, (double) (ko_clock_us() - start_us) / 1e6,
                    cpu_s() - start_cpu_s, (unsigned long long) ko_mem_peak_bytes(),
                    (unsigned long long) n_waits);

done:
    if (stream != NULL)
        mount->ops->close_read(stream);
    if (fd >= 0)
        (void) close(fd);
    return err->code;
}

static enum ko_code
get(struct trial *trial, struct ko_error *err)
{
    return copy_out(trial, false, err);
}

static enum ko_code
watch(struct trial *trial, struct ko_error *err)
{
    return copy_out(trial, true, err);
}

static enum ko_code
copy_in(struct trial *trial, void *stream, struct ko_error *err)
{
    const int fd = open(trial->argument, O_RDONLY | O_CLOEXEC);
    size_t n = 1;

    while (n > 0) {
        KO_TRY(ko_read_some(fd, piece, sizeof piece, &n, trial->argument, err));
        KO_TRY(trial->mount.ops->write(stream, (struct ko_slice){piece, n}, err));
    }

done:
    (void) close(fd);
    return err->code;
}

static enum ko_code
put(struct trial *trial, struct ko_error *err)
{
    const struct ko_mount *const mount = &trial->mount;
    const uint64_t start_us = ko_clock_us();
    void *stream = NULL;

    KO_TRY(mount->ops->open_write(mount->self, trial->path, &stream, err));
    if (copy_in(trial, stream, err) != KO_OK)
        mount->ops->abandon_write(stream);
    else
        (void) mount->ops->finish_write(stream, err);
    (void) snprintf(trial->answer, sizeof trial->answer, "%.3f s, peak %llu",
                    (double) (ko_clock_us() - start_us) / 1e6,
                    (unsigned long long) ko_mem_peak_bytes());

done:
    return err->code;
}

static enum ko_code
give_up(struct trial *trial, struct ko_error *err)
{
    const struct ko_mount *const mount = &trial->mount;
    void *stream = NULL;

    KO_TRY(mount->ops->open_write(mount->self, trial->path, &stream, err));
    (void) copy_in(trial, stream, err);
    mount->ops->abandon_write(stream);

done:
    return err->code;
}

static enum ko_code
write_many(struct trial *trial, struct ko_error *err)
{
    const struct ko_mount *const mount = &trial->mount;
    const unsigned long n = strtoul(trial->argument, NULL, 10);
    char path[KO_PATH_BYTES];
    void *stream;

    for (unsigned long i = 0; i < n; i++) {
        (void) snprintf(path, sizeof path, "%s%lu", trial->path, i);
        KO_TRY(mount->ops->open_write(mount->self, path, &stream, err));
        (void) snprintf(path, sizeof path, "%lu", i);
        (void) mount->ops->write(stream, ko_slice_of(path), err);
        KO_TRY(mount->ops->finish_write_later(stream, err));
    }

done : {
    struct ko_error second = {0};

    (void) mount->ops->sync(mount->self, err->code == KO_OK ? err : &second);
}
    return err->code;
}

static enum ko_code
replace(struct trial *trial, struct ko_error *err)
{
    return trial->mount.ops->replace(trial->mount.self, trial->path, ko_slice_of(trial->argument),
                                     err);
}

static enum ko_code
create(struct trial *trial, struct ko_error *err)
{
    bool created = false;

    (void) trial->mount.ops->create(trial->mount.self, trial->path, ko_slice_of(trial->argument),
                                    &created, err);
    (void) snprintf(trial->answer, sizeof trial->answer, "%s", created ? "created" : "was there");
    return err->code;
}

static enum ko_code
look(struct trial *trial, struct ko_error *err)
{
    uint64_t size_bytes = 0;
    bool exists = false;

    (void) trial->mount.ops->stat(trial->mount.self, trial->path, &exists, &size_bytes, err);
    (void) snprintf(trial->answer, sizeof trial->answer, "%s %llu",
                    exists ? "exists" : "is missing", (unsigned long long) size_bytes);
    return err->code;
}

/* "name:size" each; of a folder, "name/". */
static enum ko_code
list(struct trial *trial, struct ko_error *err)
{
    struct ko_names names = {0};
    size_t n = 0;

    KO_TRY(trial->mount.ops->list(trial->mount.self, trial->path, &names, err));
    n = (size_t) snprintf(trial->answer, sizeof trial->answer, "%zu", names.n);
    for (size_t i = 0; i < names.n && n < sizeof trial->answer - 1200; i++) {
        const struct ko_name *const name = &names.names[i];

        if (name->size_bytes == KO_SIZE_OF_FOLDER)
            n += (size_t) snprintf(trial->answer + n, sizeof trial->answer - n, " %s/", name->text);
        else
            n += (size_t) snprintf(trial->answer + n, sizeof trial->answer - n, " %s:%llu",
                                   name->text, (unsigned long long) name->size_bytes);
    }

done:
    ko_names_clear(&names);
    return err->code;
}

static enum ko_code
remove_one(struct trial *trial, struct ko_error *err)
{
    return trial->mount.ops->remove(trial->mount.self, trial->path, err);
}

static enum ko_code
remove_all(struct trial *trial, struct ko_error *err)
{
    return trial->mount.ops->remove_folder(trial->mount.self, trial->path, err);
}

static enum ko_code
run(const char *verb, struct trial *trial, struct ko_error *err)
{
    static const struct {
        const char *name;
        enum ko_code (*run)(struct trial *, struct ko_error *);
    } verbs[] = {
        {"get", get},
        {"put", put},
        {"watch", watch},
        {"abandon", give_up},
        {"many", write_many},
        {"create", create},
        {"replace", replace},
        {"stat", look},
        {"list", list},
        {"remove", remove_one},
        {"remove_folder", remove_all},
    };

    if (ko_mount_of(trial->path, &trial->mount, err) != KO_OK)
        return err->code;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verb, verbs[i].name) == 0)
            return verbs[i].run(trial, err);
    }
    return ko_fail(err, KO_E_OPTION, "no such verb: %s", verb);
}

static unsigned
setting(const char *name)
{
    const char *const text = getenv(name);

    return text == NULL ? 0 : (unsigned) strtoul(text, NULL, 10);
}

int
main(void)
{
    const struct ko_aws_options aws_options = {0};
    struct ko_s3_options options = {.stall_timeout_ms = setting("KEEPONE_S3_STALL_MS"),
                                    .throttle_limit_s = setting("KEEPONE_S3_THROTTLE_S")};
    struct ko_s3_mount *mount = NULL;
    struct ko_error err = {0};
    char line[LINE_BYTES];

    KO_TRY(ko_aws_open(&aws_options, &options.aws, &err));
    KO_TRY(ko_s3_mount_open(&options, &mount, &err));
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *rest = line;
        struct trial trial = {0};
        const char *verb;

        line[strcspn(line, "\n")] = '\0';
        verb = strsep(&rest, "\t");
        trial.path = rest != NULL ? strsep(&rest, "\t") : "";
        trial.argument = rest != NULL ? rest : "";
        err = (struct ko_error){0};
        if (run(verb, &trial, &err) == KO_OK)
            (void) printf("ok %s\n", trial.answer);
        else
            (void) printf("error %d %s | %s\n", (int) err.code, err.text, err.hint);
        (void) fflush(stdout);
    }
    err = (struct ko_error){0};

done:
    if (err.code != KO_OK)
        (void) printf("error %d %s | %s\n", (int) err.code, err.text, err.hint);
    ko_s3_mount_close(mount);
    ko_aws_close(options.aws);
    return err.code != KO_OK || ko_mem_live() != 0;
}
