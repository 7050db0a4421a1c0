#include "daemon/statistics.h"

const char *statistic_text(StatisticName name) {
        static const char *const texts[_STATISTIC_MAX] = {
#define XX(symbol, text) [STATISTIC_##symbol] = #text,
                STATISTICS_MAP(XX)
#undef XX
        };

        return texts[name];
}
