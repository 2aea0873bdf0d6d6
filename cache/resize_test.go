package cache

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"bailiwick/wire"
)

// BenchmarkResize gives full caches of 1 GiB a quarter of it, and back, while names are looked up:
// how long the change takes, and how long a look-up takes meanwhile.
func BenchmarkResize(b *testing.B) {
	const large, small = 1 << 30, 256 << 20
	s := New(Config{Memory: large, TTLLimits: Default().TTLLimits})
	now := time.Now()
	var names []wire.Name
	for i := 0; ; i++ {
		n := name(i)
		s.Answers.Put(AnswerKey{Name: n, Type: wire.TypeA},
			NewAnswer(make([]byte, 120), n, []int{80}, now.Unix(), now.Unix()+86400))
		s.PutRRset(Key{Name: n, Type: wire.TypeA}, RRset{Set: set(n, 86400, 16)}, now)
		names = append(names, n)
		if i%10000 == 0 && s.Answers.Stats().Evictions > 0 && s.RRsets.Stats().Evictions > 0 {
			break
		}
	}
	names = names[len(names)-1000:]
	var looking atomic.Bool
	measure := func(what string, size int) {
		var took []time.Duration
		done := make(chan struct{})
		looking.Store(true)
		go func() {
			defer close(done)
			for i := 0; looking.Load(); i++ {
				n := names[i%len(names)]
				began := time.Now()
				s.Answers.Get(AnswerKey{Name: n, Type: wire.TypeA})
				s.RRsets.Get(Key{Name: n, Type: wire.TypeA})
				took = append(took, time.Since(began))
				time.Sleep(20 * time.Microsecond)
			}
		}()
		began := time.Now()
		s.Resize(size)
		b.ReportMetric(time.Since(began).Seconds(), what+"-s")
		looking.Store(false)
		<-done
		slices.Sort(took)
		ms := func(part float64) float64 {
			return float64(took[int(part*float64(len(took)-1))]) / float64(time.Millisecond)
		}
		b.ReportMetric(ms(0.99), what+"-p99-ms")
		b.ReportMetric(ms(1), what+"-max-ms")
		b.Logf("%s: %d entries, %d look-ups", what, s.Answers.Stats().Entries+
			s.RRsets.Stats().Entries, len(took))
	}
	for b.Loop() {
		measure("shrink", small)
		measure("grow", large)
	}
}
