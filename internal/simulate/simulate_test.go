package simulate_test

import (
	"context"
	"flag"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"

	"bailiwick/internal/simulate"
	"bailiwick/transport"
)

var (
	seeds = flag.Int("simulate.seeds", usualSeeds, "how many worlds are played")
	from  = flag.Uint64("simulate.from", 1, "the seed of the first")
)

// run plays a world in a bubble of its own.
func run(t *testing.T, w *simulate.World, f simulate.Front) (s *simulate.Story) {
	synctest.Test(t, func(*testing.T) { s = simulate.Run(w, f) })
	return s
}

// Worlds from a fixed list of seeds: every answer keeps the rules, whatever the faults, and is the
// same without the hostile authorities. A world that breaks a rule is shown reduced.
func TestSimulation(t *testing.T) {
	var played, questions, stale atomic.Int64
	shards := runtime.GOMAXPROCS(0)
	t.Run("shards", func(t *testing.T) {
		for shard := range shards {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for i := shard; i < *seeds && !t.Failed(); i += shards {
					s := play(t, *from+uint64(i))
					played.Add(1)
					questions.Add(int64(s.Questions()))
					stale.Add(int64(s.Stale()))
				}
			})
		}
	})
	t.Logf("%d worlds, %d questions, %d of them answered from stale data", played.Load(),
		questions.Load(), stale.Load())
	if !t.Failed() && played.Load() >= usualSeeds/4 && stale.Load() == 0 {
		t.Error("no stale data in so many worlds")
	}
}

// play plays the world of a seed.
func play(t *testing.T, seed uint64) *simulate.Story {
	w := simulate.Generate(seed)
	s := run(t, w, nil)
	if s.Failed() {
		least := simulate.Reduce(w, 400, func(w *simulate.World) bool {
			return run(t, w, nil).Failed()
		})
		t.Errorf("seed %d\n%s", seed, run(t, least, nil))
		return s
	}
	differ := func(w *simulate.World) string {
		without := w.WithoutHostile()
		if without == nil {
			return ""
		}
		return simulate.Differences(run(t, w, nil), run(t, without, nil))
	}
	if without := w.WithoutHostile(); without != nil &&
		simulate.Differences(s, run(t, without, nil)) != "" {
		least := simulate.Reduce(w, 400, func(w *simulate.World) bool { return differ(w) != "" })
		t.Errorf("seed %d\n%s%s", seed, least, differ(least))
	}
	return s
}

// A seed can be played again: the same world, and the same story of it, packet by packet.
func TestSimulationRepeats(t *testing.T) {
	compared := 0
	for seed := uint64(1); compared < 8; seed++ {
		w := simulate.Generate(seed)
		if w.String() != simulate.Generate(seed).String() {
			t.Fatalf("seed %d makes two worlds", seed)
		}
		if !w.OneByOne() {
			continue
		}
		compared++
		if a, b := run(t, w, nil).String(), run(t, w, nil).String(); a != b {
			t.Errorf("seed %d has two stories: %s", seed, firstDifference(a, b))
		}
	}
}

// firstDifference returns the first lines that differ.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return strings.Join(x[max(0, i-8):i+1], "\n") + "\nand\n" + y[i]
		}
	}
	return "one is longer"
}

// tamper is a handler that changes the answers of another.
type tamper struct {
	transport.Handler
	change func(*dns.Msg)
}

// Handle implements transport.Handler.
func (h tamper) Handle(packet []byte, from transport.Client, buf []byte) (
	[]byte, transport.Pending) {
	answer, p := h.Handler.Handle(packet, from, buf)
	if p != nil {
		return nil, tampered{p, h.changed}
	}
	return h.changed(answer), nil
}

func (h tamper) changed(answer []byte) []byte {
	m := new(dns.Msg)
	if m.Unpack(answer) != nil {
		return answer
	}
	h.change(m)
	b, err := m.Pack()
	if err != nil {
		return nil
	}
	return b
}

// tampered is a pending answer that will be changed.
type tampered struct {
	transport.Pending
	changed func([]byte) []byte
}

// Resolve implements transport.Pending.
func (p tampered) Resolve(client context.Context, reply func([]byte)) {
	p.Pending.Resolve(client, func(b []byte) { reply(p.changed(b)) })
}

// The simulation notices what a server could do wrong: a few worlds suffice to find each fault, and
// what is left of such a world is little.
func TestSimulationFindsFaults(t *testing.T) {
	for what, change := range map[string]func(*dns.Msg){
		"AD without proof": func(m *dns.Msg) { m.AuthenticatedData = true },
		"no AD":            func(m *dns.Msg) { m.AuthenticatedData = false },
		"false data": func(m *dns.Msg) {
			for _, rr := range m.Answer {
				if a, ok := rr.(*dns.A); ok {
					a.A[3]++
				}
			}
		},
		"part of a set": func(m *dns.Msg) {
			if n := len(m.Answer); n > 1 && m.Answer[n-1].Header().Rrtype == dns.TypeA {
				m.Answer = m.Answer[:n-1]
			}
		},
		"an alias without its target": func(m *dns.Msg) {
			if len(m.Answer) > 1 && m.Answer[0].Header().Rrtype == dns.TypeCNAME {
				m.Answer = m.Answer[:1]
			}
		},
		"a TTL that grows": func(m *dns.Msg) {
			for _, rr := range m.Answer {
				rr.Header().Ttl += 4000
			}
		},
		"names that do not exist": func(m *dns.Msg) {
			if m.Rcode == dns.RcodeNameError {
				m.Rcode = dns.RcodeSuccess
			}
		},
		"names that exist": func(m *dns.Msg) {
			if m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0 {
				m.Rcode = dns.RcodeNameError
			}
		},
		"a denial without SOA": func(m *dns.Msg) {
			if len(m.Answer) == 0 {
				m.Ns = nil
			}
		},
		"failures": func(m *dns.Msg) {
			if m.Rcode == dns.RcodeSuccess && len(m.Answer) > 2 {
				m.Rcode, m.Answer = dns.RcodeServerFailure, nil
			}
		},
		"data beside the answer": func(m *dns.Msg) {
			if len(m.Answer) == 1 {
				m.Extra = append(m.Extra, &dns.A{Hdr: dns.RR_Header{Name: "www.alpha.",
					Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{192, 0, 2, 99}})
			}
		},
		"bogus data": func(m *dns.Msg) {
			if m.Rcode == dns.RcodeServerFailure {
				m.Rcode = dns.RcodeSuccess
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			front := func(h transport.Handler) transport.Handler { return tamper{h, change} }
			fails := func(w *simulate.World) bool { return run(t, w, front).Failed() }
			for seed := uint64(1); seed <= 20; seed++ {
				w := simulate.Generate(seed)
				if !fails(w) {
					continue
				}
				least := simulate.Reduce(w, 200, fails)
				if n := strings.Count(least.String(), "\n"); n > 20 || !fails(least) {
					t.Errorf("reduced to %d lines:\n%s", n, least)
				}
				return
			}
			t.Error("not found in 20 worlds")
		})
	}
}
