/*
 * The main program of a fuzz target where there is no libFuzzer: replays the files of a corpus,
 * then a number of mutations of them that are the same in every run.
 *
 *     fuzz_NAME N_MUTATIONS FILE...
 *
 * An input on which the target fails is left in fuzz_NAME.failed in the working folder;
 * `fuzz_NAME 0 fuzz_NAME.failed` tries it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_BYTES = 4096, MAX_SEEDS = 256, MAX_CHANGES = 6 };

struct input {
    uint8_t bytes[INPUT_BYTES];
    size_t n;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* There only under a sanitizer. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static char failed_path[256];
static struct input current;
static uint64_t random_state;

static uint64_t
draw(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % limit;
}

/* Only what a signal handler may call. */
static void
save_current(void)
{
    static const char words[] = "failed; the input is in the file ";
    const int fd = open(failed_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd < 0 || write(fd, current.bytes, current.n) != (ssize_t) current.n || close(fd) != 0)
        return;
    (void) !write(STDERR_FILENO, words, sizeof words - 1);
    (void) !write(STDERR_FILENO, failed_path, strlen(failed_path));
    (void) !write(STDERR_FILENO, "\n", 1);
}

static void
on_signal(int number)
{
    save_current();
    (void) signal(number, SIG_DFL);
    (void) raise(number);
}

static void
watch(const char *program)
{
    static const int signals[] = {SIGABRT, SIGILL, SIGTRAP, SIGFPE, SIGSEGV, SIGBUS, SIGALRM};
    const char *slash = strrchr(program, '/');

    (void) snprintf(failed_path, sizeof failed_path, "%s.failed",
                    slash == NULL ? program : slash + 1);
    (void) remove(failed_path);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void) signal(signals[i], on_signal);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(save_current);
}

/* The target sees a block of exactly the input's size, so that a sanitizer sees it read beyond. */
static void
try_current(void)
{
    uint8_t *exact = malloc(current.n + (current.n == 0));

    if (exact == NULL)
        raise(SIGABRT);
    memcpy(exact, current.bytes, current.n);
    (void) alarm(10);
    (void) LLVMFuzzerTestOneInput(exact, current.n);
    (void) alarm(0);
    free(exact);
}

/* Replaces n_old bytes at an offset by n_new bytes, as far as there is room. */
static void
replace(size_t offset, size_t n_old, const uint8_t *bytes, size_t n_new)
{
    const size_t n_behind = current.n - offset - n_old;

    if (current.n - n_old + n_new > INPUT_BYTES)
        return;
    memmove(current.bytes + offset + n_new, current.bytes + offset + n_old, n_behind);
    memcpy(current.bytes + offset, bytes, n_new);
    current.n = offset + n_new + n_behind;
}

/* Bytes that readers branch on, and numbers at the ends of their ranges. */
static void
replace_by_word(size_t offset, size_t n_old)
{
    static const char *const words[] = {
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "-",
        ".",
        "0",
        "9",
        "\n",
        "\r\n",
        "\t",
        " ",
        "\xff",
        "\xc3\xa9",
        "\xed\xa0\x80",
        "\xf0\x9f\x98\x80",
        "\\u0000",
        "\\ud800",
        "\\udc00",
        "e-130",
        "e+126",
        "18446744073709551616",
        "9223372036854775807",
        "99999999999999999999999999999999",
        "null",
        "true",
        "{\"S\":\"",
        "{\"N\":\"",
        "{\"M\":{",
        "{\"L\":[",
        "{\"B\":\"",
        "{\"SS\":[",
        "<",
        ">",
        "=",
        "(",
        ")",
        " AND ",
        "Z",
        "+14:00",
        "[0]",
        "#",
    };
    const char *word = words[draw(sizeof words / sizeof words[0])];

    replace(offset, n_old, (const uint8_t *) word, strlen(word));
}

static void
change_current(const struct input *other)
{
    const size_t offset = draw(current.n + 1);
    const size_t n_left = current.n - offset;
    const size_t n_old = n_left == 0 ? 0 : draw(n_left < 16 ? n_left + 1 : 17);
    const size_t other_offset = draw(other->n + 1);
    const size_t n_other = draw(other->n - other_offset + 1);
    const uint8_t byte = (uint8_t) draw(256);

    switch (draw(6)) {
    case 0:
        if (n_left > 0)
            current.bytes[offset] ^= (uint8_t) (1U << draw(8));
        break;
    case 1:
        replace(offset, n_left == 0 ? 0 : 1, &byte, 1);
        break;
    case 2:
        replace(offset, n_old, &byte, 0);
        break;
    case 3:
        replace(offset, n_old, other->bytes + other_offset, n_other);
        break;
    case 4:
        current.n = offset;
        break;
    default:
        replace_by_word(offset, draw(2) * n_old);
        break;
    }
}

static bool
read_seed(const char *path, struct input *seed)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        (void) fprintf(stderr, "reading '%s': %s\n", path, strerror(errno));
        return false;
    }
    seed->n = fread(seed->bytes, 1, sizeof seed->bytes, file);
    (void) fclose(file);
    return true;
}

int
main(int argc, char **argv)
{
    static struct input seeds[MAX_SEEDS];
    const unsigned long n_mutations = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    const size_t n_seeds = argc > 2 ? (size_t) argc - 2 : 0;

    if (n_seeds == 0 || n_seeds > MAX_SEEDS) {
        (void) fprintf(stderr, "usage: fuzz_NAME N_MUTATIONS FILE... (1 to %d files)\n", MAX_SEEDS);
        return 2;
    }
    watch(argv[0]);
    for (size_t i = 0; i < n_seeds; i++) {
        if (!read_seed(argv[2 + i], &seeds[i]))
            return 2;
        current = seeds[i];
        try_current();
    }
    for (unsigned long i = 0; i < n_mutations; i++) {
        random_state = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        current = seeds[draw(n_seeds)];
        for (uint64_t n_changes = 1 + draw(MAX_CHANGES); n_changes > 0; n_changes--)
            change_current(&seeds[draw(n_seeds)]);
        try_current();
    }
    return 0;
}
