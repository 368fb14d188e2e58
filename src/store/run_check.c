#include "keepone/format/digest.h"
#include "run_priv.h"

bool
ko_run_totals_add_up(const struct ko_run_totals *t)
{
    uint64_t sum = 0;
    const uint64_t counts[] = {t->folded,  t->filtered, t->missing, t->unique,
                               t->keepers, t->planned,  t->review};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (__builtin_add_overflow(sum, counts[i], &sum))
            return false;
    }
    return sum == t->read;
}

bool
ko_run_is_plan_name(struct ko_slice name)
{
    const struct ko_slice stem = KO_SLICE("plan");

    if (name.n < stem.n || name.n > stem.n + 6 || memcmp(name.data, stem.data, stem.n) != 0)
        return false;
    if (name.n == stem.n)
        return true;
    if (name.data[stem.n] != '-' || name.n == stem.n + 1 || name.data[stem.n + 1] == '0')
        return false;
    for (size_t i = stem.n + 1; i < name.n; i++) {
        if (name.data[i] < '0' || name.data[i] > '9')
            return false;
    }
    return true;
}

bool
ko_is_sha256_hex(struct ko_slice text)
{
    if (text.n != KO_SHA256_HEX_BYTES - 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (memchr("0123456789abcdef", text.data[i], 16) == NULL)
            return false;
    }
    return true;
}
