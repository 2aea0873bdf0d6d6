package server_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/observe"
	"bailiwick/transport"
	"bailiwick/wire"
)

// What a hit costs by the number of names that are asked for at random, in user time: others on the
// machine change that little. Each reader asks for all of them.
func BenchmarkFastNames(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000, 5_000_000} {
		if n > 1_000_000 && testing.Short() {
			continue
		}
		f := newFrontObserved(b, observe.New())
		f.store.Resize(n*2048 + 64<<20)
		packet := prepareNames(b, f, n)
		client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
		b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
			before := userTime(b)
			b.RunParallel(func(pb *testing.PB) {
				packet, buf := append([]byte(nil), packet...), make([]byte, 0, 4096)
				for pb.Next() {
					number(packet[12:], rand.IntN(n))
					if reply, _ := f.Handle(packet, client, buf); reply == nil {
						b.Error("not ready")
						return
					}
				}
			})
			b.ReportMetric(float64((userTime(b)-before).Nanoseconds())/float64(b.N), "user-ns/op")
		})
	}
}

// prepareNames gives so many names the answer of one, and returns a query whose name number changes
// to one of them.
func prepareNames(b *testing.B, f *front, n int) []byte {
	b.Helper()
	const from = "127.0.0.1:1000"
	packet := packetOf(b, "www.secure.example.", dns.TypeA)
	for range 4 {
		f.exchange(packet, from, transport.UDP)
	}
	var key cache.AnswerKey
	var of *cache.Answer
	for k, a := range f.store.Answers.All() {
		if k.DO && k.Name == wire.MustParseName("www.secure.example.") {
			key, of = k, a
		}
	}
	if of == nil {
		b.Fatal("there is no prepared answer")
	}
	var ttls []int
	for at := range of.TTLs().All() {
		ttls = append(ttls, at)
	}
	msg := []byte(of.Msg())
	for i := range n {
		number(msg[12:], i)
		k := key
		k.Name = wire.NameOf(string(msg[12 : 12+len(key.Name.Wire())]))
		a := cache.NewAnswer(msg, k.Name, ttls, of.Stored, of.Stored+int64(of.Life))
		a.Fresh, a.Until, a.Generation, a.Status = of.Fresh, of.Until, of.Generation, of.Status
		f.store.Answers.Put(k, a)
	}
	return packet
}

// number puts a number in place of the second label of www.secure.example.
func number(name []byte, i int) {
	for at := 10; at > 4; at-- {
		name[at] = 'a' + byte(i%26)
		i /= 26
	}
}

// userTime returns the user time of this process.
func userTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano())
}
