// libpqxx, 6.x or 7.x. Modes:
//   stream      7.x: tx.stream<...>(query), which is COPY ... TO STDOUT in text format
//               6.x: stream_from(table), which has no ORDER BY (6.x can only stream a table): the order in which it was filled
//   icursor N   icursorstream with stride N
//   cursor N    stateless_cursor, batches of N, each by absolute position
//   exec        tx.exec: the whole result in memory
#include "peer.h"
#include <pqxx/pqxx>
#include <iostream>
#include <string>
#include <tuple>
#if __has_include(<string_view>) && __cplusplus >= 201703L
#include <string_view>
#endif

static long long nrows;

static void take(const peer_invoice &o) { peer_hash(o.id, o.tenant_id, o.total_cents, o.status, std::strlen(o.status)); }

static void take_batch(const pqxx::result &r, peer_invoice *out) {
  std::size_t m = 0;
  for (const auto &row : r) {
    peer_invoice &o = out[m++];
    o.id = row[0].as<std::int64_t>();
    o.tenant_id = row[1].as<std::int64_t>();
    o.total_cents = row[2].as<std::int64_t>();
    peer_copy_status(o.status, row[3].c_str(), row[3].size());
  }
  for (std::size_t i = 0; i < m; i++) take(out[i]);
  nrows += static_cast<long long>(m);
  peer_first();
}

int main(int argc, char **argv) {
  const std::string mode = argc > 1 ? argv[1] : "stream";
  const int n = argc > 2 ? std::atoi(argv[2]) : 5000;
  try {
    peer_start();
    pqxx::connection c{getenv("PGDATABASE") ? "" : "dbname=bench"};
    peer_connected();
    pqxx::work tx{c};
    if (mode == "stream") {
      peer_invoice o;
#if PQXX_VERSION_MAJOR >= 7
      for (auto [id, tenant, total, status] :
           tx.stream<std::int64_t, std::int64_t, std::int64_t, std::string_view>(peer_sql())) {
        o.id = id;
        o.tenant_id = tenant;
        o.total_cents = total;
        peer_copy_status(o.status, status.data(), status.size());
        take(o);
        nrows++;
        peer_first();
        if (peer_stop(nrows)) break;
      }
#else
      pqxx::stream_from s{tx, std::string{"invoices"}};
      std::tuple<std::int64_t, std::int64_t, std::int64_t, std::string> t;
      const char *limit = std::getenv("PEER_LIMIT");
      const long long most = limit && *limit ? std::atoll(limit) : 1LL << 62;
      while (nrows < most && s >> t) {
        o.id = std::get<0>(t);
        o.tenant_id = std::get<1>(t);
        o.total_cents = std::get<2>(t);
        peer_copy_status(o.status, std::get<3>(t).data(), std::get<3>(t).size());
        take(o);
        nrows++;
        peer_first();
        if (peer_stop(nrows)) break;
      }
      if (nrows == most) { /* it could only read to the table's end */
        peer_report(nrows);
        std::quick_exit(std::fflush(stdout));
      }
      s.complete();
#endif
    } else if (mode == "icursor") {
      std::vector<peer_invoice> out(static_cast<std::size_t>(n));
      pqxx::icursorstream s{tx, peer_sql(), "peer_c", n};
      pqxx::result r;
      while (s >> r) {
        take_batch(r, out.data());
        if (peer_stop(nrows)) break;
      }
    } else if (mode == "cursor") {
      std::vector<peer_invoice> out(static_cast<std::size_t>(n));
      pqxx::stateless_cursor<pqxx::cursor_base::read_only, pqxx::cursor_base::owned> s{tx, peer_sql(), "peer_c", false};
      for (int at = 0;; at += n) {
        pqxx::result r = s.retrieve(at, at + n);
        take_batch(r, out.data());
        if (static_cast<int>(r.size()) < n || peer_stop(nrows)) break;
      }
    } else {
      pqxx::result r = tx.exec(peer_sql());
      std::vector<peer_invoice> all(static_cast<std::size_t>(r.size()));
      take_batch(r, all.data());
    }
    if (peer_stop_at) {
      tx.exec("SELECT 1");
      peer_reused();
    }
    tx.commit();
  } catch (const std::exception &e) {
    std::cerr << "after " << nrows << " rows: " << e.what() << '\n';
    return 1;
  }
  peer_report(nrows);
}
