#include "support_peers.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- baresip ------------------------------------------------------------------------------------------------------ */

struct proc *baresip_start(struct lab *lab, const struct baresip_config *cfg)
{
    char dir[LAB_PATH_BYTES], file[LAB_PATH_BYTES];
    unsigned rtp = proc_port();
    bool ok = lab_mkdir(lab, cfg->name);
    (void) lab_path(lab, cfg->name, dir);
    (void) snprintf(file, sizeof file, "%s/config", cfg->name);
    ok = ok
         && lab_write(lab, file,
                      "poll_method epoll\nsip_listen 127.0.0.1:%u\naudio_source aufile,%s/%s\n"
                      "audio_player aufile,%s/played.wav\naudio_alert aufile,%s/alert.wav\naudio_level no\n"
                      "ausrc_srate 48000\nauplay_srate 48000\nausrc_channels 1\nauplay_channels 1\n"
                      "rtp_ports %u-%u\nsnd_path %s\nmodule_path /usr/lib/baresip/modules\nmodule stdio.so\n"
                      "module g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule sndfile.so\n"
                      "module_app account.so\nmodule_app menu.so\n",
                      cfg->port, lab->dir, cfg->said, dir, dir, rtp, rtp + 40, dir);
    (void) snprintf(file, sizeof file, "%s/accounts", cfg->name);
    ok = ok && lab_write(lab, file, "%s;audio_codecs=%s\n", cfg->account, cfg->codecs);
    struct proc *p = ok ? LAB_START(lab, "stdbuf", "-oL", "baresip", "-f", dir) : NULL;
    if (!p || !proc_wait(p, "baresip is ready", WAIT_MS))
        return NULL;
    return lab_ping(lab, cfg->port, WAIT_MS) ? p : NULL;
}

const char *baresip_heard(struct proc *p, const char *name, char file[LAB_PATH_BYTES])
{
    struct lab inside = { .env_count = 0 };
    char found[LAB_PATH_BYTES] = "";
    file[0] = '\0';
    /* The recording is completed before the call is said to be over. */
    if (!proc_wait_both(p, "Call with", "terminated", WAIT_MS))
        return file;
    (void) lab_path(p->lab, name, inside.dir);
    if (lab_find(&inside, "dump-", "-dec.wav", found)[0])
        (void) snprintf(file, LAB_PATH_BYTES, "%.60s/%.120s", name, found);
    return file;
}

/* ---- linphonec ---------------------------------------------------------------------------------------------------- */

static bool linphone_files(struct lab *lab, const struct linphone_config *cfg)
{
    char path[LAB_PATH_BYTES];
    static const char *const folders[] = { "", "/.local", "/.local/share", "/.local/share/linphone" };
    for (size_t i = 0; i < AHOY_COUNT(folders); i++) {
        (void) snprintf(path, sizeof path, "%s%s", cfg->name, folders[i]);
        if (!lab_mkdir(lab, path))
            return false;
    }
    (void) snprintf(path, sizeof path, "%s/rc", cfg->name);
    return lab_write(
        lab, path,
        "[sip]\nsip_port=%u\nsip_tcp_port=0\nsip_tls_port=0\nguess_hostname=0\nuse_ipv6=0\nmedia_encryption=none\n"
        "register_only_when_network_is_up=0\n"
        "[rtp]\naudio_rtp_port=%u\nprefer_ipv6=0\nbind_address=127.0.0.1\nrtcp_xr_enabled=%d\n"
        "rtcp_xr_rcvr_rtt_mode=all\nrtcp_xr_rcvr_rtt_max_size=10000\nrtcp_xr_stat_summary_enabled=1\n"
        "rtcp_xr_voip_metrics_enabled=1\n"
        "[sound]\nplayback_dev_id=none\ncapture_dev_id=none\nringer_dev_id=none\nechocancellation=0\n",
        cfg->port, cfg->rtp_port, cfg->xr);
}

struct proc *linphone_start(struct lab *lab, const struct linphone_config *cfg)
{
    char home[LAB_PATH_BYTES + 8], data[LAB_PATH_BYTES + 32], rc[LAB_PATH_BYTES], path[LAB_PATH_BYTES];
    if (!linphone_files(lab, cfg))
        return NULL;
    (void) snprintf(rc, sizeof rc, "%.200s/rc", lab_path(lab, cfg->name, path));
    (void) snprintf(home, sizeof home, "HOME=%s", path);
    (void) snprintf(data, sizeof data, "XDG_DATA_HOME=%s/.local/share", path);
    struct proc *p = LAB_START(lab, "env", home, data, "stdbuf", "-o0", "linphonec", "-a", "-c", rc);
    if (!p || !lab_ping(lab, cfg->port, WAIT_MS) || !proc_say(p, "soundcard use files")
        || !proc_wait(p, "Using wav files", WAIT_MS) || !proc_say(p, "codec disable all") || !proc_say(p, "codec list"))
        return NULL;
    (void) proc_wait(p, "codec list", WAIT_MS);
    const char *line = proc_wait(p, cfg->codec, WAIT_MS);
    if (!line || !proc_say(p, "codec enable %ld", strtol(line, NULL, 10)) || !proc_wait(p, "enabled", WAIT_MS)
        || !proc_say(p, "play %s", lab_path(lab, cfg->said, path))
        || !proc_say(p, "record %s", lab_path(lab, cfg->heard, path)))
        return NULL;
    return p;
}
