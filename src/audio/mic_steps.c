/* What --processing says: shared by every microphone chain. */
#include "audio/mic.h"

#include "audio/rnn.h"

enum ahoy_err mic_steps_parse(struct view text, unsigned *out)
{
    static const struct {
        const char *name;
        unsigned step;
    } names[] = {
        { "hpf", MIC_HIGH_PASS }, { "aec", MIC_ECHO }, { "ns", MIC_NOISE }, { "rnn", MIC_RNN }, { "agc", MIC_GAIN }
    };
    unsigned steps = 0;
    if (view_ieq(text, VIEW("auto")) || view_ieq(text, VIEW("off"))) {
        *out = view_ieq(text, VIEW("auto")) ? MIC_AUTO : 0;
        return AHOY_OK;
    }
    for (bool more = true; more;) {
        more = view_find(text, ',') < text.n;
        struct view word = view_trim(view_cut(&text, ','));
        unsigned step = 0;
        for (size_t i = 0; i < AHOY_COUNT(names); i++)
            if (view_ieq(word, view_str(names[i].name)))
                step = names[i].step;
        if (step == 0)
            return AHOY_ERR_SYNTAX;
        steps |= step;
    }
    if (steps & MIC_NOISE && steps & MIC_RNN)
        return AHOY_ERR_SYNTAX;
    *out = steps;
    return AHOY_OK;
}

bool mic_steps_possible(unsigned steps)
{
    return !(steps & MIC_RNN) || rnn_present();
}
