#include "keepone/base/random.h"

#include <stdbool.h>
#include <sys/random.h>

#include "keepone/base/clock.h"

static uint64_t state;
static bool is_seeded;

/* splitmix64 (Steele, Lea, Flood, 2014). */
static uint64_t
next(void)
{
    uint64_t z;

    if (!is_seeded) {
        if (getrandom(&state, sizeof state, 0) != (ssize_t) sizeof state)
            state = ko_clock_us() ^ (uint64_t) ko_wall_us();
        is_seeded = true;
    }
    state += 0x9e3779b97f4a7c15U;
    z = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t
ko_random(uint64_t bound)
{
    return bound == 0 ? 0 : next() % bound;
}

void
ko_random_seed(uint64_t seed)
{
    state = seed;
    is_seeded = true;
}

void
ko_random_hex(char *text, unsigned n)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < n; i++)
        text[i] = digits[ko_random(16)];
    text[n] = '\0';
}
