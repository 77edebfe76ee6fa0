/*
 * The plot: for each table the score over the conditions, ours as bars, ideal receivers as marks; below it the delay.
 */
#include "sound/report.h"

#include <math.h>

enum {
    LEFT = 60,
    RIGHT = 20,
    STEP = 48, /* of a condition */
    BAR = 28,
    TOP = 64, /* title and legend */
    SCORE = 220,
    GAP = 34, /* names of the conditions */
    DELAY = 100,
    PANEL = TOP + SCORE + GAP + DELAY + 48,
    MOST_DELAY_MS = 400,
};

#define WORST 1.0
#define BEST  4.64

static const struct {
    const char *color, *text;
} marks[IDEALS] = {
    [IDEAL_FEC] = { "#222222", "ideal receiver, FEC" },    [IDEAL_RED1] = { "#d98c00", "ideal, one RED copy" },
    [IDEAL_RED2] = { "#c2410c", "two RED copies" },        [IDEAL_DRED40] = { "#2e9e5b", "DRED, 40 ms ahead" },
    [IDEAL_DRED120] = { "#14693a", "DRED, 120 ms ahead" },
};

static const char our_color[] = "#3b76b8", quiet_color[] = "#dddddd";

struct canvas {
    FILE *to;
    double x, y; /* of the panel */
};

static void text(const struct canvas *c, double x, double y, const char *anchor, int size, const char *words)
{
    fprintf(c->to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">%s</text>\n", c->x + x, c->y + y,
            anchor, size, words);
}

static void line(const struct canvas *c, double x1, double y1, double x2, double y2, const char *color, double width)
{
    fprintf(c->to, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%.1f\"/>\n",
            c->x + x1, c->y + y1, c->x + x2, c->y + y2, color, width);
}

static void box(const struct canvas *c, double x, double y, double w, double h, const char *color)
{
    fprintf(c->to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", c->x + x, c->y + y, w,
            fmax(h, 0), color);
}

static double score_y(double pq)
{
    return TOP + SCORE * (1 - (fmin(fmax(pq, WORST), BEST) - WORST) / (BEST - WORST));
}

static double delay_y(double ms)
{
    return TOP + SCORE + GAP + DELAY * (1 - fmin(fmax(ms, 0), MOST_DELAY_MS) / MOST_DELAY_MS);
}

static void axes(const struct canvas *c, double right)
{
    char words[16];
    for (int pq = 1; pq <= 4; pq++) {
        (void) snprintf(words, sizeof words, "%d", pq);
        line(c, LEFT, score_y(pq), right, score_y(pq), quiet_color, 1);
        text(c, LEFT - 8, score_y(pq) + 4, "end", 12, words);
    }
    for (int ms = 0; ms <= MOST_DELAY_MS; ms += 100) {
        (void) snprintf(words, sizeof words, "%d", ms);
        line(c, LEFT, delay_y(ms), right, delay_y(ms), quiet_color, 1);
        text(c, LEFT - 8, delay_y(ms) + 4, "end", 11, words);
    }
    text(c, 8, TOP - 8, "start", 12, "score pq");
    text(c, 8, TOP + SCORE + GAP - 10, "start", 12, "delay ms");
    text(c, LEFT - 8, TOP + SCORE + GAP + DELAY + 28, "end", 11, "kbit/s");
}

static double legend_entry(const struct canvas *c, double x, const char *color, const char *words, bool bar)
{
    if (bar)
        box(c, x, 38, 14, 10, color);
    else
        box(c, x, 42, 14, 3, color);
    text(c, x + 19, 48, "start", 12, words);
    return x + 19 + 6.1 * (double) view_str(words).n + 16;
}

static void legend(const struct canvas *c, const struct report *r)
{
    bool has[IDEALS] = { false };
    const char *first = r->mode != REPORT_RECEIVER && r->mode != REPORT_PHONE ? "ideal receiver of what was sent"
                        : r->config.codec->ops->recover                       ? marks[IDEAL_FEC].text
                                                                              : "ideal receiver";
    double x = legend_entry(c, LEFT, our_color, r->mode >= REPORT_PHONE ? r->phone_name : "Ahoy", true);
    for (size_t k = 0; k < r->n; k++)
        for (int i = 0; i < IDEALS; i++)
            has[i] |= r->row[k].outcome.has[i];
    for (int i = 0; i < IDEALS; i++)
        if (has[i])
            x = legend_entry(c, x, marks[i].color, i == 0 ? first : marks[i].text, false);
}

static void condition(const struct canvas *c, const struct report_row *row, double middle)
{
    const struct outcome *o = &row->outcome;
    char words[16];
    box(c, middle - BAR / 2.0, score_y(o->ours.pq), BAR, TOP + SCORE - score_y(o->ours.pq), our_color);
    for (int i = IDEALS - 1; i >= 0; i--)
        if (o->has[i])
            box(c, middle - BAR / 2.0 - 4, score_y(o->ideal[i].pq) - 1.5, BAR + 8, 3, marks[i].color);
    (void) snprintf(words, sizeof words, "%.2f", o->ours.pq);
    fprintf(c->to, "<g fill=\"white\">");
    if (o->ours.pq > 1.5)
        text(c, middle, TOP + SCORE - 6, "middle", 10, words);
    fprintf(c->to, "</g>\n");
    text(c, middle, TOP + SCORE + 16, "middle", 12, row->condition->name);
    line(c, middle, delay_y(o->ours.delay_ms), middle, delay_y(o->ours.delay_95_ms), our_color, 2);
    line(c, middle - 6, delay_y(o->ours.delay_95_ms), middle + 6, delay_y(o->ours.delay_95_ms), our_color, 2);
    fprintf(c->to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", c->x + middle,
            c->y + delay_y(o->ours.delay_ms), our_color);
    (void) snprintf(words, sizeof words, "%.0f", o->ours.delay_ms);
    text(c, middle, TOP + SCORE + GAP + DELAY + 15, "middle", 10, words);
    (void) snprintf(words, sizeof words, "%.0f", o->wire_bps / 1000);
    text(c, middle, TOP + SCORE + GAP + DELAY + 28, "middle", 10, words);
}

static void panel(const struct canvas *c, const struct report *r)
{
    static const char *const titles[] = { "Receiver", "End to end", "Short calls", "Real telephone", "Ahoy calls" };
    static const char *const whats[] = { "one stream for all", "two whole sessions", "from the first word", "", "" };
    char title[160], opus[64] = "";
    double right = LEFT + STEP * (double) r->n;
    if (r->config.codec->ops->recover)
        (void) snprintf(opus, sizeof opus, ", libopus %.20s", audio_opus_build().version);
    (void) snprintf(title, sizeof title, "%s, %.10s%s: %s", titles[r->mode], r->codec, opus,
                    r->mode >= REPORT_PHONE ? r->phone_name : whats[r->mode]);
    fprintf(c->to, "<g font-weight=\"bold\">");
    text(c, LEFT, 22, "start", 15, title);
    fprintf(c->to, "</g>\n");
    legend(c, r);
    axes(c, right);
    for (size_t i = 0; i < r->n; i++)
        condition(c, &r->row[i], LEFT + STEP * ((double) i + 0.5));
    line(c, LEFT, TOP + SCORE, right, TOP + SCORE, "#222222", 1);
    line(c, LEFT, delay_y(0), right, delay_y(0), "#222222", 1);
}

bool report_svg(const struct report *reports, size_t n, const char *path)
{
    size_t most = 17; /* the legend needs room */
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    for (size_t i = 0; i < n; i++)
        most = AHOY_MAX(most, reports[i].n);
    size_t width = LEFT + STEP * most + RIGHT, height = n * PANEL;
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" viewBox=\"0 0 %zu %zu\"", width,
            height, width, height);
    fprintf(f,
            " font-family=\"sans-serif\" fill=\"#222222\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n");
    for (size_t i = 0; i < n; i++) {
        struct canvas c = { f, 0, (double) (i * PANEL) };
        panel(&c, &reports[i]);
    }
    fprintf(f, "</svg>\n");
    bool good = ferror(f) == 0;
    return fclose(f) == 0 && good;
}
