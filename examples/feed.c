/* A device in C: one snprintf writes the header, as a microcontroller would.
 *
 *   cc feed.c -lzmq -o feed && ./feed tcp://127.0.0.1:5555 < counts.i16
 *
 * Standard input: 16-bit samples of one lead at 500 Hz, 5 uV a count. Built with -DFRAMES it needs no library and writes the
 * three frames of each chunk to standard output, each after its length (32 bits), for a bridge to send on. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define N 20 /* 40 ms */

#ifdef FRAMES
static void send_frame(void *socket, const void *data, size_t size, int more) {
    uint32_t length = (uint32_t)size;
    (void)socket, (void)more;
    fwrite(&length, 4, 1, stdout);
    fwrite(data, 1, size, stdout);
}
#else
#include <zmq.h>
static void send_frame(void *socket, const void *data, size_t size, int more) {
    zmq_send(socket, data, size, more ? ZMQ_SNDMORE : 0);
}
#endif

int main(int argc, char **argv) {
    void *socket = NULL;
    struct timespec now;
    int16_t samples[N];
    char header[400];
    unsigned long seq = 0, index = 0;
    size_t n;
#ifndef FRAMES
    char subscription[256];
    socket = zmq_socket(zmq_ctx_new(), ZMQ_XPUB);
    zmq_connect(socket, argc > 1 ? argv[1] : "tcp://127.0.0.1:5555");
    zmq_recv(socket, subscription, sizeof subscription, 0); /* a service has subscribed */
#else
    (void)argc, (void)argv;
#endif
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t start = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    do {
        n = fread(samples, sizeof *samples, N, stdin);
        int length = snprintf(header, sizeof header,
            "{\"v\":1,\"stream\":\"device\",\"epoch\":\"%" PRId64 "\",\"seq\":%lu,\"index\":%lu,\"time_ns\":%" PRId64 ","
            "\"clock\":\"device\",\"fs\":500,\"leads\":[\"II\"],\"unit\":\"uV\",\"scale\":5,\"dtype\":\"<i2\",\"n\":%u,\"end\":%s}",
            start, seq++, index, start + (int64_t)index * 2000000, (unsigned)n, n < N ? "true" : "false");
        send_frame(socket, "ecg/device/", strlen("ecg/device/"), 1);
        send_frame(socket, header, (size_t)length, 1);
        send_frame(socket, samples, n * sizeof *samples, 0);
        index += n;
    } while (n == N);
#ifndef FRAMES
    zmq_close(socket);
#endif
    return 0;
}
