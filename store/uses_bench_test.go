package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"claviger/internal/access"
)

// BenchmarkAddUses writes, in each round, what a server that 10,000 credentials call by
// Zipf's law has to write of one second: a fifth of the credentials, with all that they
// did in five seconds. It tells the rows and the CPU that a use takes, and how many times
// the CPU of a bare counter that is, a row a use, written in the same way and the same run
// (medians of the rounds).
func BenchmarkAddUses(b *testing.B) {
	s := openEmpty(b)
	bare := openEmpty(b)
	if _, err := bare.write.db.ExecContext(b.Context(), `CREATE TABLE counters (id TEXT PRIMARY KEY, n BIGINT NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	crowd := newCrowd(10_000)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var uses int
	var per, times []float64
	before := changes(b, s)
	for b.Loop() {
		at = at.Add(time.Second)
		batch := crowd.second(at, 10_000)
		uses += len(batch)
		writing := cpu(b, func() error {
			return s.Note(b.Context(), func(tx access.NoteTx) error { return tx.AddUses(batch) })
		})
		counting := cpu(b, func() error {
			return bare.retry(b.Context(), bare.write, bare.writing("", func(t *tx) error { return count(t, batch) }))
		})
		per = append(per, float64(writing.Microseconds())/float64(len(batch)))
		times = append(times, float64(writing)/float64(counting))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(uses)/float64(b.N), "uses/op")
	b.ReportMetric(float64(changes(b, s)-before)/float64(uses), "rows/use")
	slices.Sort(per)
	slices.Sort(times)
	b.ReportMetric(per[len(per)/2], "cpu-µs/use")
	b.ReportMetric(times[len(times)/2], "times-bare")
}

func count(t *tx, uses []access.Use) error {
	w := t.rows(`INSERT INTO counters (id, n) VALUES `, 2, "", ` ON CONFLICT (id) DO UPDATE SET n = counters.n + excluded.n`)
	for _, u := range uses {
		if err := w.add(u.CredentialID, u.Accepted); err != nil {
			return err
		}
	}
	return w.flush()
}

// changes returns how many rows the writer of a store has written.
func changes(b *testing.B, s *Store) (n int64) {
	b.Helper()
	if err := s.write.db.QueryRowContext(b.Context(), `SELECT total_changes()`).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// cpu returns the time that this process spends on a CPU until do returns.
func cpu(b *testing.B, do func() error) time.Duration {
	b.Helper()
	spent := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	began := spent()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return spent() - began
}

// crowd is credentials that are used by Zipf's law.
type crowd struct {
	ids  []string
	zipf *rand.Zipf
}

func newCrowd(n int) *crowd {
	random := rand.New(rand.NewPCG(1, 2))
	c := &crowd{zipf: rand.NewZipf(random, 1.1, 1, uint64(n-1))}
	for i := range n {
		c.ids = append(c.ids, fmt.Sprintf("tok_%06d%s%04d", random.IntN(1e6), strings.Repeat("x", 15), i))
	}
	return c
}

// second returns what is written in the second that ends at a moment: what every fifth
// credential did in five seconds of so many requests each.
func (c *crowd) second(at time.Time, requests int) []access.Use {
	sums := map[int]int64{}
	for range 5 * requests {
		if i := int(c.zipf.Uint64()); i%5 == at.Second()%5 {
			sums[i]++
		}
	}
	var uses []access.Use
	for i, n := range sums {
		uses = append(uses, access.Use{
			CredentialID: c.ids[i], ApplicationID: "app_01hm65ptw5e60r23smnpjpqy12", Own: true, Minute: at.Truncate(time.Minute), Accepted: n,
			At: at, Address: "192.0.2.1", Agent: "curl/8.5.0", API: "backend", Method: "GET",
			Callers: []access.UseCaller{{Address: "192.0.2.1", Agent: "curl/8.5.0", Accepted: n, At: at}},
		})
	}
	return uses
}
