/* Asks a server over and over on so many connections, and says how it went, as one JSON object.
 *
 *     load PORT PATH CONNECTIONS SECONDS BODY_FILE [HEADER …]
 *
 * Each connection sends its next request when the answer to the last one is whole. SECONDS may be -N: N requests in
 * all. Times are in ms: of whole answers, until the first byte of a body, and, where the server upstream writes the
 * time into every chunk's text ("content":"NANOSECONDS "), how late each chunk is here. An answer that is no 200, has an
 * error in it or breaks off is an error. One thread, epoll.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 262144
#define HELD 4096

typedef struct {
    int fd;
    int64_t sent, first;
    char head[HELD];
    size_t head_held;
    int in_body, status, chunked;
    int64_t left;       /* bytes of the body still to come */
    char tail[48];      /* the end of what was read, where a number or the last chunk may be cut in two */
    size_t tail_held;
} Connection;

typedef struct { double *at; size_t held, room; } Samples;

static char *request, *buffer;
static size_t request_size;
static int port, most_errors_told = 3;
static long done, errors, chunks_seen, asked, wanted = -1;
static Samples whole, first, late;
static int poller;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void add(Samples *s, double value) {
    if (s->held == s->room) s->at = realloc(s->at, (s->room = s->room ? 2 * s->room : 65536) * sizeof(double));
    s->at[s->held++] = value;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *name, Samples *s) {
    qsort(s->at, s->held, sizeof(double), ascending);
    const double parts[] = {0.5, 0.95, 0.99};
    printf(", \"%s\": ", name);
    if (!s->held) { printf("null"); return; }
    printf("[");
    for (int i = 0; i < 3; i++) printf("%.4f, ", s->at[(size_t)(parts[i] * (s->held - 1))]);
    printf("%.4f]", s->at[s->held - 1]);
}

static void open_one(Connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) { perror("connect"); exit(1); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void ask(Connection *c) {
    c->head_held = c->tail_held = 0;
    c->in_body = c->status = c->chunked = 0;
    c->first = 0;
    c->left = -1;
    asked++;
    c->sent = now_ns();
    for (size_t at = 0; at < request_size;) {
        ssize_t n = send(c->fd, request + at, request_size - at, MSG_NOSIGNAL);
        if (n < 0) return;  /* seen as a close when it is read */
        at += n;
    }
}

static void failed(Connection *c, const char *why, const char *data, size_t size) {
    errors++;
    if (most_errors_told-- > 0) fprintf(stderr, "%s %d: %.*s\n", why, c->status, (int)(size < 300 ? size : 300), data);
}

/* Looks at a piece of the body: the times in it, and whether it ends it (1) or is an error (-1). */
static int look(Connection *c, char *data, size_t size) {
    static char joined[BUFFER + 64];
    memcpy(joined, c->tail, c->tail_held);
    memcpy(joined + c->tail_held, data, size);
    size_t held = c->tail_held + size, kept = held < sizeof c->tail - 1 ? held : sizeof c->tail - 1;
    joined[held] = 0;
    int64_t now = now_ns();
    char *at = joined, *found, *end = joined + held;
    const char mark[] = "\"content\":";
    while ((found = memmem(at, end - at, mark, sizeof mark - 1))) {
        char *number = found + sizeof mark - 1;
        while (number < end && (*number == ' ' || *number == '"')) number++;
        char *stop = number;
        while (stop < end && *stop >= '0' && *stop <= '9') stop++;
        at = stop > found ? stop : found + 1;
        if (stop == end || stop - number < 10) continue;   /* cut in two (seen again with the rest), or no time */
        add(&late, (now - atoll(number)) / 1e6);
        chunks_seen++;
        *number = 'x';
    }
    if (memmem(joined, held, "\"error\"", 7)) return -1;
    int over = c->chunked && held >= 5 && !memcmp(end - 5, "0\r\n\r\n", 5);
    memcpy(c->tail, end - kept, kept);
    c->tail_held = kept;
    return over;
}

static void again(Connection *c, int reopen) {
    if (reopen) { close(c->fd); open_one(c); }
    if (wanted < 0 || asked < wanted) ask(c);
}

static void took(Connection *c, char *data, size_t size) {
    if (!c->in_body) {
        size_t room = HELD - 1 - c->head_held, part = size < room ? size : room;
        memcpy(c->head + c->head_held, data, part);
        size_t before = c->head_held;
        c->head_held += part;
        c->head[c->head_held] = 0;
        char *end = strstr(c->head, "\r\n\r\n");
        if (!end) return;
        *end = 0;
        c->in_body = 1;
        c->status = atoi(c->head + 9);
        char *length = strcasestr(c->head, "\ncontent-length:");
        c->chunked = strcasestr(c->head, "\ntransfer-encoding: chunked") != NULL;
        if (length) c->left = atoll(length + 16);
        size_t used = end + 4 - c->head - before;
        data += used;
        size -= used;
        if (!size && c->left) return;
    }
    if (!c->first) c->first = now_ns();
    int over = look(c, data, size);
    if (c->left >= 0) over = over < 0 ? over : (c->left -= size) <= 0;
    if (!over) return;
    if (over < 0 || c->status != 200) { failed(c, "answered", data, size); again(c, 1); return; }
    done++;
    add(&whole, (now_ns() - c->sent) / 1e6);
    add(&first, (c->first - c->sent) / 1e6);
    again(c, strcasestr(c->head, "\nconnection: close") != NULL);
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    port = atoi(argv[1]);
    int count = atoi(argv[3]);
    double seconds = atof(argv[4]);
    if (seconds < 0) wanted = -seconds;
    FILE *file = fopen(argv[5], "rb");
    if (!file) { perror(argv[5]); return 1; }
    static char body[1 << 20];
    size_t size = fread(body, 1, sizeof body, file);
    request = malloc(size + 65536);
    request_size = sprintf(request, "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
                           "content-length: %zu\r\n", argv[2], port, size);
    for (int i = 6; i < argc; i++) request_size += sprintf(request + request_size, "%s\r\n", argv[i]);
    request_size += sprintf(request + request_size, "\r\n");
    memcpy(request + request_size, body, size);
    request_size += size;
    buffer = malloc(BUFFER);
    signal(SIGPIPE, SIG_IGN);
    poller = epoll_create1(0);
    Connection *all = calloc(count, sizeof(Connection));
    for (int i = 0; i < count; i++) open_one(&all[i]);
    int64_t began = now_ns(), until = wanted < 0 ? began + (int64_t)(seconds * 1e9) : INT64_MAX;
    for (int i = 0; i < count; i++) again(&all[i], 0);
    int64_t now = began;
    struct epoll_event events[256];
    while ((now = now_ns()) < until && (wanted < 0 || done + errors < wanted)) {
        int n = epoll_wait(poller, events, 256, 100);
        for (int i = 0; i < n; i++) {
            Connection *c = events[i].data.ptr;
            ssize_t got = recv(c->fd, buffer, BUFFER, MSG_DONTWAIT);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) { failed(c, "broke off", "", 0); again(c, 1); continue; }
            took(c, buffer, got);
        }
    }
    printf("{\"requests\": %ld, \"errors\": %ld, \"seconds\": %.4f, \"chunks\": %ld", done, errors, (now - began) / 1e9,
           chunks_seen);
    tell("whole_ms", &whole);
    tell("first_ms", &first);
    tell("late_ms", &late);
    printf("}\n");
    return 0;
}
