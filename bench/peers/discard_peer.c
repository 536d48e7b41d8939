/* A reader that discards the bytes: libpq connects and asks for the query in binary, one Execute without a limit, then everything
 * is read from the socket in pieces of 256 KiB and thrown away but for the row messages, which are counted. No row is decoded, so
 * there is no checksum: nothing that receives these rows can be faster. */
#include "shapes.h"
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 256 * 1024 };
static char buffer[PIECE];
static long long rows;
static size_t left, have;          /* of the message's body, not yet seen; of the next header, gathered */
static unsigned char header[5];
static int ended;

static void take(const char *p, size_t n) {
  while (n > 0) {
    size_t part = left < n ? left : n;
    p += part, n -= part, left -= part;
    while (left == 0 && have < 5 && n > 0) header[have++] = (unsigned char)*p++, n--;
    if (have == 5) {
      uint32_t len;
      memcpy(&len, header + 1, 4);
      left = ntohl(len) - 4;
      rows += header[0] == 'D';
      if (header[0] == 'E') { fprintf(stderr, "the server reports an error\n"); exit(1); }
      ended = header[0] == 'Z';
      have = 0;
    }
  }
}
int main(void) {
  peer_start();
  PGconn *db = PQconnectdb(getenv("PGDATABASE") ? "" : "dbname=bench");
  if (PQstatus(db) != CONNECTION_OK) { fprintf(stderr, "%s", PQerrorMessage(db)); return 1; }
  peer_connected();
  if (!PQsendQueryParams(db, shape_sql(), 0, NULL, NULL, NULL, NULL, 1) || PQflush(db) != 0) { fprintf(stderr, "%s", PQerrorMessage(db)); return 1; }
  struct pollfd fd = {.fd = PQsocket(db), .events = POLLIN};
  while (!ended || left > 0) {
    ssize_t n = recv(fd.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) take(buffer, (size_t)n), peer_first();
    else if (n == 0) { fprintf(stderr, "the server closed the connection\n"); return 1; }
    else {
      poll(&fd, 1, -1);
      if (!getenv("PGHOST") || *getenv("PGHOST") == '/') usleep(50);        /* let more than the server's 8 KB come together */
    }
  }
  peer_report(rows);
  shutdown(fd.fd, SHUT_RDWR);
  return 0;
}
