#include "sound/conditions.h"

const struct condition conditions[CONDITIONS] = {
    { "clean", "nothing", "", 0 },
    { "r1", "1 % random loss", "loss=1", 0 },
    { "r5", "5 %", "loss=5", 0 },
    { "r10", "10 %", "loss=10", 0 },
    { "r20", "20 %", "loss=20", 0 },
    { "r30", "30 %", "loss=30", 0 },
    { "b5", "5 % in bursts of 3", "loss=5,burst=3", 0 },
    { "b10", "10 %", "loss=10,burst=3", 0 },
    { "b20", "20 %", "loss=20,burst=3", 0 },
    { "b30", "30 %", "loss=30,burst=3", 0 },
    { "j20", "jitter 0 to 40 ms", "jitter=20", 0 },
    { "j50", "jitter 0 to 100 ms", "jitter=50", 0 },
    { "j100", "jitter 0 to 200 ms", "jitter=100", 0 },
    { "pareto", "delays with a long tail", "pareto=10", 0 },
    { "spike", "stalls of 300 ms", "spike=300,every=4", 0 },
    { "j50r5", "jitter 0 to 100 ms, 5 % loss", "jitter=50,loss=5", 0 },
    { "j20b10", "jitter 0 to 40 ms, 10 % in bursts", "jitter=20,loss=10,burst=3", 0 },
    { "d+200", "sender's clock 200 ppm fast", "", 200 },
    { "d-200", "200 ppm slow", "", -200 },
};
