/* A model provider of fixed answers in the chat completions format, fast enough never to be the bottleneck.
 *
 *     upstream PORT DELAY_MS CHUNKS GAP_MS
 *
 * Each POST is answered DELAY_MS after it came: with a whole completion, or, where its body says "stream": true, with
 * CHUNKS events GAP_MS apart, the usage and [DONE]. Every chunk's text is the time it was written, in nanoseconds of
 * CLOCK_MONOTONIC, so that whoever reads it knows how late it is. GETs are answered at once. One thread, epoll.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

#define MOST 65536
#define BUFFER 65536

typedef struct {
    char in[BUFFER];
    size_t held;
    int64_t due;  /* when the next thing is written; 0: nothing is */
    int left;     /* chunks still to write; -1: a whole answer */
    int heap_at;
} Connection;

static Connection *connections[MOST];
static int heap[MOST], heap_size;
static int64_t delay_ns, gap_ns;
static int chunks;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void place(int at, int fd) { heap[at] = fd; connections[fd]->heap_at = at; }

static void sift(int at) {
    int fd = heap[at];
    while (at > 0 && connections[heap[(at - 1) / 2]]->due > connections[fd]->due) {
        place(at, heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        int child = 2 * at + 1;
        if (child >= heap_size) break;
        if (child + 1 < heap_size && connections[heap[child + 1]]->due < connections[heap[child]]->due) child++;
        if (connections[heap[child]]->due >= connections[fd]->due) break;
        place(at, heap[child]);
        at = child;
    }
    place(at, fd);
}

static void unschedule(int fd) {
    Connection *c = connections[fd];
    if (!c->due) return;
    int at = c->heap_at;
    c->due = 0;
    if (at == --heap_size) return;
    place(at, heap[heap_size]);
    sift(at);
}

static void schedule(int fd, int64_t due) {
    Connection *c = connections[fd];
    c->due = due;
    place(heap_size, fd);
    sift(heap_size++);
}

static void drop(int fd) {
    unschedule(fd);
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static int put(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) continue;  /* readers here are fast; a slow one is waited for */
            return -1;
        }
        data += n;
        size -= n;
    }
    return 0;
}

static int put_chunk(int fd, const char *event) {
    char framed[1024];
    int n = snprintf(framed, sizeof framed, "%zx\r\n%s\r\n", strlen(event), event);
    return put(fd, framed, n);
}

static int answer(int fd) {
    Connection *c = connections[fd];
    char body[1024], head[1400];
    if (c->left == -1) {
        int n = snprintf(body, sizeof body,
            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"mock\","
            "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"The quick brown fox jumps over "
            "the lazy dog. The quick brown fox jumps over the lazy dog.\",\"refusal\":null},\"logprobs\":null,"
            "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":20,\"total_tokens\":140,"
            "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}");
        int h = snprintf(head, sizeof head,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", n, body);
        return put(fd, head, h);
    }
    if (c->left == chunks) {
        const char *start = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        if (put(fd, start, strlen(start))) return -1;
    }
    const char *form = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
                       "\"model\":\"mock\",\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,"
                       "\"finish_reason\":%s}],\"usage\":null}\n\n";
    char delta[128];
    if (c->left > 0) {
        snprintf(delta, sizeof delta, "%s\"content\":\"%lld \"", c->left == chunks ? "\"role\":\"assistant\"," : "",
                 (long long)now_ns());
        snprintf(body, sizeof body, form, delta, "null");
        c->left--;
        if (put_chunk(fd, body)) return -1;
        return 1;
    }
    snprintf(body, sizeof body, form, "", "\"stop\"");
    if (put_chunk(fd, body)) return -1;
    const char *last = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
                       "\"model\":\"mock\",\"choices\":[],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":200,"
                       "\"total_tokens\":320}}\n\n";
    if (put_chunk(fd, last) || put_chunk(fd, "data: [DONE]\n\n")) return -1;
    return put(fd, "0\r\n\r\n", 5);
}

/* Takes one whole request off the buffer; 0: there is none yet, -1: it can't be. */
static int take(int fd) {
    Connection *c = connections[fd];
    c->in[c->held] = 0;
    char *end = memmem(c->in, c->held, "\r\n\r\n", 4);
    if (!end) return c->held >= BUFFER - 1 ? -1 : 0;
    size_t head = end - c->in + 4, size = head;
    *end = 0;
    char *length = strcasestr(c->in, "\ncontent-length:"), *coded = strcasestr(c->in, "\ntransfer-encoding: chunked");
    *end = '\r';
    if (length && length < end) size += strtoul(length + 16, NULL, 10);
    if (coded && coded < end) {
        char *last = memmem(c->in + head, c->held - head, "0\r\n\r\n", 5);
        if (!last) return 0;
        size = last - c->in + 5;
    }
    if (size >= BUFFER) return -1;
    if (c->held < size) return 0;
    if (!strncmp(c->in, "GET", 3)) {
        const char *models = "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"created\":1}]}";
        char told[256];
        int n = snprintf(told, sizeof told, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                         "content-length: %zu\r\n\r\n%s", strlen(models), models);
        if (put(fd, told, n)) return -1;
    } else {
        int streamed = memmem(c->in + head, size - head, "\"stream\":true", 13) ||
                       memmem(c->in + head, size - head, "\"stream\": true", 14);
        c->left = streamed ? chunks : -1;
        schedule(fd, now_ns() + delay_ns);
    }
    memmove(c->in, c->in + size, c->held - size);
    c->held -= size;
    return 1;
}

static void due(void) {
    while (heap_size && connections[heap[0]]->due <= now_ns()) {
        int fd = heap[0];
        unschedule(fd);
        int more = answer(fd);
        if (more < 0) drop(fd);
        else if (more) schedule(fd, now_ns() + gap_ns);
        else while (connections[fd] && !connections[fd]->due && connections[fd]->held) {
            int taken = take(fd);
            if (taken < 0) drop(fd);
            if (taken <= 0) break;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    delay_ns = atoll(argv[2]) * 1000000;
    chunks = atoi(argv[3]);
    gap_ns = (int64_t)(atof(argv[4]) * 1e6);
    signal(SIGPIPE, SIG_IGN);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 4096)) return 1;
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening}, events[512];
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int64_t wait = heap_size ? (connections[heap[0]]->due - now_ns()) / 1000 : 1000000;
        struct timespec t = {wait > 0 ? wait / 1000000 : 0, wait > 0 ? wait % 1000000 * 1000 : 0};
        int n = epoll_pwait2(poll, events, 512, &t, NULL);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listening) {
                int made;
                while ((made = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (made >= MOST) { close(made); continue; }
                    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    connections[made] = calloc(1, sizeof(Connection));
                    event = (struct epoll_event){.events = EPOLLIN, .data.fd = made};
                    epoll_ctl(poll, EPOLL_CTL_ADD, made, &event);
                }
                continue;
            }
            Connection *c = connections[fd];
            if (!c) continue;
            ssize_t got = recv(fd, c->in + c->held, BUFFER - 1 - c->held, 0);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) continue;
                drop(fd);
                continue;
            }
            c->held += got;
            if (!c->due && take(fd) < 0) drop(fd);
        }
        due();
    }
}
