/*
 * Ahoy: a SIP telephone as a library. This header brings in all of it.
 *
 * An engine is one telephone: accounts, calls, sound. It runs on threads of its own; every function may be called from
 * any thread and none waits for the network. A command returns at once with an id (or an error for what is wrong with
 * the call itself); what became of it and all news arrive as events in a bounded queue:
 *
 *     struct ahoy_engine *engine;
 *     ahoy_call_id call;
 *     struct ahoy_engine_config cfg = AHOY_ENGINE_CONFIG_DEFAULT;
 *     ahoy_engine_create(&engine, &cfg, NULL, 0);
 *     ahoy_call_place(engine, &(struct ahoy_call_config){ .uri = "sip:echo@127.0.0.1" }, &call);
 *     for (struct ahoy_event *e; (e = ahoy_engine_wait(engine, -1)); ahoy_event_free(e))
 *         if (e->type == AHOY_EVENT_CALL_STATE && e->call.state == AHOY_CALL_ENDED)
 *             break;
 *     ahoy_engine_destroy(engine, 1000);
 *
 * Several engines may live in one process. There are no globals.
 *
 * Strings are zero-terminated UTF-8. Pointers in a config are borrowed for the call. Any function that returns an error
 * may return NOMEM. Names that functions return have static storage.
 */
#ifndef AHOY_AHOY_H
#define AHOY_AHOY_H

#include "ahoy/account.h"
#include "ahoy/call.h"
#include "ahoy/device.h"
#include "ahoy/doctor.h"
#include "ahoy/engine.h"
#include "ahoy/error.h"
#include "ahoy/event.h"
#include "ahoy/quality.h"

#endif
