#include <strings.h>

#include <curl/curl.h>

#include "keepone/aws/http.h"

/* A clock beyond the year 9999 is no clock, and its microseconds might not fit. */
static const int64_t last_s = 253402300799LL;

struct ko_slice
ko_http_header(const struct ko_http_response *response, const char *name)
{
    const size_t name_n = strlen(name);
    const char *const end = response->headers.data + response->headers.n;

    for (const char *line = response->headers.data; line < end;) {
        const char *newline = memchr(line, '\n', (size_t) (end - line));
        const char *line_end = newline == NULL ? end : newline;
        const char *value = line + name_n + 1;

        if (value <= line_end && line[name_n] == ':' && strncasecmp(line, name, name_n) == 0) {
            while (value < line_end && (*value == ' ' || *value == '\t'))
                value++;
            while (line_end > value && strchr(" \t\r", line_end[-1]) != NULL)
                line_end--;
            return (struct ko_slice){value, (size_t) (line_end - value)};
        }
        if (newline == NULL)
            break;
        line = newline + 1;
    }
    return (struct ko_slice){NULL, 0};
}

bool
ko_http_date(const struct ko_http_response *response, int64_t *wall_us)
{
    const struct ko_slice date = ko_http_header(response, "Date");
    char text[64] = "";
    time_t seconds;

    if (date.n == 0 || date.n >= sizeof text)
        return false;
    memcpy(text, date.data, date.n);
    seconds = curl_getdate(text, NULL);
    if (seconds <= 0 || seconds > last_s)
        return false;
    *wall_us = (int64_t) seconds * 1000000;
    return true;
}
