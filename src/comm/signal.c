/* Stop signals.  A handler knows no world, so what it notes is the only state outside of one. */
#include <signal.h>
#include <string.h>

#include "keepone/base/clock.h"
#include "world_priv.h"

enum { SAME_WISH_US = 1000000 };

static const int stop_signals[] = {SIGUSR1, SIGTERM, SIGINT};

static volatile sig_atomic_t is_stop_wanted;
static volatile sig_atomic_t n_hard_stops; /* SIGTERM and SIGINT */

static void
note_signal(int signal_number)
{
    if (signal_number != SIGUSR1)
        n_hard_stops = n_hard_stops + 1;
    is_stop_wanted = 1;
}

static void
set_handlers(void (*handler)(int))
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    (void) sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof stop_signals / sizeof stop_signals[0]; i++)
        (void) sigaction(stop_signals[i], &action, NULL);
}

void
ko_world_catch_signals(struct ko_world *world)
{
    world->stop_seen_us = 0;
    is_stop_wanted = 0;
    set_handlers(note_signal);
}

void
ko_signals_release(void)
{
    set_handlers(SIG_DFL);
}

bool
ko_world_stop_wanted(struct ko_world *world)
{
    const int n_hard = (int) n_hard_stops;

    if (!is_stop_wanted)
        return false;
    if (world->stop_seen_us == 0) {
        world->stop_seen_us = ko_clock_us();
    } else if (n_hard != world->n_hard_stops_seen &&
               ko_clock_us() - world->stop_seen_us >= SAME_WISH_US) {
        ko_world_abort(world, KO_E_STOPPED, "stopped at once by a second signal");
    }
    world->n_hard_stops_seen = n_hard;
    return true;
}
