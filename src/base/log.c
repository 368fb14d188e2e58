#include "keepone/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "keepone/base/clock.h"

static int log_rank;
static enum ko_log_level log_level = KO_LOG_INFO;
static bool is_live_line;

void
ko_log_init(int rank, enum ko_log_level level)
{
    log_rank = rank;
    log_level = level;
}

static void
clear_live_line(void)
{
    if (is_live_line)
        (void) fputs("\r\033[K", stderr);
    is_live_line = false;
}

void
ko_log(enum ko_log_level level, const char *format, ...)
{
    static const char *const names[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
    char text[1024];
    char stamp[KO_CLOCK_TEXT_BYTES];
    va_list args;

    if (level > log_level || (level == KO_LOG_INFO && log_rank != 0))
        return;
    va_start(args, format);
    (void) vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ko_wall_text(ko_wall_us(), stamp);
    clear_live_line();
    (void) fprintf(stderr, "%s %s R%03d %s\n", stamp, names[level], log_rank, text);
}

void
ko_log_live(const char *line)
{
    if (log_rank != 0)
        return;
    clear_live_line();
    if (line == NULL)
        return;
    (void) fputs(line, stderr);
    (void) fflush(stderr);
    is_live_line = true;
}
