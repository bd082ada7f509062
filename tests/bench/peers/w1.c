/* W1 of PERFORMANCE by hand, the limit: opening range breakout with VWAP filter on one symbol.
 *
 * The rules are those of work.py and of SPEC 3a; prices of fills are rounded half-even to 1e-6. With
 * `whole` each bar of a day is looked at, as a naive loop does; else a day ends with its trade. */
#include <math.h>
#include <stdint.h>

typedef struct { int64_t minute; double open, high, low, close, volume; } Bar;

typedef struct {
    int64_t day, direction, entry_minute, exit_minute;
    double entry_price, exit_price;
} Fill;

typedef struct {
    int64_t range_minutes;
    double buffer, stop, target;
    int64_t flat_minute;
    double slippage, commission, size;
} Rules;

static double on_grid(double price) { return nearbyint(price * 1e6) / 1e6; }

int64_t w1(const Bar *bars, const int64_t *offsets, int64_t days, const Rules *r, int64_t whole,
           Fill *fills, double *pnl) {
    int64_t found = 0;
    double earned = 0.0;
    for (int64_t day = 0; day < days; day++) {
        double top = 0, bottom = 0, notional = 0, traded = 0, entry = 0, stop = 0, target = 0;
        int64_t pending = 0, side = 0, entered = 0, done = 0, first = 1;
        for (const Bar *b = bars + offsets[day]; b < bars + offsets[day + 1]; b++) {
            if (pending && b->minute < r->flat_minute) {
                side = pending;
                entered = b->minute;
                entry = on_grid(b->open * (1.0 + side * r->slippage));
                stop = entry * (1.0 - side * r->stop);
                target = entry * (1.0 + side * r->target);
            }
            pending = 0;
            if (side) {
                int late = b->minute != entered;
                double price = 0.0;
                if (b->minute >= r->flat_minute) price = b->open * (1.0 - side * r->slippage);
                else if (side > 0) {
                    if (late && b->open <= stop) price = b->open * (1.0 - r->slippage);
                    else if (late && b->open >= target) price = b->open;
                    else if (b->low <= stop) price = stop * (1.0 - r->slippage);
                    else if (b->high >= target) price = target;
                } else {
                    if (late && b->open >= stop) price = b->open * (1.0 + r->slippage);
                    else if (late && b->open <= target) price = b->open;
                    else if (b->high >= stop) price = stop * (1.0 + r->slippage);
                    else if (b->low <= target) price = target;
                }
                if (price > 0.0) {
                    price = on_grid(price);
                    fills[found++] = (Fill){day, side, entered, b->minute, entry, price};
                    earned += side * (price - entry) * r->size;
                    earned -= r->commission * (entry + price) * r->size;
                    side = 0;
                    if (!whole) break;
                }
            }
            notional += (b->high + b->low + b->close) / 3.0 * b->volume;
            traded += b->volume;
            double vwap = notional / traded;
            if (b->minute < r->range_minutes) {
                if (first || b->high > top) top = b->high;
                if (first || b->low < bottom) bottom = b->low;
                first = 0;
            } else if (!done && b->minute < r->flat_minute - 1) {
                if (b->close > top * (1.0 + r->buffer) && b->close > vwap) pending = done = 1;
                else if (b->close < bottom * (1.0 - r->buffer) && b->close < vwap) {
                    pending = -1;
                    done = 1;
                }
            }
        }
    }
    *pnl = earned;
    return found;
}
