/* A provider that costs next to nothing: reads a request, sends a prepared response, after a fixed delay.
 *
 *     provider DELAY_MS NAME=FILE ...      the path /NAME/... is answered with FILE, which holds a whole response
 *
 * Prints its port, serves 127.0.0.1, ends when its standard input does. One thread, epoll, keep-alive, pipelining.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 1 << 16, WAITING = 1 << 17, REPLIES = 16, ROOM = 1 << 14 };

typedef struct { char *bytes; size_t size, used; uint32_t life; } Connection;
typedef struct { int fd; uint32_t life; int reply; int64_t due; } Waiting;
typedef struct { const char *name; char *bytes; size_t size; } Reply;

static Connection connections[CONNECTIONS];
static Waiting waiting[WAITING]; /* a ring: the delay is the same for all, so the first in is the first due */
static uint64_t first, last;
static Reply replies[REPLIES];
static int reply_count, epoll, timer;
static int64_t delay;
static const char missing[] = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}";

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
}

static void hang_up(int fd) {
    connections[fd].life++;
    connections[fd].used = 0;
    close(fd);
}

static void answer(int fd, int reply) {
    const char *bytes = reply < 0 ? missing : replies[reply].bytes;
    size_t size = reply < 0 ? sizeof missing - 1 : replies[reply].size;
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) hang_up(fd);
}

static void set_timer(void) {
    struct itimerspec at = {0};
    if (first != last) {
        int64_t due = waiting[first % WAITING].due;
        at.it_value.tv_sec = due / 1000000000;
        at.it_value.tv_nsec = due % 1000000000;
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void answer_those_due(void) {
    for (int64_t t = now(); first != last && waiting[first % WAITING].due <= t; first++) {
        Waiting w = waiting[first % WAITING];
        if (connections[w.fd].life == w.life) answer(w.fd, w.reply);
    }
    set_timer();
}

static int find_reply(const char *request) {
    const char *path = strchr(request, '/');
    for (int i = 0; path && i < reply_count; i++) {
        size_t length = strlen(replies[i].name);
        if (!strncmp(path + 1, replies[i].name, length) && path[length + 1] == '/') return i;
    }
    return -1;
}

/* How long the first request in the buffer is; 0 while it is not whole. The head is ended with a NUL. */
static size_t whole(Connection *c) {
    char *end = memmem(c->bytes, c->used, "\r\n\r\n", 4);
    if (!end) return 0;
    *end = 0;
    size_t head = (size_t)(end - c->bytes) + 4, body = 0;
    char *length = strcasestr(c->bytes, "\r\ncontent-length:");
    if (length) {
        body = strtoul(length + 17, NULL, 10);
    } else if (strcasestr(c->bytes, "\r\ntransfer-encoding:")) {
        char *stop = memmem(end + 4, c->used - head, "0\r\n\r\n", 5);
        body = stop ? (size_t)(stop - end) + 1 : c->used;
    }
    if (head + body <= c->used) return head + body;
    *end = '\r';
    return 0;
}

static void receive(int fd) {
    Connection *c = &connections[fd];
    if (c->size - c->used < ROOM / 2) {
        c->size = c->size ? c->size * 2 : ROOM;
        if (!(c->bytes = realloc(c->bytes, c->size))) die("realloc");
    }
    ssize_t got = read(fd, c->bytes + c->used, c->size - c->used - 1);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        hang_up(fd);
        return;
    }
    c->used += (size_t)got;
    uint32_t life = c->life;
    for (size_t length; c->life == life && c->used && (length = whole(c)); ) {
        int reply = find_reply(c->bytes);
        memmove(c->bytes, c->bytes + length, c->used -= length);
        if (!delay) {
            answer(fd, reply);
            continue;
        }
        int idle = first == last;
        waiting[last++ % WAITING] = (Waiting){fd, c->life, reply, now() + delay};
        if (idle) set_timer();
    }
}

static void welcome(int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (fd >= CONNECTIONS) die("too many connections");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        connections[fd].used = 0;
        watch(fd);
    }
}

static void load(char *pair) {
    char *place = strchr(pair, '=');
    if (!place || reply_count == REPLIES) die(pair);
    *place++ = 0;
    FILE *file = fopen(place, "rb");
    if (!file) die(place);
    Reply *reply = &replies[reply_count++];
    reply->name = pair;
    reply->bytes = malloc(1 << 16);
    reply->size = fread(reply->bytes, 1, 1 << 16, file);
    fclose(file);
}

int main(int count, char **words) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    delay = count > 1 ? (int64_t)(atof(words[1]) * 1e6) : 0;
    for (int i = 2; i < count; i++) load(words[i]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 4096)) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    watch(listener), watch(timer), watch(STDIN_FILENO);
    for (struct epoll_event events[512];;) {
        int ready = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) return 0;
            if (fd == listener) welcome(listener);
            else if (fd == timer) answer_those_due();
            else receive(fd);
        }
    }
}
