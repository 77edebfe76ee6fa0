/* G.711 against its tables, value by value. */
#include "audio/codec_impl.h"
#include "support/t.h"

/* Decision values of G.711's tables 1a and 2a: the ends of the intervals, from 0 up, in table units. */
static int decision(int segment_step, int linear, int i)
{
    int x = 0;
    for (int k = 0; k < i; k++) {
        int segment = k < linear ? 0 : (k - linear) / 16 + 1;
        x += segment_step << segment;
    }
    return x;
}

/* A-law: 128 positive intervals; 32 of two units (of 4096), then 16 in each doubling. */
static void test_pcma_is_g711_for_every_value(struct t *t)
{
    for (int i = 0; i < 128; i++) {
        int from = decision(2, 32, i) * 8; /* 13 bits with sign: 4096 units are 32768 */
        int to = decision(2, 32, i + 1) * 8;
        uint8_t code = (uint8_t) ((i | 0x80) ^ 0x55);
        T_EQ(g711_alaw_decode(code), (from + to) / 2);
        T_EQ(g711_alaw_decode(code ^ 0x80), -(from + to) / 2);
        T_EQ(g711_alaw_encode(g711_alaw_decode(code)), code);
        T_EQ(g711_alaw_encode(g711_alaw_decode(code ^ 0x80)), code ^ 0x80);
        for (int x = from; x < to; x++) {
            T_EQ(g711_alaw_encode((int16_t) x), code);
            T_EQ(g711_alaw_encode((int16_t) ~x), code ^ 0x80);
        }
    }
out:
    return;
}

/* µ-law: the first interval is one unit (of 8159), 15 more of two, then 16 in each doubling. */
static void test_pcmu_is_g711_for_every_value(struct t *t)
{
    for (int i = 0; i < 128; i++) {
        int from = i == 0 ? 0 : decision(2, 16, i) - 1;
        int to = decision(2, 16, i + 1) - 1;
        int value = i == 0 ? 0 : (from + to) / 2;
        uint8_t code = (uint8_t) (0xff - i);
        T_EQ(g711_mulaw_decode(code), value * 4);
        T_EQ(g711_mulaw_decode(code ^ 0x80), -value * 4);
        T_EQ(g711_mulaw_encode((int16_t) (value * 4)), code);
        int end = i == 127 ? 8192 : to; /* what is above the last decision value is clipped into it */
        for (int x = from * 4; x < end * 4; x++) {
            T_EQ(g711_mulaw_encode((int16_t) x), code);
            T_EQ(g711_mulaw_encode((int16_t) ~x), code ^ 0x80);
        }
    }
out:
    return;
}

T_MAIN(T(test_pcma_is_g711_for_every_value), T(test_pcmu_is_g711_for_every_value))
