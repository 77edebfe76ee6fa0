#include "cli/secret.h"

#include "cli/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

void secret_wipe(struct secret *s)
{
    explicit_bzero(s, sizeof *s);
}

/* A line, byte for byte, so that nothing of the secret stays in a buffer elsewhere and what follows stays unread. */
static int read_line(int fd, const char *name, struct secret *out)
{
    size_t n = 0;
    char c;
    ssize_t got;
    while ((got = read(fd, &c, 1)) == 1 && c != '\n') {
        if (n + 1 == sizeof out->text)
            return fail(EXIT_CONFIG, "the password of %s is longer than %d bytes", name, SECRET_BYTES - 1);
        out->text[n++] = c;
    }
    if (got < 0)
        return fail(EXIT_CONFIG, "cannot read the password from %s: %s", name, strerror(errno));
    if (n > 0 && out->text[n - 1] == '\r')
        n--;
    out->text[n] = 0;
    out->known = true;
    return n > 0 ? EXIT_DONE : fail(EXIT_CONFIG, "there is no password in %s", name);
}

int secret_of_options(const struct cli_args *args, struct secret *out)
{
    *out = (struct secret){ .known = false };
    if (args->password_env) {
        const char *value = getenv(args->password_env);
        if (!value || !*value)
            return fail(EXIT_CONFIG, "the environment variable %s of --password-env is not set; export it first",
                        args->password_env);
        if (!text_copy(out->text, sizeof out->text, value))
            return fail(EXIT_CONFIG, "the password in %s is longer than %d bytes", args->password_env,
                        SECRET_BYTES - 1);
        out->known = true;
        return EXIT_DONE;
    }
    if (!args->password_file)
        return EXIT_DONE;
    int fd = open(args->password_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(EXIT_CONFIG, "cannot open --password-file %s: %s", args->password_file, strerror(errno));
    int status = read_line(fd, args->password_file, out);
    (void) close(fd);
    return status;
}

int secret_ask(const char *question, struct secret *out)
{
    struct termios before, quiet;
    *out = (struct secret){ .known = false };
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
        return read_line(STDIN_FILENO, "standard input", out);
    (void) text_write(STDERR_FILENO, question, strlen(question));
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t) (ECHO | ISIG); /* no signal may leave the terminal without echo */
    quiet.c_lflag |= ICANON | ECHONL;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
        return fail(EXIT_CONFIG, "cannot switch the terminal's echo off; use --password-env or --password-file");
    int status = read_line(STDIN_FILENO, "what was typed", out);
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (status == EXIT_DONE && strchr(out->text, 3)) {
        secret_wipe(out);
        return fail(EXIT_CONFIG, "given up; nothing was stored");
    }
    return status;
}
