/* A telephone that registers with the servers of support_reg_world.h, for the tests of registrations. */
#ifndef AHOY_TESTS_SIP_SUPPORT_REG_PHONE_H
#define AHOY_TESTS_SIP_SUPPORT_REG_PHONE_H

#include "sip/register.h"
#include "sip/support_reg_world.h"

/* Its events are written down: "registering; registered 600; failed 403 …". */
struct reg_phone {
    struct reg_world w;
    struct sip_register *r;
    struct buf log;
    size_t events;
    struct sip_register_event last;
    bool destroy_at_gone;
    bool nat_moves; /* another public address after each registration */
    unsigned moves;
};

/* The phone, and example.com with one or two servers. False: out of memory, or the test has failed. */
bool reg_phone_init(struct t *t, struct reg_phone *p, int servers);
void reg_phone_fini(struct t *t, struct reg_phone *p);

/* A registration of alice with her password, to be changed at will, and its start. */
struct sip_register_config reg_phone_config(struct reg_phone *p);
enum ahoy_err reg_phone_register(struct reg_phone *p, const struct sip_register_config *cfg);

/* Writes the events of a registration into the log, for those that a test makes itself. */
struct sip_register_handler reg_phone_handler(struct reg_phone *p);

/* The events so far. */
const char *reg_phone_log(struct reg_phone *p);

/* Puts it behind a NAT, or gives that another address. */
void reg_phone_move_nat(struct reg_phone *p);

/* The last request this server got; NULL without. */
struct sip_msg *reg_newest(const struct reg_server *s);

#endif
