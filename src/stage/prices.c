#include "keepone/stage/prices.h"

#include <stddef.h>
#include <string.h>

/* Of us-east-1; elsewhere in the ratio of storage prices. */
#define EXPORT_GB  0.10
#define IMPORT_GB  0.15
#define STORAGE_GB 0.25

static const struct ko_prices prices[] = {
    {"us-east-1", 0.625, 0.125, 0.00065, 0.00013, STORAGE_GB, 0, 0, 0.023},
    {"us-east-2", 0.625, 0.125, 0.00065, 0.00013, STORAGE_GB, 0, 0, 0.023},
    {"us-west-2", 0.625, 0.125, 0.00065, 0.00013, STORAGE_GB, 0, 0, 0.023},
    {"eu-west-1", 0.705, 0.1415, 0.000735, 0.000147, 0.283, 0, 0, 0.023},
    {"ap-northeast-1", 0.715, 0.1425, 0.000742, 0.0001484, 0.285, 0, 0, 0.025},
};

struct ko_prices
ko_prices_of(const char *region, bool *is_known)
{
    struct ko_prices found = prices[0];

    *is_known = false;
    for (size_t i = 0; region != NULL && i < sizeof prices / sizeof prices[0]; i++) {
        if (strcmp(prices[i].region, region) != 0)
            continue;
        found = prices[i];
        *is_known = true;
    }
    found.export_gb = EXPORT_GB * found.storage_gb_month / STORAGE_GB;
    found.import_gb = IMPORT_GB * found.storage_gb_month / STORAGE_GB;
    return found;
}
