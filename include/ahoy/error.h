/*
 * Errors of the whole house: one list gives each its code, name and text.
 *
 * 0 is success, negative is failure. A SIP status (486, 503, …) is another type and never mixed with these.
 */
#ifndef AHOY_ERROR_H
#define AHOY_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AHOY_MUST_USE __attribute__((warn_unused_result))
#define AHOY_API      __attribute__((visibility("default")))
#else
#define AHOY_MUST_USE
#define AHOY_API
#endif

/* X(NAME, code, text) */
#define AHOY_ERRORS(X)                                                                                                 \
    X(OK, 0, "success")                                                                                                \
    X(NOMEM, -1, "out of memory")                                                                                      \
    X(INVAL, -2, "invalid argument")                                                                                   \
    X(RANGE, -3, "value out of range")                                                                                 \
    X(LIMIT, -4, "a limit was reached")                                                                                \
    X(SYNTAX, -5, "syntax error")                                                                                      \
    X(UNSUPPORTED, -6, "not supported")                                                                                \
    X(NOT_FOUND, -7, "not found")                                                                                      \
    X(EXISTS, -8, "already exists")                                                                                    \
    X(STATE, -9, "not possible in this state")                                                                         \
    X(AGAIN, -10, "not ready, try again")                                                                              \
    X(TIMEOUT, -11, "timed out")                                                                                       \
    X(CANCELLED, -12, "cancelled")                                                                                     \
    X(CLOSED, -13, "closed")                                                                                           \
    X(END, -14, "end of data")                                                                                         \
    X(IO, -15, "input/output error")                                                                                   \
    X(ACCESS, -16, "permission denied")                                                                                \
    X(ADDR_IN_USE, -17, "address already in use")                                                                      \
    X(ADDR_UNAVAILABLE, -18, "address not available on this machine")                                                  \
    X(REFUSED, -19, "connection refused")                                                                              \
    X(UNREACHABLE, -20, "network or host unreachable")                                                                 \
    X(RESET, -21, "connection reset by the peer")                                                                      \
    X(TOO_BIG, -22, "message too big")                                                                                 \
    X(DNS_NAME, -23, "the name does not exist")                                                                        \
    X(DNS_EMPTY, -24, "the name has no such record")                                                                   \
    X(DNS_SERVER, -25, "the name server failed or did not answer")                                                     \
    X(TLS, -26, "TLS failed")                                                                                          \
    X(AUTH, -27, "not authorised")                                                                                     \
    X(DEVICE, -28, "sound device error")                                                                               \
    X(FORMAT, -29, "wrong format")                                                                                     \
    X(CONFIG, -30, "bad configuration")                                                                                \
    X(INCOMPLETE, -31, "more data is needed")                                                                          \
    X(LOOP, -32, "loop detected")                                                                                      \
    X(STORE, -33, "database error")                                                                                    \
    X(REJECTED, -34, "rejected by the peer")                                                                           \
    X(INTERNAL, -35, "internal error")

/** Result of a call: 0 is success, negative is failure. */
enum ahoy_err {
#define AHOY_ERR_ENUM_(name, code, text) AHOY_ERR_##name = (code),
    AHOY_ERRORS(AHOY_ERR_ENUM_)
#undef AHOY_ERR_ENUM_
        AHOY_OK = 0
};

/** The symbolic name, such as "NOMEM". Static storage; "UNKNOWN" for a code not in the list. Any thread. */
AHOY_API const char *ahoy_err_name(enum ahoy_err err);

/** One lower-case phrase for people, such as "out of memory". Static storage. Any thread. */
AHOY_API const char *ahoy_err_text(enum ahoy_err err);

#ifdef __cplusplus
}
#endif
#endif
