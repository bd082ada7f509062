/* One backtest of one symbol by hand: opening range breakout with a VWAP filter (PERFORMANCE, W1).
 *
 * The limit that the compiled host is measured against. Rules as SPEC 3a: signal on the close of a
 * bar, fill at the next open, stop before target inside a bar, gaps fill at the open, time exit at
 * an open, one trade a day. Prices are rounded half-even to 1e-6 as the host rounds them. */
#include <math.h>
#include <stdint.h>

typedef struct { int64_t minute; double open, high, low, close, volume; } Bar;

typedef struct {
    int64_t direction, entry_minute, exit_minute, reason;
    double entry_price, exit_price;
} Trade;

static double on_grid(double price) { return nearbyint(price * 1e6) / 1e6; }

int64_t backtest(const Bar *bars, const int64_t *offsets, int64_t days, int64_t analysis_end,
                 int64_t entry_end, int64_t exit_minute, double buffer, double stop_fraction,
                 double target_fraction, double slippage, Trade *trades) {
    int64_t found = 0;
    for (int64_t day = 0; day < days; day++) {
        double top = 0.0, bottom = 0.0, turnover = 0.0, volume = 0.0, entry = 0.0, stop = 0.0;
        double target = 0.0;
        int64_t pending = 0, direction = 0, entered = -1, seen = 0;
        for (const Bar *bar = bars + offsets[day]; bar < bars + offsets[day + 1]; bar++) {
            if (direction == 0 && bar->minute >= entry_end) break;
            if (pending) {
                direction = pending;
                pending = 0;
                entered = bar->minute;
                entry = on_grid(bar->open * (1.0 + slippage * direction));
                stop = entry * (1.0 - direction * stop_fraction);
                target = entry * (1.0 + direction * target_fraction);
            }
            if (direction) {
                double price = 0.0;
                int64_t reason = 0;
                if (bar->minute >= exit_minute) {
                    reason = 3;
                    price = bar->open * (1.0 - slippage * direction);
                } else if (direction > 0) {
                    if (bar->minute != entered && bar->open <= stop) { reason = 1; price = bar->open * (1.0 - slippage); }
                    else if (bar->minute != entered && bar->open >= target) { reason = 2; price = bar->open; }
                    else if (bar->low <= stop) { reason = 1; price = stop * (1.0 - slippage); }
                    else if (bar->high >= target) { reason = 2; price = target; }
                } else {
                    if (bar->minute != entered && bar->open >= stop) { reason = 1; price = bar->open * (1.0 + slippage); }
                    else if (bar->minute != entered && bar->open <= target) { reason = 2; price = bar->open; }
                    else if (bar->high >= stop) { reason = 1; price = stop * (1.0 + slippage); }
                    else if (bar->low <= target) { reason = 2; price = target; }
                }
                if (reason) {
                    trades[found++] = (Trade){direction, entered, bar->minute, reason, entry, on_grid(price)};
                    break;
                }
                continue;
            }
            turnover += (bar->high + bar->low + bar->close) / 3.0 * bar->volume;
            volume += bar->volume;
            if (bar->minute < analysis_end) {
                if (seen == 0 || bar->high > top) top = bar->high;
                if (seen == 0 || bar->low < bottom) bottom = bar->low;
                seen++;
                continue;
            }
            double level = turnover / volume;
            if (bar->close > top * (1.0 + buffer) && bar->close > level) pending = 1;
            else if (bar->close < bottom * (1.0 - buffer) && bar->close < level) pending = -1;
        }
    }
    return found;
}
