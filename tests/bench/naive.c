/* The naive stepper in C: what a sweep is measured against (PERFORMANCE W1, W2).
 *
 * One combination after the other, one day after the other, one bar after the other, by the rules of
 * SPEC 3a and the arithmetic of rigd.strategy, so that every output is equal to the last bit. `early`
 * = 0 reads every bar of every day, as W2 does; 1 leaves a day when nothing more can happen in it, and
 * begins it with the window. Built by gcc -O3 -march=native -ffp-contract=off when the bench runs.
 */
#include <math.h>
#include <stdint.h>

enum { OPEN = 0, MID = 1, CLOSE = 2 };

typedef struct {
    int64_t minute;
    double open, high, low, close, volume;
} Bar;

typedef struct {
    double analysis_start, analysis_end, breakout_end, trigger, mode;
    double required, shorts, entry_end, exit_minute;
    double stop, target, trail, factor, buffer_s, touch_vwap;
} Point;

typedef struct {
    double bars, high, low, first_open, last_close, notional, traded;
} State;

static inline double on_grid(double price) {
    double product = price * 1e6, whole = floor(product), part = product - whole;
    if (part == 0.5) {
        double spread = price * 134217729.0, head = spread - (spread - price);
        double error = (head * 1e6 - product) + (price - head) * 1e6;
        if (error > 0.0 || (error == 0.0 && fmod(whole, 2.0) == 1.0)) whole += 1.0;
    } else if (part > 0.5) {
        whole += 1.0;
    }
    return whole / 1e6;
}

static inline double tighter(int direction, double first, double second) {
    if (isnan(first)) return second;
    if (isnan(second)) return first;
    return direction > 0 ? (first > second ? first : second) : (first < second ? first : second);
}

static inline int entry(int kind, State *state, const Bar *bar, const Point *point) {
    double minute = (double)bar->minute;
    if (kind == MID) {
        state->notional += (bar->high + bar->low + bar->close) / 3.0 * bar->volume;
        state->traded += bar->volume;
    }
    if (kind == CLOSE) {
        if (minute < point->analysis_start || minute >= point->breakout_end - 1) return 0;
        if (minute < point->analysis_end) {
            if (state->bars == 0.0) state->first_open = bar->open;
            state->last_close = bar->close;
            state->bars += 1.0;
        }
        if (state->bars == 0.0 || minute < point->analysis_end - 1) return 0;
        double move = state->last_close / state->first_open - 1.0;
        if (move >= point->trigger) return (int)point->mode;
        if (move <= -point->trigger) return -(int)point->mode;
        return 0;
    }
    if (minute < point->analysis_start || minute >= point->breakout_end) return 0;
    if (kind == OPEN) {
        if (minute < point->analysis_end) {
            if (state->bars == 0.0 || bar->high > state->high) state->high = bar->high;
            if (state->bars == 0.0 || bar->low < state->low) state->low = bar->low;
            state->bars += 1.0;
            return 0;
        }
        if (state->bars == 0.0) return 0;
        if (bar->close > state->high * (1.0 + point->trigger)) return 1;
        if (bar->close < state->low * (1.0 - point->trigger)) return -1;
        return 0;
    }
    if (state->traded == 0.0) return 0;
    if (minute < point->analysis_end) {
        state->bars += 1.0;
        return 0;
    }
    double level = state->notional / state->traded;
    if (bar->close < level * (1.0 - point->trigger)) return 1;
    if (bar->close > level * (1.0 + point->trigger)) return -1;
    return 0;
}

static inline void run(int kind, const Bar *bars, const int64_t *offsets, int64_t days,
                       const Point *point, double latency, double slippage, double stake,
                       double lots, double commission, int64_t again, int early, double *out) {
    double count = 0, pnl = 0, wins = 0, peak_pnl = 0, drawdown = 0, held = 0, square = 0;
    for (int64_t day = 0; day < days; day++) {
        State state = {0};
        int direction = 0, pending = 0, finished = 0;
        int64_t entries = 0, entry_minute = -1, last_minute = -1;
        double entry_price = NAN, peak = NAN, last_close = NAN, reference = NAN, day_pnl = 0.0;
        double quantity = 0.0;
        int64_t low = offsets[day], high = offsets[day + 1];
        if (early && kind != MID) {
            int64_t start = (int64_t)point->analysis_start;
            int64_t from = low + start < high ? low + start : high;
            while (from > low && bars[from - 1].minute >= start) from--;
            low = from;
        }
        for (int64_t at = low; at < high; at++) {
            const Bar *bar = bars + at;
            double minute = (double)bar->minute;
            if (direction == 0 && minute >= point->entry_end) {
                finished = 1;
                pending = 0;
            }
            if (finished && early) break;
            if (pending != 0) {
                direction = pending;
                pending = 0;
                entry_minute = bar->minute;
                entry_price = on_grid((bar->open + (bar->close - bar->open) * latency) *
                                      (1.0 + direction * slippage));
                peak = entry_price;
                quantity = floor(stake / reference * lots) / lots;
                entries++;
            }
            if (direction != 0) {
                double price = NAN;
                int ended = 0;
                if (minute >= point->exit_minute) {
                    price = (bar->open + (bar->close - bar->open) * latency) *
                            (1.0 - direction * slippage);
                    ended = 1;
                } else {
                    double trail = point->trail;
                    if (!isnan(trail) &&
                        (point->exit_minute - minute) * 60.0 <= point->buffer_s) {
                        double shrunk = trail * point->factor;
                        if (shrunk < 0.0005) shrunk = 0.0005;
                        if (shrunk < trail) trail = shrunk;
                    }
                    double stop = tighter(direction, entry_price * (1.0 - direction * point->stop),
                                          peak * (1.0 - direction * trail));
                    double target = entry_price * (1.0 + direction * point->target);
                    if (point->touch_vwap != 0.0 && state.traded != 0.0)
                        target = tighter(-direction, target, state.notional / state.traded);
                    int open_counts = bar->minute != entry_minute;
                    if (direction > 0) {
                        if (open_counts && bar->open <= stop) { ended = 1; price = bar->open * (1.0 - slippage); }
                        else if (open_counts && bar->open >= target) { ended = 1; price = bar->open; }
                        else if (bar->low <= stop) { ended = 1; price = stop * (1.0 - slippage); }
                        else if (bar->high >= target) { ended = 1; price = target; }
                    } else {
                        if (open_counts && bar->open >= stop) { ended = 1; price = bar->open * (1.0 + slippage); }
                        else if (open_counts && bar->open <= target) { ended = 1; price = bar->open; }
                        else if (bar->high >= stop) { ended = 1; price = stop * (1.0 + slippage); }
                        else if (bar->low <= target) { ended = 1; price = target; }
                    }
                }
                if (ended) {
                    price = on_grid(price);
                    double gain = direction * (price - entry_price) * quantity -
                                  commission * (price + entry_price) * quantity;
                    count += 1;
                    pnl += gain;
                    day_pnl += gain;
                    wins += gain > 0.0;
                    if (pnl > peak_pnl) peak_pnl = pnl;
                    if (peak_pnl - pnl > drawdown) drawdown = peak_pnl - pnl;
                    held += (double)(bar->minute - entry_minute);
                    direction = 0;
                    if (entries >= again) finished = 1;
                    if (finished && early) break;
                } else {
                    peak = tighter(direction, peak, direction > 0 ? bar->high : bar->low);
                }
            }
            int signal = entry(kind, &state, bar, point);
            if (!finished && direction == 0 && (signal > 0 || (signal < 0 && point->shorts != 0.0)) &&
                state.bars >= point->required) {
                pending = signal > 0 ? 1 : -1;
                reference = bar->close;
            }
            last_minute = bar->minute;
            last_close = bar->close;
        }
        if (direction != 0) {
            double price = on_grid(last_close);
            double gain = direction * (price - entry_price) * quantity -
                          commission * (price + entry_price) * quantity;
            count += 1;
            pnl += gain;
            day_pnl += gain;
            wins += gain > 0.0;
            if (pnl > peak_pnl) peak_pnl = pnl;
            if (peak_pnl - pnl > drawdown) drawdown = peak_pnl - pnl;
            held += (double)(last_minute - entry_minute);
        }
        square += day_pnl * day_pnl;
    }
    out[0] = count;
    out[1] = pnl;
    out[2] = wins;
    out[3] = drawdown;
    out[4] = held;
    out[5] = square;
}

/* One specialised copy of the loop for each strategy, so that the kind costs nothing per bar. */
void naive(int64_t kind, const Bar *bars, const int64_t *offsets, int64_t days, const Point *points,
           int64_t count, double latency, double slippage, double stake, double lots,
           double commission, int64_t again, int64_t early, double *out) {
#define LOOP(KIND, EARLY)                                                                        \
    for (int64_t number = 0; number < count; number++)                                           \
        run(KIND, bars, offsets, days, points + number, latency, slippage, stake, lots, commission, \
            again, EARLY, out + 6 * number);
    if (kind == OPEN && early) LOOP(OPEN, 1)
    else if (kind == OPEN) LOOP(OPEN, 0)
    else if (kind == MID && early) LOOP(MID, 1)
    else if (kind == MID) LOOP(MID, 0)
    else if (early) LOOP(CLOSE, 1)
    else LOOP(CLOSE, 0)
}
