/* The end of an INVITE that its user no longer wants: CANCEL (RFC 3261 section 9.1), and release. */
#include "support_txn_world.h"

static struct world w;

static void test_released_invite_still_acks_a_refusal(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    sip_client_txn_release(txn);
    world_send(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 486, "").text);
    T_EQ(wire_count(&w.wire, "ACK"), 1);
    T_STR(w.notes, "");
    world_run_ms(&w, 60000);
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_released_invite_ends_when_the_peer_falls_silent(struct t *t)
{
    struct sip_client_txn *txn;
    for (int i = 0; i < 2; i++) {
        if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
            goto out;
        world_run_ms(&w, 90);
        if (i == 0) /* before anything came */
            sip_client_txn_release(txn);
        world_send(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 180, "").text);
        if (i == 1) /* while it rings */
            sip_client_txn_release(txn);
        world_run_ms(&w, 31900);
        T_CHECK(!world_is_idle(&w));
        world_run_ms(&w, 1000);
        T_ALWAYS(world_is_idle(&w));
        T_STR(w.notes, i == 0 ? "" : "response 180; ");
        world_fini(&w);
    }
    return;
out:
    world_fini(&w);
}

/* Nobody of ours acknowledges it; the core may. */
static void test_2xx_of_a_released_invite_is_stray(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    const struct wire_msg *invite = wire_nth(&w.wire, "INVITE", 0);
    world_send(&w, form_response(invite, 180, "").text);
    sip_client_txn_release(txn);
    world_send(&w, form_response(invite, 200, "").text);
    world_send(&w, form_response(invite, 200, "").text);
    T_STR(w.notes, "response 180; stray 200; stray 200; ");
    world_run_ms(&w, 60000);
    T_ALWAYS(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_cancel_waits_for_a_provisional_response(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    const struct wire_msg *invite = wire_nth(&w.wire, "INVITE", 0);
    T_OK(sip_client_txn_cancel(txn, VIEW("Reason: SIP;cause=200\r\n")));
    world_run_ms(&w, 100);
    T_EQ(wire_count(&w.wire, "CANCEL"), 0);
    world_send(&w, form_response(invite, 100, "").text);
    T_EQ(wire_count(&w.wire, "CANCEL sip:alice@192.0.2.2 SIP/2.0"), 1);
    const struct wire_msg *cancel = wire_nth(&w.wire, "CANCEL", 0);
    T_CHECK(view_eq(wire_value(cancel, "Via"), wire_value(invite, "Via")));
    T_CHECK(view_eq(wire_value(cancel, "To"), wire_value(invite, "To")));
    T_CHECK(view_eq(wire_value(cancel, "From"), wire_value(invite, "From")));
    T_CHECK(view_eq(wire_value(cancel, "Route"), wire_value(invite, "Route")));
    T_VIEW(wire_value(cancel, "CSeq"), "4711 CANCEL");
    T_VIEW(wire_value(cancel, "Reason"), "SIP;cause=200");
    world_send(&w, form_response(cancel, 200, "").text);
    world_send(&w, form_response(invite, 487, "").text);
    T_STR(w.notes, "response 100; response 487; ");
    T_EQ(wire_count(&w.wire, "ACK"), 1);
    world_run_ms(&w, 60000);
    T_EQ(wire_count(&w.wire, "CANCEL"), 1);
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

static void test_cancel_after_a_provisional_response_goes_at_once_and_only_once(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    const struct wire_msg *invite = wire_nth(&w.wire, "INVITE", 0);
    world_send(&w, form_response(invite, 180, "").text);
    T_OK(sip_client_txn_cancel(txn, VIEW("")));
    T_OK(sip_client_txn_cancel(txn, VIEW("")));
    world_run_ms(&w, 10);
    T_EQ(wire_count(&w.wire, "CANCEL"), 1);
    world_send(&w, form_response(wire_nth(&w.wire, "CANCEL", 0), 200, "").text);
    world_send(&w, form_response(invite, 183, "").text);
    world_run_ms(&w, 20000);
    T_EQ(wire_count(&w.wire, "CANCEL"), 1);
out:
    world_fini(&w);
}

static void test_answer_that_crosses_a_cancel_is_delivered(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    const struct wire_msg *invite = wire_nth(&w.wire, "INVITE", 0);
    world_send(&w, form_response(invite, 180, "").text);
    T_OK(sip_client_txn_cancel(txn, VIEW("")));
    world_send(&w, form_response(invite, 200, "").text);
    T_STR(w.notes, "response 180; response 200; ");
    T_ERR(sip_client_txn_cancel(txn, VIEW("")), AHOY_ERR_STATE);
out:
    world_fini(&w);
}

static void test_final_response_before_a_waiting_cancel_leaves_it_unsent(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    T_OK(sip_client_txn_cancel(txn, VIEW("")));
    world_send(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 404, "").text);
    world_run_ms(&w, 60000);
    T_EQ(wire_count(&w.wire, "CANCEL"), 0);
    T_STR(w.notes, "response 404; done at 32090; ");
out:
    world_fini(&w);
}

static void test_cancelled_invite_without_final_response_times_out(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    world_send(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 180, "").text); /* clock: 100 */
    T_OK(sip_client_txn_cancel(txn, VIEW("")));
    world_run_ms(&w, 60000);
    T_STR(w.notes, "response 180; failed TIMEOUT at 32100; done at 32100; ");
    T_CHECK(world_is_idle(&w));
out:
    world_fini(&w);
}

/* What stops its sending, a lack of memory say, passes: it is sent, and without an answer the INVITE ends. */
static void test_waiting_cancel_survives_a_lack_of_memory(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    T_OK(sip_client_txn_cancel(txn, VIEW("Reason: SIP;cause=200\r\n")));
    world_send(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 180, "").text);
    world_run_ms(&w, 70000);
    T_ALWAYS(wire_count(&w.wire, "CANCEL") > 0 || !strstr(w.notes, "response 180"));
    T_ALWAYS(world_is_idle(&w));
    T_STR(w.notes, "response 180; failed TIMEOUT at 32090; done at 32090; ");
out:
    world_fini(&w);
}

static void test_cancel_of_a_ringing_invite_survives_a_lack_of_memory(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "INVITE", SIP_PROTO_UDP, &txn))
        goto out;
    world_run_ms(&w, 90);
    world_send(&w, form_response(wire_nth(&w.wire, "INVITE", 0), 180, "").text);
    bool rings = strstr(w.notes, "response 180") != NULL;
    T_ALWAYS(sip_client_txn_cancel(txn, VIEW("Reason: SIP;cause=200\r\n")) == AHOY_OK);
    world_run_ms(&w, 70000);
    T_ALWAYS(!rings || wire_count(&w.wire, "CANCEL") > 0);
    T_ALWAYS(world_is_idle(&w));
    T_VIEW(wire_value(wire_nth(&w.wire, "CANCEL", 0), "Reason"), "SIP;cause=200");
out:
    world_fini(&w);
}

static void test_only_an_invite_can_be_cancelled(struct t *t)
{
    struct sip_client_txn *txn;
    if (!world_init(t, &w) || !world_client(t, &w, "OPTIONS", SIP_PROTO_UDP, &txn))
        goto out;
    T_ERR(sip_client_txn_cancel(txn, VIEW("")), AHOY_ERR_STATE);
out:
    world_fini(&w);
}

T_MAIN(T(test_released_invite_still_acks_a_refusal), T(test_released_invite_ends_when_the_peer_falls_silent),
       T(test_2xx_of_a_released_invite_is_stray), T(test_cancel_waits_for_a_provisional_response),
       T(test_cancel_after_a_provisional_response_goes_at_once_and_only_once),
       T(test_answer_that_crosses_a_cancel_is_delivered),
       T(test_final_response_before_a_waiting_cancel_leaves_it_unsent),
       T(test_cancelled_invite_without_final_response_times_out), T(test_waiting_cancel_survives_a_lack_of_memory),
       T(test_cancel_of_a_ringing_invite_survives_a_lack_of_memory), T(test_only_an_invite_can_be_cancelled))
