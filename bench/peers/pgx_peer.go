// pgx: one query, rows.Next and rows.Scan into a struct.
//
//	pgx_peer scan        rows.Scan(&o.ID, ...)
//	pgx_peer cursor N    DECLARE CURSOR and FETCH FORWARD N
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v4"
)

type invoice struct {
	ID, TenantID, TotalCents int64
	Status                   string
}

func sql() string {
	if s := os.Getenv("PEER_SQL"); s != "" {
		return s
	}
	if n, _ := strconv.ParseInt(os.Getenv("PEER_LIMIT"), 10, 64); n > 0 {
		return fmt.Sprintf("SELECT id, tenant_id, total_cents, status FROM invoices WHERE id <= %d ORDER BY id", n)
	}
	return "SELECT id, tenant_id, total_cents, status FROM invoices ORDER BY id"
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var sum uint64

func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9E3779B97F4A7C15
	return h ^ (h >> 29)
}

// The checksum of peer.h.
func hash(o *invoice) {
	h, s := mix(mix(mix(1, uint64(o.ID)), uint64(o.TenantID)), uint64(o.TotalCents)), o.Status
	for ; len(s) >= 8; s = s[8:] {
		h = mix(h, binary.LittleEndian.Uint64([]byte(s[:8])))
	}
	w := uint64(len(s))
	for i := 0; i < len(s); i++ {
		w = w<<8 | uint64(s[i])
	}
	sum = sum*31 + mix(h, w)
}

func hwmKB() int64 {
	b, _ := os.ReadFile("/proc/self/status")
	for _, l := range strings.Split(string(b), "\n") {
		if f := strings.Fields(l); len(f) > 1 && f[0] == "VmHWM:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb
		}
	}
	return -1
}

func main() {
	ctx := context.Background()
	mode := "scan"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	var count, connected int64
	var first, stopped time.Time
	stop, _ := strconv.ParseInt(os.Getenv("PEER_STOP"), 10, 64)
	start := time.Now()
	dsn := ""
	if os.Getenv("PGDATABASE") == "" {
		dsn = "dbname=bench"
	}
	c, err := pgx.Connect(ctx, dsn)
	check(err)
	connected = hwmKB()
	stopMS := -1.0
	take := func(rows pgx.Rows) (n int64) {
		var o invoice
		for rows.Next() {
			check(rows.Scan(&o.ID, &o.TenantID, &o.TotalCents, &o.Status))
			hash(&o)
			n++
			if first.IsZero() {
				first = time.Now()
			}
			if stop > 0 && count+n >= stop {
				stopped = time.Now()
				rows.Close()
				break
			}
		}
		count += n
		if err := rows.Err(); err != nil {
			fmt.Fprintf(os.Stderr, "after %d rows: %v\n", count, err)
			os.Exit(1)
		}
		return n
	}
	if mode == "cursor" {
		n := int64(5000)
		if len(os.Args) > 2 {
			n, _ = strconv.ParseInt(os.Args[2], 10, 64)
		}
		tx, err := c.Begin(ctx)
		check(err)
		_, err = tx.Exec(ctx, "DECLARE peer_c NO SCROLL CURSOR FOR "+sql())
		check(err)
		for {
			rows, err := tx.Query(ctx, fmt.Sprintf("FETCH FORWARD %d FROM peer_c", n))
			check(err)
			if take(rows) < n || !stopped.IsZero() {
				break
			}
		}
		check(tx.Commit(ctx))
	} else {
		rows, err := c.Query(ctx, sql())
		check(err)
		take(rows)
	}
	if stop > 0 {
		_, err := c.Exec(ctx, "SELECT 1")
		check(err)
		stopMS = float64(time.Since(stopped).Microseconds()) / 1e3
	}
	wall := time.Since(start).Seconds()
	c.Close(ctx)
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	fmt.Printf("{\"rows\": %d, \"sum\": \"%016x\", \"wall\": %.4f, \"first_ms\": %.2f, \"user\": %.3f, \"sys\": %.3f, \"rss_kb\": %d, "+
		"\"rss_connected_kb\": %d, \"late_p99_ms\": 0, \"late_most_ms\": 0, \"stop_ms\": %.3f, \"trips\": 0}\n",
		count, sum, wall, float64(first.Sub(start).Microseconds())/1e3, float64(u.Utime.Sec)+float64(u.Utime.Usec)*1e-6,
		float64(u.Stime.Sec)+float64(u.Stime.Usec)*1e-6, hwmKB(), connected, stopMS)
}
