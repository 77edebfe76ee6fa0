#include "audio/tone.h"

#include <math.h>

#define TONE_TURN 6.283185307179586

enum { TONE_RAMP_US = 2000, TONE_DTMF_DBFS = -13, TONE_CALL_DBFS = -20 };

/* ---- generator --------------------------------------------------------------------------------------------------- */

static void enter_step(struct tone_gen *g)
{
    g->done = 0;
    g->left = 0;
    for (int i = 0; i < TONE_MAX_FREQS; i++)
        g->phase[i] = 0;
    if (g->at >= g->spec.steps && g->spec.repeat)
        g->at = 0;
    if (g->at < g->spec.steps)
        g->left = (uint32_t) ((uint64_t) g->spec.step[g->at].ms * g->rate_hz / 1000);
}

void tone_start(struct tone_gen *g, const struct tone_spec *spec, uint32_t rate_hz)
{
    *g = (struct tone_gen){ .spec = *spec, .rate_hz = rate_hz };
    g->spec.steps = (uint8_t) AHOY_MIN(spec->steps, TONE_MAX_STEPS);
    g->ramp = (uint32_t) ((uint64_t) rate_hz * TONE_RAMP_US / 1000000);
    enter_step(g);
}

/* One sample of a sounding step. */
static double tone_sample(struct tone_gen *g, const struct tone_step *step, double amplitude)
{
    double x = 0;
    for (int i = 0; i < TONE_MAX_FREQS && step->hz[i] > 0; i++) {
        x += sin(g->phase[i] * TONE_TURN);
        g->phase[i] += (double) step->hz[i] / g->rate_hz;
        g->phase[i] -= floor(g->phase[i]);
    }
    if (g->done < g->ramp)
        x *= (double) g->done / g->ramp;
    if (step->ms > 0 && g->left < g->ramp)
        x *= (double) g->left / g->ramp;
    return x * amplitude;
}

bool tone_run(struct tone_gen *g, int16_t *pcm, size_t n)
{
    double amplitude = 32768 * sqrt(2) * pow(10, g->spec.level_dbfs / 20.0);
    for (size_t i = 0; i < n; i++) {
        pcm[i] = 0;
        if (g->at >= g->spec.steps)
            continue;
        const struct tone_step *step = &g->spec.step[g->at];
        double x = tone_sample(g, step, amplitude);
        pcm[i] = (int16_t) lrint(fmax(-32768, fmin(32767, x)));
        if (g->done < g->ramp)
            g->done++;
        if (step->ms > 0 && --g->left == 0) {
            g->at++;
            enter_step(g);
        }
    }
    return g->at < g->spec.steps;
}

struct tone_spec tone_sine(unsigned hz, int level_dbfs)
{
    return (struct tone_spec){
        .step = { { .hz = { (uint16_t) AHOY_MIN(hz, 20000u) } } },
        .steps = 1,
        .level_dbfs = (int8_t) AHOY_MAX(AHOY_MIN(level_dbfs, 0), -60),
    };
}

/* ---- DTMF -------------------------------------------------------------------------------------------------------- */

static const uint16_t dtmf_hz[8] = { 697, 770, 852, 941, 1209, 1336, 1477, 1633 };
static const char dtmf_digit[4][4] = { "123A", "456B", "789C", "*0#D" };

enum ahoy_err tone_dtmf(char digit, unsigned on_ms, unsigned off_ms, struct tone_spec *out)
{
    if (digit >= 'a' && digit <= 'd')
        digit = (char) (digit - 'a' + 'A');
    for (int row = 0; row < 4; row++)
        for (int col = 0; col < 4; col++) {
            if (dtmf_digit[row][col] != digit)
                continue;
            uint16_t on = (uint16_t) AHOY_MAX(AHOY_MIN(on_ms, 60000u), 1u);
            uint16_t off = (uint16_t) AHOY_MIN(off_ms, 60000u);
            *out = (struct tone_spec){
                .step = { { .hz = { dtmf_hz[row], dtmf_hz[4 + col] }, .ms = on }, { .ms = off } },
                .steps = off > 0 ? 2 : 1,
                .level_dbfs = TONE_DTMF_DBFS,
            };
            return AHOY_OK;
        }
    return AHOY_ERR_SYNTAX;
}

/* ---- call progress (ITU-T E.180 Supplement 2) -------------------------------------------------------------------- */

struct country {
    const char *code;
    struct {
        struct tone_step step[6];
    } kind[TONE_INFO];
};

#define S1(a, ms)                                                                                                      \
    {                                                                                                                  \
        { a }, ms                                                                                                      \
    }
#define S2(a, b, ms)                                                                                                   \
    {                                                                                                                  \
        { a, b }, ms                                                                                                   \
    }
#define OFF(ms)                                                                                                        \
    {                                                                                                                  \
        { 0 }, ms                                                                                                      \
    }

static const struct country countries[] = {
    { "eu",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 250), OFF(250) } },
        { { S1(425, 200), OFF(200), S1(425, 200), OFF(9000) } } } },
    { "us",
      { { { S2(350, 440, 0) } },
        { { S2(440, 480, 2000), OFF(4000) } },
        { { S2(480, 620, 500), OFF(500) } },
        { { S2(480, 620, 250), OFF(250) } },
        { { S1(440, 300), OFF(9700) } } } },
    { "uk",
      { { { S2(350, 440, 0) } },
        { { S2(400, 450, 400), OFF(200), S2(400, 450, 400), OFF(2000) } },
        { { S1(400, 375), OFF(375) } },
        { { S1(400, 400), OFF(350), S1(400, 225), OFF(525) } },
        { { S1(400, 100), OFF(3000) } } } },
    { "fr",
      { { { S1(440, 0) } },
        { { S1(440, 1500), OFF(3500) } },
        { { S1(440, 500), OFF(500) } },
        { { S1(440, 250), OFF(250) } },
        { { S1(440, 300), OFF(10000) } } } },
    { "de",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 480), OFF(480) } },
        { { S1(425, 240), OFF(240) } },
        { { S1(425, 200), OFF(200), S1(425, 200), OFF(5000) } } } },
    /* Japan's 400 Hz modulated by 16 Hz, as the two sidebands. */
    { "jp",
      { { { S1(400, 0) } },
        { { S2(384, 416, 1000), OFF(2000) } },
        { { S1(400, 500), OFF(500) } },
        { { S1(400, 500), OFF(500) } },
        { { S2(384, 416, 500), OFF(8000) } } } },
    { "it",
      { { { S1(425, 200), OFF(200), S1(425, 600), OFF(1000) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 200), OFF(200) } },
        { { S1(425, 400), OFF(100), S1(425, 250), OFF(100), S1(425, 150), OFF(14000) } } } },
    { "es",
      { { { S1(425, 0) } },
        { { S1(425, 1500), OFF(3000) } },
        { { S1(425, 200), OFF(200) } },
        { { S1(425, 200), OFF(200), S1(425, 200), OFF(200), S1(425, 200), OFF(600) } },
        { { S1(425, 175), OFF(175), S1(425, 175), OFF(3500) } } } },
    { "at",
      { { { S1(420, 0) } },
        { { S1(420, 1000), OFF(5000) } },
        { { S1(420, 400), OFF(400) } },
        { { S1(420, 200), OFF(200) } },
        { { S1(420, 40), OFF(1960) } } } },
    { "au",
      { { { S2(413, 438, 0) } },
        { { S2(413, 438, 400), OFF(200), S2(413, 438, 400), OFF(2000) } },
        { { S1(425, 375), OFF(375) } },
        { { S1(425, 375), OFF(375) } },
        { { S1(425, 200), OFF(200), S1(425, 200), OFF(4400) } } } },
    { "be",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(3000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 167), OFF(167) } },
        { { S1(1400, 175), OFF(175), S1(1400, 175), OFF(3500) } } } },
    { "br",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 250), OFF(250) } },
        { { S1(425, 250), OFF(250), S1(425, 750), OFF(250) } },
        { { S1(425, 50), OFF(1000) } } } },
    { "ch",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 200), OFF(200) } },
        { { S1(425, 200), OFF(200), S1(425, 200), OFF(4000) } } } },
    { "cn",
      { { { S1(450, 0) } },
        { { S1(450, 1000), OFF(4000) } },
        { { S1(450, 350), OFF(350) } },
        { { S1(450, 700), OFF(700) } },
        { { S1(450, 400), OFF(4000) } } } },
    { "cz",
      { { { S1(425, 330), OFF(330), S1(425, 660), OFF(660) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 330), OFF(330) } },
        { { S1(425, 165), OFF(165) } },
        { { S1(425, 330), OFF(9000) } } } },
    { "dk",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 200), OFF(200) } },
        { { S1(425, 200), OFF(600), S1(425, 200), OFF(3000) } } } },
    { "fi",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 300), OFF(300) } },
        { { S1(425, 200), OFF(200) } },
        { { S1(425, 150), OFF(150), S1(425, 150), OFF(8000) } } } },
    { "gr",
      { { { S1(425, 200), OFF(300), S1(425, 700), OFF(800) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 300), OFF(300) } },
        { { S1(425, 200), OFF(200) } },
        { { S1(425, 150), OFF(150), S1(425, 150), OFF(8000) } } } },
    { "hu",
      { { { S1(425, 0) } },
        { { S1(425, 1250), OFF(3750) } },
        { { S1(425, 300), OFF(300) } },
        { { S1(425, 300), OFF(300) } },
        { { S1(425, 40), OFF(1960) } } } },
    /* India's 400 Hz modulated by 25 Hz, as Japan's. */
    { "in",
      { { { S2(375, 425, 0) } },
        { { S2(375, 425, 400), OFF(200), S2(375, 425, 400), OFF(2000) } },
        { { S1(400, 750), OFF(750) } },
        { { S1(400, 250), OFF(250) } },
        { { S1(400, 200), OFF(100), S1(400, 200), OFF(7500) } } } },
    { "nl",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 250), OFF(250) } },
        { { S1(425, 500), OFF(9500) } } } },
    { "no",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 200), OFF(200) } },
        { { S1(425, 200), OFF(600), S1(425, 200), OFF(10000) } } } },
    { "pl",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(4000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 150), OFF(150), S1(425, 150), OFF(4000) } } } },
    { "pt",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(5000) } },
        { { S1(425, 500), OFF(500) } },
        { { S1(425, 200), OFF(200) } },
        { { S1(440, 300), OFF(10000) } } } },
    { "ru",
      { { { S1(425, 0) } },
        { { S1(425, 800), OFF(3200) } },
        { { S1(425, 350), OFF(350) } },
        { { S1(425, 175), OFF(175) } },
        { { S1(425, 200), OFF(5000) } } } },
    { "se",
      { { { S1(425, 0) } },
        { { S1(425, 1000), OFF(5000) } },
        { { S1(425, 250), OFF(250) } },
        { { S1(425, 250), OFF(750) } },
        { { S1(425, 200), OFF(500), S1(425, 200), OFF(9100) } } } },
};

#undef S1
#undef S2
#undef OFF

static bool is_country(struct view v, const char *code)
{
    return view_ieq(v, view_str(code)) || (view_ieq(v, VIEW("gb")) && view_eq(view_str(code), VIEW("uk")))
           || (view_ieq(v, VIEW("ca")) && view_eq(view_str(code), VIEW("us")));
}

struct tone_spec tone_call(struct view country, enum tone_kind kind)
{
    struct tone_spec out = { .repeat = true, .level_dbfs = TONE_CALL_DBFS };
    if (kind == TONE_INFO) { /* the same everywhere: three rising tones (E.180 section 7) */
        static const struct tone_step info[4] = {
            { { 950 }, 330 }, { { 1400 }, 330 }, { { 1800 }, 330 }, { { 0 }, 1000 }
        };
        memcpy(out.step, info, sizeof info);
        out.steps = 4;
        return out;
    }
    const struct country *c = &countries[0];
    for (size_t i = 0; i < AHOY_COUNT(countries); i++)
        if (is_country(country, countries[i].code))
            c = &countries[i];
    const struct tone_step *step = c->kind[kind].step;
    while (out.steps < AHOY_COUNT(c->kind[kind].step) && (step[out.steps].ms > 0 || step[out.steps].hz[0] > 0)) {
        out.step[out.steps] = step[out.steps];
        out.steps++;
    }
    return out;
}

const char *tone_country(size_t i)
{
    return i < AHOY_COUNT(countries) ? countries[i].code : NULL;
}

/* ---- DTMF detector ----------------------------------------------------------------------------------------------- */

enum { DETECT_BLOCK_US = 12750, DETECT_MISSES = 2 };

#define DETECT_MIN_DBFS  (-42.0)
#define DETECT_SHARE     0.75 /* of the energy of a look that the two tones must make up */
#define DETECT_TWIST     10.0 /* power ratio between the groups: 10 dB either way */
#define DETECT_STAND_OUT 5.0  /* power ratio of a tone over the others of its group */

void tone_detect_init(struct tone_detect *d, uint32_t rate_hz)
{
    *d = (struct tone_detect){ .rate_hz = rate_hz };
    d->block = (uint32_t) ((uint64_t) rate_hz * DETECT_BLOCK_US / 1000000);
    for (int i = 0; i < 8; i++)
        d->coef[i] = (float) (2 * cos(TONE_TURN * dtmf_hz[i] / rate_hz));
}

/* Index of the strongest of four, or -1 when it does not stand out. */
static int strongest(const float power[4])
{
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (power[i] > power[best])
            best = i;
    for (int i = 0; i < 4; i++)
        if (i != best && power[i] * DETECT_STAND_OUT > power[best])
            return -1;
    return best;
}

/* What one block of samples holds, by Goertzel's algorithm. */
static char look(const struct tone_detect *d)
{
    double floor_energy = d->block * 32768.0 * 32768.0 * pow(10, DETECT_MIN_DBFS / 10);
    if (d->energy < floor_energy)
        return 0;
    float power[8];
    for (int i = 0; i < 8; i++)
        power[i] = d->s1[i] * d->s1[i] + d->s2[i] * d->s2[i] - d->coef[i] * d->s1[i] * d->s2[i];
    int row = strongest(power);
    int col = strongest(power + 4);
    if (row < 0 || col < 0)
        return 0;
    double low = power[row];
    double high = power[4 + col];
    if (low > high * DETECT_TWIST || high > low * DETECT_TWIST)
        return 0;
    /* A sine of energy E over N samples gives a power of E * N / 2. */
    if ((low + high) * 2 / d->block < DETECT_SHARE * d->energy)
        return 0;
    return dtmf_digit[row][col];
}

typedef void detect_fn(void *arg, const struct tone_digit *digit);

static void report(struct tone_detect *d, bool end, uint64_t at, detect_fn *fn, void *arg)
{
    struct tone_digit e = { .digit = d->digit, .end = end, .at = at };
    fn(arg, &e);
}

/* A digit begins with the second look that sees it and ends with the second that does not: Q.24's 40 ms hold two looks
 * wherever they begin, its 20 ms of interruption never two without. */
static void judge(struct tone_detect *d, char seen, detect_fn *fn, void *arg)
{
    if (d->digit && seen == d->digit) {
        d->misses = 0;
    } else if (d->digit && ++d->misses >= DETECT_MISSES) {
        report(d, true, d->samples - (uint64_t) d->misses * d->block, fn, arg);
        d->digit = 0;
    }
    if (!d->digit && seen && seen == d->last) {
        d->digit = seen;
        d->misses = 0;
        report(d, false, d->samples - 2u * (uint64_t) d->block, fn, arg);
    }
    d->last = seen;
}

void tone_detect_run(struct tone_detect *d, const int16_t *pcm, size_t n, detect_fn *fn, void *arg)
{
    for (size_t i = 0; i < n; i++) {
        float x = pcm[i];
        d->energy += x * x;
        for (int k = 0; k < 8; k++) {
            float s = x + d->coef[k] * d->s1[k] - d->s2[k];
            d->s2[k] = d->s1[k];
            d->s1[k] = s;
        }
        d->samples++;
        if (++d->fill < d->block)
            continue;
        judge(d, look(d), fn, arg);
        d->fill = 0;
        d->energy = 0;
        memset(d->s1, 0, sizeof d->s1);
        memset(d->s2, 0, sizeof d->s2);
    }
}
